"""A function over numbers on processes: every number once, errors as they are, a killed process named."""

import os
from functools import partial

import pytest

from n3d_ros.errors import CommandFailed
from n3d_ros.training.workers.processes import on_processes


@pytest.mark.parametrize("workers", [1, 2])
def test_every_number_is_worked_on_once(workers):
    assert sorted(on_processes(partial(pow, 2), range(12), workers)) == [2**n for n in range(12)]


def test_one_worker_is_this_process_and_works_in_turn():
    seen = []
    assert next(on_processes(seen.append, range(5), 1)) is None
    assert seen == [0]


class Told(list):
    """Counts the items that were taken of it."""

    taken = 0

    def __iter__(self):
        for item in super().__iter__():
            self.taken += 1
            yield item


def test_no_more_is_handed_out_than_is_soon_worked_on():
    items = Told(range(100))
    results = on_processes(abs, items, 2)
    assert next(results) in (0, 1, 2, 3)
    assert items.taken <= 4 + 4  # two ahead for each worker, and as many again for those that are done
    assert sorted([0, *results])[-1] == 99 and items.taken == 100


def test_no_items_need_no_process():
    assert list(on_processes(abs, [], 2)) == []


def test_an_error_ends_the_work_as_it_was_raised():
    with pytest.raises(TypeError, match="unsupported operand"):
        list(on_processes(partial(pow, "a"), range(4), 2))


def test_a_killed_process_is_said():
    with pytest.raises(CommandFailed, match="one was killed"):
        list(on_processes(os._exit, [1, 2], 2))


def test_no_workers_are_refused():
    with pytest.raises(ValueError, match="workers: expected at least 1, got 0"):
        list(on_processes(abs, [1], 0))
