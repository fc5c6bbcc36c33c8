"""The ROS around the memory: what it sees, when ~/objects is published, what services may await.

In: finished errands. Out: ~/objects, futures of the executor's thread, lines of /diagnostics and of the log.
All of it runs in the executor's thread; the memory's own thread is the keeper's.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future as ThreadFuture
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from rclpy.task import Future

from n3d_ros.errors import BadInputError
from n3d_ros.memory import Look, MemoryConfig, Remembered
from n3d_ros.msg import RememberedArray
from n3d_ros.node.desk.errand import Errand
from n3d_ros.node.desk.outbox import Outbox
from n3d_ros.node.memory import shown
from n3d_ros.node.memory.keeper import Keeper, Reply, State, open_keeper
from n3d_ros.node.memory.looks import LookMaker, Result
from n3d_ros.node.outputs.publishers import LATCHED
from n3d_ros.node.parameters.live import LiveParameters
from n3d_ros.node.transforms import Transforms

# How often it forgets by age, and how often ~/objects is published at most.
TEND_S = 1.0
# Looks are taken in so much later at most: by then the answer is on its way, with which they would compete
# for the interpreter.
TAKE_IN_S = 0.1


class Remembering:
    """Of a configured node: its memory is on or off until the next configuring."""

    def __init__(self, node: Node, live: LiveParameters, transforms: Transforms, outbox: Outbox) -> None:
        self._live, self._outbox = live, outbox
        self._log, self._clock = node.get_logger(), node.get_clock()
        self._stop = threading.Event()
        self._num_asking = 0
        self._maker = LookMaker(transforms, self.now_ns, self._stop.is_set)
        self._keeper: Keeper | None = None
        self._why_off = "memory.enabled is false"
        if live.now.memory_enabled:
            self._open(node)
        self._waiting: list[Callable[[], tuple[str, Sequence[Look]]]] = []
        self._published: tuple[Remembered, ...] | None = None
        self._published_s = float("-inf")
        # What the log said last of looks, and of the file.
        self._said = State("")

    @property
    def is_on(self) -> bool:
        """Whether looks are taken in."""
        return self._keeper is not None

    @property
    def is_answering(self) -> bool:
        """Whether somebody waits for an answer."""
        return self._num_asking > 0

    def now_ns(self) -> int:
        """ROS time (the simulation's when use_sim_time is set)."""
        return int(self._clock.now().nanoseconds)

    def witness(self, errand: Errand, result: Result) -> None:
        """Remember what an errand has found, and what it has not."""
        seen = errand.seen
        if self._keeper is None or seen is None:
            return
        end_s = time.monotonic() + errand.settings.tf_timeout_s
        self._waiting.append(partial(self._maker.make, errand, seen, result, end_s))

    async def recall(self, words: str, now_ns: int) -> Reply:
        """What is known now. N3DError: BAD_INPUT where the memory is off, TF where nothing is known."""
        keeper = self._on()
        self.take_in()
        reply: Reply = await self._answer(keeper.recall(words, now_ns))
        return reply

    async def clear(self) -> int:
        """The number of things that were forgotten. BAD_INPUT where the memory is off."""
        keeper = self._on()
        self.take_in()
        num: int = await self._answer(keeper.clear())
        return num

    def begin_anew(self) -> None:
        """The clock was set back, or is another one: what comes from now on is newer than what is known."""
        self.take_in()
        if self._keeper is not None:
            self._keeper.begin_anew()

    def take_in(self) -> None:
        """Hand what was witnessed to the memory, in its order."""
        if self._keeper is None:
            return
        waiting, self._waiting = self._waiting, []
        for make in waiting:
            taken = self._keeper.look(make)
            if taken is not None:
                taken.add_done_callback(lambda done: self._outbox.post(partial(self._looked, done)))

    def tend(self) -> None:
        """Forget by age, save, publish what has changed."""
        if self._keeper is not None:
            self._keeper.tend(self.now_ns())
            self._say_problems()
            self._publish()

    def timers(self) -> tuple[tuple[float, Callable[[], None]], ...]:
        """What to call how often, seconds; nothing where the memory is off."""
        return ((TAKE_IN_S, self.take_in), (TEND_S, self.tend)) if self.is_on else ()

    def statuses(self, node_name: str) -> Iterator[DiagnosticStatus]:
        """Nothing of a memory that nobody wants."""
        if self._keeper is not None:
            keeper = self._keeper
            yield shown.memory_status(
                node_name, keeper.state, keeper.num_left_out, self._live.now.memory_file
            )
        elif self._live.now.memory_enabled:
            yield shown.off_status(node_name, self._why_off)

    def fill_info(self, response: Any) -> Any:
        """What GetInfo says of the memory; the response."""
        settings = self._live.now
        if self._keeper is not None:
            return shown.fill_info(response, self._keeper.state, settings.memory_file)
        response.memory = f"failed: {self._why_off}" if settings.memory_enabled else "off"
        return response

    def begin_stop(self) -> None:
        """Wait for tf no longer: who asks gets an answer at once."""
        self._stop.set()

    def close(self) -> None:
        """Save, end the thread; twice does no harm."""
        self.begin_stop()
        self.take_in()
        if self._keeper is not None:
            self._keeper.close()
            self._say_problems()
            self._keeper, self._why_off = None, "the node is cleaned up, or stops"

    def _open(self, node: Node) -> None:
        settings = self._live.now
        config = MemoryConfig(max_age_s=settings.memory_max_age_s)
        self._keeper, self._why_off = open_keeper(
            config, settings.memory_frame, settings.memory_file, self.now_ns()
        )
        if self._keeper is None:
            self._log.error(f"nothing is remembered: {self._why_off}")
            return
        self._publisher = node.create_publisher(RememberedArray, "~/objects", LATCHED)
        if num := self._keeper.num_outdated:
            self._log.info(
                f"memory.file: {num} of its things are forgotten: last seen more than {config.max_age_s:g} s "
                f"ago (memory.max_age_s), or longer unseen than {config.max_things} others"
            )

    def _on(self) -> Keeper:
        if self._keeper is None:
            raise BadInputError(f"nothing is remembered: {self._why_off}")
        return self._keeper

    def _looked(self, done: ThreadFuture[None]) -> None:
        error = done.exception()
        if error is not None:
            self._log.error("".join(traceback.format_exception(error)))
        self._say_problems()
        if time.monotonic() - self._published_s >= TEND_S:
            self._publish()

    def _say_problems(self) -> None:
        """Each once when it begins, once when it is over."""
        if self._keeper is None:
            return
        before, self._said = self._said, self._keeper.state
        self._say(before.problem, self._said.problem, "not remembered", "what is found is remembered again")
        self._say(
            before.file_problem,
            self._said.file_problem,
            "memory.file is not written",
            "memory.file is written again",
        )

    def _say(self, before: str, now: str, what: str, over: str) -> None:
        if now and not before:
            self._log.warning(f"{what}: {now}")
        elif before and not now:
            self._log.info(over)

    def _publish(self) -> None:
        if self._keeper is None or self._stop.is_set():
            return
        state = self._keeper.state
        if state.things != self._published:
            self._published, self._published_s = state.things, time.monotonic()
            self._publisher.publish(shown.array(state))

    async def _answer(self, work: ThreadFuture[Any]) -> Any:
        """The result of the memory's thread, or what it raised."""
        future = Future()
        self._num_asking += 1
        work.add_done_callback(lambda done: self._outbox.post(partial(future.set_result, done)))
        done: ThreadFuture[Any] = await future
        self._num_asking -= 1
        return done.result()
