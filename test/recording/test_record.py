"""A node recorded on a real graph, and read back."""

import errno
import time
from types import SimpleNamespace

import pytest
from fake_pipeline import FakePipeline
from graph import BOX, MUG
from rclpy.parameter import Parameter
from recorded_results import Recording

from n3d_ros.cli import main
from n3d_ros.recording.parts import Parts, parts_of
from n3d_ros.recording.reader import CORRECTED, RIGHT, WRONG, read_recording
from n3d_ros.recording.types import IMAGE, INFO

pytestmark = pytest.mark.ros
S = 1_000_000_000


class FakeNode:
    """A graph in which a node listens to one camera."""

    def resolve_topic_name(self, name):
        return f"/{name.lstrip('/')}"

    def get_namespace(self):
        return "/"

    def get_subscriber_names_and_types_by_node(self, name, namespace):
        return [("/rgb", [IMAGE]), ("/depth", [IMAGE]), ("/info", [INFO])]

    def create_subscription(self, *_, **__):
        pass

    def create_client(self, *_):
        return SimpleNamespace(service_is_ready=lambda: False)

    def create_timer(self, *_):
        pass


def fed(tmp_path, max_bytes=1 << 24, keep_all=False):
    """A recorder that ends a part wherever it may, and what feeds it."""
    from n3d_ros.commands.record import Recorder

    recorder = Recorder(FakeNode(), "n3d", Parts(tmp_path / "out", part_bytes=1), max_bytes, keep_all)
    recorder.look()
    recorder._depth._on_answer(SimpleNamespace(result=lambda: SimpleNamespace(values=[])))
    feed = Recording(tmp_path / "unused", lambda topic, kind, at, data: recorder._on_message(topic, data))
    return recorder, feed


@pytest.fixture
def recorded(make_graph, tmp_path):
    """A graph with a recorder beside it, both seeing the camera."""
    graph = make_graph(FakePipeline([MUG, BOX]), max_frame_age_s=0.0)
    return graph, recorder_beside(graph, tmp_path), tmp_path / "out"


def recorder_beside(graph, tmp_path):
    from n3d_ros.commands.record import Recorder

    recorder = Recorder(graph.client, "n3d", Parts(tmp_path / "out", part_bytes=1 << 20), 1 << 24)
    graph.wait(lambda: recorder.look() or len(recorder.topics) == 6, "topics of the node")
    graph.connect_camera()
    graph.wait(lambda: graph.rgb.get_subscription_count() == 2, "recorder on the colour image")
    graph.wait(lambda: graph.depth.get_subscription_count() == 2, "recorder on the depth image")
    return recorder


def client_of(graph):
    from n3d_ros.client import N3DClient

    return N3DClient(domain_id=graph.context.get_domain_id(), timeout_s=20.0)


def in_background(graph, work, until):
    """Do blocking work while the graph's client, where the recorder lives, is served."""
    import threading

    thread = threading.Thread(target=work)
    thread.start()
    graph.wait(until, "what was done")
    thread.join()


def test_results_are_kept_with_their_frames_and_corrections(recorded):
    graph, recorder, out = recorded
    graph.one_frame()
    graph.wait_for_engine()

    def work():
        with client_of(graph) as n3d:
            found = n3d.ground("the red mugs")
            n3d.correct(found, boxes=found.boxes[:1])
            n3d.correct(n3d.ask("How far is the mug?"), is_right=True)

    in_background(graph, work, lambda: recorder.num_corrections == 2)
    recorder.close()
    first, second = read_recording(out)
    assert (first.words, first.is_question, second.words, second.is_question) == (
        "the red mugs", False, "How far is the mug?", True,
    )  # fmt: skip
    assert [box.center for box in first.boxes] == [pytest.approx(MUG.center), pytest.approx(BOX.center)]
    assert first.boxes[0].yaw == pytest.approx(MUG.yaw)
    assert first.seen.depth[0, 0] == 1.0 and first.seen.intrinsics.fx == 60.0 and first.is_optical
    assert first.correction.verdict == CORRECTED
    assert [box.center for box in first.correction.boxes] == [pytest.approx(MUG.center)]
    assert (second.answer, second.correction.verdict) == ("It is 1.25 meters away.", RIGHT)


def test_depth_is_read_as_the_node_read_it_also_where_that_changes(make_graph, tmp_path):
    estimated = {"depth__is_estimated": True, "depth__scale_m": 0.0005}
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0, **estimated)
    recorder = recorder_beside(graph, tmp_path)
    graph.wait(lambda: "0.0005" in str(recorder._depth.message), "how the node reads depth")
    graph.one_frame()
    graph.wait_for_engine()

    def ask():
        with client_of(graph) as n3d:
            n3d.ground("the mug")

    in_background(graph, ask, lambda: recorder.num_results == 1)
    graph.node.set_parameters([Parameter("depth.scale_m", value=0.002)])
    graph.wait(lambda: "0.002" in str(recorder._depth.message), "how the node reads depth now")
    graph.one_frame()
    in_background(graph, ask, lambda: recorder.num_results == 2)
    recorder.close()
    seen = [one.seen for one in read_recording(tmp_path / "out")]
    assert [one.depth[0, 0] for one in seen] == [0.5, 2.0]
    assert all(one.depth_is_estimated for one in seen)


def changed(name):
    """As the node says it on /parameter_events."""
    ones = [SimpleNamespace(name=name)]
    return SimpleNamespace(node="/n3d", new_parameters=[], changed_parameters=ones, deleted_parameters=[])


@pytest.mark.parametrize(
    ("name", "faults"), [("depth.scale_m", ["", "unknown", "unknown", ""]), ("log_level", [""] * 4)]
)
def test_depth_is_unknown_where_its_parameters_change_while_a_result_is_made(tmp_path, name, faults):
    recorder, feed = fed(tmp_path)
    recorder._depth._client.call_async = lambda _: SimpleNamespace(add_done_callback=lambda _: None)
    feed.frame(5 * S)
    feed.boxes(5 * S, "before", [MUG])
    recorder._depth._on_event(changed(name))
    feed.boxes(5 * S, "before the node has told them", [MUG])
    recorder._depth._on_answer(SimpleNamespace(result=lambda: SimpleNamespace(values=[])))
    feed.boxes(5 * S, "of a frame that came before", [MUG])
    feed.frame(6 * S)
    feed.boxes(6 * S, "after", [MUG])
    recorder.close()
    found = [
        "unknown" if "parameters" in one.fault else one.fault for one in read_recording(tmp_path / "out")
    ]
    assert found == faults


def test_depth_is_unknown_until_the_node_has_told_its_parameters(tmp_path):
    recorder, feed = fed(tmp_path)
    recorder._depth.message = None
    feed.frame(5 * S)
    feed.boxes(5 * S, "the mug", [MUG])
    recorder.close()
    [result] = read_recording(tmp_path / "out")
    assert "the node had not told them yet" in result.fault


def test_corrections_that_come_all_at_once_from_a_program_that_then_ends_are_kept(recorded, monkeypatch):
    from rclpy.publisher import Publisher

    graph, recorder, _ = recorded
    graph.one_frame()
    graph.wait_for_engine()
    awaited, wait = [], Publisher.wait_for_all_acked
    monkeypatch.setattr(
        Publisher,
        "wait_for_all_acked",
        lambda self, *given: awaited.append(self.topic_name) or wait(self, *given),
    )
    with client_of(graph) as n3d:
        found = n3d.ground("the mug")
        for _ in range(300):
            n3d.correct(found, is_right=True)
    assert awaited == ["/n3d/correction"]
    graph.wait(lambda: recorder.num_corrections == 300, "every correction")
    recorder.close()


def images_of(recorder, stamp_ns):
    return sum(recorder._types[one.topic] == IMAGE for one in recorder._moments.of(stamp_ns))


def test_a_result_whose_frame_was_not_recorded_says_so(recorded):
    graph, recorder, out = recorded
    stamp = graph.one_frame()
    graph.wait_for_engine()
    graph.wait(lambda: images_of(recorder, stamp) == 2, "both images at the recorder")
    recorder._moments._kept.clear()

    def work():
        with client_of(graph) as n3d:
            n3d.ground("the red mugs")

    in_background(graph, work, lambda: recorder.num_results == 1)
    recorder.close()
    assert sum(recorder.without_frame.values()) == 1
    [only] = read_recording(out)
    assert only.seen is None and "were not recorded" in only.fault


def test_a_part_that_was_being_written_at_a_kill_costs_no_other(recorded, tmp_path):
    graph, recorder, out = recorded
    graph.one_frame()
    graph.wait_for_engine()

    def work():
        with client_of(graph) as n3d:
            n3d.ground("the red mugs")

    in_background(graph, work, lambda: recorder.num_results == 1)
    recorder.close()
    parts = Parts(out)
    parts.write("/words", "std_msgs/msg/String", 1, b"\x00\x01\x00\x00\x01\x00\x00\x00\x00")
    del parts  # it is killed
    assert [one.name for one in parts_of(out)] == ["part_000"] and len(list(read_recording(out))) == 1
    again = Parts(out)
    again.write("/words", "std_msgs/msg/String", 1, b"\x00\x01\x00\x00\x01\x00\x00\x00\x00")
    again.close()
    assert [one.name for one in parts_of(out)] == ["part_000", "part_001"]


def test_two_recorders_do_not_write_to_one_folder(tmp_path):
    first = Parts(tmp_path)
    first.write("/words", "std_msgs/msg/String", 1, b"\x00\x01\x00\x00\x01\x00\x00\x00\x00")
    with pytest.raises(OSError, match=f"that no other recorder writes to, got '{tmp_path}'"):
        Parts(tmp_path)
    first.close()
    Parts(tmp_path).close()
    assert [one.name for one in parts_of(tmp_path)] == ["part_000"]


def test_a_file_system_without_locks_is_written_with_a_word(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    Parts(tmp_path).close()
    assert "No locks available: see that no other recorder writes to it" in caplog.text


def test_a_disk_that_takes_nothing_is_named_and_the_end_says_no_more(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    parts = Parts(tmp_path)
    monkeypatch.setattr("rosbags.rosbag2.Writer.open", refuse)
    with pytest.raises(OSError, match=f"Read-only file system: '{tmp_path}'"):
        parts.write("/words", "std_msgs/msg/String", 1, b"")
    parts.close()


@pytest.mark.parametrize("option", [["--node", "/robot 1/n3d"], ["--namespace", "robot 1"]])
def test_a_name_that_no_node_has_is_refused_before_a_folder_is_there(tmp_path, capsys, option):
    assert main(["record", "--out", str(tmp_path / "out"), *option]) == 2
    assert "expected a name that ROS takes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("keep_all", [False, True])
def test_results_keep_frames_and_corrections_wherever_parts_end(tmp_path, keep_all):
    recorder, feed = fed(tmp_path, keep_all=keep_all)
    for number in range(4):
        feed.frame(number * S)
        feed.boxes(number * S, "the mug", [MUG])
    for number in range(4):
        feed.correction(number * S, "the mug", WRONG)
    recorder.close()
    recorder.raise_error()
    results = list(read_recording(tmp_path / "out"))
    assert [(one.fault, one.correction.verdict) for one in results] == [("", WRONG)] * 4
    assert len(parts_of(tmp_path / "out")) > 4 - keep_all and not recorder.without_frame


def test_a_part_ends_between_results_and_never_within_a_frame(tmp_path):
    recorder, feed = fed(tmp_path)
    for number in range(3):
        feed.frame(number * S)
        feed.boxes(number * S, "the mug", [MUG])
    recorder.close()
    parts = parts_of(tmp_path / "out")
    assert [[one.fault for one in read_recording(part)] for part in parts] == [[""]] * 3


def test_with_all_a_part_ends_between_frames_and_never_within_one(tmp_path):
    recorder, feed = fed(tmp_path, keep_all=True)
    for number in range(3):
        feed.frame(number * S, between=lambda: feed.correction(0, "the cup", WRONG))
        feed.boxes(number * S, "the mug", [MUG])
    recorder.close()
    parts = parts_of(tmp_path / "out")
    assert [[one.fault for one in read_recording(part)] for part in parts] == [[""]] * 3


@pytest.mark.parametrize("keep_all", [False, True])
def test_stamps_that_come_again_are_those_of_the_new_pictures(tmp_path, keep_all):
    """Of a simulation that starts anew."""
    recorder, feed = fed(tmp_path, keep_all=keep_all)
    reds = [10, 20, 110, 120]
    for number, red in enumerate(reds):
        stamp_ns = number % 2 * S
        feed.frame(stamp_ns, red=red)
        feed.boxes(stamp_ns, "the mug", [MUG])
    recorder.close()
    recorder.raise_error()
    results = list(read_recording(tmp_path / "out"))
    assert [one.fault or int(one.seen.rgb[0, 0, 0]) for one in results] == reds


def test_a_clock_that_is_set_back_does_not_put_a_result_before_its_frame(tmp_path, monkeypatch):
    recorder, feed = fed(tmp_path)
    feed.frame(5 * S)
    now_ns = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now_ns - 3600 * S)
    feed.boxes(5 * S, "the mug", [MUG])
    recorder.close()
    [result] = read_recording(tmp_path / "out")
    assert result.fault == ""


def test_why_a_frame_is_missing_is_said_in_words_that_help(tmp_path):
    from n3d_ros.commands.record import EARLIER, FORGOTTEN, LOST

    for keep_all, forgotten in ((False, {FORGOTTEN: 1}), (True, {})):
        recorder, feed = fed(tmp_path / str(keep_all), max_bytes=20_000, keep_all=keep_all)
        feed.boxes(4 * S, "the mug", [MUG])
        for number in (5, 6, 7):
            feed.frame(number * S)
        for number in (4, 5, 8):
            feed.boxes(number * S, "the mug", [MUG])
        assert recorder.without_frame == {EARLIER: 2, LOST: 1, **forgotten}
        assert "--all" in FORGOTTEN and "--all" not in EARLIER + LOST
        recorder.close()


def test_what_is_no_recording_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing there"):
        list(read_recording(tmp_path / "none"))
    (tmp_path / "x.mcap").write_bytes(b"junk")
    for path in (tmp_path / "x.mcap", tmp_path):
        with pytest.raises(ValueError, match=f"'{path}': expected a recording, got"):
            list(read_recording(path))


@pytest.mark.parametrize(
    ("options", "name"),
    [(["--node", "nobody"], "/nobody"), (["--node", "/robot1/n3d"], "/robot1/n3d"),
     (["--namespace", "robot1"], "/robot1/n3d")],
)  # fmt: skip
def test_a_node_that_is_not_there_is_told_in_the_end(tmp_path, capsys, options, name):
    assert main(["record", *options, "--out", str(tmp_path / "out"), "--seconds", "0.1"]) == 1
    assert f"expected a node '{name}' to record, found none" in capsys.readouterr().err
