"""The real tf2_ros where it imports: told over /tf of a camera that drives and turns while a model thinks."""

import math
import threading

import pytest
from builtin_interfaces.msg import Time
from driving_camera import LATENCY_NS, in_map, pose_at
from fake_pipeline import FakePipeline
from geometry_msgs.msg import TransformStamped, Vector3
from graph import FRAME, MUG
from graph_views import LATCHED
from rclpy.time import Time as RosTime
from rosgraph_msgs.msg import Clock

from n3d_ros.action import Ground
from n3d_ros.errors import N3DError, ResultCode

pytest.importorskip("tf2_ros")
STEP_NS = 10**7


def driven(start_ns, from_ns, to_ns):
    """The camera's way from one instant to another, a transform every 10 ms, as one message of /tf."""
    from tf2_msgs.msg import TFMessage

    message, pose = TFMessage(), pose_at(start_ns)
    for at_ns in (*range(from_ns, to_ns, STEP_NS), to_ns):
        one = TransformStamped(child_frame_id=FRAME)
        one.header.frame_id, one.header.stamp = "map", Time(sec=at_ns // 10**9, nanosec=at_ns % 10**9)
        one.transform.rotation, (x, y, z) = pose(at_ns)
        one.transform.translation = Vector3(x=x, y=y, z=z)
        message.transforms.append(one)
    return message


@pytest.mark.parametrize("offset_ns", [0, STEP_NS // 2], ids=["at a transform", "between two"])
def test_a_box_under_a_driving_camera_lands_in_map_within_a_millimetre(make_graph, offset_ns):
    from tf2_msgs.msg import TFMessage

    gate = threading.Semaphore(0)
    graph = make_graph(FakePipeline([MUG], gate), max_frame_age_s=0.0, output_frame="map", tf_timeout_s=10.0)
    tf = graph.client.create_publisher(TFMessage, "/tf", 100)
    graph.wait(lambda: graph.client.count_subscribers("/tf"), "the node to listen to tf")
    stamp = graph.one_frame()
    start = stamp - 10 * 10**9
    begin = stamp - offset_ns - 50 * STEP_NS
    handle = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug"))
    graph.wait(lambda: graph.pipeline.stamps, "the engine to begin")
    # until the answer comes the robot has driven on for 3 s, and tf knows it
    tf.publish(driven(start, begin, begin + LATENCY_NS + 50 * STEP_NS))
    gate.release(2)
    result = graph.result(handle).result
    assert (result.code, result.boxes.header.frame_id) == (ResultCode.OK, "map")
    position = result.boxes.boxes[0].pose.position
    truth = in_map(MUG.center, stamp, start)
    error_m = math.dist((position.x, position.y, position.z), truth)
    assert error_m < 0.001, f"{error_m * 1000:.2f} mm"
    assert math.dist(truth, in_map(MUG.center, stamp + LATENCY_NS, start)) > 1.0, "the newest tf is far off"


def test_tf_of_a_simulation_that_starts_anew_is_that_of_its_new_time(make_graph):
    from tf2_msgs.msg import TFMessage

    graph = make_graph(
        FakePipeline([MUG]),
        use_sim_time=True,
        max_frame_age_s=0.0,
        output_frame="map",
        tf_timeout_s=10.0,
    )
    clock = graph.client.create_publisher(Clock, "/clock", 10)
    tf = graph.client.create_publisher(TFMessage, "/tf", 100)
    graph.wait(lambda: graph.client.count_subscribers("/tf"), "the node to listen to tf")
    graph.connect_camera()
    for at_s in (1000, 5):
        # somewhere else each time, as the camera's way begins anew
        at_ns = at_s * 10**9
        clock.publish(Clock(clock=Time(sec=at_s)))
        graph.wait(lambda now=at_ns: graph.node.now_ns() == now, "the clock")
        tf.publish(driven(at_ns - 10**9 * at_s // 500, at_ns - STEP_NS, at_ns + STEP_NS))
        stamp = graph.publish(graph.messages(stamp_ns=at_ns))
        graph.wait(lambda stamp=stamp: graph.newest_ns() == stamp, "the frame")
        result = graph.result(graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug"))).result
        assert (result.code, result.boxes.header.stamp.sec) == (ResultCode.OK, at_s), result.message
        position = result.boxes.boxes[0].pose.position
        truth = in_map(MUG.center, at_ns, at_ns - 10**9 * at_s // 500)
        assert math.dist((position.x, position.y, position.z), truth) < 0.001


def test_an_image_without_a_stamp_has_a_place_only_where_its_camera_never_moves(make_graph):
    from tf2_msgs.msg import TFMessage

    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0)
    tf = graph.client.create_publisher(TFMessage, "/tf", 100)
    static = graph.client.create_publisher(TFMessage, "/tf_static", LATCHED)
    graph.wait(lambda: graph.client.count_subscribers("/tf"), "the node to listen to tf")
    now_ns = graph.node.now_ns()
    tf.publish(driven(now_ns, now_ns - STEP_NS, now_ns))
    mast = TransformStamped(child_frame_id="map")
    mast.header.frame_id, mast.transform.translation.x = "mast", 2.0
    fixed = TransformStamped(child_frame_id=FRAME + "/of_the_mast")
    fixed.header.frame_id, fixed.transform.translation.x = "mast", 5.0
    static.publish(TFMessage(transforms=[mast, fixed]))
    transforms = graph.node.parts._transforms

    def known(target, source):
        return transforms._buffer.can_transform(target, source, RosTime())

    graph.wait(lambda: known("mast", FRAME + "/of_the_mast") and known("map", FRAME), "tf")
    assert transforms.lookup("mast", FRAME + "/of_the_mast", 0)[1] == (5.0, 0.0, 0.0)
    with pytest.raises(N3DError, match="the image has no stamp"):
        transforms.lookup("mast", FRAME, 0)


def test_tf_that_comes_late_from_before_a_restart_does_not_shut_out_the_new_time(make_graph):
    from tf2_msgs.msg import TFMessage

    graph = make_graph(
        FakePipeline([MUG]), use_sim_time=True, max_frame_age_s=0.0, output_frame="map", tf_timeout_s=10.0
    )
    clock = graph.client.create_publisher(Clock, "/clock", 10)
    tf = graph.client.create_publisher(TFMessage, "/tf", 100)
    graph.wait(tf.get_subscription_count, "the node to listen to tf")
    graph.connect_camera()
    before_ns, now_ns = 1000 * 10**9, 5 * 10**9
    for at_s in (1000, 5):
        clock.publish(Clock(clock=Time(sec=at_s)))
        graph.wait(lambda at_s=at_s: graph.node.now_ns() == at_s * 10**9, "the clock")
    tf.publish(driven(before_ns, before_ns, before_ns + STEP_NS))
    tf.publish(driven(now_ns, now_ns - STEP_NS, now_ns + STEP_NS))
    stamp = graph.publish(graph.messages(stamp_ns=now_ns))
    graph.wait(lambda: graph.newest_ns() == stamp, "the frame")
    result = graph.result(graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug"))).result
    assert (result.code, result.message) == (ResultCode.OK, "")


@pytest.mark.parametrize("asked", ["map", "/map"])
def test_frames_of_ros_1_are_found(make_graph, asked):
    from tf2_msgs.msg import TFMessage

    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0, tf_timeout_s=10.0)
    static = graph.client.create_publisher(TFMessage, "/tf_static", LATCHED)
    mast = TransformStamped(child_frame_id="/" + FRAME)
    mast.header.frame_id, mast.transform.rotation.w, mast.transform.translation.x = "/map", 1.0, 2.0
    static.publish(TFMessage(transforms=[mast]))
    graph.connect_camera()
    messages = graph.messages()
    messages[0].header.frame_id = "/" + FRAME  # and depth without the slash
    stamp = graph.publish(messages)
    graph.wait(lambda: graph.newest_ns() == stamp, "the frame")
    goal = Ground.Goal(prompt="red mug", frame=asked)
    boxes = graph.result(graph.goal(Ground, "n3d/ground", goal)).result.boxes
    assert (boxes.code, boxes.message, boxes.header.frame_id) == (ResultCode.OK, "", "map")
    assert boxes.boxes[0].pose.position.x == MUG.center[0] + 2.0
