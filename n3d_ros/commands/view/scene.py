"""Frames and results as entities of Rerun.

In: observations and `Recorded` results. Out: the picture, its points in its colours, boxes and answers, on
the timeline `stamp`, which is that of the colour image; and a layout that shows them. It knows no ROS.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import rerun as rr
import rerun.blueprint as rrb

from n3d_ros.errors import ResultCode
from n3d_ros.geometry import backproject
from n3d_ros.plain_text import one_line
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.recording.reader import WRONG, Recorded

JPEG_QUALITY = 85
# Every second pixel of each second row: what a viewer shows smoothly at some frames a second.
POINT_STEP = 2
# Entities below a camera are flat, so what has three dimensions stands beside it.
CAMERA, PICTURE = "world/camera", "world/camera/picture"
POINTS, BOXES, ANSWERS = "world/points", "world/boxes", "answers"
_NS = 1e9
_COLOURS = ((255, 99, 71), (65, 180, 255), (90, 220, 90), (255, 200, 0), (200, 120, 255), (0, 210, 200))


def open_stream(save: Path | None, connect: str | None) -> rr.RecordingStream:
    """Where entities go: a file, a viewer elsewhere, or a window of its own."""
    stream = rr.RecordingStream("n3d_ros")
    if save is not None:
        save.parent.mkdir(parents=True, exist_ok=True)
        stream.save(save, default_blueprint=layout())
    elif connect is not None:
        stream.connect_grpc(connect, default_blueprint=layout())
    else:
        stream.spawn(default_blueprint=layout())
    return stream


def layout() -> rrb.Blueprint:
    """Space at the left; picture with the boxes in it, and what was said, at the right."""
    space = rrb.Spatial3DView(
        origin="world", contents=[f"/{POINTS}", f"/{BOXES}", f"/{CAMERA}"], name="space"
    )
    picture = rrb.Spatial2DView(origin=CAMERA, contents=[f"/{PICTURE}", f"/{BOXES}"], name="picture")
    answers = rrb.TextLogView(origin=ANSWERS, name="answers")
    beside = rrb.Vertical(picture, answers, row_shares=[3, 2])
    return rrb.Blueprint(rrb.Horizontal(space, beside, column_shares=[3, 2]), collapse_panels=True)


class Scene:
    """One camera and what was found in it."""

    def __init__(self, stream: rr.RecordingStream) -> None:
        self.num_frames = self.num_results = 0
        self._stream = stream
        stream.log("world", rr.ViewCoordinates.RDF, static=True)  # x right, y down, z forward

    def frame(self, seen: Observation, stamp_ns: int) -> None:
        """Picture, depth and camera of one instant."""
        self._at(stamp_ns)
        camera = seen.intrinsics
        self._stream.log(
            CAMERA,
            rr.Pinhole(
                focal_length=(camera.fx, camera.fy),
                principal_point=(camera.cx, camera.cy),
                resolution=(camera.width, camera.height),
            ),
        )
        self._stream.log(PICTURE, rr.Image(seen.rgb).compress(jpeg_quality=JPEG_QUALITY))
        self._stream.log(POINTS, _points(seen))
        self.num_frames += 1

    def result(self, one: Recorded) -> None:
        """Boxes, where they are the camera's, and what was said."""
        self._at(one.stamp_ns)
        if one.is_optical:
            self._stream.log(BOXES, self._boxes(one))
        self._stream.log(ANSWERS, rr.TextLog(said(one), level="WARN" if _is_doubtful(one) else "INFO"))
        self.num_results += 1

    def _boxes(self, one: Recorded) -> rr.Boxes3D:
        turns = [rr.Quaternion(xyzw=(0, math.sin(b.yaw / 2), 0, math.cos(b.yaw / 2))) for b in one.boxes]
        return rr.Boxes3D(
            centers=[box.center for box in one.boxes],
            sizes=[box.size for box in one.boxes],
            quaternions=turns,
            labels=[f"{one_line(box.label)} {math.hypot(*box.center):.2f} m" for box in one.boxes],
            colors=[_COLOURS[number % len(_COLOURS)] for number in range(len(one.boxes))],
        )

    def _at(self, stamp_ns: int) -> None:
        self._stream.set_time("stamp", timestamp=stamp_ns / _NS)


def _points(seen: Observation) -> rr.Points3D:
    """The points that have depth, in the picture's colours; none where nothing was measured."""
    if seen.depth is None:
        return rr.Points3D([])
    height, width = seen.depth.shape
    v, u = np.mgrid[0:height:POINT_STEP, 0:width:POINT_STEP].reshape(2, -1)
    z = seen.depth[v, u]
    known = np.isfinite(z)
    # Depth may be of another size than the picture: its pixels are those of the picture, scaled.
    camera = seen.intrinsics.scaled_to(width, height)
    picture_v = v * seen.intrinsics.height // height
    picture_u = u * seen.intrinsics.width // width
    points = backproject(u[known], v[known], z[known], camera)
    return rr.Points3D(points, colors=seen.rgb[picture_v[known], picture_u[known]])


def said(one: Recorded) -> str:
    """One result as a line for people."""
    code = next((f" ({known.name})" for known in ResultCode if known == one.code), f" (code {one.code})")
    if one.is_question:
        return f"{one_line(one.words)} - {one_line(one.answer) or f'no answer{code}'}"
    return f"{one_line(one.words)}: {len(one.boxes)} found{code if one.code else ''}"


def _is_doubtful(one: Recorded) -> bool:
    corrected = one.correction is not None and one.correction.verdict == WRONG
    return one.code != 0 or one.is_consistent is False or corrected
