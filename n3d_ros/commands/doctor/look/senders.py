"""What the messages of one topic say of who sends them: whether cameras mix, whether stamps stand still.

In: each message's stamp and what is the camera's own. Out: figures for `TopicSeen`. It knows no ROS.
"""

from __future__ import annotations

from collections.abc import Hashable


class Senders:
    """is_mixed: something came, then something else, then the first again: one camera that changes its mode
    does not go back and forth. is_still: several messages, one stamp.
    """

    def __init__(self) -> None:
        self.is_mixed = False
        self.stamp_ns: int | None = None
        self._num, self._stamps = 0, set[int]()
        self._newest: Hashable = None
        self._kinds = set[Hashable]()

    def add(self, stamp_ns: int, kind: Hashable) -> None:
        """kind: what stays the same in messages of one camera."""
        self._num += 1
        self.stamp_ns = stamp_ns
        self._stamps.add(stamp_ns)
        self.is_mixed |= kind != self._newest and kind in self._kinds
        self._kinds.add(kind)
        self._newest = kind

    @property
    def is_still(self) -> bool:
        return self._num > len(self._stamps) == 1
