"""Jobs run one at a time, in order, and each future is completed exactly once."""

import gc
import threading
import time
import weakref
from functools import partial

import pytest
from queues import alone

from n3d_ros.errors import N3DError, ResultCode
from n3d_ros.node.plain.engine.worker import STOP_GRACE_S

DEADLINE_S = 30.0


@pytest.fixture
def gate():
    return threading.Event()


@pytest.fixture
def worker(gate):
    """Its engine is the string 'engine'; it is busy until the gate opens."""
    made = alone(lambda: "engine", max_queued=2)
    begun = threading.Event()
    made.submit(lambda engine, job: (begun.set(), gate.wait(DEADLINE_S)))
    assert begun.wait(DEADLINE_S)
    yield made
    gate.set()
    made.stop()


def code_of(job):
    error = job.future.exception(DEADLINE_S)
    assert isinstance(error, N3DError)
    return error.code


def test_requests_run_in_order_with_the_engine_and_before_continuous_work(worker, gate):
    order = []
    continuous = worker.offer(lambda engine, job: order.append("continuous"))
    jobs = [worker.submit(lambda engine, job, name=name: order.append((engine, name))) for name in "ab"]
    gate.set()
    for job in [*jobs, continuous]:
        job.future.result(DEADLINE_S)
    assert order == [("engine", "a"), ("engine", "b"), "continuous"]


def test_all_work_happens_in_one_thread_that_is_not_the_callers(worker, gate):
    jobs = [worker.submit(lambda engine, job: threading.get_ident()) for _ in range(2)]
    gate.set()
    threads = {job.future.result(DEADLINE_S) for job in jobs}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_newer_continuous_work_replaces_what_has_not_begun(worker, gate):
    jobs = [worker.offer(lambda engine, job, n=n: n) for n in range(3)]
    gate.set()
    assert jobs[2].future.result(DEADLINE_S) == 2
    assert [code_of(job) for job in jobs[:2]] == [ResultCode.SUPERSEDED] * 2
    assert worker.num_superseded == 2


def test_continuous_work_that_nobody_wants_any_more_gives_way_and_requests_stay(gate):
    worker = alone(lambda: "engine")
    begun, heard, is_asked = threading.Event(), threading.Event(), threading.Event()

    def look(_, job):
        begun.set()
        while not job.should_stop():
            time.sleep(0.001)
        heard.set()
        raise N3DError(job.stop_code, "stopped")

    looks = [worker.offer(look)]
    assert begun.wait(DEADLINE_S)
    looks.append(worker.offer(look))
    asked = worker.submit(lambda *_: (is_asked.set(), gate.wait(DEADLINE_S)))
    worker.forget_continuous()
    assert heard.wait(DEADLINE_S)
    codes = [job.future.exception(DEADLINE_S).code for job in looks]
    assert codes == [ResultCode.CANCELED, ResultCode.SUPERSEDED]
    assert is_asked.wait(DEADLINE_S)
    worker.forget_continuous()
    gate.set()
    assert asked.future.result(DEADLINE_S) == (None, True) and not asked.should_stop()
    worker.stop()


def test_a_full_queue_drops_the_request_that_waited_longest(worker, gate):
    jobs = [worker.submit(lambda engine, job, n=n: n) for n in range(3)]
    assert code_of(jobs[0]) == ResultCode.SUPERSEDED
    gate.set()
    assert [job.future.result(DEADLINE_S) for job in jobs[1:]] == [1, 2]


def test_cancel_ends_a_waiting_job_at_once_and_a_running_one_when_it_asks(worker, gate, monkeypatch):
    # what is not in time is another test's; a busy machine may need longer
    monkeypatch.setattr("n3d_ros.node.plain.engine.worker.CANCEL_GRACE_S", DEADLINE_S)
    waiting = worker.submit(lambda engine, job: "never")
    worker.cancel(waiting)
    assert code_of(waiting) == ResultCode.CANCELED
    begun, go_on = threading.Event(), threading.Event()
    running = worker.submit(lambda engine, job: (begun.set(), go_on.wait(DEADLINE_S), job.should_stop()))
    gate.set()
    assert begun.wait(DEADLINE_S)
    worker.cancel(running)
    go_on.set()
    assert running.future.result(DEADLINE_S)[-1] is True
    assert running.stop_code == ResultCode.CANCELED


def test_time_that_ran_out_while_waiting_is_a_timeout(worker, gate):
    late = worker.submit(lambda engine, job: "never", timeout_s=0.0)
    gate.set()
    assert code_of(late) == ResultCode.TIMEOUT


def test_an_exception_belongs_to_its_job_and_the_next_one_runs(worker, gate):
    broken = worker.submit(lambda engine, job: 1 // 0)
    fine = worker.submit(lambda engine, job: "fine")
    gate.set()
    assert isinstance(broken.future.exception(DEADLINE_S), ZeroDivisionError)
    assert fine.future.result(DEADLINE_S) == "fine"


def test_stop_cancels_what_waits_and_what_runs(worker, gate):
    waiting = worker.submit(lambda engine, job: "never")
    gate.set()
    worker.stop()
    assert waiting.future.done()
    assert worker.submit(lambda engine, job: "never").future.done() is False


def test_an_engine_that_does_not_load_fails_every_job_with_the_reason():
    def load():
        raise N3DError(ResultCode.BAD_INPUT, "no model there")

    worker = alone(load)
    job = worker.submit(lambda engine, job: "never")
    error = job.future.exception(DEADLINE_S)
    assert (error.code, error.message) == (ResultCode.BAD_INPUT, "the model did not load: no model there")
    assert worker.state == "failed: no model there"
    assert worker.engine is None
    worker.stop()


def test_jobs_wait_while_the_engine_loads():
    loaded = threading.Event()
    worker = alone(lambda: loaded.wait(DEADLINE_S) and "engine")
    job = worker.submit(lambda engine, job: engine)
    assert worker.state == "loading"
    assert not job.future.done()
    loaded.set()
    assert job.future.result(DEADLINE_S) == "engine"
    assert worker.state == "ready"
    worker.stop()


@pytest.fixture
def early(gate):
    """A worker in the midst of early work; it ends when the gate opens."""
    made, begun = alone(lambda: "engine", max_queued=1), threading.Event()
    made.loaded.result(DEADLINE_S)
    assert made.try_early(lambda engine, job: (begun.set(), gate.wait(DEADLINE_S)))
    assert begun.wait(DEADLINE_S)
    yield made
    gate.set()
    made.stop()


def test_early_work_runs_only_where_the_worker_is_ready_and_idle(worker, gate):
    assert worker.try_early(lambda engine, job: "never") is None, "busy"
    gate.set()
    worker.stop()
    assert worker.try_early(lambda engine, job: "never") is None, "stopped"
    loaded = threading.Event()
    loading = alone(lambda: loaded.wait(DEADLINE_S))
    assert loading.try_early(lambda engine, job: "never") is None, "loading"
    loaded.set()
    loading.stop()


def test_continuous_work_that_comes_during_early_work_has_its_turn_as_if_it_had_begun(early, gate):
    jobs = [early.offer(lambda engine, job, n=n: n) for n in range(3)]
    gate.set()
    assert [jobs[n].future.result(DEADLINE_S) for n in (0, 2)] == [0, 2]
    assert (code_of(jobs[1]), early.num_superseded) == (ResultCode.SUPERSEDED, 1)


def test_early_work_takes_no_place_of_the_queue_and_changes_no_order(early, gate):
    order = []
    jobs = [early.submit(lambda engine, job, n=n: order.append(n)) for n in range(3)]
    assert code_of(jobs[1]) == ResultCode.SUPERSEDED, "one runs next, one waits: the same as without"
    gate.set()
    jobs[2].future.result(DEADLINE_S)
    assert order == [0, 2]


def test_what_waits_for_early_work_is_canceled_at_once_and_nothing_jumps_the_queue(early, gate):
    order = []
    first, second = (early.submit(lambda engine, job, n=n: order.append(n)) for n in range(2))
    early.cancel(first)
    assert code_of(first) == ResultCode.CANCELED
    continuous = early.offer(lambda engine, job: order.append("continuous"))
    gate.set()
    for job in (second, continuous):
        job.future.result(DEADLINE_S)
    assert order == [1, "continuous"]


def test_stop_ends_what_waits_for_early_work(early, gate):
    waiting = early.submit(lambda engine, job: "never")
    waiting.future.add_done_callback(lambda _: gate.set())
    early.stop()
    assert code_of(waiting) == ResultCode.CANCELED


def test_stop_cancels_the_job_that_runs():
    worker, begun, deadline = alone(lambda: "engine"), threading.Event(), threading.Event()

    def until_told(engine, job):
        begun.set()
        while not job.should_stop() and not deadline.wait(0.001):
            pass
        return job.stop_code

    timer = threading.Timer(DEADLINE_S, deadline.set)
    timer.start()
    job = worker.submit(until_told)
    assert begun.wait(DEADLINE_S)
    worker.stop()
    timer.cancel()
    assert job.future.result(DEADLINE_S) == ResultCode.CANCELED


def test_a_job_that_waits_beyond_its_deadline_ends_while_the_engine_is_busy(worker):
    jobs = [
        worker.submit(lambda engine, job: "never", timeout_s=60.0),
        worker.offer(lambda *_: "never", 60.0),
    ]
    worker.expire(time.monotonic())
    assert not any(job.future.done() for job in jobs)
    worker.expire(time.monotonic() + 61.0)
    assert [code_of(job) for job in jobs] == [ResultCode.TIMEOUT] * 2


@pytest.mark.parametrize("code", [ResultCode.TIMEOUT, ResultCode.CANCELED])
def test_an_engine_that_does_not_stop_is_not_waited_for(worker, gate, code):
    begun, go_on = threading.Event(), threading.Event()
    stuck = worker.submit(lambda *_: (begun.set(), go_on.wait(DEADLINE_S), "late")[-1], timeout_s=60.0)
    gate.set()
    assert begun.wait(DEADLINE_S)
    now_s = stuck.deadline_s
    if code == ResultCode.CANCELED:
        worker.cancel(stuck)
        now_s = time.monotonic()
    worker.expire(now_s)
    assert not stuck.future.done(), "it may still end by itself, with what it has found"
    worker.expire(now_s + STOP_GRACE_S + 1.0)
    assert code_of(stuck) == code
    assert worker.hangs_s(now_s) == 0.0
    assert worker.hangs_s(now_s + 10.0) == pytest.approx(10.0, abs=1.0)
    following = worker.submit(lambda *_: "fine")
    go_on.set()
    assert following.future.result(DEADLINE_S) == "fine", "what came too late is dropped"
    assert worker.hangs_s(now_s + 10.0) == 0.0


def test_a_job_ends_between_its_stages(worker, gate):
    begun, go_on = threading.Event(), threading.Event()

    def stages(engine, job):
        begun.set()
        assert go_on.wait(DEADLINE_S)
        job.check()
        return "never"

    job = worker.submit(stages)
    gate.set()
    assert begun.wait(DEADLINE_S)
    worker.cancel(job)
    go_on.set()
    assert code_of(job) == ResultCode.CANCELED


def test_stop_waits_only_as_long_as_it_is_told_to(worker, gate):
    worker.stop(timeout_s=0.0)
    assert worker.is_running
    gate.set()
    worker.stop()
    assert not worker.is_running


def test_an_engine_that_fails_to_load_for_an_unforeseen_reason_is_a_defect():
    def load():
        raise ZeroDivisionError("in the engine")

    worker = alone(load)
    assert code_of(worker.submit(lambda *_: "never")) == ResultCode.INTERNAL
    worker.stop()


def wait_until(condition):
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s


def settling(gate):
    """Work that leaves something to be waited for until the gate opens."""

    def work(_, job):
        job.settle = lambda: gate.wait(DEADLINE_S)
        return "settled"

    return work


def test_what_needs_no_engine_is_waited_for_without_it_and_the_order_stays(worker, gate):
    waited_for, order = threading.Event(), []
    first, second = worker.submit(settling(waited_for)), worker.submit(lambda *_: "second")
    ran = worker.offer(lambda *_: order.append("the engine is free"))
    for job in (first, second):
        job.future.add_done_callback(lambda done: order.append(done.result()))
    gate.set()
    while not order:
        assert not first.future.done() and not second.future.done()
    waited_for.set()
    ran.future.result(DEADLINE_S)
    assert order == ["the engine is free", "settled", "second"]


def test_work_that_fails_behind_one_that_is_waited_for_fails_as_ever(worker, gate):
    waited_for = threading.Event()
    first, broken = worker.submit(settling(waited_for)), worker.submit(lambda *_: 1 // 0)
    gate.set()
    waited_for.set()
    assert isinstance(broken.future.exception(DEADLINE_S), ZeroDivisionError)
    assert first.future.result(DEADLINE_S) == "settled"


def test_an_error_of_what_was_waited_for_is_the_jobs(worker, gate):
    def work(_, job):
        job.settle = lambda: 1 // 0

    jobs = [worker.submit(work), worker.submit(lambda *_: "fine")]
    gate.set()
    assert isinstance(jobs[0].future.exception(DEADLINE_S), ZeroDivisionError)
    assert jobs[1].future.result(DEADLINE_S) == "fine"


def test_a_job_that_was_waited_for_is_freed_without_the_collector(worker, gate):
    def work(_, job):
        job.settle = partial(bool, job.should_stop)

    gc.disable()
    job = worker.submit(work)
    gate.set()
    job.future.result(DEADLINE_S)
    kept, end_s = weakref.ref(job), time.monotonic() + DEADLINE_S
    del job
    while kept() is not None and time.monotonic() < end_s:
        pass
    gc.enable()
    assert kept() is None


def test_a_cancel_of_what_waits_behind_another_one_does_not_blame_the_engine(worker, gate):
    waited_for = threading.Event()
    first, second = worker.submit(settling(waited_for)), worker.submit(lambda *_: "second")
    gate.set()
    wait_until(lambda: len(worker._unsettled) >= 2)
    worker.cancel(second)
    assert code_of(second) == ResultCode.CANCELED
    assert second.future.exception().message == "canceled while its result waited for earlier ones"
    waited_for.set()
    assert first.future.result(DEADLINE_S) == "settled"


def test_continuous_work_that_nobody_wants_any_more_is_not_waited_for(worker, gate):
    def work(_, job):
        job.settle = lambda: wait_until(job.should_stop)

    job = worker.offer(work)
    gate.set()
    wait_until(lambda: worker._unsettled)
    worker.forget_continuous()
    job.future.result(DEADLINE_S)
    assert job.stop_code == ResultCode.CANCELED


def test_stop_ends_what_is_still_waited_for(worker, gate):
    def work(_, job):
        job.settle = lambda: ended.append(until(job.should_stop))
        return "settled"

    def until(condition):
        end_s = time.monotonic() + DEADLINE_S
        while not condition() and time.monotonic() < end_s:
            pass
        return condition()

    ended = []
    job, after = worker.submit(work), worker.submit(lambda *_: gate.set())
    gate.set()
    assert until(lambda: worker._unsettled)
    worker.stop()
    assert ended == [True] and job.future.result(DEADLINE_S) == "settled"
    assert after.future.done()


def test_urgent_requests_run_first_and_equals_in_their_order(worker, gate):
    worker.max_queued, order = 9, []
    jobs = [
        worker.submit(lambda engine, job, name=name: order.append(name), priority=priority)
        for name, priority in (("a", 0), ("low", -1), ("b", 0), ("high", 1), ("c", 0))
    ]
    gate.set()
    for job in jobs:
        job.future.result(DEADLINE_S)
    assert order == ["high", "a", "b", "c", "low"]


def test_the_least_urgent_gives_way_even_when_it_is_the_newest(worker):
    first, second = (worker.submit(lambda engine, job: None, priority=1) for _ in range(2))
    late = worker.submit(lambda engine, job: None, priority=0)
    assert code_of(late) == ResultCode.SUPERSEDED
    assert not first.future.done() and not second.future.done()


def test_a_cancel_does_not_wait_for_an_engine_that_does_not_hear_it(worker):
    running = worker._running
    worker.cancel(running)
    assert code_of(running) == ResultCode.CANCELED
