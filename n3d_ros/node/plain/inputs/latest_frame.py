"""The newest complete frame, and who waits for one.

In: complete frames as they come. Out: each request's callback, once, with a frame it accepts or with None
when its time is up. Everything happens in the caller's thread; it knows no ROS and reads no clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Frame = TypeVar("Frame")


@dataclass(frozen=True)
class FrameRequest(Generic[Frame]):
    """accepts: whether a frame will do. deliver: called once. deadline_s: on the caller's clock."""

    accepts: Callable[[Frame], bool]
    deliver: Callable[[Frame | None], None]
    deadline_s: float


class LatestFrame(Generic[Frame]):
    """Latest wins: one frame is kept, whatever the rate of the camera."""

    def __init__(self) -> None:
        self.frame: Frame | None = None
        self._waiting: list[FrameRequest[Frame]] = []

    def put(self, frame: Frame) -> None:
        """A newer frame is complete."""
        self.frame = frame
        for request in self._taken(lambda request: request.accepts(frame)):
            request.deliver(frame)

    def request(self, request: FrameRequest[Frame], *, next_only: bool = False) -> None:
        """Deliver the newest frame if it is accepted, else wait; next_only: wait in any case."""
        if not next_only and self.frame is not None and request.accepts(self.frame):
            request.deliver(self.frame)
        else:
            self._waiting.append(request)

    def is_awaited(self, frame: Frame) -> bool:
        """Whether somebody waits for a frame such as this."""
        return any(request.accepts(frame) for request in self._waiting)

    def expire(self, now_s: float) -> None:
        """Deliver None to everybody whose deadline has passed."""
        for request in self._taken(lambda request: request.deadline_s <= now_s):
            request.deliver(None)

    def forget(self, request: FrameRequest[Frame]) -> None:
        """Stop waiting, without delivery."""
        self._waiting = [other for other in self._waiting if other is not request]

    def _taken(self, is_over: Callable[[FrameRequest[Frame]], bool]) -> list[FrameRequest[Frame]]:
        """Those that wait no longer. They are gone before the first is delivered: it may ask again."""
        taken: list[FrameRequest[Frame]] = []
        kept: list[FrameRequest[Frame]] = []
        for request in self._waiting:
            (taken if is_over(request) else kept).append(request)
        self._waiting = kept
        return taken
