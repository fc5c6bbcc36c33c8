"""An engine that does not stop holds up nobody's answer, and work that is no longer wanted does not go on."""

import threading

import pytest
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fake_pipeline import FakePipeline
from graph import DEADLINE_S, MUG
from graph_views import wait_for_level

from n3d_ros.action import Ground
from n3d_ros.errors import ResultCode
from n3d_ros.node.inputs.frame import CameraFrame


class StuckPipeline(FakePipeline):
    """Hears nothing until it is let go."""

    def __init__(self):
        super().__init__([MUG])
        self.begun, self.let_go = threading.Event(), threading.Event()

    def ground(self, observation, words, **options):
        self.begun.set()
        assert self.let_go.wait(DEADLINE_S)
        return super().ground(observation, words, **options)


@pytest.fixture
def pipeline():
    made = StuckPipeline()
    yield made
    made.let_go.set()


def test_what_runs_and_what_waits_ends_in_time(make_graph, pipeline):
    graph = make_graph(pipeline, goal_timeout_s=0.5, diagnostics__period_s=0.1, max_frame_age_s=0.0)
    diagnostics = graph.collect(DiagnosticArray, "/diagnostics")
    graph.one_frame()
    running = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="first"))
    graph.wait(pipeline.begun.is_set, "the engine to begin")
    waiting = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="second"))
    for handle, said in ((running, "did not stop"), (waiting, "while it waited for the engine")):
        end = graph.result(handle)
        assert (end.status, end.result.code) == (GoalStatus.STATUS_ABORTED, ResultCode.TIMEOUT)
        assert said in end.result.message
    status = wait_for_level(graph, diagnostics, "engine", DiagnosticStatus.ERROR)
    assert "should have ended" in status.message
    pipeline.let_go.set()
    wait_for_level(graph, diagnostics, "engine", DiagnosticStatus.OK)
    assert graph.result(graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="third"))).result.code == 0


def test_a_cancel_is_answered_although_the_engine_goes_on(make_graph, pipeline):
    graph = make_graph(pipeline)
    graph.one_frame()
    handle = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug"))
    graph.wait(pipeline.begun.is_set, "the engine to begin")
    graph.wait(handle.cancel_goal_async().done, "cancel response")
    end = graph.result(handle)
    assert (end.status, end.result.code) == (GoalStatus.STATUS_CANCELED, ResultCode.CANCELED)


def test_a_goal_canceled_while_its_picture_is_converted_never_reaches_the_engine(make_graph, monkeypatch):
    graph = make_graph(FakePipeline([MUG]))
    converting, go_on = threading.Event(), threading.Event()
    observe = CameraFrame.observe

    def slow(frame, parameters):
        converting.set()
        assert go_on.wait(DEADLINE_S)
        return observe(frame, parameters)

    monkeypatch.setattr(CameraFrame, "observe", slow)
    graph.one_frame()
    handle = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug"))
    graph.wait(converting.is_set, "the conversion")
    graph.wait(handle.cancel_goal_async().done, "cancel response")
    go_on.set()
    assert graph.result(handle).result.code == ResultCode.CANCELED
    graph.wait(lambda: not graph.node.desk.worker.is_running, "the worker to be idle")
    assert not graph.pipeline.calls
