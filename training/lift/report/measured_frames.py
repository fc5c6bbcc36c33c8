"""Lifted boxes against boxes that were measured: how far centre and size are off, in real frames.

In: RGB-D frame folders whose `annotations.json` has `boxes3d`: `label`, `center_xyz_m`, `size_xyz_m` along
the box's own axes, `rotation_matrix` whose columns are these axes, all in the optical frame. Out: one `Error`
for each. It lifts as `n3d lift` does and changes nothing.

    python -m n3d_ros.training.lift.report.measured_frames FRAMES...

A lifted box ends where the view ends, so it is compared with what is seen of the object: the box along the
camera's axes around the sensor's points within SEEN_SLACK_M of the measured box. The mask is made of the
measured box too, for these frames have none: the points within MASK_SLACK_M of it, holes closed, and then
widened, as drawn masks are. What is left is what silhouettes, flying pixels and our filters do to the box;
that the sensor may measure all of an object too near or too far is not in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from n3d_ros.geometry import Array, Vector3, backproject
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.storage.json_file import read_object
from n3d_ros.text_table import text_table
from n3d_ros.training.lift.boxes import aligned_box
from n3d_ros.training.lift.depth_sources import SensorDepth
from n3d_ros.training.lift.filters import LiftConfig
from n3d_ros.training.lift.lifting import Attempt, lift_picture
from n3d_ros.training.lift.masks import Mask, cropped
from n3d_ros.training.lift.sources.folders import ANNOTATIONS, FolderSource, measured_box
from n3d_ros.training.lift.sources.records import AnnotationRecord, GivenBox

MASK_SLACK_M, SEEN_SLACK_M = 0.004, 0.006
CLOSED_PX, MAX_WIDEN_PX = 7, 3


@dataclass(frozen=True)
class Error:
    """center_m, size_m: lifted minus seen, along the camera's axes; None where lifting rejected the object.

    seen_m: size of what is seen of it. rejected: why, else empty.
    """

    frame: str
    label: str
    seen_m: Vector3
    center_m: Vector3 | None = None
    size_m: Vector3 | None = None
    rejected: str = ""


def errors_of(folder: Path, widen_px: int, config: LiftConfig) -> Iterator[Error]:
    """Of one frame folder; objects of which no point is seen are left out. ValueError for a damaged box."""
    record = replace(FolderSource.find([folder]).record(0), annotations=())
    observation = lift_picture(record, SensorDepth(), config).observation
    if observation is None:
        raise ValueError(f"'{folder}': expected a frame that can be lifted")
    points = _points(observation)
    for number, entry in enumerate(read_object(folder / ANNOTATIONS).get("boxes3d", [])):
        box = measured_box(entry)
        mask = _mask(points, box)
        seen = points[_near(points, box, SEEN_SLACK_M) & _widened(mask, MAX_WIDEN_PX)]
        if len(seen):
            crop = cropped(_widened(mask, widen_px))
            annotation = AnnotationRecord(str(number), str(entry.get("label")), segmentation=crop)
            [attempt] = lift_picture(
                replace(record, annotations=(annotation,)), SensorDepth(), config
            ).attempts
            yield _error(folder.name, attempt, seen)


def _points(observation: Observation) -> Array:
    """(H, W, 3) metres, NaN = none."""
    assert observation.depth is not None
    height, width = observation.depth.shape
    v, u = np.mgrid[:height, :width]
    flat = backproject(u.ravel(), v.ravel(), observation.depth.ravel(), observation.intrinsics)
    return flat.reshape(height, width, 3)


def _near(points: Array, box: GivenBox, slack_m: float) -> Mask:
    """(H, W) bool: in the box, or so near to it along its own axes."""
    own = (points - np.asarray(box.center_m)) @ np.asarray(box.R_optical_box).reshape(3, 3)
    found: Mask = (np.abs(own) <= np.asarray(box.size_m) / 2 + slack_m).all(axis=-1)
    return found


def _mask(points: Array, box: GivenBox) -> Mask:
    """(H, W) bool: the largest connected part of what is near; another body in the box is no part of it."""
    near = _near(points, box, MASK_SLACK_M).astype(np.uint8)
    closed = cv2.morphologyEx(near, cv2.MORPH_CLOSE, np.ones((CLOSED_PX, CLOSED_PX), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    found: Mask = labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA]) if len(stats) > 1 else closed > 0
    return found


def _widened(mask: Mask, px: int) -> Mask:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * px + 1, 2 * px + 1))
    return cv2.dilate(mask.astype(np.uint8), disc).astype(bool)


def _error(frame: str, attempt: Attempt, seen: Array) -> Error:
    truth = aligned_box("seen", seen)
    if attempt.rejected is not None or attempt.box is None:
        return Error(frame, attempt.annotation.label, truth.size, rejected=str(attempt.rejected))
    center = np.subtract(attempt.box.center, truth.center)
    size = np.subtract(attempt.box.size, truth.size)
    return Error(frame, attempt.annotation.label, truth.size, _vector(center), _vector(size))


def _vector(values: Array) -> Vector3:
    x, y, z = map(float, values)
    return x, y, z


def _row(error: Error) -> list[str]:
    seen = " x ".join(f"{1e3 * side:.0f}" for side in error.seen_m)
    if error.center_m is None or error.size_m is None:
        return [error.frame, error.label, seen, error.rejected, ""]
    center = f"{1e3 * float(np.linalg.norm(error.center_m)):.1f}"
    return [error.frame, error.label, seen, center, " ".join(f"{1e3 * side:+.0f}" for side in error.size_m)]


def main() -> None:
    """Print the errors, and their medians, for exact masks and for masks too wide."""
    parser = argparse.ArgumentParser(description="Lifted boxes against measured ones, in real frames.")
    parser.add_argument("frames", nargs="+", type=Path, help="RGB-D frame folders with boxes3d")
    parser.add_argument("--widen", type=int, nargs="+", default=[0, 2], metavar="PX", help="of the masks")
    args = parser.parse_args()
    for widen_px in args.widen:
        found = [error for one in args.frames for error in errors_of(one, widen_px, LiftConfig())]
        print(f"masks {widen_px} px wider than the object, mm (x y z: right, down, forward)")
        head = ["frame", "object", "seen", "centre off", "size off x y z"]
        print(text_table([head, *map(_row, found)], "<<>>>"))
        print(_summary(found) + "\n")


def _summary(found: list[Error]) -> str:
    centers = [np.linalg.norm(one.center_m) for one in found if one.center_m is not None]
    sizes = [np.abs(one.size_m).max() for one in found if one.size_m is not None]
    if not centers:
        return "no object was lifted"
    return (
        f"median of {len(centers)}: centre {1e3 * float(np.median(centers)):.1f} mm, "
        f"worst side {1e3 * float(np.median(sizes)):.1f} mm; largest {1e3 * float(np.max(centers)):.0f} and "
        f"{1e3 * float(np.max(sizes)):.0f} mm"
    )


if __name__ == "__main__":
    main()
