"""Boxes in another frame: same stamp, turned and shifted as tf says."""

import math
import threading
from dataclasses import replace

import pytest
import stand_in_tf
from fake_pipeline import FakePipeline
from geometry_msgs.msg import Quaternion
from graph import DEADLINE_S, FRAME, MUG
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile

from n3d_ros.action import Ask, Ground
from n3d_ros.boxes import Box3D
from n3d_ros.errors import ResultCode
from n3d_ros.msg import GroundedObject
from n3d_ros.node.outputs.messages import pose
from n3d_ros.node.transforms import transform_object
from n3d_ros.srv import Ground as GroundService

# REP 103: optical z is the body's x, optical x its -y, optical y its -z.
OPTICAL_TO_BODY = Quaternion(x=-0.5, y=0.5, z=-0.5, w=0.5)


def rotate(q, v):
    """q v q* by the matrix of q: independent of the code under test."""
    w, x, y, z = q.w, q.x, q.y, q.z
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return tuple(sum(a * b for a, b in zip(row, v, strict=True)) for row in rows)


def test_a_point_ahead_of_the_camera_lies_ahead_of_the_body():
    box = GroundedObject(pose=pose(Box3D("mug", (0.1, 0.2, 1.0), (1.0, 1.0, 1.0))))
    transform_object(box, OPTICAL_TO_BODY, (0.5, 0.0, 1.5))
    position = box.pose.position
    assert (position.x, position.y, position.z) == pytest.approx((1.5, -0.1, 1.3))


def test_yaw_about_the_optical_y_axis_becomes_yaw_about_the_bodys_z_axis():
    yaw = 0.3
    box = GroundedObject(pose=pose(Box3D("mug", (0.0, 0.0, 1.0), (1.0, 1.0, 1.0), yaw=yaw)))
    transform_object(box, OPTICAL_TO_BODY, (0.0, 0.0, 0.0))
    # The box's own z axis points ahead when yaw is 0; optical +y is down, so it turns towards the body's -y.
    assert rotate(box.pose.orientation, (0, 0, 1)) == pytest.approx((math.cos(yaw), -math.sin(yaw), 0.0))


@pytest.mark.parametrize("how", ["goal", "parameter"])
def test_results_come_in_the_frame_asked_for_at_the_images_stamp(make_graph, monkeypatch, how):
    world = stand_in_tf.install(monkeypatch)
    world.poses["base_link", FRAME] = stand_in_tf.Still(z=1.0, rotation=OPTICAL_TO_BODY)
    graph = make_graph(FakePipeline([MUG]), **({"output_frame": "base_link"} if how == "parameter" else {}))
    stamp = graph.one_frame()
    frame = "base_link" if how == "goal" else ""
    ground = graph.result(graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="x", frame=frame))).result
    asked = graph.result(graph.goal(Ask, "n3d/ask", Ask.Goal(question="x", frame=frame))).result
    for result, boxes in ((ground.boxes, ground.boxes.boxes), (asked.answer, asked.answer.evidence)):
        assert (result.code, result.header.frame_id) == (ResultCode.OK, "base_link")
        position = boxes[0].pose.position
        assert (position.x, position.y, position.z) == pytest.approx((1.0, -0.1, 0.8))
    assert world.asked[0] == ("base_link", FRAME, stamp)


def test_a_frame_that_is_chosen_while_a_goal_runs_is_that_of_later_ones(make_graph, monkeypatch):
    world = stand_in_tf.install(monkeypatch)
    world.poses["base_link", FRAME] = stand_in_tf.Still(z=1.0, rotation=OPTICAL_TO_BODY)
    gate = threading.Semaphore(0)
    graph = make_graph(FakePipeline([MUG], gate), max_frame_age_s=0.0)
    graph.one_frame()
    running = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="x"))
    graph.wait(lambda: graph.pipeline.stamps, "the engine to begin")
    graph.node.set_parameters([Parameter("output_frame", value="base_link")])
    gate.release(4)
    frames = [graph.result(running).result.boxes.header.frame_id]
    later = graph.result(graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="x"))).result
    frames.append(later.boxes.header.frame_id)
    assert frames == [FRAME, "base_link"]


@pytest.mark.parametrize("how", ["goal", "node"])
def test_who_is_stopped_while_tf_is_waited_for_is_canceled_and_told_of_both(make_graph, monkeypatch, how):
    """The code of a stop is CANCELED, whatever else there is to be said."""
    stand_in_tf.install(monkeypatch)
    graph = make_graph(FakePipeline([MUG]), output_frame="map", tf_timeout_s=10.0)
    graph.one_frame()
    handle = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug"))
    graph.wait(lambda: graph.node.desk.worker._unsettled, "the wait for tf")
    if how == "goal":
        graph.wait(handle.cancel_goal_async().done, "cancel response")
    else:
        change = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE))
        assert graph.call(ChangeState, "n3d/change_state", change).success
    result = graph.result(handle).result
    assert result.code == result.boxes.code == ResultCode.CANCELED
    assert result.message.startswith("canceled while it waited for tf; no transform from")
    assert (result.boxes.header.frame_id, len(result.boxes.boxes)) == (FRAME, 1)


def test_a_request_that_failed_says_so_whatever_tf_knows(make_graph, monkeypatch):
    stand_in_tf.install(monkeypatch)
    pipeline = FakePipeline([])
    found, why = pipeline.ground, {"code": ResultCode.PARSE, "message": "no box"}
    pipeline.ground = lambda *seen, **options: replace(found(*seen, **options), **why)
    graph = make_graph(pipeline, output_frame="map")
    graph.one_frame()
    result = graph.result(graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug"))).result
    assert (result.code, result.message.partition("; ")[0]) == (ResultCode.PARSE, "no box")
    assert "no transform from" in result.message


def test_the_cameras_own_frame_needs_no_tf(make_graph, monkeypatch):
    world = stand_in_tf.install(monkeypatch)
    graph = make_graph(FakePipeline([MUG]), tf_timeout_s=DEADLINE_S / 3)
    graph.one_frame()
    goal = Ground.Goal(prompt="red mug", frame=FRAME)
    result = graph.result(graph.goal(Ground, "n3d/ground", goal)).result
    assert (result.code, world.asked) == (ResultCode.OK, [])


def test_time_that_ran_out_is_no_fault_of_tf(make_graph, monkeypatch):
    stand_in_tf.install(monkeypatch)
    graph = make_graph(FakePipeline([MUG], threading.Semaphore(0)), output_frame="map", goal_timeout_s=0.3)
    graph.one_frame()
    result = graph.result(graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug"))).result
    assert (result.code, "no transform from" in result.message) == (ResultCode.TIMEOUT, True)


def test_those_who_wait_for_tf_wait_at_the_same_time(make_graph, monkeypatch):
    stand_in_tf.install(monkeypatch)
    num = 20
    graph = make_graph(
        FakePipeline([MUG]), output_frame="map", tf_timeout_s=DEADLINE_S / 10, max_queued_goals=num
    )
    graph.one_frame()
    client = graph.client.create_client(GroundService, "n3d/ground", qos_profile=QoSProfile(depth=num))
    graph.wait(client.service_is_ready, "service")
    graph.node.live.set("max_frame_age_s", 0.0)
    answers = [client.call_async(GroundService.Request(prompt="red mug")) for _ in range(num)]
    graph.wait(lambda: all(one.done() for one in answers), "all answers")
    assert {one.result().code for one in answers} == {ResultCode.TF}
