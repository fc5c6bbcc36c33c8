"""Every kind rests as it is drawn: its colliders are where its surface is, in each of its poses."""

import itertools

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from n3d_ros.sim import COLORS, WIDE_KINDS, SceneConfig, generate
from n3d_ros.sim.kinds.parts import bar, bow, handle, hollow, hoop, turn_about_z

POSES = [
    (kind, number)
    for kind, make in WIDE_KINDS.items()
    for number in range(len(make(np.random.default_rng(0)).poses))
]


def alone(kind, wanted):
    """The first scene of one such object that lies in its pose of this number, give or take 25 degrees."""
    config = SceneConfig(layouts=("floor",), kinds=(kind,), min_objects=1, max_objects=1)
    up = WIDE_KINDS[kind](np.random.default_rng(0)).poses[wanted][0][2]
    scenes = (generate(seed, config) for seed in itertools.count(500))
    return next(scene for scene in scenes if scene.data.xmat[1].reshape(3, 3)[2] @ up > 0.9)


def extents(collider):
    """Lowest and highest corner of a collider, object frame."""
    half = {
        "box": collider.size,
        "cylinder": (collider.size[0], collider.size[0], collider.size[-1]),
        "sphere": 3 * collider.size[:1],
    }[collider.kind]
    return np.subtract(collider.center, half), np.add(collider.center, half)


@pytest.mark.parametrize(("kind", "pose"), POSES)
def test_in_every_pose_it_comes_to_rest_on_the_floor_neither_floating_nor_sunk(kind, pose):
    scene = alone(kind, pose)
    assert scene.object_points[0][:, 2].min() == pytest.approx(0.0, abs=0.0035)
    assert np.abs(scene.data.qvel[:3]).max() < 0.05


@pytest.mark.parametrize("kind", WIDE_KINDS)
def test_colliders_reach_as_far_sideways_as_the_surface(kind):
    shape = WIDE_KINDS[kind](np.random.default_rng(3))
    drawn = np.concatenate([shape.body.vertices, *(mesh.vertices for mesh, _ in shape.accents)])
    ends = [extents(collider) for collider in shape.colliders]
    low, high = np.min([a for a, _ in ends], axis=0), np.max([b for _, b in ends], axis=0)
    assert low[:2] == pytest.approx(drawn.min(axis=0)[:2], abs=0.014)
    assert high[:2] == pytest.approx(drawn.max(axis=0)[:2], abs=0.014)
    assert low[2] == pytest.approx(0.0, abs=0.004)
    assert high[2] < drawn[:, 2].max() + 0.004


def test_any_kinds_may_be_named_and_a_scene_holds_only_these():
    scene = generate(1, SceneConfig(kinds=("teapot", "fork"), min_objects=4, max_objects=4))
    assert {item.kind for item in scene.objects} <= {"teapot", "fork"}
    assert {item.color for item in scene.objects} <= set(COLORS)


def test_a_vessel_is_hollow_down_to_its_floor():
    mesh = hollow([(0.03, 0.0), (0.05, 0.1)], 0.004, 0.006)
    inside = mesh.vertices[np.linalg.norm(mesh.vertices[:, :2], axis=1) < 0.0265]
    assert inside[:, 2] == pytest.approx(np.where(inside[:, 2] > 0.003, 0.006, 0.0))
    assert mesh.vertices[:, 2].max() == pytest.approx(0.1)


def test_handles_bows_and_hoops_reach_as_far_as_they_say():
    grip = handle(0.04, 0.05, 0.03, 0.02, 0.005).vertices
    assert grip[:, 0].max() == pytest.approx(0.04 + 0.03 + 0.005, abs=1e-3)
    assert (grip[:, 2].min(), grip[:, 2].max()) == pytest.approx((0.025, 0.075), abs=1e-3)
    assert bow(0.06, 0.1, 0.004).vertices[:, 2].max() == pytest.approx(0.164, abs=1e-3)
    assert np.ptp(hoop(0.05, 0.02, 0.003).vertices, axis=0) == pytest.approx([0.106, 0.106, 0.006], abs=1e-3)


def test_a_bar_is_flat_about_the_height_of_its_start():
    mesh = bar([(0, 0, 0.01), (0.1, 0, 0.01)], [0.008, 0.008], flatness=0.5)
    assert np.ptp(mesh.vertices, axis=0) == pytest.approx([0.1, 0.016, 0.008], abs=1e-6)
    assert mesh.vertices[:, 2].mean() == pytest.approx(0.01)


def test_a_quarter_turn_takes_x_to_y():
    assert turn_about_z(np.pi / 2) @ [1, 0, 0] == pytest.approx([0, 1, 0])
