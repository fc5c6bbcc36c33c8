"""A robot moves while a model thinks: boxes, ids and tf are those of the image's instant."""

import math
import threading

import pytest
import stand_in_tf
from driving_camera import LATENCY_NS, in_map, pose_at
from fake_pipeline import FakePipeline
from graph import FRAME, MUG

from n3d_ros.action import Ground
from n3d_ros.boxes import Box3D
from n3d_ros.errors import ResultCode
from n3d_ros.msg import Box3DArray
from n3d_ros.node import optional_packages
from n3d_ros.node.conversions import stamp_ns


@pytest.fixture
def world(monkeypatch):
    return stand_in_tf.install(monkeypatch)


def test_a_box_lands_in_map_within_a_millimetre_although_the_answer_takes_three_seconds(make_graph, world):
    gate = threading.Semaphore(0)
    graph = make_graph(FakePipeline([MUG], gate), max_frame_age_s=0.0, output_frame="map")
    start = graph.node.now_ns() - 10 * 10**9
    world.poses["map", FRAME] = pose_at(start)
    stamp = graph.one_frame()
    world.first_ns, world.last_ns = start, stamp
    handle = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug"))
    graph.wait(lambda: graph.pipeline.stamps, "the engine to begin")
    # the robot has driven on and turned by 1.2 rad when the engine is done; tf has even forgotten the instant
    world.first_ns, world.last_ns = stamp + 1, stamp + LATENCY_NS
    gate.release(2)
    result = graph.result(handle).result
    assert (result.code, result.boxes.header.frame_id) == (ResultCode.OK, "map")
    position = result.boxes.boxes[0].pose.position
    truth = in_map(MUG.center, stamp, start)
    assert math.dist((position.x, position.y, position.z), truth) < 0.001
    assert math.dist(truth, in_map(MUG.center, stamp + LATENCY_NS, start)) > 1.0, "the newest tf is far off"
    assert {asked for _, _, asked in world.asked} == {stamp}


def test_tf_that_comes_a_little_later_than_the_image_is_waited_for(make_graph, world):
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0, output_frame="map", tf_timeout_s=10.0)
    start = graph.node.now_ns()
    world.poses["map", FRAME] = pose_at(start)
    world.last_ns = start
    stamp = graph.one_frame()
    handle = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug"))
    graph.wait(lambda: len(world.asked) > 3, "tf to be asked again")
    world.last_ns = stamp + 1
    assert graph.result(handle).result.code == ResultCode.OK


def test_tf_that_never_comes_is_said_after_its_time(make_graph, world):
    graph = make_graph(FakePipeline([MUG]), output_frame="map", tf_timeout_s=0.02)
    graph.one_frame()
    result = graph.result(graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug"))).result
    assert (result.code, result.boxes.header.frame_id) == (ResultCode.TF, FRAME)


def test_ids_survive_the_cameras_motion_where_tf_knows_it(make_graph, world):
    """Two mugs 1 m apart; the camera moves by 1 m, so that each is seen where the other was."""
    left, right = (Box3D("mug", (x, 0.0, 2.0), (0.1, 0.1, 0.1)) for x in (0.0, 1.0))
    moved_left = Box3D("mug", (-1.0, 0.0, 2.0), (0.1, 0.1, 0.1))
    pipeline = FakePipeline([left, right])
    graph = make_graph(pipeline, continuous__prompt="mug", tracking_frame="odom")
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    world.poses["odom", FRAME] = stand_in_tf.Still(x=5.0)
    graph.one_frame()
    graph.wait(lambda: boxes, "boxes")
    world.poses["odom", FRAME] = stand_in_tf.Still(x=6.0)
    pipeline.boxes = [left, moved_left]
    graph.one_frame()
    graph.wait(lambda: len(boxes) == 2, "boxes after the move")
    assert [[one.id for one in result.boxes] for result in boxes] == [["mug/0", "mug/1"], ["mug/1", "mug/0"]]
    assert boxes[1].header.frame_id == FRAME, "tracking changes no result's frame"


def test_another_tracking_frame_leaves_ids_as_they_are(make_graph, world):
    """Two mugs 1 m apart, in frames 1 m apart: each is in odom where the other was in map."""
    world.poses["map", FRAME] = stand_in_tf.Still(x=5.0)
    world.poses["odom", FRAME] = stand_in_tf.Still(x=6.0)
    mugs = [Box3D("mug", (x, 0.0, 2.0), (0.1, 0.1, 0.1)) for x in (0.0, 1.0)]
    graph = make_graph(FakePipeline(mugs), continuous__prompt="mug", tracking_frame="map")
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    graph.one_frame()
    graph.wait(lambda: boxes, "boxes")
    assert graph.node.live.set("tracking_frame", "odom").successful
    graph.one_frame()
    graph.wait(lambda: len(boxes) == 2, "boxes by the other frame")
    assert [[one.id for one in result.boxes] for result in boxes] == [["mug/0", "mug/1"]] * 2


@pytest.mark.skipif(not optional_packages.has_tf_messages(), reason="needs tf2_msgs")
def test_named_objects_are_sent_to_tf_on_request(make_graph):
    from tf2_msgs.msg import TFMessage

    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0)
    sent = graph.collect(TFMessage, "/tf", 100)
    stamp = graph.one_frame()
    goal = Ground.Goal(prompt="red mug")
    assert graph.result(graph.goal(Ground, "n3d/ground", goal)).result.code == ResultCode.OK
    goal.publish_tf = True
    graph.result(graph.goal(Ground, "n3d/ground", goal))
    (message,) = graph.wait(lambda: sent, "tf")
    (one,) = message.transforms
    assert (one.header.frame_id, one.child_frame_id) == (FRAME, "n3d/red_mug/0")
    assert one.header.stamp.sec * 10**9 + one.header.stamp.nanosec == stamp
    shift = one.transform.translation
    assert (shift.x, shift.y, shift.z) == MUG.center
    assert one.transform.rotation.y == pytest.approx(math.sin(MUG.yaw / 2))


@pytest.mark.skipif(not optional_packages.has_tf_messages(), reason="needs tf2_msgs")
def test_tf_is_sent_nothing_of_which_its_listeners_would_warn(make_graph):
    """The same thing at the same stamp again, and what has no frame."""
    from tf2_msgs.msg import TFMessage

    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0)
    sent = graph.collect(TFMessage, "/tf", 100)
    goal = Ground.Goal(prompt="red mug", publish_tf=True)
    stamps = []
    for frame in ("", FRAME, FRAME):
        graph.connect_camera()
        messages = graph.messages()
        messages[0].header.frame_id = frame
        stamps.append(graph.publish(messages))
        graph.wait(lambda: graph.newest_ns() == stamps[-1], "the frame")
        for _ in range(2):
            assert graph.result(graph.goal(Ground, "n3d/ground", goal)).result.code == ResultCode.OK
    graph.wait(lambda: len(sent) > 1, "tf")
    assert [stamp_ns(one.transforms[0].header.stamp) for one in sent] == stamps[1:]


def test_tf_on_request_is_refused_without_its_messages(make_graph, monkeypatch):
    monkeypatch.setattr(optional_packages, "has_tf_messages", lambda: False)
    graph = make_graph(FakePipeline([MUG]))
    graph.one_frame()
    goal = Ground.Goal(prompt="red mug", publish_tf=True)
    result = graph.result(graph.goal(Ground, "n3d/ground", goal)).result
    assert (result.code, "tf2_msgs does not import" in result.message) == (ResultCode.BAD_INPUT, True)
    refused = graph.node.live.set("continuous.publish_tf", True)
    assert (refused.successful, "tf2_msgs" in refused.reason) == (False, True)
