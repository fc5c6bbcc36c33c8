"""The node remembers what it found: seen, moved, gone, asked for, stored, forgotten."""

import itertools
import json
from dataclasses import replace

import pytest
import stand_in_tf
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fake_pipeline import FakePipeline
from geometry_msgs.msg import Quaternion
from graph import FRAME, MUG
from graph_views import LOG, wait_for_level
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Log
from std_srvs.srv import Trigger

from n3d_ros.boxes import Box3D
from n3d_ros.errors import ResultCode
from n3d_ros.msg import Remembered, RememberedArray
from n3d_ros.node.outputs.publishers import LATCHED
from n3d_ros.node.plain.engine.worker import Worker
from n3d_ros.srv import Ask, GetInfo, Ground, Recall

S = 10**9
BOX = Box3D("box", (-0.4, 0.2, 1.5), (0.3, 0.2, 0.3))
# REP 103: optical z is the body's x, optical x its -y, optical y its -z.
OPTICAL_TO_BODY = Quaternion(x=-0.5, y=0.5, z=-0.5, w=0.5)
WALL_M = 3.0


class Steered(FakePipeline):
    """Finds for each name its own boxes."""

    def __init__(self, by_name):
        super().__init__([])
        self.by_name = by_name

    def ground(self, observation, words, **options):
        self.boxes = self.by_name[words]
        return super().ground(observation, words, **options)


class Cut(Steered):
    """Its replies for one name end at a limit."""

    def __init__(self, by_name, cut):
        super().__init__(by_name)
        self._cut = cut

    def ground(self, observation, words, **options):
        return replace(super().ground(observation, words, **options), is_cut=words == self._cut)


@pytest.fixture
def world(monkeypatch):
    world = stand_in_tf.install(monkeypatch)
    world.poses["map", FRAME] = stand_in_tf.Still(x=5.0)
    return world


@pytest.fixture
def robot(make_graph, world):
    """Start a node that remembers in map; pipeline, then parameters."""

    def start(pipeline=None, **parameters):
        on = {"max_frame_age_s": 0.0, "memory__enabled": True, "memory__frame": "map", "tf_timeout_s": 0.0}
        graph = make_graph(pipeline or FakePipeline([MUG]), **{**on, **parameters})
        graph.connect_camera()
        graph.wait_for_engine()
        return graph

    return start


def see(graph, words="the red mug", depth_m=1.0, stamp_ns=None, **request):
    """Publish one frame and look for the words in it; its stamp."""
    stamp = graph.publish(graph.messages(stamp_ns, depth_m=depth_m))
    graph.wait(lambda: graph.newest_ns() == stamp, "frame")
    response = graph.call(Ground, "n3d/ground", Ground.Request(prompt=words, **request))
    assert response.code == ResultCode.OK
    return stamp


def stamps_apart(graph):
    """Of pictures a second apart, the first of them twenty seconds ago."""
    return itertools.count(graph.node.now_ns() - 20 * S, S)


def recall(graph, words="the mug"):
    return graph.call(Recall, "n3d/recall", Recall.Request(words=words))


def ns(time):
    return time.sec * S + time.nanosec


def at(message):
    position = message.pose.position
    return (position.x, position.y, position.z)


def test_what_was_found_is_recalled_in_the_fixed_frame_with_when(robot):
    graph = robot()
    first, second = see(graph), see(graph)
    response = recall(graph, "where did you last see the mug?")
    assert (response.code, response.header.frame_id) == (ResultCode.OK, "map")
    [mug] = response.objects
    assert (mug.label, list(mug.words), mug.state) == ("red mug", ["the red mug"], Remembered.THERE)
    assert at(mug) == pytest.approx((5.1, 0.2, 1.0))
    assert (ns(mug.first_seen), ns(mug.last_seen), mug.num_looks) == (first, second, 2)
    assert (mug.size.x, mug.spread.x) == pytest.approx((0.08, 0.0))
    assert response.answer.startswith("The red mug was last seen ")
    assert response.answer.endswith(" ago at 5.10, 0.20, 1.00 m in map.")


def test_its_orientation_is_that_in_the_fixed_frame(robot, world):
    world.poses["map", FRAME] = stand_in_tf.Still(rotation=OPTICAL_TO_BODY)
    graph = robot(FakePipeline([Box3D("red mug", (0.0, 0.0, 1.0), (0.1, 0.1, 0.1))]))
    see(graph)
    turned = recall(graph).objects[0].pose.orientation
    assert (turned.x, turned.y, turned.z, turned.w) == pytest.approx((-0.5, 0.5, -0.5, 0.5))


def test_a_moving_camera_sees_one_thing_at_one_place_and_what_moved_keeps_its_id(robot, world):
    pipeline = FakePipeline([MUG])
    graph = robot(pipeline)
    see(graph)
    world.poses["map", FRAME] = stand_in_tf.Still(x=5.3)
    pipeline.boxes = [Box3D("red mug", (-0.2, 0.2, 1.0), MUG.size)]
    see(graph)
    [mug] = recall(graph).objects
    assert at(mug) == pytest.approx((5.1, 0.2, 1.0)) and mug.num_looks == 2
    # its place is seen empty, 3 m of free sight, and one of its name stands elsewhere
    pipeline.boxes = [Box3D("red mug", (0.3, 0.2, 2.9), MUG.size)]
    see(graph, depth_m=WALL_M)
    [moved] = recall(graph).objects
    assert (moved.id, moved.state, moved.num_looks) == (mug.id, Remembered.THERE, 1)
    assert at(moved) == pytest.approx((5.6, 0.2, 2.9))


def test_the_pose_is_that_of_the_images_stamp(robot, world):
    stamps = []
    world.poses["map", FRAME] = lambda at_ns: (Quaternion(w=1.0), (0.0 if at_ns in stamps else 9.0, 0, 0))
    graph = robot()
    stamps.append(graph.node.now_ns())
    see(graph, stamp_ns=stamps[0])
    assert at(recall(graph).objects[0]) == pytest.approx(MUG.center)


def test_it_is_gone_when_its_place_was_looked_at_and_empty(robot):
    pipeline = FakePipeline([MUG])
    graph = robot(pipeline)
    see(graph)
    pipeline.boxes = []
    gone = see(graph, depth_m=WALL_M)
    response = recall(graph)
    [mug] = response.objects
    assert (mug.state, ns(mug.gone_since)) == (Remembered.GONE, gone)
    assert "; it is gone since 0 s." in response.answer


def test_a_question_remembers_what_it_is_about(robot):
    graph = robot()
    stamp = graph.publish()
    graph.wait(lambda: graph.newest_ns() == stamp, "frame")
    graph.call(Ask, "n3d/ask", Ask.Request(question="How far is the mug?"))
    assert [one.label for one in recall(graph).objects] == ["red mug"]


def test_the_standing_words_are_remembered(robot):
    graph = robot(continuous__prompt="red mug; ball")
    objects = graph.collect(RememberedArray, "n3d/objects", LATCHED)
    graph.publish()
    graph.wait(lambda: objects, "objects")
    assert list(objects[0].objects[0].words) == ["red mug", "ball"]


def test_a_limited_look_says_nothing_of_what_it_left_out(robot):
    """Three looks in a row that find a ball and stop there, while the mug's place is taken."""
    pipeline = FakePipeline([MUG])
    graph = robot(pipeline)
    stamps = stamps_apart(graph)
    see(graph, stamp_ns=next(stamps))
    pipeline.boxes = [Box3D("ball", (-0.3, 0.0, 1.0), (0.1, 0.1, 0.1))]
    for _ in range(3):
        see(graph, "the red mug and the ball", stamp_ns=next(stamps), max_boxes=1)
    assert recall(graph).objects[0].state == Remembered.THERE
    for _ in range(3):
        see(graph, "the red mug and the ball", stamp_ns=next(stamps))
    assert recall(graph).objects[0].state == Remembered.GONE


def test_a_reply_that_was_cut_off_misses_nothing_and_takes_no_other_name_with_it(robot):
    """Three times neither is found, while both their places are taken."""
    box = Box3D("box", (-0.1, 0.2, 1.0), MUG.size)
    pipeline = Cut({"red mug": [MUG], "box": [box]}, "box")
    graph = robot(pipeline, generation__max_tokens=10)
    stamps = stamps_apart(graph)
    see(graph, "", stamp_ns=next(stamps), labels=["red mug", "box"])
    pipeline.by_name = {"red mug": [], "box": []}
    for _ in range(3):
        see(graph, "", stamp_ns=next(stamps), labels=["red mug", "box"])
    states = {one.label: one.state for one in recall(graph, "everything").objects}
    assert states == {"red mug": Remembered.GONE, "box": Remembered.THERE}


def test_objects_are_published_on_change_and_kept_for_late_subscribers(robot):
    graph = robot()
    stamp = see(graph)
    graph.wait(lambda: graph.node.parts.memory._published, "publication")
    objects = graph.collect(RememberedArray, "n3d/objects", LATCHED)
    graph.wait(lambda: objects, "objects")
    assert (objects[-1].header.frame_id, ns(objects[-1].header.stamp)) == ("map", stamp)
    graph.call(Trigger, "n3d/clear_memory", Trigger.Request())
    graph.wait(lambda: not objects[-1].objects, "empty objects")


def test_a_restart_knows_what_was_known(robot, tmp_path):
    file = str(tmp_path / "memory.json")
    graph = robot(memory__file=file)
    see(graph)
    before = recall(graph).objects
    graph.close()
    again = robot(memory__file=file)
    assert recall(again).objects == before
    again.call(Trigger, "n3d/clear_memory", Trigger.Request())
    assert json.loads((tmp_path / "memory.json").read_text())["things"] == []


def test_what_a_file_holds_that_is_too_old_is_told(robot, tmp_path):
    file = str(tmp_path / "memory.json")
    graph = robot(memory__file=file)
    see(graph, stamp_ns=graph.node.now_ns() - 90 * S)
    graph.close()
    again = robot(memory__file=file, memory__max_age_s=60.0)
    log = again.collect(Log, "/rosout", LOG)
    said = "memory.file: 1 of its things are forgotten: last seen more than 60 s ago (memory.max_age_s)"
    again.wait(lambda: [one for one in log if one.msg.startswith(said)], "a line in the log")
    assert recall(again).answer == "Nothing that 'the mug' names is remembered, nor is anything else."


def test_the_sentence_counts_to_the_stamp_of_its_header(robot, monkeypatch):
    graph = robot()
    seen = see(graph)
    assert recall(graph).objects
    seconds = itertools.count(10)
    monkeypatch.setattr(graph.node.parts.memory, "now_ns", lambda: seen + next(seconds) * S)
    response = recall(graph)
    ago = (ns(response.header.stamp) - seen) // S
    assert response.answer.startswith(f"The red mug was last seen {ago} s ago ")


def test_it_is_saved_before_the_engine_is_waited_for(robot, tmp_path, monkeypatch):
    file, saved = tmp_path / "memory.json", []
    stop = Worker.stop
    monkeypatch.setattr(Worker, "stop", lambda *given: saved.append(file.read_text()) or stop(*given))
    graph = robot(memory__file=str(file))
    see(graph)
    graph.close()
    assert [thing["label"] for thing in json.loads(saved[0])["things"]] == ["red mug"]


def test_a_file_that_cannot_be_written_is_said_and_nothing_is_called_forgotten_that_it_may_hold(
    robot, tmp_path, monkeypatch
):
    monkeypatch.setattr("n3d_ros.node.memory.keeper.SAVE_PERIOD_S", 0.0)
    file = tmp_path / "folder" / "memory.json"
    graph = robot(memory__file=str(file))
    log = graph.collect(Log, "/rosout", LOG)
    see(graph)
    graph.wait(file.exists, "the file")
    file.unlink()
    file.parent.rmdir()
    file.parent.write_text("in its way")
    response = graph.call(Trigger, "n3d/clear_memory", Trigger.Request())
    assert not response.success
    assert response.message.startswith("1 things forgotten, but memory.file is not written, and may bring")
    said = "memory.file is not written: [Errno"
    assert graph.wait(lambda: [one for one in log if one.msg.startswith(said)], "a line in the log")
    file.parent.unlink()
    graph.wait(lambda: any(one.msg == "memory.file is written again" for one in log), "the end of it")
    assert json.loads(file.read_text())["things"] == []


def test_what_is_too_old_to_be_remembered_is_said(robot):
    pipeline = FakePipeline([MUG])
    graph = robot(pipeline, memory__max_age_s=100.0)
    see(graph, stamp_ns=graph.node.now_ns() - 90 * S)
    assert len(recall(graph).objects) == 1
    graph.call(Trigger, "n3d/clear_memory", Trigger.Request())
    response = recall(graph)
    assert (response.code, response.objects) == (ResultCode.OK, [])
    assert response.answer == "Nothing that 'the mug' names is remembered, nor is anything else."
    for stamp_ns in (graph.node.now_ns() - 110 * S, 0):
        see(graph, stamp_ns=stamp_ns)
        response = recall(graph)
        assert (response.code, response.objects) == (ResultCode.BAD_INPUT, [])
        assert "stamp: expected one of the last 100 s (memory.max_age_s), got one 1" in response.message


def test_a_file_of_another_frame_is_refused_and_left_as_it_is(robot, world, tmp_path):
    world.poses["odom", FRAME] = stand_in_tf.Still()
    file = tmp_path / "memory.json"
    graph = robot(memory__file=str(file))
    see(graph)
    graph.close()
    stored = file.read_text()
    other = robot(memory__file=str(file), memory__frame="odom")
    see(other)
    response = recall(other)
    assert response.code == ResultCode.BAD_INPUT
    assert "expected places in frame 'odom', got 'map'" in response.message
    lines = other.collect(DiagnosticArray, "/diagnostics")
    assert "nothing is remembered" in wait_for_level(other, lines, "memory", DiagnosticStatus.ERROR).message
    assert not other.call(Trigger, "n3d/clear_memory", Trigger.Request()).success
    other.close()
    assert file.read_text() == stored


def test_without_tf_nothing_is_remembered_and_said(robot, world):
    del world.poses["map", FRAME]
    graph = robot()
    see(graph)
    response = recall(graph)
    assert (response.code, response.objects) == (ResultCode.TF, [])
    assert "no transform from 'camera_color_optical_frame' to 'map'" in response.message
    lines = graph.collect(DiagnosticArray, "/diagnostics")
    assert "TF: no transform" in wait_for_level(graph, lines, "memory", DiagnosticStatus.WARN).message
    world.poses["map", FRAME] = stand_in_tf.Still()
    see(graph)
    assert recall(graph).code == ResultCode.OK
    assert wait_for_level(graph, lines, "memory", DiagnosticStatus.OK).message == "1 things, 0 of them gone"


def test_what_is_known_is_told_with_what_may_be_missing(robot, world):
    graph = robot()
    see(graph)
    del world.poses["map", FRAME]
    see(graph)
    response = recall(graph)
    assert (response.code, len(response.objects)) == (ResultCode.OK, 1)
    assert response.message.startswith("the newest look was not remembered: TF: no transform")


def test_a_newest_look_that_was_left_out_is_told(robot, world, monkeypatch):
    monkeypatch.setattr("n3d_ros.node.memory.keeper.MAX_WAITING", 1)
    graph = robot(tf_timeout_s=10.0)
    see(graph)
    assert len(recall(graph).objects) == 1
    pose = world.poses.pop(("map", FRAME))
    stamp = see(graph)
    graph.wait(lambda: world.asked.count(("map", FRAME, stamp)) > 2, "the memory to wait for tf")
    for _ in range(2):
        see(graph)
    client = graph.client.create_client(Recall, "n3d/recall")
    graph.wait(client.service_is_ready, "the service")
    answered = client.call_async(Recall.Request(words="the mug"))
    graph.wait(lambda: graph.node.is_answering, "the request")
    world.poses["map", FRAME] = pose
    message = graph.wait(answered.done, "an answer") and answered.result().message
    assert message.startswith("the newest look was not remembered: SUPERSEDED: looks come faster")
    assert graph.call(Trigger, "n3d/clear_memory", Trigger.Request()).success
    response = recall(graph)
    assert (response.code, response.objects) == (ResultCode.OK, [])
    see(graph)
    assert recall(graph).message == ""


def test_a_stamp_ahead_of_the_clock_is_not_remembered(robot):
    graph = robot()
    see(graph, stamp_ns=graph.node.now_ns() + 3600 * S)
    response = recall(graph)
    assert (response.code, "ahead of the clock" in response.message) == (ResultCode.BAD_INPUT, True)


def test_a_camera_that_is_still_needs_no_tf(make_graph, tmp_path):
    file = tmp_path / "memory.json"
    still = {"memory__enabled": True, "memory__camera_is_still": True, "memory__file": str(file)}
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0, **still)
    graph.connect_camera()
    see(graph)
    response = recall(graph)
    assert (response.header.frame_id, at(response.objects[0])) == (FRAME, pytest.approx(MUG.center))
    graph.close()
    assert json.loads(file.read_text())["frame"] == FRAME


@pytest.mark.parametrize("words", ["", "  ", "mug\x1b[2J"])
def test_words_that_are_none_are_refused(robot, words):
    assert recall(robot(), words).code == ResultCode.BAD_INPUT


def test_a_node_that_does_not_remember_says_so(make_graph):
    graph = make_graph(FakePipeline([MUG]))
    response = recall(graph)
    assert response.code == ResultCode.BAD_INPUT and "memory.enabled is false" in response.message


def test_a_memory_without_a_frame_that_stands_still_is_refused(make_graph, world):
    with pytest.raises(ValueError, match=r"memory.frame: expected a tf frame that stands still"):
        make_graph(FakePipeline([MUG]), memory__enabled=True)


def test_a_memory_frame_without_tf_is_refused(make_graph, monkeypatch):
    monkeypatch.setattr("n3d_ros.node.optional_packages.has_tf", lambda: False)
    with pytest.raises(ValueError, match=r"memory.frame 'map': tf2_ros does not import"):
        make_graph(FakePipeline([MUG]), memory__enabled=True, memory__frame="map")


def test_a_name_that_could_not_be_looked_for_makes_nothing_gone(robot):
    """The mug's place is seen empty, but of the mug nobody could say whether it is there."""
    pipeline = FakePipeline([MUG])
    graph = robot(pipeline)
    see(graph, "florble mug")
    pipeline.boxes = [BOX]
    stamp = graph.publish(graph.messages(depth_m=WALL_M))
    graph.wait(lambda: graph.newest_ns() == stamp, "frame")
    request = Ground.Request(labels=["florble", "the box"])
    assert graph.call(Ground, "n3d/ground", request).code == ResultCode.BAD_INPUT
    [mug] = recall(graph).objects
    assert mug.state == Remembered.THERE
    [box] = recall(graph, "the box").objects
    assert ns(box.last_seen) == stamp, "the other name is remembered all the same"


def test_each_thing_keeps_the_name_that_found_it_and_not_the_others_of_its_request(robot):
    graph = robot(Steered({"red mug": [MUG], "box": [BOX]}))
    see(graph, "", labels=["red mug", "box"])
    objects = recall(graph, "the mug, the box").objects
    assert {one.label: list(one.words) for one in objects} == {"red mug": ["red mug"], "box": ["box"]}


def test_what_two_names_find_in_one_picture_is_one_thing(robot):
    graph = robot()
    see(graph, "", labels=["the red mug", "the mug"])
    [mug] = recall(graph).objects
    assert list(mug.words) == ["the red mug", "the mug"]


def test_words_that_name_nothing_are_answered_with_what_is_known(robot):
    graph = robot()
    see(graph)
    response = recall(graph, "where is the green mug?")
    assert (response.code, response.objects) == (ResultCode.OK, [])
    assert response.answer.endswith("names is remembered; what is: 'red mug'.")


def test_a_question_that_is_not_understood_is_refused(robot):
    graph = robot()
    see(graph)
    response = recall(graph, "is the mug on the table?")
    assert (response.code, response.objects) == (ResultCode.BAD_INPUT, [])
    assert response.message.startswith("words: expected names, or a question such as")
    response = recall(graph, "the mug on the box")
    assert (response.code, response.objects) == (ResultCode.BAD_INPUT, [])
    assert response.message.startswith("words: 'on box' of 'the mug on the box' is not understood")


def waiting_for_tf(robot, world):
    """A node that was stopped from taking requests while a recall waits for tf, and the recall's future."""
    world.poses.clear()
    graph = robot(tf_timeout_s=10.0)
    see(graph)
    client = graph.client.create_client(Recall, "n3d/recall")
    graph.wait(client.service_is_ready)
    asked = client.call_async(Recall.Request(words="the mug"))
    graph.wait(lambda: graph.node.is_answering, "recall")
    return graph, asked


def change(graph, transition):
    request = ChangeState.Request(transition=Transition(id=transition))
    return graph.call(ChangeState, "n3d/change_state", request).success


def test_cleanup_waits_for_who_asks_the_memory(robot, world):
    graph, asked = waiting_for_tf(robot, world)
    assert change(graph, Transition.TRANSITION_DEACTIVATE)
    assert not change(graph, Transition.TRANSITION_CLEANUP)
    world.poses["map", FRAME] = stand_in_tf.Still(x=5.0)
    graph.wait(asked.done, "answer")
    assert asked.result().code == ResultCode.OK
    assert change(graph, Transition.TRANSITION_CLEANUP)


def test_who_asks_the_memory_is_answered_when_the_node_is_stopped(robot, world):
    graph, asked = waiting_for_tf(robot, world)
    graph.node.begin_stop()
    graph.wait(asked.done, "answer")
    assert asked.result().code == ResultCode.TF
    assert not graph.node.is_answering


def test_the_node_says_what_its_memory_is(robot, tmp_path):
    file = str(tmp_path / "memory.json")
    graph = robot(memory__file=file)
    see(graph)
    recall(graph)
    info = graph.call(GetInfo, "n3d/get_info", GetInfo.Request())
    assert "memory" in info.capabilities
    assert (info.memory, info.memory_frame, info.memory_file) == ("on", "map", file)
    assert (info.num_remembered, info.num_gone) == (1, 0)
    graph.pipeline.boxes = []
    see(graph, depth_m=WALL_M)
    recall(graph)
    info = graph.call(GetInfo, "n3d/get_info", GetInfo.Request())
    assert (info.num_remembered, info.num_gone) == (1, 1)


def test_a_memory_that_is_off_is_said(make_graph):
    info = make_graph(FakePipeline([MUG])).call(GetInfo, "n3d/get_info", GetInfo.Request())
    assert (info.memory, info.memory_frame, info.num_remembered) == ("off", "", 0)
    assert "memory" not in info.capabilities


@pytest.mark.parametrize("file", ["memory.json", "~nobody_at_all/memory.json"])
def test_a_memory_that_failed_is_said(robot, tmp_path, file, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "memory.json").write_text("{")
    info = robot(memory__file=file).call(GetInfo, "n3d/get_info", GetInfo.Request())
    assert info.memory.startswith("failed: memory.file: ") and "memory" not in info.capabilities
