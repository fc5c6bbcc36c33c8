"""The standing question: what `continuous.prompt` names, one thing or several, looked for in every frame that
can be served.

In: each complete frame, and the camera's silence. Out: at most one waiting errand; its result, or once the
reason why there are no frames any more that can be served, under the markers' slot `CONTINUOUS`. It knows no
topic.
"""

from __future__ import annotations

import time

from std_msgs.msg import Header

from n3d_ros.errors import ResultCode
from n3d_ros.node.desk.desk import Desk
from n3d_ros.node.desk.errand import Errand, Wish
from n3d_ros.node.desk.queries import GroundQuery
from n3d_ros.node.inputs.camera import Camera
from n3d_ros.node.inputs.frame import CameraFrame
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.engine.job import Job
from n3d_ros.node.plain.failure import failure

CONTINUOUS = "continuous"
# Why there is nothing to look at.
SILENCE, AGE = "silence", "age"
NOTHING: tuple[tuple[str, ...], str] = ((), "")
# Between the names of several things; a comma may be part of one.
SEPARATOR = ";"


class Continuous:
    """Looks as often as it may, while it is on."""

    def __init__(self, desk: Desk, camera: Camera) -> None:
        self._desk, self._camera = desk, camera
        self.is_on = False
        self._last_s = float("-inf")
        # The words of which it was said that there are no frames, and whether none came or all were too old.
        self._given_up = NOTHING

    def begin_anew(self) -> None:
        """Other words are looked for, from the next frame on, whenever the last look was. What runs of the
        old ones stops.
        """
        self._last_s, self._given_up = float("-inf"), NOTHING
        self._desk.worker.forget_continuous()

    def is_due(self) -> bool:
        """Whether the next complete frame will be looked at."""
        wanted = self._desk.parameters.now
        period_s = 1 / wanted.continuous_rate_hz if wanted.continuous_rate_hz else 0.0
        return self.is_on and bool(standing_words(wanted)) and time.monotonic() - self._last_s >= period_s

    def look(self, frame: CameraFrame) -> None:
        """Offer the question about this frame, if it is due; say once that it is older than it may be."""
        if not self._camera.is_fresh(frame):
            self._give_up(AGE)
            return
        self._given_up = NOTHING
        if not self.is_due():
            return
        self._last_s = time.monotonic()
        settings = self._desk.parameters.now
        words = standing_words(settings)
        wish = Wish(publish_tf=settings.continuous_publish_tf)
        errand = Errand(GroundQuery(words), frame, settings, CONTINUOUS, wish)
        self._desk.offer(errand, lambda job: self._done(errand, job, words))

    def check(self) -> None:
        """Say once that frames have stopped, or that none ever came."""
        arrivals = self._camera.arrivals
        limit_s = max(self._desk.parameters.now.frame_timeout_s, arrivals.late_after_s())
        if arrivals.silent_s(time.monotonic()) > limit_s:
            self._give_up(SILENCE)

    def _give_up(self, because: str) -> None:
        words = standing_words(self._desk.parameters.now)
        if not self.is_on or not words or self._given_up == (words, because):
            return
        self._given_up = words, because
        newest = self._camera.frames.frame
        about = Header() if newest is None else newest.header
        self._desk.give_up(GroundQuery(words), CONTINUOUS, about, self._camera.why_no_frame())

    def _done(self, errand: Errand, job: Job, words: tuple[str, ...]) -> None:
        """Nothing of an errand whose place a newer frame took, or whose words nobody asks for any more. What
        was canceled when nobody did is not finished where somebody does again.
        """
        error = job.future.exception()
        is_superseded = error is not None and failure(error)[0] == ResultCode.SUPERSEDED
        is_dropped = is_superseded or job.stop_code == ResultCode.CANCELED
        if self.is_on and not is_dropped and words == standing_words(self._desk.parameters.now):
            made = self._desk.finish(errand, job)
            if made.is_shown:
                # Frames may have stopped while the engine looked: what it shows now has to go again.
                self._given_up = NOTHING
            else:
                self._desk.results.hide(CONTINUOUS)


def standing_words(wanted: Parameters) -> tuple[str, ...]:
    """What is looked for all the time, a name each."""
    names = wanted.continuous_prompt.split(SEPARATOR) if wanted.continuous_enabled else ()
    return tuple(name.strip() for name in names if name.strip())
