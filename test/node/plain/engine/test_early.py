"""A picture begins before its depth where that delays and loses nothing."""

import threading

import numpy as np
import pytest
from queues import alone

from n3d_ros.errors import BadInputError, ResultCode
from n3d_ros.node.plain.engine.early import PAUSE_FRAMES, EarlyStart

DEADLINE_S = 30.0


class Engine:
    """Notes what it is asked; a picture takes until the gate opens."""

    def __init__(self):
        self.calls, self.can = [], True
        self.begun, self.gate = threading.Event(), threading.Event()

    def start(self, rgb):
        self.begun.set()
        assert self.gate.wait(DEADLINE_S)
        self.calls.append(("start", int(rgb[0, 0, 0]), threading.current_thread().name[:10]))
        return self.can


@pytest.fixture
def engine():
    made = Engine()
    made.gate.set()
    return made


@pytest.fixture
def worker(engine):
    made = alone(lambda: engine, max_queued=2)
    made.loaded.result(DEADLINE_S)
    yield made
    engine.gate.set()
    made.stop()


@pytest.fixture
def early(worker):
    return EarlyStart(worker)


def picture(second):
    """Pixels that say which picture it is."""
    return np.full((2, 2, 3), second, np.uint8)


def try_start(early, second):
    return early.try_start(second, lambda: picture(second))


def begin(early, second):
    """Whether the picture was begun; it is through when this returns."""
    job = try_start(early, second)
    return job is not None and job.future.exception(DEADLINE_S) is None


def asked(worker, engine, name):
    return worker.submit(lambda _, job: engine.calls.append(name))


def names(engine):
    return [call if isinstance(call, str) else call[:2] for call in engine.calls]


def test_the_picture_begins_in_the_workers_thread_and_the_query_follows_it(early, worker, engine):
    assert begin(early, 1)
    early.frame_complete(1)
    asked(worker, engine, "query").future.result(DEADLINE_S)
    assert engine.calls == [("start", 1, "n3d-worker"), "query"]


def test_depth_that_stays_away_costs_one_picture(early, engine):
    assert begin(early, 1)
    assert not any(begin(early, second) for second in range(2, 20))
    assert names(engine) == [("start", 1)]


def test_after_a_newer_colour_image_was_complete_first_there_is_a_pause(early, engine):
    assert begin(early, 1)
    early.frame_complete(2)
    for second in range(3, 3 + PAUSE_FRAMES):
        assert not begin(early, second)
        early.frame_complete(second)
    assert begin(early, 90)
    assert names(engine) == [("start", 1), ("start", 90)]


def test_every_frame_whose_depth_comes_begins_early(early):
    for second in range(1, 5):
        assert begin(early, second)
        early.frame_complete(second)


def test_an_engine_that_cannot_is_asked_once(early, engine):
    engine.can = False
    for second in range(1, 4):
        begin(early, second)
        early.frame_complete(second)
    assert names(engine) == [("start", 1)]


def test_a_picture_that_cannot_be_used_is_a_typed_error_of_its_job(early, engine):
    def unusable():
        raise BadInputError("colour encoding")

    job = early.try_start(1, unusable)
    assert job.future.exception(DEADLINE_S).code == ResultCode.BAD_INPUT
    early.frame_complete(1)
    assert begin(early, 2)


def test_a_busy_worker_begins_no_picture_and_keeps_none(early, worker, engine):
    begun, gate = threading.Event(), threading.Event()
    running = worker.submit(lambda _, job: (begun.set(), gate.wait(DEADLINE_S)))
    assert begun.wait(DEADLINE_S)
    assert try_start(early, 1) is None
    gate.set()
    running.future.result(DEADLINE_S)
    asked(worker, engine, "query").future.result(DEADLINE_S)
    assert names(engine) == ["query"]
