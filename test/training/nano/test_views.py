"""Views on disk: read one by one, never asked for what bins cannot say, some of them closer."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from n3d_ros.geometry import Intrinsics, project
from n3d_ros.sim import Camera
from n3d_ros.training.nano.shards import ViewShards, view_objects
from n3d_ros.training.nano.views import (
    HARD_KINDS,
    KIND_NAMES,
    PictureSize,
    RenderConfig,
    closer,
    dominant_objects,
    scene_views,
    write_shard,
)

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


@pytest.mark.parametrize(("kinds", "drawn", "most"), [("nano", 14 + 11, "banana"), ("wide", 30 + 17, "banana")])
def test_hard_kinds_of_a_world_are_drawn_more_often(kinds, drawn, most):
    names = RenderConfig().scenes(World(kinds=kinds)).kinds
    assert set(names) == set(KIND_SETS[kinds]) and len(names) == drawn
    assert names.count(most) == 4 and names.count("spoon") == (2 if kinds == "wide" else 0)
