"""A function over numbers or other items, on several processes of this machine.

In: a function and items that can be pickled. Out: its results as they come, in any order. It does not know
what the function does; an error in it ends the work, as does a process that dies (CommandFailed).
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

import cv2

from n3d_ros.errors import CommandFailed

Item = TypeVar("Item")
Result = TypeVar("Result")
# Items handed out per process beyond the one that it works on: enough that none waits, few enough that
# little is made in vain when the work is stopped.
AHEAD = 2


def on_processes(make: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    """One worker is this very process. ValueError for fewer."""
    if workers < 1:
        raise ValueError(f"workers: expected at least 1, got {workers}")
    workers = min(workers, len(items))
    if workers <= 1:
        yield from map(make, items)
        return
    spawn = multiprocessing.get_context("spawn")  # a forked process would share locks of OpenCV's threads
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_start_worker)
    try:
        yield from _results(pool, make, items, workers * AHEAD)
    except BrokenProcessPool as error:
        raise CommandFailed(
            "expected all processes to live, one was killed; run it again to go on"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _results(
    pool: ProcessPoolExecutor, make: Callable[[Item], Result], items: Sequence[Item], most: int
) -> Iterator[Result]:
    left = iter(items)
    pending: set[Future[Result]] = {pool.submit(make, item) for item in islice(left, most)}
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        pending |= {pool.submit(make, item) for item in islice(left, len(done))}
        for future in done:
            yield future.result()


def _start_worker() -> None:
    cv2.setNumThreads(1)  # there is a process for every core already
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed waits for work for ever otherwise."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
