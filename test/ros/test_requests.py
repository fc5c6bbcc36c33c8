"""How requests are served: urgent ones first, a cancel at once, frames by stamp, standing words."""

import threading

import pytest
from action_msgs.msg import GoalStatus
from builtin_interfaces.msg import Time
from fake_pipeline import FakePipeline
from graph import BOX, DEADLINE_S, MUG
from rclpy.parameter import Parameter
from visualization_msgs.msg import MarkerArray

from n3d_ros.action import Ask, Ground
from n3d_ros.errors import ResultCode
from n3d_ros.msg import Box3DArray
from n3d_ros.node.desk.errand import FRAME_POLICIES, PRIORITIES
from n3d_ros.node.outputs.publishers import LATCHED
from n3d_ros.node.plain.engine.worker import CANCEL_GRACE_S
from n3d_ros.srv import Ask as AskService
from n3d_ros.srv import Ground as GroundService


def stamp_ns(header):
    return header.stamp.sec * 10**9 + header.stamp.nanosec


class Noting(FakePipeline):
    """Keeps words and observations in the order in which they came."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.words, self.observations = [], []

    def ground(self, observation, words, **options):
        self.words.append(words)
        self.observations.append(observation)
        return super().ground(observation, words, **options)


def goal(graph, words, **options):
    return graph.goal(Ground, "n3d/ground", Ground.Goal(prompt=words, **options))


def test_an_urgent_goal_overtakes_those_that_wait_and_the_least_urgent_gives_way(make_graph):
    gate = threading.Semaphore(0)
    pipeline = Noting([MUG], gate)
    graph = make_graph(pipeline, max_queued_goals=2, max_frame_age_s=0.0)
    graph.one_frame()
    first = goal(graph, "first")
    graph.wait(lambda: pipeline.words, "the engine to begin")
    low = goal(graph, "low", priority=Ground.Goal.PRIORITY_LOW)
    normal, high = goal(graph, "normal"), goal(graph, "high", priority=Ground.Goal.PRIORITY_HIGH)
    assert graph.result(low).result.code == ResultCode.SUPERSEDED
    gate.release(6)
    assert [graph.result(one).result.code for one in (first, normal, high)] == [ResultCode.OK] * 3
    assert pipeline.words == ["first", "high", "normal"]


class Deaf(FakePipeline):
    """Finds a mug, and then hears nothing until it is let go."""

    def __init__(self):
        super().__init__([MUG])
        self.let_go = threading.Event()

    def ground(self, observation, words, **options):
        result = super().ground(observation, words, **options)
        assert self.let_go.wait(DEADLINE_S)
        return result


@pytest.mark.parametrize("kind", [Ground, Ask])
def test_a_cancel_keeps_what_was_found_although_the_engine_does_not_hear_it(make_graph, kind):
    pipeline = Deaf()
    graph = make_graph(pipeline)
    graph.one_frame()
    feedback = []
    words = {"prompt" if kind is Ground else "question": "red mug"}
    handle = graph.goal(kind, f"n3d/{kind.__name__.lower()}", kind.Goal(stream=True, **words), feedback)
    graph.wait(lambda: feedback, "the first box")
    graph.wait(handle.cancel_goal_async().done, "cancel response")
    end = graph.result(handle)
    pipeline.let_go.set()
    assert (end.status, end.result.code) == (GoalStatus.STATUS_CANCELED, ResultCode.CANCELED)
    found = end.result.boxes.boxes if kind is Ground else end.result.answer.evidence
    assert [one.id for one in found] == ["red mug/0"]
    assert f"did not stop within {CANCEL_GRACE_S:g} s" in end.result.message
    assert CANCEL_GRACE_S < 0.1


@pytest.mark.parametrize(("policy", "place"), [("LATEST", 2), ("NEXT", 1)])
def test_who_waits_for_the_engine_until_its_picture_is_too_old_gets_the_newest(make_graph, policy, place):
    """Unless it asked for a certain picture."""
    gate = threading.Semaphore(0)
    graph = make_graph(FakePipeline([MUG], gate), max_frame_age_s=0.0)
    graph.connect_camera()
    now_ns = graph.node.now_ns()
    stamps = [now_ns - 200 * 10**9, now_ns - 190 * 10**9, now_ns]

    def see(stamp):
        graph.publish(graph.messages(stamp_ns=stamp))
        graph.wait(lambda: graph.newest_ns() == stamp, "the frame")

    see(stamps[0])
    running = goal(graph, "red mug")
    graph.wait(lambda: graph.pipeline.stamps, "the engine to begin")
    waiting = goal(graph, "mug", frame_policy=getattr(Ground.Goal, policy))
    see(stamps[1])
    see(stamps[2])
    assert graph.node.live.set("max_frame_age_s", 100.0).successful
    gate.release(4)
    assert [stamp_ns(graph.result(one).result.boxes.header) for one in (running, waiting)] == [
        stamps[0],
        stamps[place],
    ]


def test_a_stamp_waits_for_the_first_frame_at_or_after_it(make_graph):
    graph = make_graph(FakePipeline([MUG]), frame_timeout_s=DEADLINE_S, max_frame_age_s=0.0)
    graph.one_frame()
    wanted = graph.node.now_ns() + 10**9
    request = Ground.Goal(prompt="red mug")
    request.stamp.sec, request.stamp.nanosec = divmod(wanted, 10**9)
    handle = graph.goal(Ground, "n3d/ground", request)
    for stamp in (wanted - 1, wanted + 5, wanted + 10**8):
        graph.publish(graph.messages(stamp_ns=stamp))
        graph.wait(lambda stamp=stamp: graph.newest_ns() == stamp, "the frame")
    result = graph.result(handle).result
    assert (stamp_ns(result.boxes.header), result.message) == (wanted + 5, "")


def test_a_stamp_whose_frame_is_gone_is_answered_about_the_newest_and_that_is_said(make_graph):
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0)
    first = graph.one_frame()
    graph.publish(graph.messages(stamp_ns=first + 2 * 10**9))
    graph.wait(lambda: graph.newest_ns() == first + 2 * 10**9, "another frame")
    request = Ground.Goal(prompt="red mug")
    request.stamp.sec, request.stamp.nanosec = divmod(first, 10**9)
    result = graph.result(graph.goal(Ground, "n3d/ground", request)).result
    said = "the first frame after the stamp asked for is not kept; this one is 2.000 s after it"
    assert result.message == said
    assert result.code == ResultCode.OK


def test_the_next_frame_that_does_not_come_is_called_so(make_graph):
    graph = make_graph(FakePipeline([MUG]), frame_timeout_s=0.2, max_frame_age_s=0.0)
    graph.one_frame()
    request = Ground.Goal(prompt="red mug", frame_policy=Ground.Goal.NEXT)
    result = graph.result(graph.goal(Ground, "n3d/ground", request)).result
    assert (result.code, "no newer frame came within 0.2 s" in result.message) == (ResultCode.NO_FRAME, True)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("priority", 5, "priority: expected one of (-1, 0, 1), got 5"),
        ("frame_policy", 7, "frame_policy: expected one of (0, 1), got 7"),
        ("stamp", Time(sec=-5), "stamp: expected 0 or a stamp, got -5000000000 ns"),
        ("frame", "m\x1bap", "frame: expected the name of a tf frame, got 'm\\x1bap'"),
        ("frame", "map ", "frame: expected the name of a tf frame, got 'map '"),
    ],
)
def test_a_wish_that_means_nothing_is_refused_by_name(make_graph, field, value, expected):
    graph = make_graph(FakePipeline([MUG]))
    graph.one_frame()
    end = graph.result(goal(graph, "red mug", **{field: value}))
    assert (end.status, end.result.code) == (GoalStatus.STATUS_ABORTED, ResultCode.BAD_INPUT)
    assert end.result.message == expected


def test_policies_and_priorities_are_those_of_the_actions():
    for kind in (Ground.Goal, Ask.Goal):
        assert (kind.LATEST, kind.NEXT) == FRAME_POLICIES
        assert (kind.PRIORITY_LOW, kind.PRIORITY_NORMAL, kind.PRIORITY_HIGH) == PRIORITIES


def test_several_standing_words_are_looked_for_in_every_frame(make_graph):
    pipeline = Noting([MUG])
    graph = make_graph(pipeline, continuous__prompt="red mug; blue, small box ;")
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    graph.one_frame()
    (result,) = graph.wait(lambda: boxes, "boxes")
    assert pipeline.words == ["red mug", "blue, small box"]
    assert [one.words for one in result.boxes] == pipeline.words


def test_a_name_that_stands_twice_is_looked_for_once_and_has_its_outcome_twice(make_graph):
    pipeline = Noting([MUG])
    graph = make_graph(pipeline)
    graph.one_frame()
    request = GroundService.Request(labels=["red mug", "box", "red mug"])
    boxes = graph.call(GroundService, "n3d/ground", request).boxes
    assert pipeline.words == [one.words for one in boxes.boxes] == ["red mug", "box"]
    assert [one[0] for one in outcomes(boxes)] == ["red mug", "box", "red mug"]


def outcomes(boxes):
    return [(one.words, one.code, one.message) for one in boxes.outcomes]


UNKNOWN = "words: expected something the tokenizer knows, got 'florble'"


def test_a_bad_name_among_standing_words_leaves_the_others_in_every_output(make_graph):
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug; florble; box")
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    markers = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    graph.one_frame()
    (result,) = graph.wait(lambda: boxes, "boxes")
    assert [one.words for one in result.boxes] == ["red mug", "box"]
    assert outcomes(result) == [
        ("red mug", ResultCode.OK, ""),
        ("florble", ResultCode.BAD_INPUT, UNKNOWN),
        ("box", ResultCode.OK, ""),
    ]
    assert (result.code, result.message) == (ResultCode.BAD_INPUT, f"'florble': {UNKNOWN}")
    assert result.words == "red mug, florble, box"
    graph.wait(lambda: markers, "markers")
    assert graph.node.desk.last_error == f"BAD_INPUT: 'florble': {UNKNOWN}"


def test_each_label_of_a_request_has_its_own_outcome(make_graph):
    graph = make_graph(FakePipeline([MUG]))
    graph.one_frame()
    request = GroundService.Request(labels=["florble", " ", "red mug", "box"], max_boxes=1)
    response = graph.call(GroundService, "n3d/ground", request)
    assert [one.words for one in response.boxes.boxes] == ["red mug"]
    assert outcomes(response.boxes) == [
        ("florble", ResultCode.BAD_INPUT, UNKNOWN),
        (" ", ResultCode.BAD_INPUT, "expected words such as 'the red mug', got an empty name"),
        ("red mug", ResultCode.OK, ""),
        ("box", ResultCode.OK, "1 of 'box' left out by max_boxes"),
    ]
    assert response.code == ResultCode.BAD_INPUT


def test_where_no_name_can_be_looked_for_each_says_why(make_graph):
    graph = make_graph(FakePipeline([MUG]))
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    graph.one_frame()
    response = graph.call(GroundService, "n3d/ground", GroundService.Request(labels=["florble", "florble"]))
    assert (response.code, response.message) == (ResultCode.BAD_INPUT, UNKNOWN)
    assert outcomes(response.boxes) == [("florble", ResultCode.BAD_INPUT, UNKNOWN)] * 2
    assert [one.code for one in graph.wait(lambda: boxes, "boxes")] == [ResultCode.BAD_INPUT]


def test_one_name_has_the_outcome_of_the_result(make_graph):
    graph = make_graph(FakePipeline([MUG]))
    graph.one_frame()
    response = graph.call(GroundService, "n3d/ground", GroundService.Request(prompt="red mug"))
    assert outcomes(response.boxes) == [("red mug", ResultCode.OK, "")]


def test_names_after_a_cancel_were_not_looked_for(make_graph):
    gate = threading.Semaphore(2)
    pipeline = Noting([MUG], gate)
    graph = make_graph(pipeline)
    markers = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    graph.one_frame()
    handle = graph.goal(Ground, "n3d/ground", Ground.Goal(labels=["red mug", "box", "bowl"]))
    graph.wait(lambda: pipeline.words == ["red mug", "box"], "the second name")
    graph.wait(handle.cancel_goal_async().done, "cancel response")
    end = graph.result(handle)
    assert (end.status, end.result.code) == (GoalStatus.STATUS_CANCELED, ResultCode.CANCELED)
    assert [one.words for one in end.result.boxes.boxes] == ["red mug"]
    assert [one.code for one in end.result.boxes.outcomes] == [
        ResultCode.OK,
        ResultCode.CANCELED,
        ResultCode.CANCELED,
    ]
    assert end.result.boxes.outcomes[2].message == "not looked for"
    assert not markers, "a result that was stopped shows nothing"


def test_standing_words_are_looked_for_no_more_often_than_they_may(make_graph):
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug", continuous__rate_hz=0.001)
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    first = graph.one_frame()
    graph.wait(lambda: boxes, "boxes")
    graph.one_frame()
    assert graph.call(GroundService, "n3d/ground", GroundService.Request(prompt="x")).code == ResultCode.OK
    looked_at = [one for one in boxes if one.words == "red mug"]
    assert [stamp_ns(one.header) for one in looked_at] == [first]


def test_other_standing_words_are_looked_for_from_the_next_frame_on(make_graph):
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug", continuous__rate_hz=0.001)
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    graph.connect_camera()
    graph.publish_until(lambda: boxes, "boxes of the first words")
    graph.node.set_parameters([Parameter("continuous.prompt", value="box")])
    graph.publish_until(lambda: len(boxes) == 2, "boxes of the others")
    graph.publish_until(lambda: graph.num_received("rgb") > 9, "more frames")
    assert [one.words for one in boxes] == ["red mug", "box"]


def test_a_second_question_about_a_frame_gets_the_same_picture(make_graph):
    pipeline = Noting([MUG, BOX])
    graph = make_graph(pipeline, max_frame_age_s=0.0)
    graph.one_frame()
    graph.call(GroundService, "n3d/ground", GroundService.Request(prompt="red mug"))
    graph.call(AskService, "n3d/ask", AskService.Request(question="How far is it?"))
    graph.one_frame()
    graph.call(GroundService, "n3d/ground", GroundService.Request(prompt="red mug"))
    first, second, third = pipeline.observations
    assert first is second, "the engine knows it by its identity"
    assert third is not first


def test_the_time_of_each_stage_is_in_every_result(make_graph):
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug")
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    graph.one_frame()
    (result,) = graph.wait(lambda: boxes, "boxes")
    timing = result.timing
    stages = ("preprocess", "vision", "prefill", "decode", "post", "total")
    assert [getattr(timing, f"{stage}_ms") for stage in stages] == [1, 2, 3, 4, 5, 15]
    assert timing.end_to_end_ms >= timing.queue_age_ms > 0
    assert timing.header == result.header
