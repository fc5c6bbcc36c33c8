"""One function for depth of every way in: units, holes, limits, and scenes that cannot be."""

import numpy as np
import pytest
from kernel_paths import COMPILED, taking

from n3d_ros.errors import BadInputError, N3DError, NoDepthError, ResultCode
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess import kernels
from n3d_ros.preprocess.metres import measured_depth, to_metres
from n3d_ros.preprocess.prepare import Observation

NAN = np.nan


def test_the_largest_16_bit_number_is_no_depth():
    np.testing.assert_array_equal(
        to_metres(np.uint16([[0, 65535, 65534]]), "16UC1"), np.float32([[NAN, NAN, 65.534]])
    )
    np.testing.assert_array_equal(
        to_metres(np.uint16([[0, 65535, 5000]]), "16UC1", 1 / 5000), np.float32([[NAN, NAN, 1.0]])
    )


@pytest.fixture(params=[*COMPILED, kernels.NUMPY])
def _path(request):
    """Every path that this machine can run."""
    with kernels.using(kernels.NUMPY) if request.param == kernels.NUMPY else taking(request.param):
        yield


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("ceiling", [None, 4095])
@pytest.mark.parametrize(
    ("scale", "min_m", "max_m"), [(0.001, 0, 20), (1 / 5000, 0.3, 4), (1 / 1024, 1, np.inf)]
)
def test_every_number_of_16_bits_is_rounded_once_and_kept_within_the_limits(
    _path, scale, min_m, max_m, ceiling, order
):
    raw = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    if ceiling is not None:
        raw = np.where((raw > ceiling) & (raw < 65535), np.uint16(ceiling), raw)
    expected = (np.float64(raw) * scale).astype(np.float32)
    is_none = (raw == 0) | (raw == 65535) | (raw == ceiling)
    expected[is_none] = NAN
    np.testing.assert_array_equal(to_metres(raw.astype(f"{order}u2"), "16UC1", scale), expected)
    expected[is_none | (expected < min_m) | (expected > max_m)] = NAN
    limited = measured_depth(raw.astype(f"{order}u2"), "16UC1", scale, min_m, max_m)
    np.testing.assert_array_equal(limited, expected)


def test_limits_that_leave_nothing_of_16_bits_are_no_depth(_path):
    with pytest.raises(NoDepthError, match=r"none of 64 pixels lies in 3\.\.2 m"):
        measured_depth(np.full((8, 8), 2500, np.uint16), "16UC1", min_m=3.0, max_m=2.0)


def test_eight_bits_are_read_and_judged_as_their_numbers_say():
    assert measured_depth(np.full((8, 8), 250, np.uint8), "16UC1")[0, 0] == np.float32(0.25)
    with pytest.raises(BadInputError, match="got 0.150 m from 16 bits"):
        measured_depth(np.full((8, 8), 150, np.uint8), "16UC1")


def test_a_scene_is_judged_by_its_median_also_where_limits_cut_it():
    """Most of it beyond ten metres, and beyond what is kept; then a little less than most."""
    raw = np.full((40, 40), 1000, np.uint16)
    raw[:24] = 25000
    with pytest.raises(BadInputError, match=r"expected a median of 0\.2 to 10 m, got 25\.000 m"):
        measured_depth(raw, "16UC1")
    raw[16:] = 1000
    assert np.isnan(measured_depth(raw, "16UC1")).sum() == 16 * 40


def test_metres_are_judged_by_what_most_of_them_are():
    depth = np.full((40, 40), 1.25, np.float32)
    depth[:24] = 650.0
    with pytest.raises(BadInputError, match="a median depth of 650, which looks like millimetres"):
        measured_depth(depth, "32FC1")
    depth[16:] = 1.25
    assert np.isnan(measured_depth(depth, "32FC1")).sum() == 16 * 40


@pytest.mark.parametrize("none", [0, 65535, 4095])
def test_a_scene_of_which_little_was_measured_is_judged_by_that(none):
    raw = np.full((40, 40), none, np.uint16)
    raw[4], raw[8] = 150, 150
    with pytest.raises(BadInputError, match="got 0.150 m from 16 bits"):
        measured_depth(raw, "16UC1")
    raw[4], raw[8] = 900, 900
    assert np.isfinite(measured_depth(raw, "16UC1")).sum() == 80


def test_a_scale_so_small_that_nothing_is_a_distance_leaves_no_depth():
    with pytest.raises(NoDepthError, match="none of 64 pixels"):
        measured_depth(np.full((8, 8), 650, np.uint16), "16UC1", 5e-324)


def test_what_was_measured_is_found_wherever_it_lies():
    depth = np.full((130, 130), NAN, np.float32)
    depth[129, 127] = 2.0
    assert np.nansum(measured_depth(depth, "32FC1")) == 2.0


@pytest.mark.parametrize(("scale", "units"), [(1 / 5000, 3250), (1 / 256, 166), (0.0001, 6500), (0.001, 650)])
def test_a_given_scale_is_used(scale, units):
    depth = measured_depth(np.full((8, 8), units, np.uint16), "16UC1", scale)
    np.testing.assert_allclose(depth, 0.65, atol=0.002)


@pytest.mark.parametrize(
    ("units", "named"),
    [
        (166, "0.166 m from 16 bits read as millimetres (KITTI's 1/256 would make it 0.65 m"),
        (20000, "TUM's 1/5000 would make it 4.00 m"),
        (65, "centimetres, 0.01 would make it 0.65 m"),
        (12, "no usual scale fits"),
    ],
)
def test_a_scene_that_no_camera_sees_in_millimetres_is_refused_with_the_scales_that_fit(units, named):
    with pytest.raises(BadInputError) as caught:
        measured_depth(np.full((8, 8), units, np.uint16), "16UC1")
    assert named in caught.value.message
    assert "--depth-scale" in caught.value.message


def test_a_near_scene_passes_where_millimetres_are_said():
    assert measured_depth(np.full((8, 8), 120, np.uint16), "16UC1", 0.001)[0, 0] == np.float32(0.12)


def test_millimetres_as_floats_are_refused_everywhere():
    millimetres = np.full((8, 8), 650.0, np.float32)
    with pytest.raises(BadInputError, match="looks like millimetres"):
        measured_depth(millimetres, "32FC1")
    camera = Intrinsics(8.0, 8.0, 3.5, 3.5, 8, 8)
    with pytest.raises(BadInputError, match="looks like millimetres"):
        Observation(np.zeros((8, 8, 3), np.uint8), camera, depth=millimetres)
    with pytest.raises(BadInputError, match="point_map: .* looks like millimetres"):
        Observation(np.zeros((8, 8, 3), np.uint8), camera, point_map=np.full((8, 8, 3), 650.0, np.float32))


def test_the_scale_that_is_named_is_of_what_the_file_holds():
    looks = (
        "a median depth of 90 with the stated scale 0.1, which looks like centimetres: give the scale 0.001 "
    )
    with pytest.raises(BadInputError, match=looks):
        measured_depth(np.full((8, 8), 900.0, np.float32), "32FC1", 0.1)


def test_centimetres_are_named():
    with pytest.raises(BadInputError, match=r"a median depth of 65, which looks like centimetres: .* 0.01"):
        measured_depth(np.full((8, 8), 65.0, np.float32), "32FC1")


def test_the_median_is_of_what_was_measured_wherever_it_lies():
    sparse = np.full((8, 8), NAN, np.float32)
    sparse[3, 3] = 900.0  # between the pixels that are looked at first
    with pytest.raises(BadInputError, match="median depth of 900"):
        measured_depth(sparse, "32FC1")


def test_limits_hold_and_an_empty_picture_is_no_depth():
    depth = measured_depth(np.float32([[0.5, 1.0, 25.0]]), "32FC1", min_m=0.6)
    np.testing.assert_array_equal(depth, np.float32([[NAN, 1.0, NAN]]))
    with pytest.raises(NoDepthError, match=r"none of 3 pixels lies in 0\.\.20 m"):
        measured_depth(np.zeros((1, 3), np.uint16), "16UC1")


@pytest.mark.parametrize(
    ("scale", "named"),
    [(0, "positive"), (-1.0, "positive"), (NAN, "positive"), (True, "positive"), (5000, "written as 0.0002")],
)
def test_a_scale_that_is_none_is_refused(scale, named):
    with pytest.raises(N3DError, match=named) as caught:
        measured_depth(np.full((8, 8), 650, np.uint16), "16UC1", scale)
    assert caught.value.code == ResultCode.BAD_INPUT


@pytest.mark.parametrize("size", [(848, 480), (640, 640), (1280, 960)])
def test_depth_of_another_view_is_noticed(size):
    camera = Intrinsics(900.0, 900.0, 639.5, 359.5, 1280, 720)
    with pytest.raises(ValueError, match=f"got {size[0]}x{size[1]}; register depth to colour first"):
        Observation(np.zeros((720, 1280, 3), np.uint8), camera, depth=np.ones(size[::-1], np.float32))


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (427, 240), (320, 180)])
def test_depth_of_the_picture_resized_is_taken(size):
    camera = Intrinsics(900.0, 900.0, 639.5, 359.5, 1280, 720)
    Observation(np.zeros((720, 1280, 3), np.uint8), camera, depth=np.ones(size[::-1], np.float32))


RAMP_MM = np.arange(600, 1240, dtype=np.uint16).reshape(20, 32)
# From 2 to 27.
STEPS = 2 + (np.arange(40)[:, None] + np.arange(64)) // 4


def test_millimetres_shifted_by_three_bits_are_named_with_their_scale():
    with pytest.raises(BadInputError, match="multiples of 8 alone, .* give the scale 0.000125"):
        measured_depth(RAMP_MM << 3, "16UC1")
    shifted = measured_depth(RAMP_MM << 3, "16UC1", 0.000125)
    np.testing.assert_allclose(shifted, RAMP_MM / 1000, rtol=1e-6)
    assert measured_depth(np.full((8, 8), 800, np.uint16), "16UC1")[0, 0] == np.float32(0.8)


@pytest.mark.parametrize(("step", "scale"), [(5, 0.0002), (10, 0.0001)])
def test_millimetres_written_in_another_unit_are_named_with_its_scale(step, scale):
    units = (RAMP_MM + 1) * step
    with pytest.raises(BadInputError, match=f"multiples of {step} alone, .* give the scale {scale:g} "):
        measured_depth(units, "16UC1")
    for given in (scale, 0.001):
        np.testing.assert_allclose(measured_depth(units, "16UC1", given), units * given, rtol=1e-6)


@pytest.mark.parametrize("step", [5, 8, 10, 16])
def test_millimetres_that_a_sensor_or_a_codec_rounds_are_taken(step):
    rounded = (3 * RAMP_MM // step * step).astype(np.uint16)  # 1.8 to 3.7 m
    np.testing.assert_array_equal(measured_depth(rounded, "16UC1"), np.float32(rounded * 0.001))


@pytest.mark.parametrize("step", [256, 257])
def test_depth_of_eight_bits_made_sixteen_is_no_millimetres(step):
    stretched = (STEPS * step).astype(np.uint16)
    with pytest.raises(BadInputError, match="depth of 8 bits stretched to 16"):
        measured_depth(stretched, "16UC1")
    assert measured_depth(stretched, "16UC1", 0.0001)[0, 0] == np.float32(2 * step * 0.0001)


def test_floats_that_are_whole_numbers_are_no_metres():
    """Disparity in pixels, centimetres and inches of a near scene; a few flat walls may be."""
    whole = STEPS.astype(np.float32)
    with pytest.raises(BadInputError, match="whole numbers alone, .* another unit or disparity"):
        measured_depth(whole, "32FC1")
    assert measured_depth(whole, "32FC1", 0.01)[0, 0] == np.float32(0.02)
    assert measured_depth(whole // 4 + 1, "32FC1")[0, 0] == 1.0


def test_a_z_buffer_with_empty_pixels_is_no_metres():
    near, far = 0.1, 10.0
    buffer = ((1 / near - 1000 / RAMP_MM) / (1 / near - 1 / far)).astype(np.float32)
    buffer[:4] = 1.0
    with pytest.raises(BadInputError, match="floats of 0.8.* to exactly 1, which looks like a z-buffer"):
        measured_depth(buffer, "32FC1")
    assert measured_depth(buffer, "32FC1", 1.0)[0, 0] == 1.0


def test_the_largest_number_of_fewer_bits_is_no_depth_where_many_pixels_have_it():
    depth = np.full((10, 20), 700, np.uint16)
    depth[0, 0] = 4095
    assert np.isnan(to_metres(depth, "16UC1")).sum() == 1
    depth = np.full((20, 20), 700, np.uint16)
    depth[0, 0] = 4095
    assert to_metres(depth, "16UC1")[0, 0] == np.float32(4.095)
    depth[0, :2], depth[1, 1] = 32767, 65535
    np.testing.assert_array_equal(np.isnan(to_metres(depth, "16UC1"))[:2, :3], [[1, 1, 0], [0, 1, 0]])
    assert np.isnan(to_metres(np.full((2, 2), 2047, np.uint16), "16UC1", 0.0001)).all()


@pytest.mark.parametrize(
    ("floats", "is_refused"),
    [
        ((RAMP_MM / 1239).astype(np.float32), True),
        (((RAMP_MM - 600) / 639).astype(np.float32), True),
        ((np.round(RAMP_MM / 1239 * 255) / 255).astype(np.float32), True),
        ((RAMP_MM.clip(max=1000) / 1000).astype(np.float32), False),
        (((RAMP_MM - 239) / 1000).astype(np.float32), False),  # millimetres, of which one is 1000
        (np.ones((8, 8), np.float32), False),
        ((RAMP_MM / 1238).astype(np.float32), False),
    ],
    ids=["of the largest", "of the range", "of 255", "cut at a metre", "millimetres", "a wall", "metres"],
)
def test_shares_of_the_largest_depth_are_no_metres(floats, is_refused):
    if is_refused:
        with pytest.raises(BadInputError, match="shares of the picture's largest depth"):
            measured_depth(floats, "32FC1")
    else:
        assert np.nanmax(measured_depth(floats, "32FC1")) >= 1.0
    assert np.nanmax(measured_depth(floats, "32FC1", 1.0)) >= 1.0


def test_nearer_than_any_camera_sees_is_another_unit():
    stated = "a median depth of 0.00065 with the stated scale 0.001, nearer than any depth camera sees"
    with pytest.raises(BadInputError, match=stated):
        measured_depth(np.full((8, 8), 0.65, np.float32), "32FC1", 0.001)
    with pytest.raises(BadInputError, match="nearer than any depth camera"):
        measured_depth(np.full((8, 8), 0.00065, np.float32), "32FC1")
    assert measured_depth(np.full((8, 8), 0.03, np.float32), "32FC1")[0, 0] == np.float32(0.03)


@pytest.mark.parametrize(
    ("dtype", "encoding", "unit"), [(np.uint16, "16UC1", 1000), (np.float32, "32FC1", 1)]
)
def test_ten_metres_for_nothing_measured_are_no_depth(dtype, encoding, unit):
    near = np.linspace(0.5, 2.4, 10_000).reshape(100, 100)
    holes = near.copy()
    holes[:10] = 10.0
    found = measured_depth((holes * unit).astype(dtype), encoding)
    assert np.isnan(found[:10]).all() and np.isfinite(found[10:]).all()


@pytest.mark.parametrize(
    "depth",
    [
        np.where(np.arange(10_000) < 1000, 10.0, np.linspace(0.5, 9.9, 10_000)),  # a floor leads to the wall
        np.where(np.arange(10_000) < 40, 10.0, 1.5),  # a few pixels
        np.where(np.arange(10_000) < 1000, 9.7, 1.5),  # a wall
        np.full(10_000, 10.0),
    ],
)
def test_what_may_be_ten_metres_away_stays(depth):
    depth = depth.reshape(100, 100).astype(np.float32)
    assert (measured_depth(depth, "32FC1") == depth).all()
