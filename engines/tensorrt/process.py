"""One engine, built in a process of its own: all its memory is given back before the next one begins.

In: what `build_network` builds. Out: the engine's bytes, progress on the way, errors as they were raised, and
an OutOfMemoryError when the system killed the process. The process ends with this one, however that ends.
"""

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final

from n3d_ros.engines.tensorrt.network import BuildProgress, BuildRequest, build_engine
from n3d_ros.errors import EngineError, N3DError, OutOfMemoryError
from n3d_ros.runtime.backends.trt.api import TensorRt, load

# CUDA does not survive a fork.
START_METHOD: Final = "spawn"
# Between two looks at a builder that reports nothing, as TensorRT-RTX does in its longest phase.
TICK_S = 1.0


def build_apart(api: TensorRt, request: BuildRequest, progress: BuildProgress | None = None) -> int:
    """Like `build_network.build_engine`, in a process that starts fresh."""
    context = multiprocessing.get_context(START_METHOD)
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_work, args=(sender, api.name, request), daemon=True)
    child.start()
    sender.close()
    try:
        return _follow(receiver, child, request.engine.name, progress)
    finally:
        child.kill()
        child.join()
        receiver.close()


def _follow(receiver: Connection, child: BaseProcess, name: str, progress: BuildProgress | None) -> int:
    """Pass reports on until the size of the engine comes."""
    while True:
        if progress is not None and not receiver.poll(TICK_S):
            progress.waiting()
            continue
        try:
            kind, values = receiver.recv()
        except EOFError:
            raise _died(name, child) from None
        if kind == "done":
            return int(values)
        if kind == "failed":
            raise values
        if progress is not None and getattr(progress, kind)(*values) is False:
            raise EngineError(f"{name}: the build was stopped")


def _died(name: str, child: BaseProcess) -> N3DError:
    """What an end without a result means."""
    child.join()
    code = child.exitcode or 0
    if code == -signal.SIGKILL:
        return OutOfMemoryError(
            f"{name}: the process that built it was killed (SIGKILL), which Linux does when memory is full"
        )
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return EngineError(f"{name}: the process that built it ended with {how}; what it printed says more")


class _Reports:
    """A `BuildProgress` that tells the other process. `step` stops the build when nobody listens any more."""

    def __init__(self, sender: Connection) -> None:
        self._sender, self._lock = sender, threading.Lock()

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        self._tell("start", (phase, parent, steps))

    def step(self, phase: str, done: int) -> bool:
        return self._tell("step", (phase, done))

    def finish(self, phase: str) -> None:
        self._tell("finish", (phase,))

    def waiting(self) -> None:
        self._tell("waiting", ())

    def _tell(self, kind: str, values: tuple[object, ...]) -> bool:
        try:
            with self._lock:
                self._sender.send((kind, values))
        except BrokenPipeError:
            return False
        return True


def _work(sender: Connection, runtime: str, request: BuildRequest) -> None:
    """The other process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both; the parent ends this one
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        result: tuple[str, object] = ("done", build_engine(load(runtime), request, _Reports(sender)))
    except MemoryError:
        result = ("failed", OutOfMemoryError(f"{request.engine.name}: memory ran out while building it"))
    except (N3DError, OSError) as error:
        result = ("failed", error)
    sender.send(result)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
