"""A function over numbers, as tasks of a Ray cluster.

In: a function that can be pickled, numbers, and the address of a cluster or none. Out: its results as they
come, in any order. It does not know what the function does, only that it may be called again with the same
number: a worker that dies loses its number, which Ray gives to another one
(docs.ray.io/en/latest/ray-core/fault_tolerance/tasks.html).

Tasks and not Ray Data: a shard is already the unit that is made whole or not at all, told of by one ledger
entry. Ray Data cuts its input into blocks of its own, carries rows through its object store, and what its
writers leave after a retry is files beside each other, of which no ledger knows which count.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import cv2

from n3d_ros.child_process import package_environment
from n3d_ros.errors import CommandFailed
from n3d_ros.plain_text import one_line

Result = TypeVar("Result")
# Of a cluster that is started for this run alone: results are a line each. Ray's own minimum is 75 MB.
LOCAL_STORE_BYTES = 80 * 1024 * 1024
# Of a number whose worker died: a machine may go, but a shard that kills every worker must end the run.
RETRIES = 3
CONNECT_S = 10.0


def on_ray(
    make: Callable[[int], Result],
    numbers: Sequence[int],
    workers: int | None = None,
    address: str | None = None,
) -> Iterator[Result]:
    """workers: numbers worked on at a time, None for as many as the cluster has cores.

    address: of a running cluster, whose Python has this package; None for RAY_ADDRESS, and where that is not
    set for a cluster of `workers` processes on this machine, which ends with the work. Every machine must see
    this process's folder under the same path. What `make` raises ends the work; CommandFailed where no
    cluster answers, or workers die again and again.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers: expected at least 1, got {workers}")
    if not numbers:
        return
    ray = _connected(workers, address or os.environ.get("RAY_ADDRESS"))
    try:
        most = workers or int(ray.cluster_resources().get("CPU", 1))
        yield from _results(ray, make, numbers, most)
    finally:
        ray.shutdown()


def _connected(workers: int | None, address: str | None) -> Any:
    """Ray, with a cluster behind it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported unless the user wants it
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address is not None:
        _check_answers(address)
    else:
        # Ray's own workers step back behind everything else on the machine (niceness 15)
        os.environ.setdefault("RAY_worker_niceness", "0")
        own = {"PYTHONPATH": package_environment()["PYTHONPATH"]}
        quiet |= {"include_dashboard": False, "runtime_env": {"env_vars": own}}
        quiet |= {"num_cpus": workers, "object_store_memory": LOCAL_STORE_BYTES}
    ray.init(address or "local", **quiet)
    return ray


def _check_answers(address: str) -> None:
    """Ray itself tries for minutes. Addresses of another form than HOST:PORT are left to it."""
    host, _, port = address.rpartition(":")
    if not port.isdigit() or "/" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        raise CommandFailed(f"expected a Ray cluster at {address}, got {error}") from error


def _results(
    ray: Any, make: Callable[[int], Result], numbers: Sequence[int], workers: int
) -> Iterator[Result]:
    """No more numbers are handed out than are worked on: little is made in vain when the work is stopped."""
    shared, folder = ray.put(make), str(Path.cwd())
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(_run_there)
    left = iter(numbers)
    pending = [task.remote(shared, number, folder) for number in islice(left, workers)]
    try:
        while pending:
            done, pending = ray.wait(pending)
            pending += [task.remote(shared, number, folder) for number in islice(left, len(done))]
            yield from (_result(ray, one) for one in done)
    finally:
        for one in pending:
            ray.cancel(one)


def _result(ray: Any, reference: Any) -> Any:
    """What a task gave; what it raised is raised here as it was there."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        said = one_line(str(error), 300)
        raise CommandFailed(f"expected workers that live, got {said}; begin again to go on") from error


def _run_there(make: Callable[[int], Result], number: int, folder: str) -> Result:
    """In a worker: in the folder of the process that began, with one thread a task."""
    if not Path(folder).is_dir():
        raise FileNotFoundError(
            f"'{folder}': expected on every machine of the cluster, not on {socket.gethostname()}"
        )
    os.chdir(folder)
    cv2.setNumThreads(1)
    return make(number)
