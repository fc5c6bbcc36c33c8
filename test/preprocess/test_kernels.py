"""Compiled kernels: the same bits as Pillow and numpy, for any size and layout; and life without them."""

import os
import subprocess
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from places import CHECKOUT

from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess import kernels as native
from n3d_ros.preprocess import pictures, pooling
from n3d_ros.preprocess.depth import depth_to_point_map, normalise, pool_to_grid
from n3d_ros.preprocess.pictures import PatchLayout, PictureConfig, picture_rows
from n3d_ros.preprocess.pooling import pool_depth, pool_points
from n3d_ros.preprocess.resample import BICUBIC, LANCZOS, ResizePass, resize_pass
from n3d_ros.preprocess.vnni_layout import resize_stages

CPU_INFO = Path("/proc/cpuinfo")
CPU_FLAGS = CPU_INFO.read_text().split() if CPU_INFO.exists() else []
PATHS = {
    "as shipped": (),  # by hand for AVX-512 VNNI where the machine has it, else the next
    "the compiler's best for this machine": ("-DN3D_NO_VNNI",),
    "AVX2": ("-DN3D_NO_VNNI", "-DN3D_NO_CLONES", "-mavx2"),
    "any machine": ("-DN3D_NO_VNNI", "-DN3D_NO_CLONES"),
}
RANDOM = np.random.default_rng(5)


@pytest.fixture(scope="session")
def build(tmp_path_factory) -> Callable[..., Path]:
    """native/*.c, compiled once with more flags than usual."""

    @lru_cache
    def compiled(*flags: str) -> Path:
        target = tmp_path_factory.mktemp("kernels") / "_native.so"
        usual = (CHECKOUT / "native" / "flags").read_text().split()
        sources = sorted((CHECKOUT / "native").glob("*.c"))
        compiler = os.environ.get("CC", "cc")
        subprocess.run(
            [compiler, *usual, *flags, "-fPIC", "-shared", "-o", target, *sources, "-lm"], check=True
        )
        return target

    return compiled


@pytest.fixture(params=PATHS)
def kernels(request, build, monkeypatch) -> native.Kernels:
    """Every path through the kernels that this machine can run; the library uses it, too."""
    loaded, flags = native.kernels(), PATHS[request.param]
    if loaded is None:
        pytest.skip("tools/build_native.sh found no C compiler")
    if "-mavx2" in flags and "avx2" not in CPU_FLAGS:
        pytest.skip("no AVX2 here")
    if flags:
        loaded = native.Kernels(build(*flags))
    monkeypatch.setattr(pictures, "kernels", lambda: loaded)
    monkeypatch.setattr(pooling, "kernels", lambda: loaded)
    return loaded


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


def by_numpy(depth: np.ndarray, grid: tuple[int, int]) -> tuple:
    normalised = normalise(depth_to_point_map(depth, camera(depth.shape[1], depth.shape[0])))
    return pool_to_grid(normalised, grid), normalised.scene, normalised.valid.mean()


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
def test_both_passes_give_pillows_grey_levels(kernels, size, target, resample) -> None:
    source = picture(*size)
    columns = kernels.resize_columns(source, resize_pass(size[0], target[0], resample))
    by_pillow = Image.fromarray(source).resize((target[0], size[1]), resample)
    np.testing.assert_array_equal(columns, np.asarray(by_pillow))
    rows = kernels.resize_rows(columns, resize_pass(size[1], target[1], resample))
    np.testing.assert_array_equal(rows, np.asarray(by_pillow.resize(target, resample)))


def test_pictures_need_not_lie_in_one_piece(kernels) -> None:
    whole = picture(50, 80)
    for part in (whole[5:70:3], whole[::-1], whole[:, 3:40], whole[:, ::2], whole[..., ::-1], whole[:7, :9]):
        plan = resize_pass(part.shape[1], 31, BICUBIC)
        expected = Image.fromarray(np.ascontiguousarray(part)).resize((31, part.shape[0]), BICUBIC)
        np.testing.assert_array_equal(kernels.resize_columns(part, plan), np.asarray(expected))


@pytest.mark.parametrize("layout", [PatchLayout(), PatchLayout(7, 3), PatchLayout(16, 1)])
@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (479, 640), (201, 150), (322, 322), (336, 336)])
def test_patch_rows_are_the_same_bits_as_without_kernels(kernels, monkeypatch, size, layout) -> None:
    source = picture(*size)
    rows, grid = picture_rows(source, 336, layout)
    monkeypatch.setattr(pictures, "kernels", lambda: None)
    expected, expected_grid = picture_rows(source, 336, layout)
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
def test_extreme_pictures_are_the_same_bits_as_without_kernels(
    kernels, monkeypatch, size, long_side_px, processor
) -> None:
    config, sources = PictureConfig(processor), extreme_pictures(*size)
    found = {name: picture_rows(sources[name], long_side_px, PatchLayout(), config) for name in sources}
    monkeypatch.setattr(pictures, "kernels", lambda: None)
    for name, source in sources.items():
        rows, grid = picture_rows(source, long_side_px, PatchLayout(), config)
        assert found[name][1] == grid
        np.testing.assert_array_equal(found[name][0], rows, err_msg=name)


@pytest.mark.parametrize("width", [16, 21, 22, 23, 28, 29, 63, 64, 65])
def test_small_pictures_are_the_same_bits_as_without_kernels(kernels, monkeypatch, width) -> None:
    sources = [picture(width, height) for height in (width - 2, width, 2 * width + 1)]
    found = [picture_rows(source, 96, PatchLayout(8, 2)) for source in sources]
    monkeypatch.setattr(pictures, "kernels", lambda: None)
    for (rows, grid), source in zip(found, sources, strict=True):
        expected, expected_grid = picture_rows(source, 96, PatchLayout(8, 2))
        assert grid == expected_grid
        np.testing.assert_array_equal(rows, expected)


def test_patch_rows_of_pictures_that_do_not_lie_in_one_piece(kernels, monkeypatch) -> None:
    whole = picture(150, 240)
    parts = [whole[5:200:3], whole[::-1], whole[:, 3:140], whole[:, ::2], whole[..., ::-1], whole[:70, :90]]
    found = [picture_rows(part, 112, PatchLayout()) for part in parts]
    monkeypatch.setattr(pictures, "kernels", lambda: None)
    for (rows, _grid), part in zip(found, parts, strict=True):
        np.testing.assert_array_equal(rows, picture_rows(part, 112, PatchLayout())[0])


def test_a_picture_goes_the_whole_way_at_once_where_the_machine_can(kernels, request, monkeypatch) -> None:
    able = {"avx512_vnni", "avx512vbmi", "avx512bw", "avx512vl"} <= set(CPU_FLAGS)
    shipped = request.node.callspec.params["kernels"] == "as shipped"
    assert kernels.whole_pictures == (shipped and able)
    monkeypatch.setattr(pictures, "_rows_by_passes", lambda *arguments: pytest.fail("pass by pass"))
    if kernels.whole_pictures:
        for size in ((640, 480), (1280, 720), (641, 479), (1920, 1080)):
            picture_rows(picture(*size), 640, PatchLayout())


def test_rows_returned_before_are_not_written_again(kernels) -> None:
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
def test_pooled_depth_is_the_same_bits_as_without_kernels(kernels, size, grid) -> None:
    depth = scene(*size)
    pooled = pool_depth(depth, camera(*size), grid)
    points, scale, valid_ratio = by_numpy(depth, grid)
    np.testing.assert_array_equal(pooled.points, points)
    assert pooled.scene == scale
    assert pooled.valid_ratio == valid_ratio


@pytest.mark.parametrize("metres", [1e-6, 1e-4, 0.01, 1.0, 100.0, 65000.0])
def test_float16_is_rounded_alike_from_subnormals_to_the_largest(kernels, metres) -> None:
    points = RANDOM.uniform(-metres, metres, (40, 50, 3)).astype(np.float32)
    pooled = pool_points(points, (40, 50))
    normalised = normalise(points)
    np.testing.assert_array_equal(pooled.points, pool_to_grid(normalised, (40, 50)))
    assert pooled.scene == normalised.scene


def test_ties_of_float16_go_to_the_even_neighbour(kernels) -> None:
    ties = np.float32([1.0, 1 + 2**-11, 1 + 3 * 2**-11, 2.0**-25, 3 * 2.0**-25, 2048.0, 2049.0, 2051.0])
    points = np.stack([ties, -ties, ties], axis=-1)[None]
    np.testing.assert_array_equal(
        pool_points(points, (1, len(ties))).points, pool_to_grid(normalise(points), (1, len(ties)))
    )


def test_maps_need_not_lie_in_one_piece(kernels) -> None:
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
def test_bad_depth_is_named_as_without_kernels(kernels, value, message) -> None:
    with pytest.raises(ValueError, match=message):
        pool_depth(np.full((3, 4), value, np.float32), camera(4, 3), (1, 1))


def test_far_points_that_float16_just_holds_are_kept(kernels) -> None:
    depth = np.full((3, 40), np.nan, np.float32)
    depth[:, 15:25] = 60000.0  # the outer columns, where x would be beyond float16, are empty
    wide = Intrinsics(10, 10, 20, 1, 40, 3)
    normalised = normalise(depth_to_point_map(depth, wide))
    pooled = pool_depth(depth, wide, (1, 4))
    np.testing.assert_array_equal(pooled.points, pool_to_grid(normalised, (1, 4)))


def test_one_point_has_no_extent_with_kernels_either(kernels) -> None:
    depth = np.full((3, 4), np.nan, np.float32)
    depth[1, 1] = 2.0
    with pytest.raises(ValueError, match="no extent: its 1 valid points"):
        pool_depth(depth, camera(4, 3), (1, 1))


# --- what C must never see


def test_arrays_that_do_not_fit_are_refused_before_they_are_read(kernels) -> None:
    plan = resize_pass(20, 10, BICUBIC)
    rays = np.ones(4, np.float32)
    scale = np.ones((2, 3))
    stages = resize_stages((30, 40), ((56, 28), BICUBIC), ((28, 28), BICUBIC))
    calls = [
        lambda: kernels.picture_rows(picture(30, 39), stages, scale, 14, 2),
        lambda: kernels.picture_rows(picture(30, 40), stages[1:], scale, 14, 2),
        lambda: kernels.picture_rows(picture(30, 40), stages[::-1], scale, 14, 2),
        lambda: kernels.picture_rows(picture(30, 40), (), scale, 14, 2),
        lambda: kernels.picture_rows(picture(30, 40), (*stages, stages[1]), scale, 14, 2),
        lambda: kernels.picture_rows(picture(30, 40), stages, scale, 14, 3),
        lambda: kernels.picture_rows(picture(30, 40), stages, scale[:1], 14, 2),
        lambda: kernels.picture_rows(picture(30, 40).astype(np.float32), stages, scale, 14, 2),
        lambda: kernels.resize_columns(picture(19, 20), plan),
        lambda: kernels.resize_rows(picture(20, 19), plan),
        lambda: kernels.resize_rows(picture(20, 20)[..., :2], plan),
        lambda: kernels.resize_rows(picture(20, 20).astype(np.float32), plan),
        lambda: kernels.resize_rows(picture(0, 20), plan),
        lambda: kernels.patch_rows(picture(27, 28), None, scale, 14, 2),
        lambda: kernels.patch_rows(picture(28, 20), plan, scale, 14, 2),
        lambda: kernels.patch_rows(picture(28, 28), None, scale[:1], 14, 2),
        lambda: kernels.pool_depth(np.ones((4, 5), np.float32), rays, rays, (1, 1)),
        lambda: kernels.pool_depth(np.ones((4, 4)), rays, rays, (1, 1)),
        lambda: kernels.pool_depth(np.ones((4, 4), np.float32), rays, rays, (0, 1)),
        lambda: kernels.pool_points(np.ones((4, 4), np.float32), (1, 1)),
        lambda: kernels.pool_points(np.ones((0, 4, 3), np.float32), (1, 1)),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="expected"):
            call()


def test_no_array_of_the_caller_is_written(kernels) -> None:
    rgb, depth = picture(64, 48), scene(64, 48)
    copies = rgb.copy(), depth.copy()
    picture_rows(rgb, 56, PatchLayout())
    pool_depth(depth, camera(64, 48), (2, 2))
    np.testing.assert_array_equal(rgb, copies[0])
    np.testing.assert_array_equal(depth, copies[1])


# --- without them


@pytest.fixture
def fresh_search() -> None:
    """Look for the library again, now and after the test."""
    native.kernels.cache_clear()
    yield
    native.kernels.cache_clear()


def test_a_library_of_other_sources_is_not_used(kernels, fresh_search, monkeypatch, caplog) -> None:
    monkeypatch.setattr(native, "ABI", native.ABI + 1)
    assert native.kernels() is None
    assert f"expected interface {native.ABI}, got {native.ABI - 1}; rebuild" in caplog.text


def test_a_file_that_is_no_library_is_not_used(fresh_search, monkeypatch, tmp_path, caplog) -> None:
    (tmp_path / "_native.so").write_text("no library")
    monkeypatch.setattr(native, "__file__", str(tmp_path / "native.py"))
    assert native.kernels() is None
    assert "compiled kernels not used" in caplog.text


def test_without_kernels_numpy_does_the_same(monkeypatch) -> None:
    monkeypatch.setattr(pooling, "kernels", lambda: None)
    depth = scene(30, 20)
    pooled = pool_depth(depth, camera(30, 20), (2, 3))
    np.testing.assert_array_equal(pooled.points, by_numpy(depth, (2, 3))[0])


@pytest.mark.parametrize(
    ("compiler", "message"),
    [("no-such-compiler", "no C compiler (no-such-compiler)"), ("false", "could not compile")],
)
def test_a_build_without_a_working_compiler_says_so_and_goes_on(compiler, message) -> None:
    before = sorted((path.name, path.stat().st_mtime) for path in (CHECKOUT / "n3d_ros").glob("_native*"))
    result = subprocess.run(
        [CHECKOUT / "tools" / "build_native.sh"],
        env={**os.environ, "CC": compiler},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0
    assert message in result.stderr
    assert before == sorted(
        (path.name, path.stat().st_mtime) for path in (CHECKOUT / "n3d_ros").glob("_native*")
    )


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
