"""The frame that `n3d infer` is given: picture with depth, with a point file, or with estimated depth."""

from __future__ import annotations

import argparse
from pathlib import Path

from n3d_ros.files.camera_file import read_intrinsics
from n3d_ros.files.frames import read_rgbd
from n3d_ros.files.picture_file import MAX_MEGAPIXELS, read_picture
from n3d_ros.files.points_file import read_points
from n3d_ros.preprocess.prepare import Observation

ESTIMATORS = ("depth-anything-v2", "depth-pro", "moge-2")


def add_input_options(parser: argparse.ArgumentParser) -> None:
    """--image and where its depth comes from."""
    add = parser.add_argument
    add("--image", type=Path, metavar="F", help="colour picture, PNG or JPEG")
    add("--depth", type=Path, metavar="F", help="registered depth: 16-bit PNG in mm, or .npy in m")
    add("--depth-scale", type=float, metavar="M", help="metres per unit of --depth, e.g. 0.0002")
    add("--intrinsics", type=Path, metavar="F", help="its camera: JSON, ROS YAML, COLMAP")
    add("--points", type=Path, metavar="NPZ", help="point map (pcd, intr) instead of depth")
    # in the help's last line, so that it fits one screen
    add("--max-megapixels", type=float, default=MAX_MEGAPIXELS, help=argparse.SUPPRESS)
    guess = f"guess it: {' or '.join(ESTIMATORS)}"
    add("--estimate-depth", choices=ESTIMATORS, metavar="M", help=guess)
    add("--depth-model", metavar="DIR", help="its folder, or hub:NAME to download it")


def read_observation(args: argparse.Namespace) -> Observation:
    """The frame that the arguments name, upright. ValueError for none or two sources of depth.

    Point files, depth files with their intrinsics, and guessed depth are of the upright picture;
    `frames.as_released` gives what the release makes of them.
    """
    if args.image is None:
        raise ValueError("expected --image, or --conversation; got neither")
    if args.points is not None:
        _check_no_scale(args)
        if args.depth is not None or args.intrinsics is not None or args.estimate_depth is not None:
            raise ValueError("expected --points alone or --depth with --intrinsics, got both")
        return read_points(args.image, args.points, args.max_megapixels)
    if args.estimate_depth is not None:
        return _estimated(args)
    if args.depth is None or args.intrinsics is None:
        missing = " and ".join(name for name in ("depth", "intrinsics") if getattr(args, name) is None)
        raise ValueError(f"expected --depth with --intrinsics, or --points; {missing} missing")
    frame = read_rgbd(
        args.image,
        args.depth,
        args.intrinsics,
        depth_scale_m=args.depth_scale,
        max_megapixels=args.max_megapixels,
    )
    return frame.observation()


def _check_no_scale(args: argparse.Namespace) -> None:
    """Points and guessed depth are in metres: a scale for them is a mistake."""
    if args.depth_scale is not None:
        raise ValueError("--depth-scale: expected --depth with it, got none")


def _estimated(args: argparse.Namespace) -> Observation:
    if args.depth is not None:
        raise ValueError("expected --depth or --estimate-depth, got both")
    _check_no_scale(args)
    if args.depth_model is None:
        raise ValueError("--estimate-depth: expected --depth-model, a folder or hub:NAME to download it")
    rgb = read_picture(args.image, max_megapixels=args.max_megapixels)
    intrinsics = None if args.intrinsics is None else read_intrinsics(args.intrinsics)
    from n3d_ros.depth_models import estimate

    return estimate(rgb, args.estimate_depth, args.depth_model, intrinsics)
