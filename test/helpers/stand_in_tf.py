"""tf2_ros where none is installed: a buffer that honours the time it is asked for, as the real one does.

Poses are functions of time, known over a span; outside it, and for unknown frames, it raises as tf2 does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from std_msgs.msg import Header

Pose = Callable[[int], tuple[Quaternion, tuple[float, float, float]]]


class TransformException(Exception):
    """As tf2_ros has it."""


class ExtrapolationException(TransformException):
    """As tf2_ros has it."""


class World:
    """poses: (target, source) -> pose at a stamp in ns. first_ns, last_ns: what is known, None: all time.

    asked: every look-up (target, source, ns). num_cleared: how often a buffer was.
    """

    def __init__(self) -> None:
        self.poses: dict[tuple[str, str], Pose] = {}
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self.asked: list[tuple[str, str, int]] = []
        self.num_cleared = 0

    def clear(self):
        self.num_cleared += 1

    def lookup_transform(self, target, source, time, timeout=None):
        self.asked.append((target, source, time.nanoseconds))
        if (target, source) not in self.poses:
            raise TransformException(f'"{source}" does not exist')
        at_ns = time.nanoseconds
        # time 0 asks for the newest
        if not at_ns and self.last_ns is not None:
            at_ns = self.last_ns
        is_early = self.first_ns is not None and at_ns < self.first_ns
        if is_early or (self.last_ns is not None and at_ns > self.last_ns):
            raise ExtrapolationException(f"Lookup would require extrapolation at {at_ns}")
        pose = self.poses[target, source]
        rotation, (x, y, z) = pose(at_ns)
        # as tf2 does: 0 where the newest is asked for and all of it is static
        of_ns = 0 if isinstance(pose, Still) and not time.nanoseconds else at_ns
        return TransformStamped(
            header=Header(stamp=Time(sec=of_ns // 10**9, nanosec=of_ns % 10**9), frame_id=target),
            child_frame_id=source,
            transform=Transform(rotation=rotation, translation=Vector3(x=x, y=y, z=z)),
        )


@dataclass(frozen=True)
class Still:
    """A pose that does not change, metres."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    rotation: Quaternion | None = None

    def __call__(self, at_ns: int) -> tuple[Quaternion, tuple[float, float, float]]:
        return self.rotation or Quaternion(w=1.0), (self.x, self.y, self.z)


def install(monkeypatch) -> World:
    """Make `import tf2_ros` give it; the world that its buffers know."""
    world, module = World(), ModuleType("tf2_ros")
    module.__spec__ = ModuleSpec("tf2_ros", None)
    module.TransformException, module.ExtrapolationException = TransformException, ExtrapolationException
    module.Buffer = lambda cache_time=None: world
    module.TransformListener = lambda buffer, node: SimpleNamespace(unregister=lambda: None)
    monkeypatch.setitem(sys.modules, "tf2_ros", module)
    return world
