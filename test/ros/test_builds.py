"""~/build_engine: what a builder tells is fed back, it can be canceled, and who is refused learns why."""

import time

import build_script
import pytest
from action_msgs.msg import GoalStatus
from fake_pipeline import FakePipeline
from graph import DEADLINE_S, MUG
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState

from n3d_ros.action import BuildEngine
from n3d_ros.errors import ResultCode
from n3d_ros.node.plain.engine import build as engine_build
from n3d_ros.srv import Ground

NAME = "n3d/build_engine"
# What the stand-in tells of a build, and how long after the result it may arrive.
NUM_TOLD, HEARD_S = 3, 1.0


@pytest.fixture(autouse=True)
def _script(monkeypatch):
    monkeypatch.setattr(engine_build, "COMMAND", build_script.COMMAND)


@pytest.fixture
def graph(make_graph):
    made = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0)
    made.wait_for_engine()
    return made


def build(graph, feedback=None, **goal):
    return graph.goal(BuildEngine, NAME, BuildEngine.Goal(**goal), feedback)


def told(graph, **goal):
    """The result of a build, and all that it told. Words from before the client's new subscription is fully
    matched are lost, so what was heard in part is asked for again.
    """
    feedback, result = [], None
    end = time.monotonic() + DEADLINE_S
    while len(feedback) < NUM_TOLD and time.monotonic() < end:
        feedback = []
        result = graph.result(build(graph, feedback, **goal))
        heard = time.monotonic() + HEARD_S
        while len(feedback) < NUM_TOLD and time.monotonic() < heard:
            graph.client_executor.spin_once(timeout_sec=0.02)
    return result, feedback


def change(graph, transition):
    """Whether the node did it."""
    request = ChangeState.Request(transition=Transition(id=transition))
    return graph.call(ChangeState, "n3d/change_state", request).success


def begun(graph, **goal):
    """A build that waits, and what it has told."""
    feedback = []
    handle = build(graph, feedback, target="waits", **goal)
    graph.wait(lambda: any(one.phase == "waiting" for one in feedback), "the builder")
    return handle


def test_what_the_builder_tells_is_fed_back_and_the_result_is_its_folder(graph):
    result, feedback = told(graph, target="sm89", precision="bf16", rebuild=True)
    assert (result.status, result.result.code) == (GoalStatus.STATUS_SUCCEEDED, ResultCode.OK)
    # the model is the one that the node has loaded
    assert result.result.engine_path == "--model=/models/fake --target=sm89 --precision=bf16 --rebuild"
    assert result.result.is_new
    assert [
        (one.engine, one.num_built, one.phase, one.progress, one.elapsed_s, one.eta_s) for one in feedback
    ] == [
        ("vision.engine", 0, "", 0.0, 0.0, -1.0),
        ("vision.engine", 0, "tactics", 0.5, 4.0, 4.0),
        ("decoder.engine", 1, "tactics", 0.25, 3.0, 9.0),
    ]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("refused", "expected tensorrt or tensorrt_rtx to import, found none"),
        ("unwanted", "error: argument --precision: invalid choice"),
    ],
)
def test_a_refusal_says_why(graph, target, message):
    result = graph.result(build(graph, target=target))
    assert (result.status, result.result.code) == (GoalStatus.STATUS_ABORTED, ResultCode.BAD_INPUT)
    assert (result.result.message, result.result.engine_path) == (message, "")


def test_a_cancel_ends_the_build_and_the_node_answers_meanwhile(graph):
    handle = begun(graph)
    graph.one_frame()
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.OK
    second = graph.result(build(graph)).result
    assert (second.code, "an engine is being built" in second.message) == (ResultCode.BAD_INPUT, True)
    graph.wait(handle.cancel_goal_async().done, "cancel")
    result = graph.result(handle)
    assert (result.status, result.result.code) == (GoalStatus.STATUS_CANCELED, ResultCode.CANCELED)
    assert graph.result(build(graph)).result.code == ResultCode.OK, "the next one is not held up"


def test_a_build_goes_on_while_the_node_is_inactive_and_holds_up_cleanup(graph):
    handle = begun(graph)
    assert change(graph, Transition.TRANSITION_DEACTIVATE)
    assert not change(graph, Transition.TRANSITION_CLEANUP)
    graph.wait(handle.cancel_goal_async().done, "cancel")
    assert graph.result(handle).result.code == ResultCode.CANCELED
    assert change(graph, Transition.TRANSITION_CLEANUP)


def test_who_waits_for_an_engine_gets_a_result_when_the_node_stops(graph):
    handle = begun(graph)
    graph.node.begin_stop()
    result = graph.result(handle)
    assert (result.status, result.result.code) == (GoalStatus.STATUS_ABORTED, ResultCode.CANCELED)
    graph.wait(lambda: not graph.node.is_answering, "end")
    assert graph.result(build(graph)).result.message == "the node shuts down"
