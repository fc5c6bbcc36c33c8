"""CameraInfo to the camera of one picture: which matrix, which window, which size."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from n3d_ros.cameras.camera_info import camera_of_info, kind_of_topic, windowed
from n3d_ros.geometry import Distortion, Intrinsics
from n3d_ros.node.conversions import intrinsics_of

D = [-0.1, 0.02, 0.001, -0.001, 0.0]


def info(**change):
    """A calibrated camera of 640x480 whose rectified picture has a longer focal length."""
    values = {
        "width": 640,
        "height": 480,
        "distortion_model": "plumb_bob",
        "d": D,
        "k": [500.0, 0.0, 320.0, 0.0, 502.0, 240.0, 0.0, 0.0, 1.0],
        "r": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        "p": [520.0, 0.0, 325.0, 0.0, 0.0, 521.0, 243.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        "binning_x": 0,
        "binning_y": 0,
        "roi": SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0),
    }
    return SimpleNamespace(**{**values, **change})


def window(x_offset, y_offset, width, height):
    return SimpleNamespace(x_offset=x_offset, y_offset=y_offset, width=width, height=height)


@pytest.mark.parametrize("kind", ["raw", "auto"])
def test_a_raw_picture_has_k_and_its_lens(kind):
    stated = camera_of_info(info(), 640, 480, kind)
    seen = stated.intrinsics
    assert (seen.fx, seen.fy, seen.cx, seen.cy) == (500.0, 502.0, 320.0, 240.0)
    assert seen.distortion == Distortion("plumb_bob", tuple(D))
    assert stated.source == "K with plumb_bob distortion"


def test_a_rectified_picture_has_p_and_no_lens():
    stated = camera_of_info(info(), 640, 480, "rectified")
    seen = stated.intrinsics
    assert (seen.fx, seen.fy, seen.cx, seen.cy, seen.distortion) == (520.0, 521.0, 325.0, 243.0, None)
    assert stated.source == "P of the rectified picture"


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("/camera/camera/color/image_raw", "raw"),
        ("/camera/rgb/image_rect_color", "rectified"),
        ("/zed/zed_node/rgb/color/rect/image", "rectified"),
        ("/camera/image_raw/compressed", "raw"),
        ("/camera/color/image", "auto"),
        ("/direction/drawn/image", "auto"),
        ("rgb/image", "auto"),
    ],
)
def test_a_topic_s_name_says_which_picture_it_is(topic, kind):
    assert kind_of_topic(topic) == kind


def test_a_region_moves_the_principal_point():
    seen = camera_of_info(info(roi=window(200, 100, 400, 300)), 400, 300, "raw").intrinsics
    assert (seen.fx, seen.cx, seen.cy, seen.width, seen.height) == (500.0, 120.0, 140.0, 400, 300)
    rectified = camera_of_info(info(roi=window(200, 100, 400, 300)), 400, 300, "rectified").intrinsics
    assert (rectified.cx, rectified.cy) == (125.0, 143.0)


def test_binning_of_an_odd_side_halves_the_focal_length_and_drops_the_rest():
    seen = windowed(Intrinsics(600.0, 602.0, 320.5, 240.5, 641, 481), None, 2, 2)
    assert seen == Intrinsics(300.0, 301.0, 160.0, 120.0, 320, 240)


def test_binning_joins_pixels():
    seen = camera_of_info(info(binning_x=2, binning_y=2), 320, 240, "raw").intrinsics
    assert (seen.fx, seen.fy) == (250.0, 251.0)
    assert (seen.cx, seen.cy) == (320.5 / 2 - 0.5, 240.5 / 2 - 0.5)


def test_a_region_is_cut_out_before_its_pixels_are_joined():
    stated = camera_of_info(info(roi=window(200, 100, 400, 300), binning_x=2, binning_y=2), 200, 150, "raw")
    assert (stated.intrinsics.fx, stated.intrinsics.cx) == (250.0, 120.5 / 2 - 0.5)
    assert stated.source == "K with plumb_bob distortion, cut and binned to 200x150"


def test_a_region_of_the_whole_sensor_is_no_region():
    whole = camera_of_info(info(roi=window(0, 0, 640, 480)), 640, 480, "raw").intrinsics
    assert whole == camera_of_info(info(), 640, 480, "raw").intrinsics
    assert not whole.is_crop


@pytest.mark.parametrize(
    ("change", "size", "message"),
    [
        (
            {"roi": window(200, 100, 400, 300)},
            (640, 480),
            "expected a picture of 400x300, as roi and binning say",
        ),
        ({"roi": window(400, 100, 400, 300)}, (400, 300), "expected a part of 640x480"),
        ({"roi": window(5, 0, 0, 0)}, (640, 480), "expected a width and a height"),
        ({}, (640, 360), "expected the picture's 640x360 or its proportions, got 640x480"),
        ({"k": [0.0] * 9}, (640, 480), "is the camera calibrated"),
        ({"distortion_model": "magic"}, (640, 480), "expected one of plumb_bob"),
        ({"distortion_model": ""}, (640, 480), "expected a distortion_model"),
        ({"k": [500.0, 0, 0, 0, 502.0, 0, 320.0, 240.0, 1.0]}, (640, 480), "looks transposed"),
    ],
)
def test_what_contradicts_itself_is_refused(change, size, message):
    width, height = size
    with pytest.raises(ValueError, match=message):
        camera_of_info(info(**change), width, height, "raw")


def test_a_rectified_picture_without_p_is_refused():
    with pytest.raises(ValueError, match="expected P with focal lengths above zero"):
        camera_of_info(info(p=[0.0] * 12), 640, 480, "rectified")
    with pytest.raises(ValueError, match="kind of picture"):
        camera_of_info(info(), 640, 480, "straight")


STRAIGHT = {"d": [0.0] * 5}


def test_k_and_p_that_differ_without_a_lens_need_a_word_on_whose_the_picture_is():
    with pytest.raises(
        ValueError, match="got fx fy cx cy = 500 502 320 240 and 520 521 325 243, .* rgb.pict"
    ):
        camera_of_info(info(**STRAIGHT), 640, 480, "auto")
    said = [camera_of_info(info(**STRAIGHT), 640, 480, kind).intrinsics.fx for kind in ("raw", "rectified")]
    assert said == [500.0, 520.0]


@pytest.mark.parametrize(
    "change",
    [
        {"p": [0.0] * 12},
        {"p": [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]},
        {"p": [503.0, 0.0, 321.0, -25.0, 0.0, 504.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0]},
        {"r": [0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]},
        {"d": D},
    ],
)
def test_p_that_says_nothing_else_leaves_k(change):
    """Unset, the unit matrix, the same camera with a baseline; that of a picture turned or straightened."""
    assert camera_of_info(info(**{**STRAIGHT, **change}), 640, 480, "auto").intrinsics.fx == 500.0


def test_a_camera_info_that_changes_is_followed():
    before, after = (intrinsics_of(info(k=[f, 0, 320, 0, f, 240, 0, 0, 1]), 640, 480) for f in (500.0, 700.0))
    assert (before.fx, after.fx) == (500.0, 700.0)


OVERRIDE = Intrinsics(600.0, 603.0, 322.0, 241.0, 640, 480)


@pytest.mark.parametrize("size", [(640, 480), (320, 240), (1280, 960)])
@pytest.mark.parametrize("change", [{}, {"k": [0.0] * 9, "p": [0.0] * 12}, {"width": 0, "height": 0}])
def test_a_k_given_in_place_of_the_infos_is_scaled_to_the_picture_and_keeps_the_lens(size, change):
    stated = camera_of_info(info(**change), size[0], size[1], "raw", OVERRIDE)
    assert stated.intrinsics == replace(OVERRIDE, distortion=Distortion("plumb_bob", tuple(D))).scaled_to(
        *size
    )
    assert stated.source == "K given in place of the camera info's with plumb_bob distortion"


def test_it_stands_for_p_of_a_rectified_picture_too_which_has_no_lens():
    assert camera_of_info(info(), 640, 480, "rectified", OVERRIDE).intrinsics == OVERRIDE


def test_it_is_cut_and_binned_as_the_info_says_whatever_size_it_is_of():
    cut = info(roi=window(200, 100, 400, 300), binning_x=2, binning_y=2, d=[], distortion_model="")
    for given in (OVERRIDE, OVERRIDE.scaled_to(1280, 960)):
        seen = camera_of_info(cut, 200, 150, "raw", given).intrinsics
        assert (seen.fx, seen.fy) == pytest.approx((300.0, 301.5))
        assert (seen.cx, seen.cy) == pytest.approx(((122.0 + 0.5) / 2 - 0.5, (141.0 + 0.5) / 2 - 0.5))


@pytest.mark.parametrize("size", [(640, 360), (480, 640)])
def test_a_k_of_another_shape_than_the_picture_is_refused(size):
    with pytest.raises(ValueError, match="expected the picture's .* or its proportions, got 640x480"):
        camera_of_info(info(), size[0], size[1], "raw", OVERRIDE)
