"""The node begins with a colour image before its depth comes, and answers as it would have without."""

import threading

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fake_pipeline import FakePipeline
from graph import DEADLINE_S, FRAME, MUG
from graph_views import wait_for_level
from rclpy.parameter import Parameter

from n3d_ros.action import Ground
from n3d_ros.errors import ResultCode
from n3d_ros.msg import Box3DArray
from n3d_ros.node.plain import worker


@pytest.fixture
def make(make_graph):
    """A graph whose engine is ready and whose camera is connected."""

    def made(**parameters):
        graph = make_graph(FakePipeline([MUG]), **parameters)
        graph.connect_camera()
        graph.wait_for_engine()
        return graph

    return made


def names(graph):
    return [name for name, _ in graph.pipeline.calls]


def colour_first(graph, messages, until):
    """Publish camera info and colour; depth once the condition holds."""
    rgb, depth, info = messages
    graph.info.publish(info)
    graph.rgb.publish(rgb)
    graph.wait(until, "what comes before depth")
    newest = graph.node.camera.frames.frame
    assert newest is None or newest.header.stamp != rgb.header.stamp
    graph.depth.publish(depth)


def test_the_picture_begins_before_depth_and_the_result_is_that_of_its_frame(make):
    graph = make(continuous__prompt="red mug")
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    messages = graph.messages()
    colour_first(graph, messages, lambda: names(graph) == ["start"])
    (result,) = graph.wait(lambda: boxes, "boxes")
    assert names(graph) == ["start", "ground"]
    (_, started), (_, grounded) = graph.pipeline.calls
    assert np.array_equal(started, grounded)
    assert (result.header.stamp, result.header.frame_id) == (messages[0].header.stamp, FRAME)
    assert [found.label for found in result.boxes] == ["red mug"]
    assert graph.node.desk.last_error == ""


def test_results_with_and_without_are_the_same(make):
    graph = make(continuous__prompt="red mug")
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    colour_first(graph, graph.messages(), lambda: names(graph) == ["start"])
    graph.wait(lambda: len(boxes) == 1, "boxes")
    graph.node.set_parameters([Parameter("early_start", value=False)])
    messages = graph.messages()
    colour_first(graph, messages, lambda: graph.num_received("rgb") == 2)
    graph.wait(lambda: len(boxes) == 2, "boxes again")
    assert names(graph) == ["start", "ground", "ground"]
    assert boxes[1].header.stamp == messages[0].header.stamp
    boxes[0].header.stamp = boxes[1].header.stamp
    boxes[0].timing = boxes[1].timing
    assert boxes[0] == boxes[1]


def test_a_request_that_waits_for_the_next_frame_begins_with_its_picture(make):
    graph = make(frame_timeout_s=60.0)
    handle = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug", frame_policy=Ground.Goal.NEXT))
    colour_first(graph, graph.messages(), lambda: names(graph) == ["start"])
    assert graph.result(handle).result.code == ResultCode.OK
    assert names(graph) == ["start", "ground"]


def test_nobody_asks_no_picture_begins(make):
    graph = make()
    colour_first(graph, graph.messages(), lambda: graph.num_received("rgb") == 1)
    graph.wait(lambda: graph.node.camera.frames.frame, "frame")
    assert names(graph) == []


def test_another_colour_image_with_depth_is_answered_while_the_first_waits_in_vain(make):
    graph = make(continuous__prompt="red mug")
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    now = graph.node.now_ns()
    lost, newer = graph.messages(now - 33_000_000), graph.messages(now)
    graph.rgb.publish(lost[0])
    graph.wait(lambda: names(graph) == ["start"], "the picture whose depth is lost")
    colour_first(graph, newer, lambda: graph.num_received("rgb") == 2)
    (result,) = graph.wait(lambda: boxes, "boxes")
    assert result.header.stamp == newer[0].header.stamp
    assert names(graph) == ["start", "ground"]


def test_a_goal_is_canceled_while_the_picture_runs(make):
    graph = make(frame_timeout_s=60.0)
    begun, gate = threading.Event(), threading.Event()
    graph.pipeline.start = lambda rgb: begun.set() or gate.wait(30.0)
    handle = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug", frame_policy=Ground.Goal.NEXT))
    colour_first(graph, graph.messages(), begun.is_set)
    graph.wait(lambda: graph.node.camera.frames.frame, "frame")
    graph.wait(handle.cancel_goal_async().done, "cancel response")
    assert graph.result(handle).result.code == ResultCode.CANCELED
    gate.set()
    assert names(graph) == []


def test_an_engine_that_hangs_with_a_picture_is_said_to(make_graph, monkeypatch):
    monkeypatch.setattr(worker, "STOP_GRACE_S", 0.1)
    graph = make_graph(
        FakePipeline([MUG]), continuous__prompt="mug", goal_timeout_s=0.1, diagnostics__period_s=0.1
    )
    diagnostics = graph.collect(DiagnosticArray, "/diagnostics")
    begun, gate = threading.Event(), threading.Event()
    graph.pipeline.start = lambda rgb: begun.set() or gate.wait(DEADLINE_S)
    graph.connect_camera()
    graph.wait_for_engine()
    graph.publish(topics=("info", "rgb"))
    graph.wait(begun.is_set, "the picture to begin")
    status = wait_for_level(graph, diagnostics, "engine", DiagnosticStatus.ERROR)
    assert "should have ended" in status.message
    gate.set()
    wait_for_level(graph, diagnostics, "engine", DiagnosticStatus.OK)
