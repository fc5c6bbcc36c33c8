"""Compiled kernels: the same bits as Pillow and numpy for any size and layout; the choice; life without."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from kernel_paths import COMPILED, native_path, taking
from PIL import Image
from places import CHECKOUT

from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess import kernels, native_library, pooling
from n3d_ros.preprocess.depth import depth_to_point_map, normalise, pool_to_grid
from n3d_ros.preprocess.native_library import NativePath
from n3d_ros.preprocess.pictures import (
    RELEASE,
    PatchLayout,
    PictureConfig,
    patch_rows,
    picture_rows,
    resize_picture,
)
from n3d_ros.preprocess.pooling import pool_depth, pool_points
from n3d_ros.preprocess.resample import (
    BICUBIC,
    LANCZOS,
    Resize,
    ResizePass,
    no_pass,
    resize_axis,
    resize_pass,
    resizes,
)

RANDOM = np.random.default_rng(5)
# Scale and offset with which patch rows hold the grey levels themselves.
LEVELS = np.float64([[1, 1, 1], [0, 0, 0]])


@pytest.fixture(params=COMPILED)
def native(request) -> NativePath:
    """Every path that this machine can run; the library takes it meanwhile."""
    with taking(request.param):
        yield native_path(request.param)


def picture(width: int, height: int) -> np.ndarray:
    return RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)


def scene(width: int, height: int) -> np.ndarray:
    """Depth with holes: NaN, zero, negative and infinite."""
    depth = RANDOM.uniform(0.3, 9.0, (height, width)).astype(np.float32)
    for value in (np.nan, 0.0, -1.0, np.inf):
        depth[RANDOM.random(depth.shape) < 0.1] = value
    depth[0, 0], depth[-1, -1] = 1.0, 2.0
    return depth


def camera(width: int, height: int) -> Intrinsics:
    return Intrinsics(0.8 * width + 1, 0.9 * width + 1, 0.45 * width, 0.55 * height, width, height)


def by_pillow(source: np.ndarray, long_side_px: int, layout: PatchLayout, config=RELEASE) -> tuple:
    """Patch rows and grid without the kernels, whatever path is taken."""
    return patch_rows(resize_picture(source, long_side_px, layout.factor, config), layout, config)


def by_numpy(depth: np.ndarray, grid: tuple[int, int]) -> tuple:
    normalised = normalise(depth_to_point_map(depth, camera(depth.shape[1], depth.shape[0])))
    return pool_to_grid(normalised, grid), normalised.scene, normalised.valid.mean()


def resized(native: NativePath, source: np.ndarray, steps: tuple[Resize, ...]) -> np.ndarray:
    """(H, W, 3) uint8: patches of one pixel are the picture in its own order, every level twice."""
    rows = native.picture_rows(source, steps, LEVELS, patch=1, merge=1)
    shape = (steps[-1].rows.size_out, steps[-1].columns.size_out, 3, 2)
    return rows.reshape(shape)[..., 0].astype(np.uint8)


# --- pictures


@pytest.mark.parametrize("resample", [LANCZOS, BICUBIC])
@pytest.mark.parametrize(
    ("size", "target"),
    [
        ((640, 480), (644, 476)),
        ((1280, 720), (640, 360)),
        ((1920, 40), (640, 13)),
        ((33, 65), (96, 31)),
        ((4, 3), (640, 480)),
        ((1, 1), (28, 28)),
        ((500, 70), (7, 1)),
    ],
)
def test_both_passes_give_pillows_grey_levels(native, size, target, resample) -> None:
    source = picture(*size)
    found = resized(native, source, resizes(size, (target, resample)))
    by_columns = Image.fromarray(source).resize((target[0], size[1]), resample)
    np.testing.assert_array_equal(found, np.asarray(by_columns.resize(target, resample)))


@pytest.mark.parametrize("resample", [LANCZOS, BICUBIC])
@pytest.mark.parametrize(
    ("before", "after"), [(480, 476), (100, 37), (90, 30), (35, 35), (31, 200), (400, 5)]
)
def test_one_pass_alone_gives_pillows_grey_levels(native, before, after, resample) -> None:
    plan, other = resize_pass(before, after, resample), no_pass(50)
    if before == after:
        plan = no_pass(before)
    wide, high = picture(before, 50), picture(50, before)
    by_pillow = Image.fromarray(wide).resize((after, 50), resample)
    np.testing.assert_array_equal(resized(native, wide, [Resize(plan, other)]), np.asarray(by_pillow))
    by_pillow = Image.fromarray(high).resize((50, after), resample)
    np.testing.assert_array_equal(resized(native, high, [Resize(other, plan)]), np.asarray(by_pillow))


@pytest.mark.parametrize("heaviest", [1 << 22, -(1 << 22), (1 << 23) - 1, 32767, 32768, -32768, 65536])
def test_weights_of_any_size_are_summed_exactly(native, heaviest) -> None:
    """Beside half, so that the last bit of a product decides a level."""
    random = np.random.default_rng(7)
    weights = random.integers(-(1 << 18), 1 << 18, (40, 7)).astype(np.int32)
    weights[:, 3] = heaviest
    weights[::3] = np.minimum(weights, weights[:, ::-1])[::3]  # the same from both ends
    first = np.sort(random.integers(0, 34, 40)).astype(np.int32)
    plan = ResizePass(40, 40, first, weights)
    source = picture(40, 40)
    expected = resize_axis(resize_axis(source, plan, axis=1), plan, axis=0)
    np.testing.assert_array_equal(resized(native, source, [Resize(plan, plan)]), expected)


def test_pictures_need_not_lie_in_one_piece(native) -> None:
    whole = picture(50, 80)
    for part in (whole[5:70:3], whole[::-1], whole[:, 3:40], whole[:, ::2], whole[..., ::-1], whole[:7, :9]):
        resize = Resize(resize_pass(part.shape[1], 31, BICUBIC), no_pass(part.shape[0]))
        expected = Image.fromarray(np.ascontiguousarray(part)).resize((31, part.shape[0]), BICUBIC)
        np.testing.assert_array_equal(resized(native, part, [resize]), np.asarray(expected))


@pytest.mark.parametrize("layout", [PatchLayout(), PatchLayout(7, 3), PatchLayout(16, 1)])
@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (479, 640), (201, 150), (322, 322), (336, 336)])
def test_patch_rows_are_the_same_bits_as_without_kernels(native, size, layout) -> None:
    source = picture(*size)
    rows, grid = picture_rows(source, 336, layout)
    expected, expected_grid = by_pillow(source, 336, layout)
    assert grid == expected_grid
    np.testing.assert_array_equal(rows, expected)


def extreme_pictures(width: int, height: int) -> dict[str, np.ndarray]:
    y, x = np.indices((height, width))
    masks = {
        "black": np.zeros((height, width), bool),
        "white": np.ones((height, width), bool),
        "checkerboard": (x + y) % 2 == 0,
        "checkerboard of the other colour": (x + y) % 2 == 1,
        "columns in pairs": x // 2 % 2 == 0,  # LANCZOS overshoots most beside an edge
        "rows in threes": y // 3 % 2 == 0,
        "one pixel": (x == width // 2) & (y == height // 2),
        "corners": ((x == 0) | (x == width - 1)) & ((y == 0) | (y == height - 1)),
    }
    white, dark = np.uint8(255), np.uint8([0, 0, 1])
    return {name: np.where(mask[..., None], white, dark) for name, mask in masks.items()}


@pytest.mark.parametrize(("long_side_px", "processor"), [(336, "fast"), (640, "slow")])
@pytest.mark.parametrize(
    "size",
    [(640, 480), (1280, 720), (641, 479), (720, 1280), (1920, 1080), (3000, 300), (640, 200), (644, 476)],
)
def test_extreme_pictures_are_the_same_bits_as_without_kernels(native, size, long_side_px, processor) -> None:
    config, sources = PictureConfig(processor), extreme_pictures(*size)
    found = {name: picture_rows(sources[name], long_side_px, PatchLayout(), config) for name in sources}
    for name, source in sources.items():
        rows, grid = by_pillow(source, long_side_px, PatchLayout(), config)
        assert found[name][1] == grid
        np.testing.assert_array_equal(found[name][0], rows, err_msg=name)


@pytest.mark.parametrize("width", [16, 21, 22, 23, 28, 29, 63, 64, 65])
def test_small_pictures_are_the_same_bits_as_without_kernels(native, width) -> None:
    sources = [picture(width, height) for height in (width - 2, width, 2 * width + 1)]
    found = [picture_rows(source, 96, PatchLayout(8, 2)) for source in sources]
    for (rows, grid), source in zip(found, sources, strict=True):
        expected, expected_grid = by_pillow(source, 96, PatchLayout(8, 2))
        assert grid == expected_grid
        np.testing.assert_array_equal(rows, expected)


def test_patch_rows_of_pictures_that_do_not_lie_in_one_piece(native) -> None:
    whole = picture(150, 240)
    parts = [whole[5:200:3], whole[::-1], whole[:, 3:140], whole[:, ::2], whole[..., ::-1], whole[:70, :90]]
    found = [picture_rows(part, 112, PatchLayout()) for part in parts]
    for (rows, _grid), part in zip(found, parts, strict=True):
        np.testing.assert_array_equal(rows, by_pillow(part, 112, PatchLayout())[0])


def test_rows_returned_before_are_not_written_again(native) -> None:
    first, _grid = picture_rows(picture(64, 48), 56, PatchLayout())
    copy = first.copy()
    second, _grid = picture_rows(picture(64, 48), 56, PatchLayout())
    np.testing.assert_array_equal(first, copy)
    assert not np.shares_memory(first, second)


def test_a_resize_pass_that_leaves_its_source_is_refused() -> None:
    weights = np.ones((2, 3), np.int32)
    for first in ([-1, 0], [0, 3], [1, 0]):
        with pytest.raises(ValueError, match="leaves the 5 source pixels"):
            ResizePass(5, 2, np.array(first, np.int32), weights)
    with pytest.raises(ValueError, match="expected 2 rows"):
        ResizePass(5, 2, np.zeros(3, np.int32), weights)


# --- points


@pytest.mark.parametrize("grid", [(34, 46), (3, 5), (1, 1)])
@pytest.mark.parametrize("size", [(640, 480), (37, 23), (16, 9), (1, 2), (5, 1)])
def test_pooled_depth_is_the_same_bits_as_without_kernels(native, size, grid) -> None:
    depth = scene(*size)
    pooled = pool_depth(depth, camera(*size), grid)
    points, scale, valid_ratio = by_numpy(depth, grid)
    np.testing.assert_array_equal(pooled.points, points)
    assert pooled.scene == scale
    assert pooled.valid_ratio == valid_ratio


@pytest.mark.parametrize("metres", [1e-6, 1e-4, 0.01, 1.0, 100.0, 65000.0])
def test_float16_is_rounded_alike_from_subnormals_to_the_largest(native, metres) -> None:
    points = RANDOM.uniform(-metres, metres, (40, 50, 3)).astype(np.float32)
    pooled = pool_points(points, (40, 50))
    normalised = normalise(points)
    np.testing.assert_array_equal(pooled.points, pool_to_grid(normalised, (40, 50)))
    assert pooled.scene == normalised.scene


def test_ties_of_float16_go_to_the_even_neighbour(native) -> None:
    ties = np.float32([1.0, 1 + 2**-11, 1 + 3 * 2**-11, 2.0**-25, 3 * 2.0**-25, 2048.0, 2049.0, 2051.0])
    points = np.stack([ties, -ties, ties], axis=-1)[None]
    np.testing.assert_array_equal(
        pool_points(points, (1, len(ties))).points, pool_to_grid(normalise(points), (1, len(ties)))
    )


def test_maps_need_not_lie_in_one_piece(native) -> None:
    whole = scene(90, 60)
    halves = (whole[::2, ::2], whole[:, 1::2], whole[:, 2:67:2], whole[::3, 1::3])
    for part in (*halves, whole[::2], whole[:, ::2], whole[10:, 7:], whole[::-1, ::-1], whole.T):
        expected = by_numpy(np.ascontiguousarray(part), (4, 6))
        pooled = pool_depth(part, camera(part.shape[1], part.shape[0]), (4, 6))
        np.testing.assert_array_equal(pooled.points, expected[0])
        points = depth_to_point_map(part, camera(part.shape[1], part.shape[0]))
        for layout in (points, np.ascontiguousarray(points), np.asfortranarray(points), points[::-1, ::2]):
            pooled = pool_points(layout, (4, 6))
            np.testing.assert_array_equal(pooled.points, pool_to_grid(normalise(layout), (4, 6)))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "no valid depth: 0 of 12"),
        (-2.0, "no valid depth: 0 of 12"),
        (70000.0, "beyond 65504 m"),
        (1e38, "beyond 65504 m"),
    ],
)
def test_bad_depth_is_named_as_without_kernels(native, value, message) -> None:
    with pytest.raises(ValueError, match=message):
        pool_depth(np.full((3, 4), value, np.float32), camera(4, 3), (1, 1))


def test_far_points_that_float16_just_holds_are_kept(native) -> None:
    depth = np.full((3, 40), np.nan, np.float32)
    depth[:, 15:25] = 60000.0  # the outer columns, where x would be beyond float16, are empty
    wide = Intrinsics(10, 10, 20, 1, 40, 3)
    normalised = normalise(depth_to_point_map(depth, wide))
    pooled = pool_depth(depth, wide, (1, 4))
    np.testing.assert_array_equal(pooled.points, pool_to_grid(normalised, (1, 4)))


def test_one_point_has_no_extent_with_kernels_either(native) -> None:
    depth = np.full((3, 4), np.nan, np.float32)
    depth[1, 1] = 2.0
    with pytest.raises(ValueError, match="no extent: its 1 valid points"):
        pool_depth(depth, camera(4, 3), (1, 1))


# --- metres


def bits(metres: np.ndarray) -> np.ndarray:
    """NaN is not equal to itself."""
    return np.ascontiguousarray(metres).view(np.uint32)


def parts_of(whole: np.ndarray) -> tuple[np.ndarray, ...]:
    """Whole, odd, single, empty, turned, strided, read-only, off their numbers' own addresses."""
    raised = np.zeros(whole.nbytes + 1, np.uint8)[1:].view(whole.dtype).reshape(whole.shape)
    raised[:] = whole
    fixed = whole.copy()
    fixed.flags.writeable = False
    padded = np.ndarray(
        (20, 70), whole.dtype, whole.tobytes(), strides=(whole.strides[0] + 1, whole.itemsize)
    )
    odd = (whole[:, :17], whole[3:, 5:36], whole[:1, :1], whole[:0], whole[:, :0], whole[7:8], whole[:, 7:8])
    return (
        *odd,
        whole[::2],
        whole[:, ::3],
        whole[::-1],
        whole[:, ::-1],
        whole.T,
        whole[::-1].T,
        fixed,
        raised,
        padded,
    )


@pytest.mark.parametrize("scale", [0.001, 1 / 5000, 1 / 256, 0.1 / 3, 1.0, 1e-42])
@pytest.mark.parametrize(("low", "high"), [(1, 65534), (300, 20000), (7, 7), (1, 0), (0, 65535)])
def test_each_number_of_16_bits_becomes_the_metres_that_numpy_gives(native, scale, low, high) -> None:
    raw = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    expected = (raw.astype(np.float64) * scale).astype(np.float32)
    expected[(raw < low) | (raw > high)] = np.nan
    np.testing.assert_array_equal(bits(native.metres_of_integers(raw, scale, low, high)), bits(expected))


@pytest.mark.parametrize("scale", [1.0, 0.001, 0.1 / 3, 1e-38])
def test_floats_become_the_metres_that_numpy_gives(native, scale) -> None:
    special = np.float32([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 1e-45, 3e38, 3.4e38, 1.0])
    raw = np.concatenate([special, RANDOM.uniform(0, 20, 245).astype(np.float32)]).reshape(16, 16)
    expected = (raw.astype(np.float64) * scale).astype(np.float32)
    expected[~(np.isfinite(expected) & (expected > 0))] = np.nan
    np.testing.assert_array_equal(bits(native.metres_of_floats(raw, scale)), bits(expected))


def test_numbers_need_not_lie_in_one_piece(native) -> None:
    for part in parts_of(RANDOM.integers(0, 1 << 16, (40, 70)).astype(np.uint16)):
        expected = (part.astype(np.float64) * 0.001).astype(np.float32)
        expected[(part < 1) | (part > 60000)] = np.nan
        metres = native.metres_of_integers(part, 0.001, 1, 60000)
        np.testing.assert_array_equal(bits(metres), bits(expected))
    for part in parts_of(RANDOM.uniform(0.1, 9.0, (40, 70)).astype(np.float32)):
        expected = np.where(np.isfinite(part) & (part > 0), part, np.float32(np.nan))
        np.testing.assert_array_equal(bits(native.metres_of_floats(part, 1.0)), bits(expected))


# --- surfaces


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, -1e300])
def test_a_place_that_is_none_covers_no_pixel(native, value) -> None:
    pixels, z = np.float64([[1.0, 1.0], [value, 1.0], [1.0, value]]), np.float64([2.0, 1.0, 1.5])
    seen = native.nearest_surface(pixels, np.full((3, 2), 0.5), z, (3, 4))
    assert seen[1, 1] == 2.0
    assert np.isfinite(seen).sum() == 1


def test_a_reach_beyond_the_picture_covers_all_of_it(native) -> None:
    one = np.float64([[1.0, 1.0]])
    np.testing.assert_array_equal(native.nearest_surface(one, one * 1e300, np.float64([2.0]), (3, 4)), 2.0)
    assert np.isnan(native.nearest_surface(one, one * np.nan, np.float64([2.0]), (3, 4))).all()


# --- what C must never see


def test_arrays_that_do_not_fit_are_refused_before_they_are_read(native) -> None:
    rays = np.ones(4, np.float32)
    scale = np.ones((2, 3))
    steps = resizes((40, 30), ((56, 28), BICUBIC), ((28, 28), BICUBIC))
    table, index = np.ones((5, 2), np.float32), np.zeros((1, 3), np.int64)
    calls = [
        lambda: native.picture_rows(picture(39, 30), steps, scale, 14, 2),
        lambda: native.picture_rows(picture(40, 29), steps, scale, 14, 2),
        lambda: native.picture_rows(picture(40, 30), steps[1:], scale, 14, 2),
        lambda: native.picture_rows(picture(40, 30), steps[::-1], scale, 14, 2),
        lambda: native.picture_rows(picture(40, 30), (), scale, 14, 2),
        lambda: native.picture_rows(picture(40, 30), (*steps, steps[1]), scale, 14, 2),
        lambda: native.picture_rows(picture(40, 30), steps, scale, 14, 3),
        lambda: native.picture_rows(picture(40, 30), steps, scale[:1], 14, 2),
        lambda: native.picture_rows(picture(40, 30).astype(np.float32), steps, scale, 14, 2),
        lambda: native.picture_rows(picture(40, 30)[..., :2], steps, scale, 14, 2),
        lambda: native.picture_rows(picture(40, 0), steps, scale, 14, 2),
        lambda: native.pool_depth(np.ones((4, 5), np.float32), rays, rays, (1, 1)),
        lambda: native.pool_depth(np.ones((4, 4)), rays, rays, (1, 1)),
        lambda: native.pool_depth(np.ones((4, 4), np.float32), rays, rays, (0, 1)),
        lambda: native.pool_points(np.ones((4, 4), np.float32), (1, 1)),
        lambda: native.pool_points(np.ones((0, 4, 3), np.float32), (1, 1)),
        lambda: native.gather_blocks(table, index + 5, 6),
        lambda: native.gather_blocks(table, index - 1, 6),
        lambda: native.gather_blocks(table, index, 5),
        lambda: native.gather_blocks(table.astype(np.float64), index, 6),
        lambda: native.metres_of_integers(np.ones((2, 2), ">u2"), 1.0, 1, 9),
        lambda: native.metres_of_integers(np.ones((2, 2), np.uint8), 1.0, 1, 9),
        lambda: native.metres_of_integers(np.ones(4, np.uint16), 1.0, 1, 9),
        lambda: native.metres_of_floats(np.ones((2, 2), ">f4"), 1.0),
        lambda: native.metres_of_floats(np.ones((2, 2)), 1.0),
        lambda: native.metres_of_floats(np.ones((2, 2, 1), np.float32), 1.0),
        lambda: native.nearest_surface(np.ones((3, 2)), np.ones((2, 2)), np.ones(3), (4, 4)),
        lambda: native.nearest_surface(np.ones((2, 2)), np.ones((2, 2)), np.ones(3), (4, 4)),
        lambda: native.nearest_surface(np.ones((3, 3)), np.ones((3, 3)), np.ones(3), (4, 4)),
        lambda: native.nearest_surface(np.ones((3, 2)), np.ones((3, 2)), np.ones(3), (0, 4)),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="expected"):
            call()


def test_no_array_of_the_caller_is_written(native) -> None:
    rgb, depth = picture(64, 48), scene(64, 48)
    copies = rgb.copy(), depth.copy()
    picture_rows(rgb, 56, PatchLayout())
    pool_depth(depth, camera(64, 48), (2, 2))
    np.testing.assert_array_equal(rgb, copies[0])
    np.testing.assert_array_equal(depth, copies[1])


# --- which are taken


@pytest.fixture
def compiled(monkeypatch) -> dict[str, str]:
    """A machine with two paths beside numpy, and nothing asked for."""
    found = {"fast": "fast kernels", "slow": "slow kernels"}
    monkeypatch.setattr(kernels, "_compiled", lambda: found)
    monkeypatch.delenv(kernels.VARIABLE, raising=False)
    return found


def test_the_fastest_path_is_taken_unless_another_is_asked_for(compiled, monkeypatch) -> None:
    assert kernels.paths() == ("fast", "slow", "numpy")
    assert kernels.path() == "fast"
    monkeypatch.setenv("N3D_KERNELS", "slow")
    assert kernels.path() == "slow"
    with kernels.using("numpy"):
        assert kernels.path() == "numpy"
        with kernels.using("fast"):
            assert kernels.path() == "fast"
        assert kernels.path() == "numpy"
    assert kernels.path() == "slow"


def test_a_path_that_this_machine_has_not_is_named_with_those_it_has(compiled, monkeypatch) -> None:
    named = "expected one of fast, slow, numpy on this machine, got 'neon'"
    with pytest.raises(ValueError, match=named), kernels.using("neon"):
        pass
    monkeypatch.setenv("N3D_KERNELS", "neon")
    with pytest.raises(ValueError, match="got 'neon'"):
        picture_rows(picture(64, 48), 56, PatchLayout())


def test_the_paths_of_a_machine_end_with_what_every_machine_has() -> None:
    if kernels.paths() == ("numpy",):
        pytest.skip("no compiled kernels")
    assert kernels.paths()[-2:] == ("baseline", "numpy")
    flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else []
    assert ("avx2" in kernels.paths()) == ("avx2" in flags)


# --- without them


@pytest.fixture
def fresh_search() -> None:
    """Look for the library again, now and after the test."""
    kernels._compiled.cache_clear()
    yield
    kernels._compiled.cache_clear()


def test_a_library_of_other_sources_is_not_used(fresh_search, monkeypatch, caplog) -> None:
    if len(kernels.paths()) == 1:
        pytest.skip("no compiled kernels")
    kernels._compiled.cache_clear()
    monkeypatch.setattr(native_library, "ABI", native_library.ABI + 1)
    assert kernels.paths() == ("numpy",)
    expected = native_library.ABI
    assert f"expected interface {expected}, got {expected - 1}; rebuild" in caplog.text


def test_a_file_that_is_no_library_is_not_used(fresh_search, monkeypatch, tmp_path, caplog) -> None:
    (tmp_path / "_native.so").write_text("no library")
    monkeypatch.setattr(kernels, "__file__", str(tmp_path / "kernels.py"))
    assert kernels.paths() == ("numpy",)
    assert "compiled kernels not used" in caplog.text


def test_without_kernels_numpy_does_the_same() -> None:
    depth = scene(30, 20)
    with kernels.using("numpy"):
        pooled = pool_depth(depth, camera(30, 20), (2, 3))
    np.testing.assert_array_equal(pooled.points, by_numpy(depth, (2, 3))[0])


def libraries() -> list[tuple[str, float]]:
    """Names and times of what was built."""
    folder = CHECKOUT / "n3d_ros" / "preprocess"
    return sorted((path.name, path.stat().st_mtime) for path in folder.glob("_native*"))


@pytest.mark.parametrize(
    ("compiler", "message"),
    [("no-such-compiler", "no C compiler (no-such-compiler)"), ("false", "could not compile")],
)
def test_a_build_without_a_working_compiler_says_so_and_goes_on(compiler, message) -> None:
    before = libraries()
    result = subprocess.run(
        [CHECKOUT / "tools" / "build_native.sh"],
        env={**os.environ, "CC": compiler},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0
    assert message in result.stderr
    assert before == libraries()


# --- depth larger than the release's maps


def test_depth_of_twice_the_long_side_is_thinned_with_exact_rays() -> None:
    depth, full = scene(90, 60), camera(90, 60)
    thinned, less = pooling.thin_depth(depth, full, 32)
    np.testing.assert_array_equal(thinned, depth[::2, ::2])
    points = depth_to_point_map(depth, full)
    np.testing.assert_array_equal(depth_to_point_map(thinned, less), points[::2, ::2])
    np.testing.assert_array_equal(pooling.thin_points(points, 30), points[::3, ::3])
    assert pooling.thin_depth(depth, full, 46) == (depth, full)


def test_sparse_depth_keeps_every_measured_pixel() -> None:
    depth = np.full((60, 90), np.nan, np.float32)
    depth[1::2, 1::2] = 2.0
    assert pooling.thin_depth(depth, camera(90, 60), 32)[0] is depth
    points = depth_to_point_map(depth, camera(90, 60))
    assert pooling.thin_points(points, 32) is points
