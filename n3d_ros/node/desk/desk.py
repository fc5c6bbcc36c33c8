"""The desk that every errand passes: the engine's queue before it, outcomes and counting behind it.

In: errands. Out: each one's `Outcome`, counted, logged and published, in the executor's thread. It knows no
service, no action and no camera: who asks, and when, is decided elsewhere.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any
from weakref import WeakSet

from rclpy.node import Node
from std_msgs.msg import Header

from n3d_ros.errors import ResultCode
from n3d_ros.node.desk.errand import Errand
from n3d_ros.node.desk.outbox import Outbox
from n3d_ros.node.desk.outcome import Outcome, failed
from n3d_ros.node.desk.queries import Query
from n3d_ros.node.desk.results import Results
from n3d_ros.node.engine import Engine
from n3d_ros.node.parameters.live import LiveParameters
from n3d_ros.node.plain.engine.job import Job
from n3d_ros.node.plain.engine.worker import Worker
from n3d_ros.node.plain.failure import failure
from n3d_ros.plain_text import one_line
from n3d_ros.runtime.types import AskResult, GroundResult

LOG_PERIOD_S = 5.0
OnEnd = Callable[[Job], None]
Witness = Callable[[Errand, GroundResult | AskResult], None]


class Desk:
    """codes: how the requests ended. last_error: of the newest result, empty when it was OK. witness: told of
    each errand about the camera's frames that was answered, once it is published.
    """

    def __init__(
        self,
        node: Node,
        parameters: LiveParameters,
        worker: Worker[Engine],
        outbox: Outbox,
        results: Results,
        witness: Witness = lambda errand, result: None,
    ) -> None:
        self.parameters, self.worker, self.outbox, self.results = parameters, worker, outbox, results
        self._witness = witness
        self.codes: Counter[str] = Counter()
        self.last_error = ""
        self._open: dict[Future[Any], tuple[Job, OnEnd]] = {}
        self._errands: WeakSet[Errand] = WeakSet()
        self._log = node.get_logger()
        self._clock = node.get_clock()

    def now_ns(self) -> int:
        """ROS time (the simulation's when use_sim_time is set)."""
        return int(self._clock.now().nanoseconds)

    def submit(self, errand: Errand, on_end: OnEnd) -> Job:
        """A request: the engine gets it in its turn. on_end: called in the executor's thread."""
        timeout_s = self.parameters.now.goal_timeout_s
        return self._follow(self.worker.submit(self._work(errand), timeout_s, errand.wish.priority), on_end)

    def offer(self, errand: Errand, on_end: OnEnd) -> Job:
        """Continuous work: a newer errand takes its place until the engine is free."""
        return self._follow(self.worker.offer(self._work(errand), self.parameters.now.goal_timeout_s), on_end)

    def finish(self, errand: Errand, job: Job) -> Outcome:
        """The outcome of a job that has ended: counted, and published where the errand has a slot."""
        made = self.results.outcome(errand, job)
        self.count(made.code, made.message)
        self.log_defect(job)
        if errand.slot:
            self.results.publish(made, errand, self.parameters.now)
        if errand.slot and made.is_shown and not errand.is_outlived:
            self._witness(errand, job.future.result())
        return made

    def give_up(self, query: Query, slot: str, about: Header, why: tuple[ResultCode, str]) -> None:
        """Nothing can be looked at: counted, published with the reason; what the slot showed is deleted."""
        self.count(*why)
        self.results.publish_absence(failed(query, *why, about), slot)

    def outlive(self) -> None:
        """Viewers, tf and the memory hear nothing of what is open now."""
        for errand in self._errands:
            errand.is_outlived = True

    def count(self, code: ResultCode, message: str) -> None:
        """For diagnostics, and the log when it is an error."""
        self.codes[code.name] += 1
        self.last_error = "" if code == ResultCode.OK else one_line(f"{code.name}: {message}")
        if self.last_error:
            self._log.warning(self.last_error, throttle_duration_sec=LOG_PERIOD_S)

    def log_defect(self, job: Job) -> None:
        """The traceback of what nobody foresaw."""
        error = job.future.exception()
        if error is not None and failure(error)[0] == ResultCode.INTERNAL:
            self._log.error("".join(traceback.format_exception(error)))

    def watch(self, job: Job) -> None:
        """Log its defect when it ends: nobody waits for its result."""
        self._follow(job, self.log_defect)

    def _work(self, errand: Errand) -> Callable[[Engine, Job], Any]:
        self._errands.add(errand)
        return partial(errand.run, now_ns=self.now_ns, transforms=self.results.transforms)

    def _follow(self, job: Job, on_end: OnEnd) -> Job:
        """Who waits is noted here and not in the future: it keeps its callbacks, and a job that it held would
        hold itself, and its images, until Python's collector comes.
        """
        self._open[job.future] = job, on_end
        job.future.add_done_callback(self._ended)
        return job

    def _ended(self, future: Future[Any]) -> None:
        job, on_end = self._open.pop(future)
        self.outbox.post(partial(on_end, job))
