"""One request from arrival to outcome: first it waits for a frame, then for the worker.

In: a query. Out: a `Ticket` whose future the servers await; it is completed exactly once, in the executor's
thread. A ticket can be canceled in either wait and while the engine runs.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rclpy.task import Future

from n3d_ros.errors import N3DError, ResultCode
from n3d_ros.node.plain.latest_frame import FrameRequest
from n3d_ros.node.plain.worker import Job
from n3d_ros.node.queries import CameraFrame, Query, failure
from n3d_ros.node.results import Outcome, failed

if TYPE_CHECKING:
    from n3d_ros.node.n3d_node import N3DNode

ASKED = "asked"


class Ticket:
    """One open request. future: -> Outcome."""

    def __init__(self, node: N3DNode, query: Query, output_frame: str) -> None:
        self.future = Future()
        self._node, self._query, self._output_frame = node, query, output_frame
        self._request: FrameRequest[CameraFrame] | None = None
        self._job: Job | None = None

    def wait_for_frame(self, stamp_ns: int, next_only: bool) -> None:
        """Go on with the newest frame; with the next one; or with the first at or after stamp_ns (0: any)."""

        def accepts(frame: CameraFrame) -> bool:
            return frame.frame.stamp_ns >= stamp_ns if stamp_ns else self._node.is_fresh(frame)

        deadline_s = time.monotonic() + self._node.parameters.frame_timeout_s
        self._request = FrameRequest(accepts, self._on_frame, deadline_s)
        self._node.latest.request(self._request, next_only=next_only)

    def start(self, frame: CameraFrame, slot: str) -> None:
        """Queue the query for this frame. slot: of the markers; empty: nothing is published."""
        work, outcome = self._node.run(self._query, frame, slot, self._output_frame)
        job = self._job = self._node.worker.submit(work, timeout_s=self._node.parameters.goal_timeout_s)
        job.future.add_done_callback(lambda _: self._node.outbox.post(lambda: self._complete(outcome(job))))

    def refuse(self, code: ResultCode, message: str) -> None:
        """End without having run."""
        self._node.count(code, message)
        self._complete(failed(self._query, code, message))

    def cancel(self) -> None:
        """Stop wherever it is; completes with CANCELED unless it is complete."""
        if self._job is not None:
            self._node.worker.cancel(self._job)
        elif self._request is not None:
            self._node.latest.forget(self._request)
            self.refuse(ResultCode.CANCELED, "canceled while waiting for a frame")

    def _on_frame(self, frame: CameraFrame | None) -> None:
        if frame is None:
            self.refuse(*self._node.why_no_frame())
        else:
            self.start(frame, ASKED)

    def _complete(self, outcome: Outcome) -> None:
        if not self.future.done():
            self.future.set_result(outcome)


class Tickets:
    """Opens tickets; a query that cannot be asked at all is refused at once."""

    def __init__(self, node: N3DNode) -> None:
        self._node = node

    def camera(
        self, query: Query, stamp_ns: int = 0, next_only: bool = False, output_frame: str = ""
    ) -> Ticket:
        """About a frame of the node's camera."""
        ticket = Ticket(self._node, query, output_frame)
        if self._check(ticket, query):
            ticket.wait_for_frame(stamp_ns, next_only)
        return ticket

    def images(self, query: Query, frame: CameraFrame) -> Ticket:
        """About pictures that came with the request."""
        ticket = Ticket(self._node, query, "")
        if self._check(ticket, query):
            ticket.start(frame, slot="")
        return ticket

    def _check(self, ticket: Ticket, query: Query) -> bool:
        try:
            query.check()
        except N3DError as error:
            ticket.refuse(*failure(error))
            return False
        return True
