"""One request from arrival to outcome: first it waits for a frame, then for the engine.

In: a query. Out: a `Ticket` whose future the servers await; it is completed exactly once, in the executor's
thread. A ticket can be canceled in either wait and while the engine runs.
"""

from __future__ import annotations

import time

from rclpy.task import Future

from n3d_ros.errors import N3DError, ResultCode
from n3d_ros.node.desk.desk import Desk
from n3d_ros.node.desk.errand import LATEST, NEXT, PLAIN, Errand, Wish
from n3d_ros.node.desk.outcome import Outcome, failed
from n3d_ros.node.desk.queries import Query
from n3d_ros.node.inputs.camera import Camera
from n3d_ros.node.inputs.frame import CameraFrame
from n3d_ros.node.plain.engine.job import Job
from n3d_ros.node.plain.failure import failure
from n3d_ros.node.plain.inputs.latest_frame import FrameRequest

ASKED = "asked"


class Ticket:
    """One open request. future: -> Outcome."""

    def __init__(self, desk: Desk, camera: Camera, query: Query, wish: Wish = PLAIN) -> None:
        self.future = Future()
        self._desk, self._camera = desk, camera
        self._query, self._wish = query, wish
        self._request: FrameRequest[CameraFrame] | None = None
        self._job: Job | None = None
        self._remark = ""

    def wait_for_frame(self) -> None:
        """Go on with the newest frame; with the next one; or with the first at or after a stamp."""
        stamp_ns = self._wish.stamp_ns

        def accepts(frame: CameraFrame) -> bool:
            if stamp_ns:
                return frame.stamp_ns >= stamp_ns and not self._camera.is_repeated(frame)
            return self._camera.is_fresh(frame)

        deadline_s = time.monotonic() + self._desk.parameters.now.frame_timeout_s
        self._request = FrameRequest(accepts, self._on_frame, deadline_s)
        self._camera.frames.request(self._request, next_only=self._wish.frame_policy == NEXT)

    def start(self, frame: CameraFrame, slot: str) -> None:
        """Queue the query for this frame. slot: of the markers; empty: nothing is published."""
        settings, wish = self._desk.parameters.now, self._wish
        errand = Errand(self._query, frame, settings, slot, wish)
        if slot and not wish.stamp_ns and wish.frame_policy == LATEST:
            errand.renew = self._camera.fresh_for
        self._job = self._desk.submit(errand, lambda job: self._complete(self._desk.finish(errand, job)))

    def refuse(self, code: ResultCode, message: str) -> None:
        """End without having run."""
        self._desk.count(code, message)
        self._complete(failed(self._query, code, message))

    def cancel(self) -> None:
        """Stop wherever it is; completes with CANCELED unless it is complete."""
        if self._job is not None:
            self._desk.worker.cancel(self._job)
        elif self._request is not None:
            self._camera.frames.forget(self._request)
            self.refuse(ResultCode.CANCELED, "canceled while waiting for a frame")

    def _on_frame(self, frame: CameraFrame | None) -> None:
        if frame is None:
            awaited = "frame at or after the stamp asked for" if self._wish.stamp_ns else "newer frame"
            self.refuse(*self._camera.why_no_frame(awaited))
        else:
            self._remark = self._camera.remark(frame, self._wish.stamp_ns)
            self.start(frame, ASKED)

    def _complete(self, outcome: Outcome) -> None:
        """Its images are not needed any more, and a request for a frame holds the ticket that holds it."""
        self._request = self._job = None
        if self._remark:
            said = "; ".join(filter(None, (outcome.message, self._remark)))
            outcome = outcome.with_code(outcome.code, said)
        if not self.future.done():
            self.future.set_result(outcome)


class Tickets:
    """Opens tickets while it admits requests; a query that cannot be asked at all is refused at once."""

    def __init__(self, desk: Desk, camera: Camera) -> None:
        self.open: set[Ticket] = set()
        self._closed = "the node is inactive"
        self._desk, self._camera = desk, camera

    def admit(self) -> None:
        """Take requests from now on."""
        self._closed = ""

    def close(self, why: str) -> None:
        """Everybody gets an answer, and whoever still comes gets one at once."""
        self._closed = why
        for ticket in tuple(self.open):
            ticket.cancel()

    async def outcome(self, ticket: Ticket) -> Outcome:
        """Of a ticket, which is open until then."""
        self.open.add(ticket)
        outcome: Outcome = await ticket.future
        self.open.discard(ticket)
        return outcome

    def about_camera(self, query: Query, wish: Wish = PLAIN) -> Ticket:
        """About a frame of the node's camera."""
        ticket = Ticket(self._desk, self._camera, query, wish)
        if self._can_be_asked(ticket, query, wish):
            ticket.wait_for_frame()
        return ticket

    def about_pictures(self, query: Query, frame: CameraFrame) -> Ticket:
        """About pictures that came with the request."""
        ticket = Ticket(self._desk, self._camera, query)
        if self._can_be_asked(ticket, query):
            ticket.start(frame, slot="")
        return ticket

    def _can_be_asked(self, ticket: Ticket, query: Query, wish: Wish = PLAIN) -> bool:
        if self._closed:
            ticket.refuse(ResultCode.CANCELED, self._closed)
            return False
        try:
            query.check(self._desk.parameters.now.limits)
            wish.check()
        except (N3DError, ValueError) as error:
            ticket.refuse(*failure(error))
            return False
        return True
