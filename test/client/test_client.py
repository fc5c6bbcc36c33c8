"""The Python client against the real node with a fake pipeline."""

import asyncio
import threading
from types import SimpleNamespace

import pytest
from fake_pipeline import FakePipeline
from graph import BOX, DEADLINE_S, FRAME, HEIGHT, MUG, WIDTH
from held_feedback import hold_back_feedback
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle

from n3d_ros.action import Ground
from n3d_ros.client import N3DClient, NoNodeError, RequestFailed, messages
from n3d_ros.client import client as client_module
from n3d_ros.errors import ResultCode
from n3d_ros.geometry import Intrinsics

pytestmark = pytest.mark.ros


def test_words_become_boxes_in_metres(make_robot):
    robot = make_robot(FakePipeline([MUG, BOX]))
    with N3DClient(domain_id=robot.domain_id) as n3d:
        found = n3d.ground("the red mugs")
        assert found.words == "the red mugs" and found.frame == FRAME
        assert [box.label for box in found.boxes] == ["red mug", "red mug"]
        assert found.boxes[0].center == pytest.approx(MUG.center)
        assert found.boxes[0].distance_m == pytest.approx(1.0247, abs=1e-4)
        assert found.stamp_ns > 0
        camera = Intrinsics(60.0, 60.0, 31.5, 23.5, WIDTH, HEIGHT)
        assert (found.intrinsics, found.is_overridden, found.valid_ratio) == (camera, False, 0.75)
        assert len(n3d.ground("the red mug", max_boxes=1).boxes) == 1


def test_a_question_gets_an_answer_with_its_evidence(make_robot):
    robot = make_robot(FakePipeline([MUG]))
    with N3DClient(domain_id=robot.domain_id) as n3d:
        answer = n3d.ask("How far is the mug?")
    assert (answer.text, answer.value, answer.unit) == ("It is 1.25 meters away.", 1.25, "m")
    assert answer.is_consistent is True and [box.label for box in answer.evidence] == ["red mug"]


def test_results_say_that_their_k_is_not_the_camera_infos(make_robot):
    override = "fx=90 fy=91 cx=32.5 cy=23.5 size=64x48"
    robot = make_robot(FakePipeline([MUG]), intrinsics__override=override)
    with N3DClient(domain_id=robot.domain_id) as n3d:
        for result in (n3d.ground("the red mug"), n3d.ask("How far is the mug?")):
            assert result.intrinsics == Intrinsics(90.0, 91.0, 32.5, 23.5, WIDTH, HEIGHT)
            assert (result.is_overridden, result.valid_ratio) == (True, 0.75)


def test_boxes_come_one_by_one_before_the_last_is_written(make_robot):
    gate = threading.Semaphore(1)
    robot = make_robot(FakePipeline([MUG, BOX], gate))
    with N3DClient(domain_id=robot.domain_id) as n3d:
        boxes = n3d.boxes("the red mugs")
        assert next(boxes).center == pytest.approx(MUG.center)
        gate.release()
        assert next(boxes).center == pytest.approx(BOX.center)
        gate.release()
        assert list(boxes) == []


def test_boxes_that_the_result_overtakes_are_told_all_the_same(make_robot, monkeypatch):
    robot, told = make_robot(FakePipeline([MUG, BOX])), []
    with N3DClient(domain_id=robot.domain_id) as n3d:
        hold_back_feedback(n3d, monkeypatch)
        boxes = list(n3d.boxes("the red mugs"))
        n3d.ground("the red mugs", on_box=told.append)
        asyncio.run(n3d.ground_async("the red mugs", on_box=told.append))
        n3d.ask("How many red mugs are there?", on_box=told.append)
        asyncio.run(n3d.ask_async("How many red mugs are there?", on_box=told.append))
    assert [round(box.center[2], 6) for box in boxes] == [1.0, 1.5]
    assert [box.center for box in told] == [box.center for box in boxes] * 4


def test_boxes_that_never_come_are_an_error_with_all_of_them(make_robot, monkeypatch):
    monkeypatch.setattr(client_module, "_FEEDBACK_S", 0.1)
    robot = make_robot(FakePipeline([MUG, BOX]))
    with N3DClient(domain_id=robot.domain_id) as n3d:
        monkeypatch.setattr(client_module._Stream, "__call__", lambda self, feedback: None)
        with pytest.raises(RequestFailed, match="expected 2 boxes as they were written, got 0") as failed:
            list(n3d.boxes("the red mugs"))
    assert len(failed.value.boxes) == 2


def test_leaving_the_loop_stops_the_node(make_robot):
    robot = make_robot(FakePipeline([MUG, BOX], threading.Semaphore(1)))
    with N3DClient(domain_id=robot.domain_id) as n3d:
        boxes = n3d.boxes("the red mugs")
        next(boxes)
        boxes.close()
        robot.graph.wait(lambda: robot.graph.node.desk.codes["CANCELED"], "canceled goal")


def test_what_the_node_refuses_is_an_error_with_its_code_and_words(make_robot):
    robot = make_robot(FakePipeline([MUG]))
    with (
        N3DClient(domain_id=robot.domain_id) as n3d,
        pytest.raises(RequestFailed, match="BAD_INPUT: words: .*florble") as failed,
    ):
        n3d.ground("florble")
    assert failed.value.code is ResultCode.BAD_INPUT


NAMES = ["the red mug", "florble", "the ball"]


def assert_each_name_has_an_outcome(found):
    said = [(one.words, one.code) for one in found.outcomes]
    assert said == list(zip(NAMES, [ResultCode.OK, ResultCode.BAD_INPUT, ResultCode.OK], strict=True))
    assert "florble" in found.outcomes[1].message
    assert [(box.label, box.words) for box in found.boxes] == [("red mug", one) for one in NAMES[::2]]
    assert [box.words for box in found.boxes_of("the ball")] == ["the ball"]
    with pytest.raises(RequestFailed, match="BAD_INPUT: .*florble"):
        found.boxes_of("florble")


def test_several_names_have_an_outcome_each(make_robot):
    told = []
    with N3DClient(domain_id=make_robot(FakePipeline([MUG])).domain_id) as n3d:
        found = n3d.ground(NAMES, on_box=told.append)
        assert_each_name_has_an_outcome(found)
        assert [box.words for box in told] == NAMES[::2]
        assert_each_name_has_an_outcome(asyncio.run(n3d.ground_async(NAMES)))
        [alone] = n3d.ground("the red mug").outcomes
    assert (alone.words, alone.code, alone.message) == ("the red mug", ResultCode.OK, "")


def test_streamed_names_end_with_those_that_could_not_be_looked_for(make_robot):
    with N3DClient(domain_id=make_robot(FakePipeline([MUG])).domain_id) as n3d:
        seen = []
        with pytest.raises(RequestFailed, match="BAD_INPUT: 'florble'") as failed:
            for box in n3d.boxes(NAMES):
                seen.append(box.words)
        assert seen == NAMES[::2]
        assert [one.code for one in failed.value.outcomes] == [0, 5, 0]


def test_a_fault_of_all_names_is_an_error_with_their_outcomes(make_robot):
    with N3DClient(domain_id=make_robot(FakePipeline([MUG])).domain_id) as n3d:
        with pytest.raises(RequestFailed, match="^BAD_INPUT") as failed:
            n3d.ground(["florble"])
        assert [(one.words, one.code) for one in failed.value.outcomes] == [("florble", ResultCode.BAD_INPUT)]
        # Boxes that could not be put into the frame are in the camera's, whatever was found.
        with pytest.raises(RequestFailed, match="^TF") as failed:
            n3d.ground(NAMES, frame="nowhere")
        assert len(failed.value.boxes) == 2


def test_a_stop_is_of_all_names(make_robot):
    gate = threading.Semaphore(2)
    robot = make_robot(FakePipeline([MUG], gate))
    with N3DClient(domain_id=robot.domain_id) as n3d:
        goal = n3d._ground(["the red mug", "the ball"], "", 0, 0, None)
        robot.graph.wait(lambda: len(robot.graph.pipeline.calls) == 2, "second name")
        goal.cancel()
        with pytest.raises(RequestFailed, match="^CANCELED") as failed:
            messages.found(goal.future.result(DEADLINE_S), every_name=False)
    assert [one.code for one in failed.value.outcomes] == [ResultCode.OK, ResultCode.CANCELED]


@pytest.mark.parametrize(("names", "said"), [([], "at least one name"), (["mug", "mug"], "each name once")])
def test_names_that_cannot_be_told_apart_are_refused(names, said, make_robot):
    robot = make_robot(FakePipeline([MUG]))
    with (
        N3DClient(domain_id=robot.domain_id) as n3d,
        pytest.raises(ValueError, match=f"words: expected {said}"),
    ):
        n3d.ground(names)


def test_what_was_found_is_recalled(make_robot):
    robot = make_robot(FakePipeline([MUG]), memory__enabled=True, memory__camera_is_still=True)
    with N3DClient(domain_id=robot.domain_id) as n3d:
        found = n3d.ground("the red mug")
        recalled = n3d.recall("where is the mug?")
        assert asyncio.run(n3d.recall_async("the ball")).boxes == ()
    [box] = recalled.boxes
    assert (box.label, box.words, box.gone_ns, box.num_looks) == ("red mug", ("the red mug",), None, 1)
    assert (box.center, box.size) == (pytest.approx(MUG.center), pytest.approx(MUG.size))
    assert (box.first_seen_ns, box.last_seen_ns) == (found.stamp_ns, found.stamp_ns)
    assert (recalled.frame, recalled.note) == (FRAME, "") and recalled.stamp_ns >= found.stamp_ns
    assert recalled.text.endswith(f"m in {FRAME}.")


def test_a_node_without_memory_refuses_to_recall(make_robot):
    robot = make_robot(FakePipeline([MUG]))
    with (
        N3DClient(domain_id=robot.domain_id) as n3d,
        pytest.raises(RequestFailed, match="BAD_INPUT: nothing is remembered: memory.enabled is false"),
    ):
        n3d.recall("the mug")


def test_too_late_says_so_and_stops_the_node(make_robot):
    robot = make_robot(FakePipeline([MUG], threading.Semaphore(0)))
    with N3DClient(domain_id=robot.domain_id, timeout_s=1.0) as n3d:
        # A busy machine takes longer than that to find the node.
        n3d._connection.action(Ground, "ground", DEADLINE_S)
        with pytest.raises(RequestFailed, match="TIMEOUT: expected a result within timeout_s = 1"):
            n3d.ground("the mug")
    robot.graph.wait(lambda: robot.graph.node.desk.codes["CANCELED"], "canceled goal")


def test_too_late_says_so_to_asyncio_too(make_robot):
    robot = make_robot(FakePipeline([MUG], threading.Semaphore(0)))
    with N3DClient(domain_id=robot.domain_id, timeout_s=1.0) as n3d:
        n3d._connection.action(Ground, "ground", DEADLINE_S)
        with pytest.raises(RequestFailed, match="within timeout_s = 1; the node's last word: "):
            asyncio.run(n3d.ground_async("the mug"))
    robot.graph.wait(lambda: robot.graph.node.desk.codes["CANCELED"], "canceled goal")


def test_too_late_tells_what_was_found_until_then(make_robot):
    gate = threading.Semaphore(0)
    robot = make_robot(FakePipeline([MUG, BOX], gate))
    with N3DClient(domain_id=robot.domain_id, timeout_s=1.0) as n3d:
        n3d._connection.action(Ground, "ground", DEADLINE_S)
        gate.release()
        with pytest.raises(RequestFailed, match="node's last word: ") as late:
            n3d.ground(["the mug"])
        gate.release()
        with pytest.raises(RequestFailed, match="node's last word: ") as in_asyncio:
            asyncio.run(n3d.ground_async("the mug"))
    assert [box.center for box in late.value.boxes] == [pytest.approx(MUG.center)]
    assert [one.words for one in late.value.outcomes] == ["the mug"]
    assert [box.center for box in in_asyncio.value.boxes] == [pytest.approx(MUG.center)]


def test_the_time_of_boxes_is_that_of_the_whole_request(make_robot, monkeypatch):
    gate, now_s = threading.Semaphore(1), [0.0]
    robot = make_robot(FakePipeline([MUG, BOX], gate))
    with N3DClient(domain_id=robot.domain_id, timeout_s=60.0) as n3d:
        n3d._connection.action(Ground, "ground", DEADLINE_S)
        monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
        boxes = n3d.boxes("the red mugs")
        assert next(boxes).center == pytest.approx(MUG.center)
        now_s[0] = 60.0
        with pytest.raises(RequestFailed, match="expected a result within timeout_s = 60") as late:
            next(boxes)
    assert [box.center for box in late.value.boxes] == [pytest.approx(MUG.center)]


def test_a_namespace_goes_before_that_of_the_program(make_robot, monkeypatch):
    robot = make_robot(FakePipeline([MUG]))
    launched = ["planner", "--ros-args", "-r", "__ns:=/other", "-r", "__node:=planner"]
    monkeypatch.setattr("sys.argv", launched)
    with N3DClient(namespace="/", domain_id=robot.domain_id, timeout_s=20.0) as n3d:
        assert n3d.info().state == "ready"
        assert n3d._connection._node.get_name() == "n3d_client"
    with (
        N3DClient(domain_id=robot.domain_id, timeout_s=0.1) as n3d,
        pytest.raises(NoNodeError, match="expected the service '/other/n3d/get_info'"),
    ):
        n3d.info()


def test_asyncio_awaits_several_at_once(make_robot):
    robot = make_robot(FakePipeline([MUG]))

    async def both(n3d):
        return await asyncio.gather(n3d.ground_async("the mug"), n3d.ask_async("How far is the mug?"))

    with N3DClient(domain_id=robot.domain_id) as n3d:
        found, answer = asyncio.run(both(n3d))
    assert len(found.boxes) == 1 and answer.value == 1.25


def test_of_a_hundred_that_end_at_once_each_is_told(make_graph):
    graph = make_graph(FakePipeline([MUG]), frame_timeout_s=1.0)

    async def all_of_them(n3d):
        return await asyncio.gather(
            *(n3d.ground_async("the mug") for _ in range(100)), return_exceptions=True
        )

    with N3DClient(timeout_s=10.0, domain_id=graph.context.get_domain_id()) as n3d:
        ends = asyncio.run(all_of_them(n3d))
    assert [one.code for one in ends] == [ResultCode.NO_FRAME] * 100


def test_a_cancelled_task_stops_the_node(make_robot):
    robot = make_robot(FakePipeline([MUG], threading.Semaphore(0)))

    async def cancelled(n3d):
        task = asyncio.create_task(n3d.ask_async("How far is the mug?"))
        while not robot.graph.pipeline.calls:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with N3DClient(domain_id=robot.domain_id) as n3d:
        asyncio.run(cancelled(n3d))
        robot.graph.wait(lambda: robot.graph.node.desk.codes["CANCELED"], "canceled goal")


def test_a_task_that_is_cancelled_before_the_node_is_there_leaves_it_no_goal(make_robot, monkeypatch):
    robot = make_robot(FakePipeline([MUG], threading.Semaphore(0)))
    waits, is_there = threading.Event(), threading.Event()

    async def cancelled(n3d):
        task = asyncio.create_task(n3d.ground_async("the mug"))
        await asyncio.to_thread(waits.wait, DEADLINE_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        is_there.set()

    with N3DClient(domain_id=robot.domain_id) as n3d:
        action = n3d._connection.action

        def late(*given):
            waits.set()
            assert is_there.wait(DEADLINE_S)
            return action(*given)

        monkeypatch.setattr(n3d._connection, "action", late)
        asyncio.run(cancelled(n3d))
        robot.graph.wait(lambda: robot.graph.node.desk.codes["CANCELED"], "canceled goal")


def test_a_correction_says_one_thing_and_needs_a_listener(make_robot):
    robot = make_robot(FakePipeline([MUG]))
    with N3DClient(domain_id=robot.domain_id) as n3d:
        found = n3d.ground("the mug")
    with N3DClient(domain_id=robot.domain_id, timeout_s=2.0) as n3d:
        for said in ({}, {"is_right": True, "boxes": ()}, {"boxes": (), "answer": "It is not there."}):
            with pytest.raises(ValueError, match="expected one of is_right, boxes and answer"):
                n3d.correct(found, **said)
        with pytest.raises(NoNodeError, match="expected a recorder that listens to '/n3d/correction'"):
            n3d.correct(found, is_right=False)


@pytest.mark.parametrize(
    ("said", "error", "message"),
    [
        ({"is_right": 2}, TypeError, "is_right: expected True or False, got 2"),
        ({"is_right": "no"}, TypeError, "is_right: expected True or False, got 'no'"),
        ({"is_right": []}, TypeError, "is_right: expected True or False, got "),
        ({"answer": "It is not there."}, ValueError, "answer: expected boxes of what words found"),
    ],
)
def test_a_correction_that_would_say_something_else_is_refused(said, error, message, make_robot):
    robot = make_robot(FakePipeline([MUG]))
    with N3DClient(domain_id=robot.domain_id) as n3d:
        with pytest.raises(error, match=message):
            n3d.correct(n3d.ground("the mug"), **said)
        with pytest.raises(TypeError, match="result: expected what ground or ask returned, got 5"):
            n3d.correct(5, is_right=True)


def test_the_node_says_what_it_runs(make_robot):
    robot = make_robot(FakePipeline([MUG]))
    with N3DClient(domain_id=robot.domain_id) as n3d:
        info = n3d.info()
    assert info.state == "ready" and info.backend == "fake" and "ground" in info.capabilities
    assert info.shared_with == ()


def test_closing_ends_the_thread_before_its_executor(make_robot, monkeypatch):
    """rclpy destroys in shutdown what a thread that still spins would wait for."""
    client = N3DClient(domain_id=make_robot(FakePipeline([MUG])).domain_id)
    thread, executor = client._connection._thread, client._connection._executor
    was_alive, shutdown = [], executor.shutdown
    monkeypatch.setattr(executor, "shutdown", lambda: was_alive.append(thread.is_alive()) or shutdown())
    client.close()
    assert was_alive == [False]


def test_goals_are_sent_and_canceled_in_the_thread_that_hears_their_answers(make_robot, monkeypatch):
    """Else an answer may come before its question was noted, and is dropped."""
    threads = []

    def noting(method):
        def call(self, *arguments, **options):
            threads.append(threading.current_thread().name)
            return method(self, *arguments, **options)

        return call

    monkeypatch.setattr(ActionClient, "send_goal_async", noting(ActionClient.send_goal_async))
    monkeypatch.setattr(ClientGoalHandle, "cancel_goal_async", noting(ClientGoalHandle.cancel_goal_async))
    robot = make_robot(FakePipeline([MUG, BOX], threading.Semaphore(1)))
    with N3DClient(domain_id=robot.domain_id) as n3d:
        boxes = n3d.boxes("the red mugs")
        next(boxes)
        boxes.close()
        robot.graph.wait(lambda: robot.graph.node.desk.codes["CANCELED"], "the cancel")
    assert threads == ["n3d_client"] * 2
