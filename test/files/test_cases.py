"""One frame in other people's conventions: right metres, or one line that names the mistake.

Files: the folder that `N3D_CASES` names. Right: what the frame gives in its own conventions. The last test
prints all of them, questions too, in one table: `pytest -s test/files/test_cases.py -k table`.
"""

import numpy as np
import pytest
from peoples_questions import SHARED
from three_boxes import outcome

from n3d_ros.files.frames import read_rgbd
from n3d_ros.files.picture_file import read_picture
from n3d_ros.files.points_file import read_points
from n3d_ros.preprocess.depth import depth_to_point_map
from n3d_ros.text_table import text_table

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
    ("bomb_depth.png", None, "at most 64 megapixels"),
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
    ("huge_int.json", "beyond float64"),
]
PICTURES = [
    ("color.png", "same"),
    ("bomb_color.png", "at most 64 megapixels"),
    ("bomb_text_color.png", "bomb_text_color.png"),
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


@pytest.mark.parametrize(("name", "expected"), PICTURES)
def test_a_picture_is_right_or_refused(cases_dir, name, expected):
    if expected != "same":
        assert expected in refusal(read_picture, cases_dir / name)
    else:
        assert read_picture(cases_dir / name).shape == (240, 320, 3)


def came_of(function):
    """In a few words: the middle of what was measured, or why it was refused."""
    try:
        found = function()
    except ValueError as error:
        return f"refused: {error}"
    if isinstance(found, np.ndarray):
        return f"read: {found.shape[1]}x{found.shape[0]}"
    z = found.depth if found.depth is not None else found.point_map[..., 2]
    lens = "" if found.intrinsics.distortion is None else ", its lens used"
    return f"read: median depth {np.nanmedian(z):.3f} m{lens}"


def test_every_case_has_its_right_behaviour_in_one_table(cases_dir):
    """Of each case: the file or question, what came of it, and what must be in that."""
    color, read = cases_dir / "color.png", {"same": "read: ", "bent": "its lens used"}
    rows = [(n, came_of(lambda n=n: read_picture(cases_dir / n)), read.get(e, e)) for n, e in PICTURES]
    rows += [
        (
            f"{n} {s or ''}",
            came_of(lambda n=n, s=s: seen(cases_dir, n, scale=s)),
            e if isinstance(e, str) else "median depth 0.6",
        )
        for n, s, e in DEPTHS
    ]
    rows += [(n, came_of(lambda n=n: seen(cases_dir, camera=n)), read.get(e, e)) for n, e in CAMERAS]
    rows += [(n, came_of(lambda n=n: read_points(color, cases_dir / n)), read.get(e, e)) for n, e in POINTS]
    asked = [(question, str(outcome(question)), str(value)) for question, value in SHARED.items()]
    named = {"None": "not understood: no value"}
    shown = [(case, named.get(came, came)[:150]) for case, came, _ in (*rows, *asked)]
    print("\n" + text_table([("case", "what comes of it"), *shown], "<"))
    assert [case for case, came, expected in rows if expected not in came] == []
    assert [case for case, came, expected in asked if came != expected] == []
    files = {path.name for path in cases_dir.iterdir()} - {"README.md", "questions.txt"}
    assert files == {case.split()[0] for case, _, _ in rows}
