"""Where the ink goes."""

import numpy as np
import pytest

from n3d_ros.boxes import Box3D, box_2d_px
from n3d_ros.geometry import Intrinsics
from n3d_ros.overlay import COLOURS, TRUTH_COLOUR, add_caption, draw_boxes, tile

CAMERA = Intrinsics(500.0, 500.0, 319.5, 239.5, 640, 480)
GREY = np.full((480, 640, 3), 90, np.uint8)
MUG = Box3D("red mug", (0.0, 0.0, 1.0), (0.2, 0.2, 0.2))


def drawn(picture):
    return np.argwhere((picture != GREY).any(axis=2))


def test_edges_lie_on_the_projected_box_and_a_label_above_it():
    rows, columns = drawn(draw_boxes(GREY, [MUG], CAMERA)).T
    x_min, y_min, x_max, y_max = box_2d_px(MUG, CAMERA)
    assert rows.max() == pytest.approx(y_max, abs=3)
    assert columns.min() == pytest.approx(x_min, abs=3)
    assert 10 < y_min - rows.min() < 40


def test_the_caller_s_picture_is_left_alone():
    before = GREY.copy()
    draw_boxes(GREY, [MUG], CAMERA, truth=[MUG])
    np.testing.assert_array_equal(GREY, before)


def test_boxes_have_colours_of_their_own():
    boxes = [Box3D("a", (x, 0.1, 1.0), (0.1, 0.1, 0.1)) for x in (-0.3, 0.0, 0.3)]
    picture = draw_boxes(GREY, boxes, CAMERA)
    for colour in COLOURS[:3]:
        assert (picture == colour).all(axis=2).sum() > 100


def test_truth_is_white_and_has_no_label():
    picture = draw_boxes(GREY, [], CAMERA, truth=[MUG])
    rows = drawn(picture)[:, 0]
    assert (picture == TRUTH_COLOUR).all(axis=2).any()
    assert rows.min() >= box_2d_px(MUG, CAMERA)[1] - 3


@pytest.mark.parametrize("center", [(0.0, 0.0, -1.0), (30.0, 0.0, 1.0)])
def test_a_box_out_of_view_leaves_no_trace(center):
    assert len(drawn(draw_boxes(GREY, [Box3D("far", center, (0.2, 0.2, 0.2))], CAMERA))) == 0


def test_a_box_around_the_camera_is_drawn_without_mirrored_edges():
    room = Box3D("room", (0.0, 0.0, 1.0), (2.0, 2.0, 4.0))
    picture = draw_boxes(GREY, [], CAMERA, truth=[room])
    inside_far_wall = (slice(80, 400), slice(160, 480))
    assert (picture[inside_far_wall] == GREY[inside_far_wall]).all()
    assert len(drawn(picture)) > 0


def test_labels_of_neighbours_do_not_cover_each_other():
    boxes = [Box3D("mug", (0.01 * i, 0.0, 1.0), (0.2, 0.2, 0.2)) for i in range(3)]
    picture = draw_boxes(GREY, boxes, CAMERA)
    areas = [(picture == colour).all(axis=2).sum() for colour in COLOURS[:3]]
    alone = (draw_boxes(GREY, boxes[:1], CAMERA) == COLOURS[0]).all(axis=2).sum()
    label_px = alone / 2
    assert min(areas) > label_px


def test_letters_that_the_font_lacks_do_not_stop_the_drawing():
    assert len(drawn(draw_boxes(GREY, [Box3D("赤いマグ", MUG.center, MUG.size)], CAMERA))) > 0


def test_a_caption_goes_under_the_picture_and_stays_inside_it():
    captioned = add_caption(GREY, ["short", "long " * 100])
    np.testing.assert_array_equal(captioned[:480], GREY)
    bar = captioned[480:]
    assert 30 < len(bar) < 80
    assert (bar[:, -4:] == bar[0, 0]).all()
    assert (bar == TRUTH_COLOUR).any()


def test_tiles_fill_rows_and_leave_the_last_place_dark():
    tiled = tile([GREY, GREY, GREY])
    assert tiled.shape == (960, 1280, 3)
    assert (tiled[:480] == 90).all()
    assert (tiled[480:, 640:] < 30).all()
    with pytest.raises(ValueError, match="one size"):
        tile([GREY, GREY[:10]])


class Absurd(Box3D):
    """What `Box3D` refuses to be."""

    def __post_init__(self):
        pass


@pytest.mark.parametrize("value", [1e9, 1e154, 1e300, 1.7e308, -1e154])
@pytest.mark.parametrize("where", ["x", "y", "z", "size", "all"])
def test_a_box_beyond_all_numbers_does_not_stop_its_neighbours_from_being_drawn(value, where):
    center = tuple(value if where in (axis, "all") else 1.0 for axis in "xyz")
    box = Box3D("far", center, (abs(value),) * 3 if where in ("size", "all") else (0.1, 0.1, 0.1))
    with np.errstate(all="raise"):
        picture = draw_boxes(GREY, [box, MUG], CAMERA, truth=[box])
    assert (picture == COLOURS[1]).all(axis=2).any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("part", ["center", "size", "yaw"])
def test_what_is_no_box_leaves_no_trace(value, part):
    three = (value, 1.0, value)
    good = {"center": MUG.center, "size": MUG.size, "yaw": 0.0}
    if part == "yaw" and np.isinf(value):
        pytest.skip("math.sin refuses infinity before a corner is made")
    box = Absurd("absurd", **{**good, part: value if part == "yaw" else three})
    np.testing.assert_array_equal(draw_boxes(GREY, [box], CAMERA, truth=[box]), GREY)


def test_a_label_of_a_megabyte_stays_in_the_picture_and_takes_no_time():
    picture = draw_boxes(GREY, [Box3D("\x1b[31m\n" + "long " * 200_000, MUG.center, MUG.size)], CAMERA)
    assert picture.shape == GREY.shape and len(drawn(picture)) > 0
