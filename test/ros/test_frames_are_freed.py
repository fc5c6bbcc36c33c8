"""A frame's images are given free when its last user is done, without Python's collector of cycles: it comes
so seldom that under load hundreds of megabytes wait for it.
"""

import gc
import threading
import weakref

import pytest
from fake_pipeline import FakePipeline
from graph import MUG

from n3d_ros.action import Ask
from n3d_ros.action import Ground as GroundAction
from n3d_ros.errors import ResultCode
from n3d_ros.node.desk.desk import Desk
from n3d_ros.node.inputs.frame import CameraFrame
from n3d_ros.srv import Ground, GroundImage


@pytest.fixture
def no_collector():
    """Python's collector of cycles is off."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def frames(no_collector, monkeypatch):
    """Every frame that was looked at, weakly."""
    made = []
    observe = CameraFrame.observe

    def noted(frame, parameters):
        made.append(weakref.ref(frame))
        return observe(frame, parameters)

    monkeypatch.setattr(CameraFrame, "observe", noted)
    return made


def all_but_the_newest_are_freed(graph, frames):
    """What was asked about is no more than the camera's newest once another frame has come."""
    assert frames
    graph.publish_until(lambda: not any(one() for one in frames), "the frames to be freed")


def ask_the_service(graph):
    graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))


def ask_what_fails(graph):
    response = graph.call(Ground, "n3d/ground", Ground.Request(prompt="florble"))
    assert response.code == ResultCode.BAD_INPUT


def ask_with_a_stream(graph):
    heard = []
    goal = graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt="red mug", stream=True), heard)
    assert graph.result(goal).result.code == ResultCode.OK


def ask_a_question(graph):
    goal = graph.goal(Ask, "n3d/ask", Ask.Goal(question="How far is the mug?"))
    assert graph.result(goal).result.code == ResultCode.OK


def bring_pictures(graph):
    rgb, depth, info = graph.messages()
    request = GroundImage.Request(rgb=rgb, depth=depth, camera_info=info, prompt="red mug")
    assert graph.call(GroundImage, "n3d/ground_image", request).code == ResultCode.OK


@pytest.mark.parametrize(
    "ask", [ask_the_service, ask_what_fails, ask_with_a_stream, ask_a_question, bring_pictures]
)
def test_the_frame_of_a_request_is_freed(make_graph, frames, ask):
    graph = make_graph(FakePipeline([MUG]))
    graph.one_frame()
    ask(graph)
    all_but_the_newest_are_freed(graph, frames)


def test_frames_of_the_continuous_query_are_freed(make_graph, frames):
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug")
    graph.connect_camera()
    graph.publish_until(lambda: len(frames) > 3, "frames that were looked at")
    graph.node.live.set("continuous.prompt", "")
    graph.wait(lambda: not graph.node.desk.worker.is_running, "the worker to be idle")
    all_but_the_newest_are_freed(graph, frames)


def test_a_goal_that_was_canceled_while_the_engine_ran_keeps_no_frame(make_graph, frames):
    gate = threading.Semaphore(0)
    graph = make_graph(FakePipeline([MUG], gate))
    graph.one_frame()
    goal = graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt="red mug"))
    graph.wait(lambda: frames, "the engine to begin")
    graph.wait(goal.cancel_goal_async().done, "cancel response")
    assert graph.result(goal).result.code == ResultCode.CANCELED
    all_but_the_newest_are_freed(graph, frames)


def test_superseded_work_keeps_no_frame(make_graph, no_collector, monkeypatch):
    """Frames that the engine never saw."""
    gate, offered = threading.Semaphore(0), []
    offer = Desk.offer

    def noted(desk, errand, on_end):
        offered.append(weakref.ref(errand.frame))
        return offer(desk, errand, on_end)

    monkeypatch.setattr(Desk, "offer", noted)
    graph = make_graph(FakePipeline([MUG], gate), continuous__prompt="red mug")
    graph.connect_camera()
    graph.publish_until(lambda: len(offered) > 4, "frames that wait for the engine")
    # the first is with the engine, the last one waits
    graph.wait(lambda: not any(one() for one in offered[1:-1]), "the superseded to be freed")
    gate.release(1000)
