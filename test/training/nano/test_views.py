"""Views on disk: read one by one, never asked for what bins cannot say, some of them closer."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from n3d_ros.geometry import Intrinsics, project
from n3d_ros.sim import Camera
from n3d_ros.sim.world import KIND_SETS, World
from n3d_ros.training.nano.shards import ViewShards, view_objects
from n3d_ros.training.nano.views import (
    COLOR_NAMES,
    KIND_NAMES,
    NANO_KINDS,
    PictureSize,
    RenderConfig,
    closer,
    dominant_objects,
    render_shards,
    scene_views,
    write_shard,
)
from n3d_ros.training.nano.world_mix import WORLDS

from .test_batches import made_up_view


def test_a_view_is_read_back_as_it_was_written(tmp_path):
    views = [made_up_view() | {"scale": scale} for scale in (0.5, 0.9, 1.5)]
    views[1]["rgb"] = np.arange(168 * 224 * 3, dtype=np.uint8).reshape(168, 224, 3)
    write_shard(views, tmp_path / "views_1.npy")
    shards = ViewShards(tmp_path)
    assert len(shards) == 3 and [float(shards.view(n)["scale"]) for n in range(3)] == [0.5, 0.9, 1.5]
    for name, value in views[1].items():
        np.testing.assert_array_equal(shards.view(1)[name], value)


def test_views_are_not_kept_in_memory(tmp_path):
    write_shard([made_up_view()] * 3, tmp_path / "views_1.npy")
    shards = ViewShards(tmp_path)
    view = shards.view(0)
    assert not any(isinstance(value, np.memmap) for value in view.values())
    assert all(isinstance(shard, np.memmap) for shard in shards.shards.values())


def test_shards_that_come_later_are_taken_in(tmp_path):
    write_shard([made_up_view()], tmp_path / "views_1.npy")
    shards = ViewShards(tmp_path)
    write_shard([made_up_view()], tmp_path / "views_2.npy")
    (tmp_path / "views_3.partial").touch()
    shards.refresh()
    assert len(shards) == 2


def test_a_size_beyond_the_largest_bin_is_not_asked_for():
    view = made_up_view()
    assert view_objects(view)[0].askable == (True, True)
    view["boxes"][1][3] = 0.7  # 0.9 * 0.7 is more than the 0.625 that a size can say
    assert view_objects(view)[0].askable == (True, False)


def test_what_a_larger_picture_shows_as_small_is_asked_for_as_in_a_small_one():
    view, larger = made_up_view(), made_up_view(PictureSize(448, 336))
    for one, pixels in ((view, 70), (larger, 4 * 70)):
        one["visible_px"][:2] = pixels, pixels * 6 // 7 - 4
    assert view_objects(view)[0].askable == view_objects(larger)[0].askable == (True, False)


@pytest.mark.parametrize("size", [(225, 168), (224, 0), (0, 28)])
def test_a_picture_that_is_not_of_whole_cells_is_refused(size):
    with pytest.raises(ValueError, match=f"multiples of 28 px, got {size[0]}x{size[1]}"):
        PictureSize(*size)


@pytest.mark.parametrize(("picture", "cells"), [(PictureSize(224, 168), 48), (PictureSize(336, 252), 108)])
def test_a_record_has_the_size_that_its_model_sees(picture, cells):
    config = RenderConfig(views_per_scene=1, picture=picture)
    (record,) = scene_views(1_000_000, config)
    assert record["rgb"].shape == (picture.height, picture.width, 3)
    assert record["pooled"].shape == (4 * cells, 3) and record["cells"].shape == (cells,)
    assert abs(record["intrinsics"][2] / picture.width - 0.5) < 0.5


def test_a_cell_belongs_to_the_object_with_most_of_its_pixels():
    instance = np.full((2 * 42, 3 * 42), -1, np.int16)
    instance[:42, 42:84] = 3
    instance[42:60, :42], instance[60:84, :42] = 1, 2
    instance[42:44, 84:] = 5
    assert dominant_objects(instance).tolist() == [-1, 3, -1, 2, -1, -1]


def test_a_closer_view_is_the_same_camera_with_one_object_near_its_middle():
    k = Intrinsics(300.0, 300.0, 167.5, 125.5, 336, 252)
    scene = SimpleNamespace(objects=[None], object_points=[np.array([[0.1, 0.05, 1.0], [0.14, 0.09, 1.1]])])
    for seed in range(20):
        near = closer(Camera(k, np.eye(4)), scene, np.random.default_rng(seed), (1.5, 2.5))
        assert (near.T_world_camera == np.eye(4)).all()
        assert (near.intrinsics.width, near.intrinsics.height) == (336, 252)
        assert 1.49 <= near.intrinsics.fx / k.fx <= 2.51
        u, v = project(np.array([[0.12, 0.07, 1.05]]), near.intrinsics)[0]
        assert 0.25 < u / 336 < 0.75 and 0.25 < v / 252 < 0.75


@pytest.mark.parametrize(("kinds", "drawn", "spoons"), [("nano", 14 + 11, 0), ("wide", 30 + 17, 2)])
def test_hard_kinds_of_a_world_are_drawn_more_often(kinds, drawn, spoons):
    names = RenderConfig().scenes(World(kinds=kinds)).kinds
    assert set(names) == set(KIND_SETS[kinds]) and len(names) == drawn
    assert names.count("banana") == 4 and names.count("spoon") == spoons


def test_a_shard_says_which_kinds_its_records_count_in(tmp_path):
    view = made_up_view()
    view["kind"][:2] = KIND_NAMES.index("teapot"), 0
    write_shard([view], tmp_path / "views_1.npy", KIND_NAMES)
    shards = ViewShards(tmp_path, KIND_NAMES)
    assert view_objects(shards.view(0))[0].names[0] == f"{COLOR_NAMES[0]} teapot"
    with pytest.raises(ValueError, match="views_1.npy: .* 14 kinds with nothing as number 14, got teapot"):
        ViewShards(tmp_path)


def test_a_shard_that_counts_in_another_order_is_refused(tmp_path):
    write_shard([made_up_view()], tmp_path / "views_1.npy")
    with pytest.raises(ValueError, match="with bowl as number 0, got mug of 14"):
        ViewShards(tmp_path, ("bowl", "mug", *KIND_NAMES[2:]))


def test_a_shard_of_before_counts_in_the_fourteen(tmp_path):
    write_shard([made_up_view()], tmp_path / "views_1.npy")
    rows = np.load(tmp_path / "views_1.npy")
    untitled = [(name, rows.dtype[name].base, rows.dtype[name].shape) for name in rows.dtype.names]
    np.save(tmp_path / "views_1.npy", rows.astype(untitled))
    for kinds in (NANO_KINDS, KIND_NAMES):
        assert view_objects(ViewShards(tmp_path, kinds).view(0))[0].kinds == ("mug", "bowl")


def test_a_kind_beyond_those_that_a_shard_names_is_not_written(tmp_path):
    view = made_up_view()
    view["kind"][1] = KIND_NAMES.index("fork")
    with pytest.raises(ValueError, match="expected the first kinds to fork at least"):
        write_shard([view], tmp_path / "views_1.npy")
    assert not list(tmp_path.iterdir())


def test_views_of_one_world_are_not_gone_on_with_in_another(tmp_path, monkeypatch):
    monkeypatch.setattr("n3d_ros.training.nano.views.scene_views", lambda *_: [made_up_view()])
    wide = RenderConfig(num_scenes=1, worlds=WORLDS["wide"])
    (path,) = render_shards(wide, tmp_path)
    made = path.stat().st_mtime_ns
    assert list(render_shards(replace(wide, num_scenes=60), tmp_path))[0].stat().st_mtime_ns == made
    with pytest.raises(ValueError, match="got another worlds"):
        next(render_shards(RenderConfig(num_scenes=1), tmp_path))


@pytest.mark.parametrize(
    ("other", "said"),
    [({"worlds": WORLDS["wide"]}, "worlds"), ({"picture": PictureSize(448, 336)}, "picture")],
)
def test_views_of_before_are_of_nanos_own_world_and_go_on_as_such(tmp_path, other, said):
    write_shard([made_up_view()], tmp_path / "views_1000000.npy")
    config = RenderConfig(num_scenes=1)
    with pytest.raises(ValueError, match=f"got another {said}"):
        next(render_shards(replace(config, **other), tmp_path))
    assert next(render_shards(config, tmp_path)).name == "views_1000000.npy"


def test_a_view_of_a_wide_world_holds_its_things_as_its_sensor_sees_them():
    worlds = replace(WORLDS["wide"], sensor=(("stereo", 1.0),))
    config = RenderConfig(views_per_scene=1, worlds=worlds)
    (record,), (exact,) = (
        scene_views(1_000_000, one)
        for one in (config, replace(config, worlds=replace(worlds, sensor=(("exact", 1.0),))))
    )
    assert record["kind"].max() >= len(NANO_KINDS)
    np.testing.assert_array_equal(record["rgb"], exact["rgb"])
    assert not np.array_equal(record["pooled"], exact["pooled"])
