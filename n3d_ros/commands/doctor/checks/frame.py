"""Whether what came can be used: encodings, camera info, depth, alignment, pairing, tf.

In: the newest messages and the node's parameters. Out: findings. The node's own conversions are called, so
that what is fine here is fine there.
"""

from __future__ import annotations

import numpy as np

from n3d_ros.cameras.camera_info import AUTO, camera_of_info, kind_of_topic
from n3d_ros.commands.doctor.checks.depth import mend_depth
from n3d_ros.commands.doctor.finding import FRAME, Finding, fine
from n3d_ros.commands.doctor.seen import FrameSeen
from n3d_ros.errors import N3DError
from n3d_ros.geometry import Intrinsics
from n3d_ros.node.conversions.colour import rgb_array
from n3d_ros.node.conversions.depth import depth_array
from n3d_ros.node.conversions.observations import intrinsics_of
from n3d_ros.node.parameters.declared import OVERRIDE, Parameters
from n3d_ros.node.plain.inputs.state import Level
from n3d_ros.plain_text import one_line
from n3d_ros.preprocess.metres import median_m

CALIBRATE = (
    "calibrate (ros2 run camera_calibration cameracalibrator), or let the driver publish its factory "
    "calibration"
)
ALIGN = (
    "realsense: align_depth.enable:=true; orbbec: depth_registration:=true; else publish tf between the two "
    "and remap depth/camera_info"
)

NO_PLACE = "results end with the code TF"


def check_frame(seen: FrameSeen, wanted: Parameters, node: str) -> list[Finding]:
    """Of what came; what did not come is `topics`' to say. node: its full name, for commands."""
    found = []
    if seen.rgb is not None:
        found += [_colour(seen, wanted), *_names(seen)]
    if seen.rgb is not None and seen.camera_info is not None:
        found.append(_camera(seen, wanted, node))
    if seen.depth is not None:
        found.append(_depth(seen, wanted, node))
    if seen.rgb is not None and seen.depth is not None:
        found += [_alignment(seen, wanted), _pairs(seen)]
    if seen.refused and not any(one.is_wrong for one in found):
        what = "the parts are fine and do not fit each other"
        found.append(Finding(FRAME, "together", Level.ERROR, seen.refused, what, ALIGN))
    return [*found, *_places(seen, wanted)]


def _colour(seen: FrameSeen, wanted: Parameters) -> Finding:
    try:
        height, width = rgb_array(seen.rgb, wanted.limits_max_picture_megapixels).shape[:2]
    except N3DError as error:
        return _refused("colour", error, "choose another colour format in the driver")
    return fine(FRAME, "colour", f"{_encoding(seen.rgb)} {width}x{height} in '{seen.rgb.header.frame_id}'")


def _names(seen: FrameSeen) -> list[Finding]:
    """Nothing is known of a picture's place without its frame."""
    if seen.rgb.header.frame_id:
        return []
    what = "the colour image names no frame"
    why = "results cannot be placed in tf, and depth of another camera is not noticed"
    return [Finding(FRAME, "frame_id", Level.WARN, what, why, "set the driver's frame_id")]


def _camera(seen: FrameSeen, wanted: Parameters, node: str) -> Finding:
    kind = kind_of_topic(seen.rgb_topic) if wanted.rgb_picture == AUTO else wanted.rgb_picture
    try:
        height, width = rgb_array(seen.rgb, wanted.limits_max_picture_megapixels).shape[:2]
    except N3DError:
        width, height = int(seen.camera_info.width), int(seen.camera_info.height)
    try:
        camera = intrinsics_of(seen.camera_info, width, height, kind, wanted.override)
    except N3DError as error:
        mend = CALIBRATE if wanted.override is None else f"correct it: ros2 param set {node} {OVERRIDE} ..."
        return _refused("camera info", error, mend)
    source = camera_of_info(seen.camera_info, width, height, kind, wanted.override).source
    return fine(FRAME, "camera info", f"{source}, {_view(camera)}")


def _view(camera: Intrinsics) -> str:
    degrees = 2 * np.degrees(np.arctan2(camera.width / 2, camera.fx))
    return f"fx {camera.fx:.1f} px, {degrees:.0f} degrees wide"


def _depth(seen: FrameSeen, wanted: Parameters, node: str) -> Finding:
    try:
        metres = depth_array(
            seen.depth,
            wanted.depth_scale_m or None,
            wanted.depth_min_m,
            wanted.depth_max_m,
            wanted.limits_max_picture_megapixels,
        )
    except N3DError as error:
        return _refused("depth", error, mend_depth(seen.depth, wanted, node, error))
    height, width = metres.shape
    share = float(np.isfinite(metres).mean())
    return fine(
        FRAME,
        "depth",
        f"{_encoding(seen.depth)} {width}x{height}, {share:.0%} measured, median {median_m(metres):.2f} m",
    )


def _alignment(seen: FrameSeen, wanted: Parameters) -> Finding:
    if seen.alignment:
        return Finding(FRAME, "alignment", Level.ERROR, seen.alignment, "every request is refused", ALIGN)
    rgb, depth = seen.rgb.header.frame_id, seen.depth.header.frame_id
    if rgb == depth:
        return fine(FRAME, "alignment", f"depth and colour are both in '{rgb}'")
    how = "taken as registered (depth.align off)" if wanted.depth_align == "off" else "registered by the node"
    return fine(FRAME, "alignment", f"depth in '{depth}' is {how}")


def _pairs(seen: FrameSeen) -> Finding:
    if seen.unpaired:
        what, mend = seen.unpaired
        return Finding(FRAME, "pairing", Level.ERROR, what, "frames come seldom or never", mend)
    if seen.num_pairs:
        return fine(FRAME, "pairing", f"{seen.num_pairs} pairs within {seen.slop_ms:.1f} ms")
    return Finding(
        FRAME,
        "pairing",
        Level.ERROR,
        f"colour and depth come, but never within {seen.slop_ms:.1f} ms of each other",
        "half of the shorter period is the most that belongs together (sync.max_slop_ms may say less)",
        "switch on the driver's synchronisation (realsense: enable_sync; orbbec: enable_frame_sync)",
    )


def _places(seen: FrameSeen, wanted: Parameters) -> list[Finding]:
    whys = {
        wanted.memory_frame: "nothing is remembered",
        wanted.tracking_frame: "ids are lost when the camera moves",
        wanted.output_frame: NO_PLACE,
    }
    found = []
    for target, error in seen.places.items():
        name = f"tf '{target}'"
        if not error:
            found.append(fine(FRAME, name, "the picture's place in it is known at its stamp"))
            continue
        mend = f"ros2 run tf2_ros tf2_echo {target} {seen.rgb.header.frame_id}"
        found.append(Finding(FRAME, name, Level.ERROR, error, whys.get(target, NO_PLACE), mend))
    return found


def _encoding(image: object) -> str:
    return one_line(str(getattr(image, "encoding", getattr(image, "format", ""))), 40)


def _refused(name: str, error: N3DError, mend: str) -> Finding:
    return Finding(FRAME, name, Level.ERROR, error.message, "the node refuses it with these words", mend)
