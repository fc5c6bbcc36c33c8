"""Goals: feedback per box, cancel between boxes and while waiting, typed ends."""

import threading

from action_msgs.msg import GoalStatus
from fake_pipeline import FakePipeline
from graph import BOX, MUG

from n3d_ros.action import Ask, Ground
from n3d_ros.errors import ResultCode


def ready(graph):
    graph.one_frame()


def test_each_box_is_feedback_before_the_result(make_graph):
    gate = threading.Semaphore(0)
    graph = make_graph(FakePipeline([MUG, BOX], gate))
    ready(graph)
    feedback = []
    handle = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug", stream=True), feedback)
    gate.release()
    graph.wait(lambda: any(len(one.partial) == 1 for one in feedback), "feedback of the first box")
    assert all(len(one.partial) < 2 for one in feedback), "the second box is not written yet"
    gate.release()
    graph.wait(lambda: len(feedback[-1].partial) == 2, "feedback of the second box")
    assert feedback[-1].partial_text == "bbox_0bbox_1"
    gate.release()
    end = graph.result(handle)
    assert (end.status, end.result.code) == (GoalStatus.STATUS_SUCCEEDED, ResultCode.OK)
    assert len(end.result.boxes.boxes) == 2
    assert [len(one.partial) for one in feedback] == sorted(len(one.partial) for one in feedback)


def test_an_answers_boxes_come_before_its_text(make_graph):
    gate = threading.Semaphore(2)
    graph = make_graph(FakePipeline([MUG], gate))
    ready(graph)
    feedback = []
    handle = graph.goal(Ask, "n3d/ask", Ask.Goal(question="How far?", stream=True), feedback)
    graph.wait(lambda: len(feedback) == 2, "feedback of the text")
    assert [(one.stage, len(one.partial), one.partial_text) for one in feedback] == [
        (Ask.Feedback.LOCATE, 1, ""),
        (Ask.Feedback.REASON, 1, "It is"),
    ]
    gate.release()
    end = graph.result(handle)
    assert (end.status, end.result.answer.value) == (GoalStatus.STATUS_SUCCEEDED, 1.25)


def test_no_feedback_unless_streaming_is_asked_for(make_graph):
    graph = make_graph(FakePipeline([MUG]))
    ready(graph)
    feedback = []
    assert graph.result(graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="x"), feedback)).result.code == 0
    assert not feedback


def test_cancel_stops_a_running_goal_and_keeps_what_was_found(make_graph):
    gate = threading.Semaphore(1)
    graph = make_graph(FakePipeline([MUG, BOX], gate))
    ready(graph)
    feedback = []
    handle = graph.goal(Ask, "n3d/ask", Ask.Goal(question="How far?", stream=True), feedback)
    graph.wait(lambda: any(one.partial for one in feedback), "first box")
    canceling = handle.cancel_goal_async()
    graph.wait(canceling.done, "cancel response")
    assert len(canceling.result().goals_canceling) == 1
    end = graph.result(handle)
    assert (end.status, end.result.code) == (GoalStatus.STATUS_CANCELED, ResultCode.CANCELED)
    assert len(end.result.answer.evidence) == 1


def test_a_goal_that_waits_for_a_frame_can_be_canceled(make_graph):
    graph = make_graph(FakePipeline([MUG]), frame_timeout_s=3600.0)
    handle = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug"))
    graph.wait(handle.cancel_goal_async().done, "cancel response")
    end = graph.result(handle)
    assert (end.status, end.result.code) == (GoalStatus.STATUS_CANCELED, ResultCode.CANCELED)


def test_next_waits_for_a_frame_newer_than_the_goal(make_graph):
    graph = make_graph(FakePipeline([MUG]), frame_timeout_s=3600.0)
    ready(graph)
    graph.wait_for_engine()
    handle = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug", frame_policy=Ground.Goal.NEXT))
    assert not graph.pipeline.stamps
    stamp = graph.publish()
    result = graph.result(handle).result
    assert result.boxes.header.stamp.sec * 10**9 + result.boxes.header.stamp.nanosec == stamp


def test_the_oldest_waiting_goal_is_superseded_when_too_many_wait(make_graph):
    gate = threading.Semaphore(0)
    pipeline = FakePipeline([MUG], gate)
    graph = make_graph(pipeline, max_queued_goals=1)
    ready(graph)
    running = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="first"))
    graph.wait(lambda: pipeline.stamps, "the engine to begin")
    waiting = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="second"))
    newest = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="third"))
    end = graph.result(waiting)
    assert (end.status, end.result.code) == (GoalStatus.STATUS_ABORTED, ResultCode.SUPERSEDED)
    gate.release(4)
    assert graph.result(running).result.boxes.words == "first"
    assert graph.result(newest).result.boxes.words == "third"


def test_a_goal_longer_than_the_limit_ends_with_timeout(make_graph):
    graph = make_graph(FakePipeline([MUG], threading.Semaphore(0)), goal_timeout_s=0.2)
    ready(graph)
    end = graph.result(graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug")))
    assert (end.status, end.result.code) == (GoalStatus.STATUS_ABORTED, ResultCode.TIMEOUT)


def test_another_frame_without_tf2_is_refused_by_name(make_graph, monkeypatch):
    monkeypatch.setattr("n3d_ros.node.optional_packages.has_tf", lambda: False)
    graph = make_graph(FakePipeline([MUG]))
    ready(graph)
    end = graph.result(graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug", frame="base_link")))
    assert (end.status, end.result.code) == (GoalStatus.STATUS_ABORTED, ResultCode.TF)
    assert "tf2_ros" in end.result.message
    assert "base_link" in end.result.message
