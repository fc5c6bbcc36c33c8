"""tf at an image's stamp: where its frame is to another one, and boxes moved there.

Needs tf2_ros, which a ROS distribution has and PyPI lacks; without it every request for another frame is
refused with a typed error. The buffer is longer than any inference, so the transform of the image's instant
is still there afterwards.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import Point, Quaternion, TransformStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time

from n3d_ros.errors import N3DError, ResultCode
from n3d_ros.msg import GroundedObject
from n3d_ros.node import optional_packages
from n3d_ros.node.plain.set_back import SetBack

BUFFER_S = 60.0
Found: TypeAlias = "tuple[Quaternion, tuple[float, float, float]]"


class LateTransformError(N3DError):
    """tf knows both frames, and does not know the instant: it may still come."""


class Transforms:
    """Looks transforms up; listens from the start, so that the past is known when it is needed.
    num_forgotten: how often the clock went back; what is known of one time says nothing of another.
    """

    def __init__(self, node: Node) -> None:
        self.num_forgotten = 0
        self._buffer: Any = None
        if optional_packages.has_tf():
            import tf2_ros

            self._buffer = tf2_ros.Buffer(cache_time=Duration(seconds=BUFFER_S))
            self._door = Door(self._buffer, lambda: int(node.get_clock().now().nanoseconds))
            self._listener = tf2_ros.TransformListener(self._door, node)

    def forget(self, back_ns: int) -> None:
        """Begin anew, with what stands still: a buffer takes nothing from long before its newest transform,
        and would mix what moved before its clock went back with what moves now. back_ns: how far it went.
        """
        self.num_forgotten += 1
        if self._buffer is not None:
            self._door.close_to_what_was_before(back_ns)
            self._buffer.clear()

    def close(self) -> None:
        """Hear nothing more."""
        if self._buffer is not None:
            self._listener.unregister()

    def lookup(self, target: str, source: str, stamp_ns: int) -> Found:
        """Rotation and translation (metres) that map coordinates from source to target at the stamp; TF if
        unknown. At stamp 0, which tf takes for the newest, only where the frames stand still to each other.
        """
        target, source = bare(target), bare(source)
        if target == source:
            return Quaternion(w=1.0), (0.0, 0.0, 0.0)
        if self._buffer is None:
            raise N3DError(
                ResultCode.TF,
                f"frame '{target}': tf2_ros does not import here, so nothing is known of it but in "
                f"'{source}'; source a ROS distribution, or ask with an empty frame",
            )
        import tf2_ros

        if stamp_ns < 0:
            raise N3DError(
                ResultCode.TF,
                f"no transform to '{target}': expected a stamp from 0 on, got {stamp_ns / 1e9} s",
            )
        try:
            found = self._buffer.lookup_transform(target, source, Time(nanoseconds=stamp_ns))
        except tf2_ros.TransformException as error:
            is_late = isinstance(error, tf2_ros.ExtrapolationException)
            why = str(error).rstrip(" .")
            raise (LateTransformError if is_late else N3DError)(
                ResultCode.TF, f"no transform from '{source}' to '{target}' at the image's stamp: {why}"
            ) from error
        if not stamp_ns and Time.from_msg(found.header.stamp).nanoseconds:
            raise N3DError(
                ResultCode.TF, f"'{source}' moves in '{target}', and the image has no stamp that says when"
            )
        at = found.transform.translation
        # tf2 refuses NaN alone, and turning what is infinite makes NaN.
        if not all(map(math.isfinite, (at.x, at.y, at.z))):
            raise N3DError(
                ResultCode.TF,
                f"transform from '{source}' to '{target}': expected a translation in metres, got {at.x} "
                f"{at.y} {at.z}",
            )
        return unit(found.transform.rotation, source, target), (at.x, at.y, at.z)


class Door:
    """The buffer as its listener sees it. After the clock went back it leaves out what is of the time before
    and was still on its way: one such transform, and the buffer would refuse all of the new time. now_ns: ROS
    time.
    """

    def __init__(self, buffer: Any, now_ns: Callable[[], int]) -> None:
        self._buffer, self._now_ns = buffer, now_ns
        self._set_back = SetBack()

    def close_to_what_was_before(self, back_ns: int) -> None:
        """The clock went back by so much now."""
        self._set_back.begin(back_ns, time.monotonic())

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """See tf2_ros.Buffer."""
        stamp = transform.header.stamp
        ahead_ns = stamp.sec * 10**9 + stamp.nanosec - self._now_ns()
        if not self._set_back.is_of_before(ahead_ns, time.monotonic()):
            self._buffer.set_transform(transform, authority)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """See tf2_ros.Buffer."""
        self._buffer.set_transform_static(transform, authority)


def bare(frame: str) -> str:
    """A frame's name as tf2 knows it: without the slash that it had in ROS 1 (tf2's stripSlash)."""
    return frame.lstrip("/") or frame


def unit(q: Quaternion, source: str, target: str) -> Quaternion:
    """The rotation that q means, of length 1. tf2 passes on what was typed into a launch file where its
    square is off by less than a hundredth (tf2's QUATERNION_NORMALIZATION_TOLERANCE), and by as much q v q*
    would stretch. TF for a quaternion of zeros or without numbers.
    """
    length = math.sqrt(q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w)
    if not (math.isfinite(length) and length > 0):
        raise N3DError(
            ResultCode.TF,
            f"transform from '{source}' to '{target}': expected a rotation, got the quaternion x={q.x} "
            f"y={q.y} z={q.z} w={q.w}",
        )
    return Quaternion(x=q.x / length, y=q.y / length, z=q.z / length, w=q.w / length)


def matrix(rotation: Quaternion, translation: tuple[float, float, float]) -> npt.NDArray[np.float64]:
    """(4, 4) of what `lookup` found."""
    axes = [rotated(rotation, axis) for axis in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))]
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = np.transpose(axes), translation
    return T


def quaternion(R: npt.NDArray[np.float64]) -> Quaternion:
    """Unit quaternion of a rotation (3, 3), w not negative.

    The eigenvector of the largest eigenvalue of a symmetric matrix made of R: the nearest rotation where R is
    rounded, without cases (Bar-Itzhack, "New method for extracting the quaternion from a rotation matrix",
    2000).
    """
    K = np.array(
        [
            [R[0, 0] - R[1, 1] - R[2, 2], R[0, 1] + R[1, 0], R[0, 2] + R[2, 0], R[2, 1] - R[1, 2]],
            [R[0, 1] + R[1, 0], R[1, 1] - R[0, 0] - R[2, 2], R[1, 2] + R[2, 1], R[0, 2] - R[2, 0]],
            [R[0, 2] + R[2, 0], R[1, 2] + R[2, 1], R[2, 2] - R[0, 0] - R[1, 1], R[1, 0] - R[0, 1]],
            [R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1], R[0, 0] + R[1, 1] + R[2, 2]],
        ]
    )
    largest = np.linalg.eigh(K)[1][:, -1]
    x, y, z, w = (largest if largest[3] >= 0 else -largest).tolist()
    return Quaternion(x=x, y=y, z=z, w=w)


def transform_object(
    box: GroundedObject, rotation: Quaternion, translation: tuple[float, float, float]
) -> None:
    """Rewrite `box`'s pose in place: rotated, then shifted."""
    x, y, z = rotated(rotation, (box.pose.position.x, box.pose.position.y, box.pose.position.z))
    box.pose.position = Point(x=x + translation[0], y=y + translation[1], z=z + translation[2])
    box.pose.orientation = _product(rotation, box.pose.orientation)


def _product(a: Quaternion, b: Quaternion) -> Quaternion:
    """Hamilton product: first b, then a."""
    return Quaternion(
        w=a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z,
        x=a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,
        y=a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
        z=a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w,
    )


def rotated(q: Quaternion, v: tuple[float, float, float]) -> tuple[float, float, float]:
    """q v q*."""
    turned = _product(
        _product(q, Quaternion(x=v[0], y=v[1], z=v[2], w=0.0)), Quaternion(x=-q.x, y=-q.y, z=-q.z, w=q.w)
    )
    return turned.x, turned.y, turned.z
