"""One frame in other people's conventions: right metres, or one line that names the mistake.

Files: the folder that `N3D_CASES` names. Right: what the frame gives in its own conventions.
"""

import numpy as np
import pytest

from n3d_ros.files.frames import read_rgbd
from n3d_ros.files.points_file import read_points
from n3d_ros.preprocess.depth import depth_to_point_map

TUM, KITTI = 1 / 5000, 1 / 256

# file, scale given -> metres within, or what the refusal names
DEPTHS = [
    ("depth_mm.png", None, 0.0),
    ("depth_holes_0.png", None, 0.0),
    ("depth_holes_65535.png", None, 0.0),
    ("depth_tum5000.png", TUM, 0.001),
    ("depth_kitti256.png", KITTI, 0.003),
    ("depth_kitti256.png", None, "KITTI's 1/256 would make it 0.6"),
    ("depth_mm_float.npy", None, "looks like millimetres"),
    ("bomb_depth.png", None, "bomb_depth.png"),
]
CAMERAS = [
    ("intrinsics.json", "same"),
    ("bom.json", "same"),
    ("realsense_ppx.json", "same"),
    ("open3d.json", "same"),
    ("record3d.json", "same"),
    ("distorted.json", "bent"),
    ("k_column_major.json", "looks transposed"),
    ("normalised.json", "shares of width and height"),
    ("wrong_resolution_scaled_k.json", "the middle of a picture 3.99 times as large"),
    ("k_and_fx_differ.json", "expected one fx"),
    ("bool.json", "fx must be a number"),
    ("huge_width.json", "1e400"),
    ("huge_int.json", "fx must be finite"),
]
POINTS = [
    ("pts_ok.npz", "same"),
    ("pts_k_pixels.npz", "intr in pixels"),
    ("pts_optical.npz", "the optical frame's axes"),
    ("pts_opengl.npz", "OpenGL's axes"),
    ("pts_mm.npz", "looks like millimetres"),
]


def seen(folder, depth="depth_mm.png", camera="intrinsics.json", scale=None):
    return read_rgbd(folder / "color.png", folder / depth, folder / camera, depth_scale_m=scale).observation()


def refusal(function, *arguments):
    with pytest.raises(ValueError, match=".") as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("name", "scale", "expected"), DEPTHS)
def test_depth_is_right_or_refused(cases_dir, name, scale, expected):
    if isinstance(expected, str):
        assert expected in refusal(seen, cases_dir, name, "intrinsics.json", scale)
        return
    right, found = seen(cases_dir).depth, seen(cases_dir, name, scale=scale).depth
    measured = np.isfinite(found)
    assert measured.mean() > 0.5
    np.testing.assert_allclose(found[measured], right[measured], atol=expected)


def test_holes_of_either_kind_are_the_same_depth(cases_dir):
    zero, largest = (seen(cases_dir, f"depth_holes_{kind}.png").depth for kind in (0, 65535))
    np.testing.assert_array_equal(zero, largest)


@pytest.mark.parametrize(("name", "expected"), CAMERAS)
def test_a_camera_is_right_or_refused(cases_dir, name, expected):
    if expected == "same":
        assert seen(cases_dir, camera=name).intrinsics == seen(cases_dir).intrinsics
    elif expected == "bent":
        bent, plain = (
            depth_to_point_map(one.depth, one.intrinsics)
            for one in (seen(cases_dir, camera=name), seen(cases_dir))
        )
        assert np.nanmax(np.abs(bent - plain)) > 0.1
    else:
        assert expected in refusal(seen, cases_dir, "depth_mm.png", name)


@pytest.mark.parametrize(("name", "expected"), POINTS)
def test_a_point_file_is_right_or_refused(cases_dir, name, expected):
    if expected != "same":
        assert expected in refusal(read_points, cases_dir / "color.png", cases_dir / name)
        return
    found, right = read_points(cases_dir / "color.png", cases_dir / name), seen(cases_dir)
    points = depth_to_point_map(right.depth, right.intrinsics)
    step = points.shape[0] // found.point_map.shape[0]
    same = np.isfinite(found.point_map).all(axis=2)
    np.testing.assert_allclose(found.point_map[same], points[::step, ::step][same], atol=0.01)
