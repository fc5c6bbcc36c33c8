"""A camera that stops: said once, decaying, by the topic's name, and nothing old is left to be seen."""

import threading
from itertools import pairwise

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fake_pipeline import FakePipeline
from graph import MUG
from graph_views import LATCHED, LOG, scene, status_of, wait_for_level
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Log
from visualization_msgs.msg import MarkerArray

from n3d_ros.errors import ResultCode
from n3d_ros.msg import Box3DArray
from n3d_ros.node.plain.inputs import arrivals
from n3d_ros.node.plain.inputs import state as input_state
from n3d_ros.srv import Ground


@pytest.fixture
def soon(monkeypatch):
    """Everything that takes seconds on a robot takes tenths here."""
    monkeypatch.setattr(arrivals, "LATE_S", 0.4)
    monkeypatch.setattr(arrivals, "FIRST_LATE_S", 0.4)
    monkeypatch.setattr(input_state, "DEAD_S", 1.2)
    monkeypatch.setattr(input_state, "STALE_S", 2.0)


def publish_some(graph, topics=("info", "depth", "rgb"), until=None):
    """Frames of these topics until the condition holds."""
    graph.publish_until(until or (lambda: graph.node.camera.arrivals.num > 3), "frames", topics)


def test_a_dead_camera_is_warn_then_error_then_stale_and_said_once(make_graph, soon):
    graph = make_graph(FakePipeline([MUG]), diagnostics__period_s=0.1)
    diagnostics = graph.collect(DiagnosticArray, "/diagnostics")
    log = graph.collect(Log, "/rosout", LOG)
    graph.connect_camera()
    publish_some(graph)
    ok = wait_for_level(graph, diagnostics, "depth", DiagnosticStatus.OK)
    for level in (DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE):
        one = wait_for_level(graph, diagnostics, "depth", level)
        assert "nothing on /depth/image" in one.message and "ros2 topic hz" in one.message
    rates = [float(value.value) for one in (ok, one) for value in one.values if value.key == "rate_hz"]
    assert rates[1] < min(0.6, rates[0]), "a rate decays"
    assert status_of(diagnostics, "sync").level == DiagnosticStatus.WARN
    graph.wait(lambda: any("nothing on /depth/image" in line.msg for line in log), "a line in the log")
    said = [line.msg.split(" for ")[0] for line in log if "/depth/image" in line.msg]
    assert not any(before == after for before, after in pairwise(said)), "each change once"
    publish_some(graph, until=lambda: any("/depth/image: all right again" in line.msg for line in log))


def test_depth_alone_stops_and_depth_is_named(make_graph, soon):
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.5, frame_timeout_s=0.5)
    graph.connect_camera()
    publish_some(graph)
    depth = next(one for one in graph.node.camera.topics.inputs if one.name == "depth")
    publish_some(graph, ("info", "rgb"), until=lambda: depth.arrivals.silent_s(graph.now_s()) > 0.6)
    client = graph.client.create_client(Ground, "n3d/ground")
    graph.wait(client.service_is_ready, "service")
    answer = client.call_async(Ground.Request(prompt="red mug"))
    publish_some(graph, ("info", "rgb"), until=answer.done)
    assert answer.result().code == ResultCode.NO_DEPTH
    message = answer.result().message
    assert "nothing on /depth/image" in message
    assert "/rgb/image" not in message and "use_sim_time" not in message and "clock" not in message


def test_the_continuous_query_says_once_why_it_ends_and_its_markers_go(make_graph, soon):
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug", frame_timeout_s=0.5)
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    markers = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    graph.connect_camera()
    last = graph.publish()
    graph.wait(lambda: scene(markers), "markers")
    graph.wait(lambda: not scene(markers), "an empty scene")
    graph.wait(lambda: boxes[-1].code != ResultCode.OK, "the reason")
    assert (boxes[-1].code, list(boxes[-1].boxes)) == (ResultCode.NO_FRAME, [])
    assert "nothing on /rgb/image" in boxes[-1].message
    stamp = boxes[-1].header.stamp
    assert stamp.sec * 10**9 + stamp.nanosec == last, "the camera's newest, never the node's own"
    publish_some(graph, until=lambda: boxes[-1].code == ResultCode.OK and scene(markers))
    # on a busy machine one of the two pictures may be missed first
    reasons = (ResultCode.NO_FRAME, ResultCode.NO_DEPTH)
    graph.wait(lambda: boxes[-1].code in reasons, "the second reason")
    codes = [result.code for result in boxes]
    assert not any(before == after != ResultCode.OK for before, after in pairwise(codes))


def test_a_standing_question_without_a_camera_gets_its_reason(make_graph, soon):
    graph = make_graph(FakePipeline([MUG]), frame_timeout_s=0.1)
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    graph.node.live.set("continuous.prompt", "red mug")
    graph.wait(lambda: boxes, "the reason")
    assert (boxes[0].code, boxes[0].words) == (ResultCode.NO_FRAME, "red mug")
    assert "no message on /rgb/image" in boxes[0].message


def test_a_node_that_is_activated_again_says_again_why_there_is_nothing(make_graph, soon):
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug", frame_timeout_s=0.1)
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    graph.wait(lambda: boxes, "the reason")
    for one in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE):
        assert graph.call(
            ChangeState, "n3d/change_state", ChangeState.Request(transition=Transition(id=one))
        ).success
    graph.wait(lambda: len(boxes) > 1, "the reason")
    assert [one.code for one in boxes] == [ResultCode.NO_FRAME] * 2


def test_a_look_that_ends_after_the_camera_was_given_up_leaves_no_markers(make_graph, soon):
    gate = threading.Semaphore(0)
    graph = make_graph(FakePipeline([MUG], gate), continuous__prompt="red mug", frame_timeout_s=0.3)
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    markers = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    graph.wait_for_engine()
    graph.one_frame()
    graph.wait(lambda: boxes, "the reason")
    gate.release(2)
    graph.wait(lambda: len(boxes) == 3, "the late look, and the reason again")
    assert [one.code for one in boxes] == [ResultCode.NO_FRAME, ResultCode.OK, ResultCode.NO_FRAME]
    graph.wait(lambda: len(markers) == 2, "markers, and their end")
    assert not scene(markers)


def test_the_continuous_query_looks_at_no_frame_that_is_older_than_it_may_be(make_graph):
    pipeline = FakePipeline([MUG])
    graph = make_graph(pipeline, continuous__prompt="red mug", max_frame_age_s=60.0)
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    markers = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    graph.wait_for_engine()
    graph.one_frame()
    graph.wait(lambda: scene(markers), "markers")
    now_ns = graph.node.now_ns()
    for old_ns in (now_ns - 3600 * 10**9, now_ns - 3599 * 10**9):
        graph.publish(graph.messages(stamp_ns=old_ns))
        graph.wait(lambda old_ns=old_ns: graph.newest_ns() == old_ns, "the old frame")
    graph.wait(lambda: not scene(markers), "the markers to go")
    graph.one_frame()
    graph.wait(lambda: scene(markers), "markers")
    assert [one.code for one in boxes] == [ResultCode.OK, ResultCode.STALE, ResultCode.OK], "said once"
    assert "max_frame_age_s is 60" in boxes[1].message and "use_sim_time" in boxes[1].message
    assert len(pipeline.stamps) == 2
