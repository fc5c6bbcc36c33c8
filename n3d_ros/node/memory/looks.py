"""A finished errand -> the looks that a memory takes in.

In: what was asked about which frame, and what the engine found. Out: a `Look` for each name, in a frame that
stands still; N3DError with the reason where that frame is not known. Runs in the memory's thread, which may
wait for tf.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from n3d_ros.boxes import Box3D
from n3d_ros.errors import BadInputError
from n3d_ros.memory import Look
from n3d_ros.node.desk.errand import Errand
from n3d_ros.node.desk.names import answered
from n3d_ros.node.desk.queries import AskQuery
from n3d_ros.node.inputs.frame import CameraFrame
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.inputs.state import AHEAD_S
from n3d_ros.node.transforms import Transforms, matrix
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.types import AskResult, GroundResult

Result: TypeAlias = GroundResult | AskResult


class LookMaker:
    """Makes looks. now_ns: the node's ROS clock. should_stop: asked while tf is waited for."""

    def __init__(
        self, transforms: Transforms, now_ns: Callable[[], int], should_stop: Callable[[], bool]
    ) -> None:
        self._transforms, self._now_ns, self._should_stop = transforms, now_ns, should_stop

    def make(
        self, errand: Errand, seen: Observation, result: Result, end_s: float
    ) -> tuple[str, tuple[Look, ...]]:
        """The frame that stands still, and a look in it for each name: what one has found, another has not.
        seen: what the result is about. end_s: until when tf is waited for, on the steady clock.
        """
        self._check_stamp(errand)
        fixed, T_fixed_optical = self._pose(errand.frame, errand.settings, end_s)
        looks = tuple(
            Look(
                errand.frame.stamp_ns,
                (words,),
                boxes,
                T_fixed_optical,
                seen.intrinsics,
                seen.depth,
                is_whole=is_whole,
                depth_is_estimated=seen.depth_is_estimated,
            )
            for words, boxes, is_whole in _searches(errand, result)
        )
        return fixed, looks

    def _check_stamp(self, errand: Errand) -> None:
        """What is too old would be forgotten at once, without a word."""
        ahead_s, limit_s = (errand.frame.stamp_ns - self._now_ns()) / 1e9, errand.settings.memory_max_age_s
        if ahead_s > AHEAD_S:
            raise BadInputError(
                f"stamp: expected one of the past, got one {ahead_s:.1f} s ahead of the clock"
            )
        if -ahead_s > limit_s:
            raise BadInputError(
                f"stamp: expected one of the last {limit_s:g} s (memory.max_age_s), got one {-ahead_s:.1f} s "
                "old; a recording needs use_sim_time and its clock, or n3d play, which moves stamps to now"
            )

    def _pose(
        self, frame: CameraFrame, settings: Parameters, end_s: float
    ) -> tuple[str, npt.NDArray[np.float64]]:
        """Of the camera when the picture was taken: by tf, or as it always stands."""
        fixed = settings.memory_frame
        if fixed:
            frame.await_location({fixed}, self._transforms, end_s, self._should_stop)
            return fixed, matrix(*frame.place(fixed, self._transforms))
        optical = str(frame.header.frame_id)
        if not optical:
            raise BadInputError("rgb/image: expected a frame_id, got an empty one")
        return optical, np.eye(4)


def _ground(result: Result) -> GroundResult:
    return result.ground if isinstance(result, AskResult) else result


def _searches(errand: Errand, result: Result) -> list[tuple[str, tuple[Box3D, ...], bool]]:
    """What was looked for, what that found, and whether that is all that was found: a question does not list
    all that is there, and a limit may leave something out. Of several names those that could be looked for:
    of the others nothing is known.
    """
    query, ground = errand.query, _ground(result)
    if isinstance(query, AskQuery):
        return [(query.question, tuple(found.box for found in ground.objects), False)]
    is_limited = bool(query.max_boxes) and len(ground.objects) >= query.max_boxes
    is_whole = {one.words: one.is_whole and not is_limited for one in answered(ground)}
    return [
        (words, tuple(found.box for found in ground.objects if found.words == words), is_whole[words])
        for words in is_whole
    ]
