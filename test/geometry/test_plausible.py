"""Cameras that cannot be are refused, and the message says which mistake it looks like."""

import numpy as np
import pytest

from n3d_ros.geometry import Intrinsics

GOOD = {"fx": 241.0, "fy": 241.0, "cx": 159.5, "cy": 119.5, "width": 320, "height": 240}
LEFT_PART = {"cx": -40.0, "cy": 119.5}


def refused(**change):
    with pytest.raises(ValueError, match="^intrinsics: ") as caught:
        Intrinsics(**{**GOOD, **change})
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            {"fx": 0.753, "fy": 1.004, "cx": 0.5, "cy": 0.5},
            "shares of width and height (fx would be 241.0 px)",
        ),
        ({"fx": 3.67, "fy": 3.67}, "millimetres"),
        ({"fx": 35.0, "fy": 35.0}, "millimetres"),
        ({"fx": 67.0, "fy": 53.0}, "degrees"),
        ({"fx": 0.753, "fy": 1.004}, "shares of width and height (fx would be 241.0 px) or millimetres"),
        ({"fx": 0.00193, "fy": 0.00193}, "metres"),
        ({"fx": 1930.0, "fy": 1930.0}, "got 9.478 from fx"),
        ({"fx": 1e30, "fy": 1e30}, "field of view"),
        ({"fx": 241.0, "fy": 2.41}, "from fy = 2.41"),
        ({"fx": 600.0, "fy": 241.0}, "within 2.1 times of each other, got fx = 600, fy = 241"),
    ],
)
def test_a_focal_length_in_another_unit_is_named(change, named):
    assert named in refused(**change)


@pytest.mark.parametrize(
    ("times", "named"),
    [(4, "4 times"), (2, "2 times"), (1.5, "1.5 times"), (1.25, "1.25 times"), (0.5, "0.5 times")],
)
def test_the_matrix_of_another_resolution_is_named(times, named):
    change = {"cx": 160 * times - 0.5, "cy": 120 * times - 0.5, "fx": 241.0 * times, "fy": 241.0 * times}
    assert named in refused(**change)


def test_the_matrix_of_a_turned_picture_is_named():
    assert "the middle of 240x320: of the picture before it was turned" in refused(cx=119.5, cy=159.5)


def test_a_turned_picture_that_is_nearly_square_is_named():
    assert "the middle of 512x640" in refused(width=640, height=512, fx=600, fy=600, cx=255.5, cy=319.5)


def test_a_principal_point_of_another_shape_of_picture_is_refused():
    assert "near the middle of 640x480" in refused(width=640, height=480, fx=900, fy=900, cx=634.2, cy=356.1)


def test_a_picture_cut_to_another_shape_without_its_matrix_is_refused():
    assert "near the middle of 960x720" in refused(width=960, height=720, fx=900, fy=900, cx=639.5, cy=359.5)


@pytest.mark.parametrize(
    ("size", "middle", "named"),
    [
        ((848, 480), (321.0, 237.0), "640x480"),
        ((1280, 720), (479.5, 359.5), "960x720"),
        ((640, 480), (319.5, 181.0), "640x360"),
        ((1920, 1440), (959.5, 539.5), "1920x1080"),
        ((640, 480), (239.5, 239.5), "480x480"),
    ],
)
def test_the_matrix_of_another_mode_with_the_same_rows_or_columns_is_named(size, middle, named):
    (width, height), (cx, cy) = size, middle
    said = refused(width=width, height=height, fx=width, fy=width, cx=cx, cy=cy)
    assert f"the middle of {named}: of another mode of the camera" in said


def test_a_calibrated_principal_point_somewhat_off_the_middle_is_taken():
    assert Intrinsics(600, 600, 345.0, 239.5, 848, 480).cx == 345.0
    assert Intrinsics(600, 600, 319.5, 195.0, 640, 480).cy == 195.0


def test_a_crop_may_have_its_principal_point_anywhere_if_it_says_so():
    assert "say is_crop" in refused(**LEFT_PART)
    assert Intrinsics(**{**GOOD, **LEFT_PART}, is_crop=True).cx == -40.0
    part = Intrinsics(**GOOD).cropped(200, 100, 40, 30)
    assert (part.cx, part.cy, part.width, part.is_crop) == (-40.5, 19.5, 40, True)
    assert Intrinsics.from_dict(part.to_dict()) == part
    with pytest.raises(ValueError, match="expected a part of 320x240, got 40x30 at"):
        Intrinsics(**GOOD).cropped(300, 100, 40, 30)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"fx": True}, "fx must be a number, got bool True"),
        ({"cx": np.bool_(False)}, "cx must be a number"),
        ({"fx": "241"}, "fx must be a number, got str '241'"),
        ({"fx": None}, "fx must be a number"),
        ({"fx": 10**400}, "beyond float64"),
        ({"width": 10**12}, "width must be a whole number of pixels up to 65535"),
        ({"width": 320.5}, "whole number of pixels"),
        ({"height": True}, "height must be a number"),
    ],
)
def test_what_is_no_number_is_refused(change, named):
    assert named in refused(**change)


def test_whole_numbers_may_come_as_floats_and_numpy_s():
    camera = Intrinsics(np.float32(241.0), 241, 159.5, np.float64(119.5), 320.0, np.int64(240))
    assert camera == Intrinsics(**GOOD)
    assert [type(value) for value in camera.to_dict().values()] == [float] * 4 + [int] * 2


def test_a_transposed_matrix_is_named():
    turned = np.array([[241.0, 0, 159.5], [0, 241.0, 119.5], [0, 0, 1]]).T
    with pytest.raises(ValueError, match=r"expected 0 0 1 in the last row .* looks transposed"):
        Intrinsics.from_matrix(turned, 320, 240)


@pytest.mark.parametrize("long_side", [20, 100, 333, 640, 1281])
def test_every_good_camera_stays_good_when_thinned_or_resized(long_side):
    rng = np.random.default_rng(long_side)
    for _ in range(50):
        width, height = long_side, int(rng.integers(long_side // 2, long_side + 1))
        off = rng.uniform(0, 0.0999, 2) * rng.choice([-1, 1])
        cx, cy = (width - 1) / 2 + off[0] * width, (height - 1) / 2 + off[1] * height
        camera = Intrinsics(width, width, cx, cy, width, height)
        for step in (2, 3, 5):
            camera.every(step)
        camera.scaled_to(2 * width, 2 * height)
