"""A function over numbers on processes: every number once, errors as they are, a killed process named."""

import os
import signal
from functools import partial
from itertools import islice

import pytest

from n3d_ros.errors import CommandFailed
from n3d_ros.training.workers.processes import on_processes


def kill_if_one(number):
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_every_number_is_worked_on_once(workers):
    assert sorted(on_processes(partial(pow, 2), range(12), workers)) == [2**n for n in range(12)]


def test_one_worker_is_this_process_and_works_in_turn():
    seen = []
    assert next(on_processes(seen.append, range(5), 1)) is None
    assert seen == [0]


def test_no_more_is_handed_out_than_is_soon_worked_on(tmp_path):
    """Each number writes a file: when the results are taken no further, few are made in vain."""
    results = on_processes(partial(os.open, flags=os.O_CREAT), [], 2)
    assert list(results) == []
    names = [str(tmp_path / f"{n:02d}") for n in range(40)]
    taken = list(islice(on_processes(os.mkdir, names, 2), 2))
    assert taken == [None, None]
    assert len(list(tmp_path.iterdir())) < 20


def test_an_error_ends_the_work_as_it_was_raised():
    with pytest.raises(TypeError, match="unsupported operand"):
        list(on_processes(partial(pow, "a"), range(4), 2))


def test_a_killed_process_is_said():
    with pytest.raises(CommandFailed, match="one was killed"):
        list(on_processes(os._exit, [1, 2], 2))


def test_no_workers_are_refused():
    with pytest.raises(ValueError, match="workers: expected at least 1, got 0"):
        list(on_processes(abs, [1], 0))
