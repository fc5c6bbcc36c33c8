"""Several queues share an engine: it is loaded once, served in turns, and one's end is nobody else's."""

import threading
import time
import weakref

import pytest
from queues import sharing

from n3d_ros.errors import N3DError, ResultCode
from n3d_ros.node.plain.engine.thread import GIVEN_UP_S, Engines
from n3d_ros.node.plain.engine.worker import STOP_GRACE_S

DEADLINE_S = 30.0


class Engine:
    """What is loaded."""


@pytest.fixture
def loads():
    """What was loaded, in order."""
    return []


@pytest.fixture
def engines(loads):
    """Each wanted thing is an engine of its own."""
    return Engines(lambda wanted: loads.append(wanted) or Engine(), lambda wanted: wanted)


@pytest.fixture
def pair(engines):
    """Two queues before one engine, and an event that opens the gate at which it stands."""
    gate, begun = threading.Event(), threading.Event()
    front, left = sharing(engines, "front", max_queued=3), sharing(engines, "left", max_queued=3)
    front.submit(lambda *_: (begun.set(), gate.wait(DEADLINE_S)))
    assert begun.wait(DEADLINE_S)
    yield front, left, gate
    gate.set()
    front.stop()
    left.stop()


def code_of(job):
    error = job.future.exception(DEADLINE_S)
    assert isinstance(error, N3DError)
    return error.code


def done(*jobs):
    for job in jobs:
        job.future.exception(DEADLINE_S)


def test_who_wants_the_same_gets_the_same_and_it_is_loaded_once(engines, loads):
    front, left, rear = (sharing(engines, name, wanted="nano") for name in ("front", "left", "rear"))
    got = [one.submit(lambda engine, _: engine).future.result(DEADLINE_S) for one in (front, left, rear)]
    assert got[0] is got[1] is got[2]
    assert (loads, front.shared_with, engines.others("nano")) == (["nano"], ["left", "rear"], [])
    for one in (front, left, rear):
        one.stop()


def test_who_wants_another_gets_another_and_is_told_of_the_rest(engines, loads):
    front, left = sharing(engines, "front", wanted="nano"), sharing(engines, "left", wanted="large")
    got = [one.submit(lambda engine, _: engine).future.result(DEADLINE_S) for one in (front, left)]
    assert got[0] is not got[1]
    assert (sorted(loads), front.shared_with) == (["large", "nano"], [])
    assert (engines.others("nano"), engines.others("large")) == (["left"], ["front"])
    front.stop()
    left.stop()


def test_one_who_asks_and_asks_cannot_keep_the_other_from_its_turn(pair):
    front, left, gate = pair
    order = []
    jobs = [front.submit(lambda *_, n=n: order.append(f"front {n}")) for n in range(3)]
    jobs += [left.submit(lambda *_, n=n: order.append(f"left {n}")) for n in range(2)]
    gate.set()
    done(*jobs)
    assert order == ["left 0", "front 0", "left 1", "front 1", "front 2"]


def test_an_urgent_request_overtakes_those_of_all_others(pair):
    front, left, gate = pair
    order = []
    jobs = [left.submit(lambda *_: order.append("left")), front.submit(lambda *_: order.append("front"))]
    jobs.append(front.submit(lambda *_: order.append("urgent"), priority=1))
    gate.set()
    done(*jobs)
    assert order == ["urgent", "left", "front"]


def test_continuous_work_waits_for_everybodys_requests_and_takes_turns_with_the_others(pair):
    front, left, gate = pair
    order = []

    def again(queue, name, times):
        def work(*_):
            order.append(name)
            if times > 1:
                again(queue, name, times - 1)

        jobs.append(queue.offer(work))

    jobs = []
    again(left, "left sees", 3)
    again(front, "front sees", 3)
    asked = front.submit(lambda *_: order.append("front is asked"))
    gate.set()
    done(asked)
    while len(jobs) < 6 or not all(job.future.done() for job in jobs):
        done(*jobs)
    assert order == ["front is asked", *["left sees", "front sees"] * 3]


def test_a_queue_that_was_told_to_stop_takes_no_turn(pair):
    front, left, gate = pair
    left.begin_stop()
    late, other = left.submit(lambda *_: "never"), front.submit(lambda *_: "fine")
    gate.set()
    assert other.future.result(DEADLINE_S) == "fine"
    assert not late.future.done()


def test_each_keeps_its_newest_continuous_work(pair):
    front, left, gate = pair
    jobs = [queue.offer(lambda *_, n=n: n) for n in range(2) for queue in (front, left)]
    gate.set()
    assert [job.future.result(DEADLINE_S) for job in jobs[2:]] == [1, 1]
    assert [code_of(job) for job in jobs[:2]] == [ResultCode.SUPERSEDED] * 2


def test_a_full_queue_costs_its_own_requests_alone(pair):
    front, left, gate = pair
    asked = left.submit(lambda *_: "answered")
    flood = [front.submit(lambda *_, n=n: n) for n in range(9)]
    gate.set()
    assert asked.future.result(DEADLINE_S) == "answered"
    assert [code_of(job) for job in flood[:6]] == [ResultCode.SUPERSEDED] * 6
    assert (front.num_superseded, left.num_superseded) == (6, 0)


@pytest.mark.parametrize("end", ["forget_continuous", "begin_stop", "stop", "expire"])
def test_what_ends_one_queue_leaves_the_work_of_the_other_as_it_was(engines, end):
    front, left = sharing(engines, "front"), sharing(engines, "left")
    begun, gate = threading.Event(), threading.Event()
    running = left.submit(lambda _, job: (begun.set(), gate.wait(DEADLINE_S), job.should_stop()), 60.0)
    assert begun.wait(DEADLINE_S)
    waiting, seeing = left.submit(lambda *_: "waited", 60.0), left.offer(lambda *_: "seen", 60.0)
    own = front.submit(lambda *_: "never", 60.0)
    getattr(front, end)(*([time.monotonic() + 90.0] if end == "expire" else []))
    assert own.future.done() == (end != "forget_continuous")
    assert not any(job.future.done() for job in (running, waiting, seeing))
    gate.set()
    assert running.future.result(DEADLINE_S)[-1] is False
    assert [job.future.result(DEADLINE_S) for job in (waiting, seeing)] == ["waited", "seen"]
    front.stop()
    left.stop()


def test_a_job_that_fails_fails_alone(pair):
    front, left, gate = pair
    broken, fine = front.submit(lambda *_: 1 // 0), left.submit(lambda *_: "fine")
    gate.set()
    assert isinstance(broken.future.exception(DEADLINE_S), ZeroDivisionError)
    assert fine.future.result(DEADLINE_S) == "fine"


def test_an_engine_that_hangs_with_ones_job_is_told_to_the_other(pair):
    front, left, gate = pair
    stuck = front._running
    stuck.deadline_s = time.monotonic()
    waiting = left.submit(lambda *_: "never", timeout_s=5.0)
    now_s = time.monotonic() + 6.0
    assert left.hangs_s(now_s) > STOP_GRACE_S and front.hangs_s(now_s) > STOP_GRACE_S
    assert (left.held_up_by(), front.held_up_by()) == ("front", "")
    left.expire(now_s)
    assert not stuck.future.done(), "left answers for its own alone"
    front.expire(now_s)
    assert (code_of(stuck), code_of(waiting)) == (ResultCode.TIMEOUT, ResultCode.TIMEOUT)
    why = "its time was up while it waited for the engine, which hangs with a request to front"
    assert waiting.future.exception().message == why
    following = left.submit(lambda *_: "fine")
    gate.set()
    assert following.future.result(DEADLINE_S) == "fine"


def hang(queue, overdue_s):
    """What runs of it should have stopped that long ago."""
    queue._running.deadline_s = time.monotonic() - overdue_s


def engine_of(queue):
    return queue.submit(lambda engine, _: engine).future.result(DEADLINE_S)


def test_who_joins_while_the_engine_hangs_gets_one_loaded_anew_and_those_who_stay_are_told(
    engines, pair, loads
):
    front, left, gate = pair
    hung, waiting = left.engine, left.submit(lambda engine, _: engine)
    hang(front, GIVEN_UP_S + 1.0)
    front.stop(timeout_s=0.0)
    again, rear = sharing(engines, "front"), sharing(engines, "rear")
    assert engine_of(again) is engine_of(rear) is not hung
    assert (len(loads), again.shared_with, left.shared_with) == (2, ["rear"], [])
    assert (left.loaded_anew_by, again.loaded_anew_by) == (["front", "rear"], [])
    assert (engines.given_up(None, again), engines.others(None)) == (["left"], [])
    gate.set()
    assert waiting.future.result(DEADLINE_S) is hung, "what hung serves those who stayed"
    left.stop()
    after = sharing(engines, "left")
    assert engine_of(after) is engine_of(again) and len(loads) == 2
    for one in (again, rear, after):
        one.stop()


def test_an_engine_that_may_still_stop_is_not_loaded_twice(engines, pair, loads):
    front, left, gate = pair
    hang(front, GIVEN_UP_S - 5.0)
    front.stop(timeout_s=0.0)
    again = sharing(engines, "front")
    gate.set()
    assert engine_of(again) is engine_of(left)
    assert (len(loads), again.shared_with, left.loaded_anew_by) == (1, ["left"], [])
    again.stop()


def test_an_engine_that_hung_and_goes_on_is_shared_again(engines, pair, loads):
    front, left, gate = pair
    hang(front, GIVEN_UP_S + 1.0)
    front.stop(timeout_s=0.0)
    alone = sharing(engines, "front")
    assert engine_of(alone) is not left.engine
    gate.set()
    engine_of(left)
    newest = sharing(engines, "rear")
    assert newest.shared_with == ["front"], "so that the other one loses its members in time"
    newest.stop()
    alone.stop()
    again = sharing(engines, "front")
    assert engine_of(again) is engine_of(left)
    assert (len(loads), left.loaded_anew_by) == (2, [])
    again.stop()


@pytest.fixture
def stuck_load(loads):
    """Engines of which the first hangs while it loads, until the event is set."""
    gate = threading.Event()

    def load(wanted):
        loads.append(wanted)
        if len(loads) == 1:
            gate.wait(DEADLINE_S)
        return Engine()

    yield Engines(load, lambda wanted: wanted), gate
    gate.set()


def test_who_joins_an_engine_that_loads_for_too_long_gets_another_and_those_who_stay_are_told(
    stuck_load, loads
):
    engines, gate = stuck_load
    front = sharing(engines, "front", load_timeout_s=60.0)
    patient = sharing(engines, "patient", load_timeout_s=60.0)
    left = sharing(engines, "left", load_timeout_s=0.0)
    assert engine_of(left) is not None and front.state == patient.state == "loading"
    assert (len(loads), left.shared_with, patient.shared_with) == (2, [], ["front"])
    assert (engines.given_up(None, left), front.loaded_anew_by) == (["front", "patient"], ["left"])
    rear = sharing(engines, "rear", load_timeout_s=0.0)
    assert engine_of(rear) is engine_of(left), "which is loaded, however impatient who joins"
    waiting = front.submit(lambda engine, _: engine)
    gate.set()
    assert waiting.future.result(DEADLINE_S) is front.engine is not left.engine
    for one in (front, patient, left, rear):
        one.stop()


def test_an_engine_that_loads_for_too_long_is_said_to_and_requests_say_what_they_waited_for(stuck_load):
    engines, gate = stuck_load
    queue, now_s = sharing(engines, "front", load_timeout_s=60.0), time.monotonic()
    assert queue.loads_late(now_s) == ""
    assert queue.loads_late(now_s + 90.0) == "loading for 90 s, expected at most 60 s"
    waiting = queue.submit(lambda *_: "never", timeout_s=5.0)
    queue.expire(now_s + 90.0)
    assert code_of(waiting) == ResultCode.TIMEOUT
    said = "its time was up while it waited for the engine, which has been loading for 90 s"
    assert waiting.future.exception().message == said
    gate.set()
    queue.loaded.result(DEADLINE_S)
    assert queue.loads_late(now_s + 90.0) == ""
    queue.stop()


def test_who_leaves_while_its_job_runs_waits_for_it_no_longer_than_it_was_told(pair):
    front, left, gate = pair
    stuck, waiting = front._running, left.submit(lambda *_: "fine")
    front.stop(timeout_s=0.0)
    assert code_of(stuck) == ResultCode.CANCELED
    assert not front.is_running, "the engine is the other one's now"
    gate.set()
    assert waiting.future.result(DEADLINE_S) == "fine"


def test_an_engine_that_does_not_load_is_told_to_all_and_who_comes_later_tries_anew(loads):
    def load(wanted):
        loads.append(wanted)
        assert gate.wait(DEADLINE_S)
        if len(loads) == 1:
            raise N3DError(ResultCode.OOM, "no room")
        return Engine()

    gate, engines = threading.Event(), Engines(load, lambda wanted: wanted)
    both = sharing(engines, "front"), sharing(engines, "left")
    jobs = [one.submit(lambda *_: "never") for one in both]
    gate.set()
    assert [code_of(job) for job in jobs] == [ResultCode.OOM] * 2
    assert [one.state for one in both] == ["failed: no room"] * 2
    again = sharing(engines, "front")
    assert again.submit(lambda *_: "fine").future.result(DEADLINE_S) == "fine"
    for one in (*both, again):
        one.stop()


def test_the_engine_is_freed_when_the_last_has_left_and_loaded_anew_for_the_next(engines, loads):
    front, left = sharing(engines, "front"), sharing(engines, "left")
    engine = weakref.ref(front.submit(lambda engine, _: engine).future.result(DEADLINE_S))
    left.submit(lambda *_: None).future.result(DEADLINE_S)
    front.stop()
    assert engine() is not None and left.submit(lambda *_: "fine").future.result(DEADLINE_S) == "fine"
    left.stop()
    assert engine() is None
    after = sharing(engines, "after")
    assert after.submit(lambda *_: "fine").future.result(DEADLINE_S) == "fine"
    assert len(loads) == 2
    after.stop()


def test_one_who_left_before_the_engine_was_loaded_is_told_nothing_of_it():
    gate, told = threading.Event(), []
    engines = Engines(lambda _: gate.wait(DEADLINE_S), lambda wanted: wanted)
    front, left = sharing(engines, "front"), sharing(engines, "left")
    front.stop()
    front.loaded.add_done_callback(lambda loaded: told.append(loaded.cancelled()))
    gate.set()
    left.loaded.result(DEADLINE_S)
    assert told == [True]
    left.stop()


def test_early_work_of_one_costs_the_other_no_turn(engines):
    front, left = sharing(engines, "front"), sharing(engines, "left")
    begun, gate, order = threading.Event(), threading.Event(), []
    front.loaded.result(DEADLINE_S)
    assert front.try_early(lambda *_: (begun.set(), gate.wait(DEADLINE_S)))
    assert begun.wait(DEADLINE_S)
    assert left.try_early(lambda *_: "never") is None
    jobs = [left.offer(lambda *_: order.append("left")), front.submit(lambda *_: order.append("front"))]
    assert front.try_early(lambda *_: "never") is None
    gate.set()
    done(*jobs)
    assert order == ["left", "front"], "left's would have run at once without early work"
    front.stop()
    left.stop()
