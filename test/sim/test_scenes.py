"""Scenes are reproducible, varied, physically plausible, and their names need both colour and kind."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from n3d_ros.sim import COLORS, KINDS, WIDE_KINDS, RgbdCamera, SceneConfig, generate, sample_camera
from n3d_ros.sim.naming import choose_names
from n3d_ros.sim.physics import deepest_overlap_m
from n3d_ros.sim.placement import Place, footprint_of, free_place, overlap

SEEDS = range(100, 124)


@pytest.fixture(scope="module")
def scenes():
    return [generate(seed) for seed in SEEDS]


def test_there_are_enough_kinds_and_colours():
    assert len(KINDS) == 14 and len(WIDE_KINDS) >= 24
    assert len(COLORS) == 8
    assert all(" " not in name for name in (*WIDE_KINDS, *COLORS))


def test_one_seed_is_one_scene():
    first, again = generate(7), generate(7)
    assert first.objects == again.objects
    assert first.look == again.look
    assert all(np.array_equal(a, b) for a, b in zip(first.object_points, again.object_points, strict=True))


def test_another_seed_is_another_scene(scenes):
    assert len({scene.objects for scene in scenes}) == len(scenes)
    assert {scene.layout for scene in scenes} == {"table", "shelf", "floor"}


def test_scenes_hold_the_promised_number_and_size_of_objects(scenes):
    for scene in scenes:
        assert 4 <= len(scene.objects) <= 8
        assert [item.id for item in scene.objects] == list(range(len(scene.objects)))
        for item, points in zip(scene.objects, scene.object_points, strict=True):
            assert item.name == f"{item.color} {item.kind}"
            assert 0.05 < np.linalg.norm(np.ptp(points, axis=0)) < 0.36


def test_objects_rest_on_their_supports(scenes):
    for scene in scenes:
        heights = np.array([area.z for area in scene.room.areas])
        for points in scene.object_points:
            assert np.abs(points[:, 2].min() - heights).min() < 0.006
        assert np.abs(scene.data.qvel).max() <= 0.3


def test_objects_do_not_stand_in_each_other(scenes):
    """Their boxes may overlap a little where one leans on another, their centres never come close."""
    for scene in scenes:
        centers = np.array([(points.min(axis=0) + points.max(axis=0)) / 2 for points in scene.object_points])
        apart = np.linalg.norm(centers[:, None] - centers, axis=2) + np.eye(len(centers))
        assert apart.min() > 0.04


CLUTTER = SceneConfig(
    layouts=("clutter",), kinds=tuple(WIDE_KINDS), min_objects=8, max_objects=12, apart=True
)


def distances(scene):
    """Between the centres of neighbouring objects, metres."""
    centers = np.array([(points.min(axis=0) + points.max(axis=0)) / 2 for points in scene.object_points])
    apart = np.linalg.norm(centers[:, None] - centers, axis=2) + 9 * np.eye(len(centers))
    return apart.min(axis=0)


def test_in_a_clutter_objects_stand_closer_and_more_of_them_are_partly_hidden():
    table = replace(CLUTTER, layouts=("table",))
    near, hidden = [], []
    for config in (table, CLUTTER):
        scenes, seen = [generate(seed, config) for seed in range(30, 33)], []
        near.append(np.mean(np.concatenate([distances(scene) for scene in scenes])))
        for scene in scenes:
            with RgbdCamera(scene, 160, 120) as device:
                camera = sample_camera(scene, np.random.default_rng(scene.seed), 160, 120)
                seen += device.render(camera).visible
        hidden.append(np.mean(np.array(seen) < 0.8))
    assert near[1] < 0.85 * near[0]
    assert hidden[1] > 1.5 * hidden[0] and hidden[1] > 0.15


def test_with_apart_no_object_stands_in_another(monkeypatch):
    """Even where the test of outlines lets everything pass."""
    monkeypatch.setattr("n3d_ros.sim.placement.overlap", lambda a, b: False)
    config = SceneConfig(layouts=("clutter",), kinds=("ball", "bucket"), min_objects=2, max_objects=2)
    deepest = []
    for made in (config, replace(config, apart=True)):
        scenes = [generate(seed, made) for seed in range(4)]
        deepest.append(max(deepest_overlap_m(scene.model, scene.data) for scene in scenes))
    assert deepest[0] > 0.02 and deepest[1] <= 0.005


def test_names_share_colours_and_kinds_and_are_sometimes_twice_there():
    rng = np.random.default_rng(0)
    draws = [choose_names(rng, 5, tuple(KINDS), tuple(COLORS), 0.15) for _ in range(2000)]
    twice = [len(set(names)) < 5 for names in draws]
    shared = [
        len({kind for kind, _ in names}) < 5 and len({color for _, color in names}) < 5 for names in draws
    ]
    assert np.mean(twice) == pytest.approx(0.15, abs=0.03)
    assert np.mean(shared) > 0.65, "by chance alone it would be 0.5"


def test_names_that_cannot_all_differ_are_refused():
    with pytest.raises(ValueError, match="3 different names need more than 1 kinds in 2 colours"):
        choose_names(np.random.default_rng(0), 3, ("mug",), ("red", "blue"), 0.0)


def test_a_config_names_what_it_cannot_use():
    with pytest.raises(ValueError, match=r"kinds expected some of .*mug.*, got \['unicorn'\]"):
        SceneConfig(kinds=("unicorn",))
    with pytest.raises(ValueError, match="colors expected"):
        SceneConfig(colors=())
    with pytest.raises(ValueError, match="got 5 and 4"):
        SceneConfig(min_objects=5, max_objects=4)
    with pytest.raises(ValueError, match=r"duplicate_share expected within 0..1, got 1.5"):
        SceneConfig(duplicate_share=1.5)


def test_a_full_area_has_no_free_place():
    from n3d_ros.sim.layouts import Area

    square = footprint_of(
        np.array([[-0.1, -0.1, 0], [0.1, -0.1, 0], [0.1, 0.1, 0], [-0.1, 0.1, 0], [0, 0, 1]])
    )
    area = Area((-0.2, -0.2), (0.2, 0.2), 0.0, (-1, -1, 1, 1))
    rng = np.random.default_rng(0)
    first = free_place(rng, square, [area], [])
    assert isinstance(first, Place)
    assert np.abs(first.outline).max() <= 0.2
    assert free_place(rng, square, [area], [first]) is None
    assert not overlap(square, square + np.float32(0.5))


def test_where_objects_do_not_fit_there_are_fewer_and_never_too_few(monkeypatch):
    monkeypatch.setattr("n3d_ros.sim.scene.TRIES", 1)
    crowded = SceneConfig(layouts=("clutter",), kinds=("book", "mug"), min_objects=2, max_objects=9)
    # seed 4 draws seven, for which one try does not find places
    assert 2 <= len(generate(4, crowded).objects) < 7
    with pytest.raises(RuntimeError, match="no settled scene of 7 objects in 1 tries"):
        generate(4, replace(crowded, min_objects=7, max_objects=7))
