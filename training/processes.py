"""Work that is spread over processes of this machine.

In: a function and its items. Out: its results as they are done. It does not know what is worked on. A worker
ends with its parent, whatever ended that.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

import cv2

Item = TypeVar("Item")
Result = TypeVar("Result")


def spread(work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    """Results in the order in which they are done; with one worker in this process, one after another.

    An error of one item ends the others that have not begun, and is raised.
    """
    if workers < 1:
        raise ValueError(f"workers: expected at least 1, got {workers}")
    workers = min(workers, len(items))
    if workers <= 1:
        yield from map(work, items)
        return
    spawn = multiprocessing.get_context("spawn")  # a forked process would share locks of other threads
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_start_worker)
    try:
        for future in as_completed([pool.submit(work, item) for item in items]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    cv2.setNumThreads(1)  # there is a process for every core already
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed waits for work for ever otherwise."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
