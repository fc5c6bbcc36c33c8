"""Which of the camera infos that came is a picture's own.

In: camera infos with their stamps, and the stamps of pictures that are past. Out: the info of a picture's
stamp, the newest one, and whether the camera sends one with each picture. It knows no ROS.

A driver sends camera info before or after its picture, while depth may come much later: the newest info is
then another picture's. Where zoom or a moving region changes K, that would be a wrong measurement.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Info = TypeVar("Info")

# Infos are small; depth may come a second after its colour.
MOST_KEPT = 64
# A picture with its own info counts one, one without takes one away. Infos at half the rate of pictures never
# count more than one; three that were lost end the trust.
TRUSTED, MOST_TRUST = 2, 4


class CameraInfos(Generic[Info]):
    """newest: the one that came last, None before the first."""

    def __init__(self) -> None:
        self.newest: Info | None = None
        self._newest_ns: int | None = None
        self._by_stamp: dict[int, Info] = {}
        self._trust = 0

    def add(self, info: Info, stamp_ns: int | None) -> None:
        """stamp_ns: None where it has none."""
        self.newest, self._newest_ns = info, stamp_ns
        if stamp_ns is not None:
            self._by_stamp.pop(stamp_ns, None)
            self._by_stamp[stamp_ns] = info
            for oldest in [*self._by_stamp][:-MOST_KEPT]:
                del self._by_stamp[oldest]

    def own(self, stamp_ns: int) -> Info | None:
        """The info of a picture's stamp; None where it has not come."""
        return self._by_stamp.get(stamp_ns)

    def picture_is_past(self, stamp_ns: int) -> None:
        """Its own info has come by now or will not be waited for."""
        step = 1 if stamp_ns in self._by_stamp else -1
        self._trust = min(max(self._trust + step, 0), MOST_TRUST)

    @property
    def come_with_pictures(self) -> bool:
        """Whether a picture's own info can be waited for."""
        return self._trust >= TRUSTED

    def restart(self) -> None:
        """Keep the newest alone: stamps may come again."""
        newest, newest_ns = self.newest, self._newest_ns
        self._by_stamp.clear()
        if newest is not None:
            self.add(newest, newest_ns)
