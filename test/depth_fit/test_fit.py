"""A box that was guessed ends where depth shows the thing, and nowhere else."""

import math
from dataclasses import replace

import numpy as np
import pytest
from solid_scenes import cuboid_depth, seen

from n3d_ros.boxes import Box3D, iou_3d
from n3d_ros.depth_fit.fit import fitted
from n3d_ros.depth_fit.surface import WINDOW_PIXELS, surface_of
from n3d_ros.geometry import Distortion, Intrinsics
from n3d_ros.preprocess.depth import depth_to_point_map
from n3d_ros.preprocess.prepare import Observation

# A pixel is 2 mm wide at 1 m.
CAMERA = Intrinsics(500.0, 500.0, 319.5, 239.5, 640, 480)
# Its top is well below the camera, so it is to be seen.
MUG = Box3D("mug", (0.05, 0.35, 1.0), (0.12, 0.1, 0.08))
FLOOR_Y = 0.4
# One pixel, which sensors lose, and one of rounding.
NEAR_M = 0.004


def guess(box, scale=(1.0, 1.0, 1.0), shift=(0.0, 0.0, 0.0)):
    return replace(
        box, size=tuple(np.multiply(box.size, scale)), center=tuple(np.add(box.center, shift)), score=0.5
    )


def sides(box):
    """(left, top, front, right, bottom, back) in metres."""
    half = np.array(box.size) / 2
    return np.concatenate([box.center - half, box.center + half])


@pytest.mark.parametrize(
    ("scale", "shift"),
    [
        ((1, 1, 1), (0, 0, 0)),
        ((0.8, 1.2, 0.8), (0.01, -0.01, 0.01)),
        ((1.25, 0.8, 1.2), (-0.015, 0.01, -0.02)),
    ],
)
def test_a_guessed_box_ends_at_the_thing_it_is_of(scale, shift):
    depth = cuboid_depth(CAMERA, [MUG], FLOOR_Y)
    found = fitted(guess(MUG, scale, shift), seen(depth, CAMERA))
    np.testing.assert_allclose(sides(found)[:5], sides(MUG)[:5], atol=NEAR_M)
    # Half of the back is the model's.
    wrong = abs(sides(guess(MUG, scale, shift)) - sides(MUG))[5]
    assert abs(sides(found) - sides(MUG))[5] <= wrong / 2 + NEAR_M
    assert (found.label, found.score, found.yaw) == ("mug", 0.5, 0.0)


def test_what_stands_on_the_floor_reaches_down_to_it():
    """Which far away is as thick as the noise, 12 mm at 2 m."""
    mug = replace(MUG, center=(0.05, 0.75, 2.0))
    found = fitted(guess(mug, (1.1, 1.1, 1.1)), seen(cuboid_depth(CAMERA, [mug], 0.8, wall_z=4.0), CAMERA))
    assert sides(found)[4] == pytest.approx(0.8, abs=0.002)


def test_a_side_far_from_where_the_model_said_stays_there():
    stick = replace(MUG, size=(0.031, 0.1, 0.08))
    guessed = replace(stick, size=(0.02, 0.1, 0.08), center=(0.0445, 0.35, 1.0))
    found = sides(fitted(guessed, seen(cuboid_depth(CAMERA, [stick], FLOOR_Y), CAMERA)))
    assert found[0] == pytest.approx(sides(stick)[0], abs=NEAR_M)
    assert found[3] == pytest.approx(sides(guessed)[3]) and found[3] < sides(stick)[3] - 0.4 * 0.02


def test_a_back_far_from_where_the_model_said_stays_there():
    guessed = replace(MUG, size=(0.12, 0.1, 0.024), center=(0.05, 0.35, 0.972))
    found = sides(fitted(guessed, seen(cuboid_depth(CAMERA, [MUG], FLOOR_Y), CAMERA)))
    assert found[5] == pytest.approx(sides(guessed)[5])
    np.testing.assert_allclose(found[:5], sides(MUG)[:5], atol=NEAR_M)


def test_a_thing_goes_on_behind_pixels_that_the_sensor_lost():
    depth = cuboid_depth(CAMERA, [MUG], FLOOR_Y)
    column = round(CAMERA.cx + CAMERA.fx * 0.095 / 0.96)
    depth[:, column] = np.nan
    found = sides(fitted(guess(MUG, (0.75, 1.0, 1.0)), seen(depth, CAMERA)))
    assert found[3] == pytest.approx(sides(MUG)[3], abs=NEAR_M)


def test_without_a_floor_the_back_stays_where_the_model_said():
    found = fitted(guess(MUG, (1.2, 0.8, 1.2)), seen(cuboid_depth(CAMERA, [MUG]), CAMERA))
    np.testing.assert_allclose(sides(found)[:5], sides(MUG)[:5], atol=NEAR_M)
    assert sides(found)[5] == pytest.approx(sides(guess(MUG, (1.2, 0.8, 1.2)))[5])


def test_a_side_that_something_nearer_hides_stays_where_the_model_said():
    pole = Box3D("pole", (0.09, 0.0, 0.7), (0.05, 1.0, 0.05))
    depth = cuboid_depth(CAMERA, [MUG, pole])
    guessed = guess(MUG, (1.1, 1.1, 1.0))
    found = sides(fitted(guessed, seen(depth, CAMERA)))
    assert found[3] == pytest.approx(sides(guessed)[3])
    assert found[0] == pytest.approx(sides(MUG)[0], abs=NEAR_M)


def test_a_hidden_side_reaches_at_least_as_far_as_the_thing_is_seen():
    pole = Box3D("pole", (0.115, 0.0, 0.7), (0.05, 1.0, 0.05))
    depth = cuboid_depth(CAMERA, [replace(MUG, size=(0.24, 0.1, 0.08)), pole])
    guessed = guess(MUG, (0.9, 1.0, 1.0))
    seen_to = 0.09 / 0.725 * 0.96
    found = sides(fitted(guessed, seen(depth, CAMERA)))
    assert sides(guessed)[3] < found[3] == pytest.approx(seen_to, abs=0.01)


def test_a_side_outside_the_picture_stays_where_the_model_said():
    mug = replace(MUG, center=(0.6, 0.35, 1.0))
    guessed = guess(mug, (1.2, 1.2, 1.0))
    found = sides(fitted(guessed, seen(cuboid_depth(CAMERA, [mug], FLOOR_Y), CAMERA)))
    assert found[3] == pytest.approx(sides(guessed)[3])
    assert found[1] == pytest.approx(sides(mug)[1], abs=NEAR_M)


def test_what_goes_on_far_beyond_the_box_is_no_measure_of_it():
    shelf = Box3D("shelf", (0.05, 0.35, 1.0), (1.0, 0.1, 0.08))
    guessed = guess(MUG, (1.1, 1.1, 1.0))
    found = sides(fitted(guessed, seen(cuboid_depth(CAMERA, [shelf]), CAMERA)))
    np.testing.assert_allclose(found[[0, 3]], sides(guessed)[[0, 3]])


@pytest.mark.parametrize("gap_m", [0.0, 0.01])
def test_a_neighbour_behind_is_not_taken_in(gap_m):
    other = Box3D("box", (0.05 + 0.12 + gap_m, 0.32, 1.1), (0.12, 0.16, 0.08))
    depth = cuboid_depth(CAMERA, [MUG, other], FLOOR_Y)
    found = fitted(guess(MUG, (1.2, 1.2, 1.0)), seen(depth, CAMERA))
    np.testing.assert_allclose(sides(found)[:5], sides(MUG)[:5], atol=NEAR_M)


def test_a_thin_thing_that_lies_on_the_floor_is_found_on_it():
    board = Box3D("book", (0.0, 0.39, 0.95), (0.2, 0.02, 0.12))
    found = fitted(guess(board, (0.8, 1.4, 1.2)), seen(cuboid_depth(CAMERA, [board], FLOOR_Y), CAMERA))
    np.testing.assert_allclose(sides(found)[:5], sides(board)[:5], atol=NEAR_M)


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_lost_edges_cost_a_few_millimetres(seed):
    draw = np.random.default_rng(seed)
    depth = cuboid_depth(CAMERA, [MUG], FLOOR_Y)
    noisy = depth + draw.normal(0, 0.0015, depth.shape).astype(np.float32) * depth**2
    steps = np.abs(np.gradient(depth)).max(axis=0) > 0.02
    noisy[steps & (draw.random(depth.shape) < 0.7)] = np.nan
    found = fitted(guess(MUG, (0.8, 1.2, 0.9), (0.01, 0.005, 0.01)), seen(noisy, CAMERA))
    np.testing.assert_allclose(sides(found)[:5], sides(MUG)[:5], atol=0.007)


def test_it_is_the_same_each_time():
    observation = seen(cuboid_depth(CAMERA, [MUG], FLOOR_Y), CAMERA)
    once, again = (fitted(guess(MUG, (1.2, 0.9, 1.1)), observation) for _ in range(2))
    assert once == again


def test_depth_of_another_size_and_a_point_map_say_the_same():
    small = CAMERA.scaled_to(320, 240)
    picture = np.zeros((480, 640, 3), np.uint8)
    depth = cuboid_depth(small, [MUG], FLOOR_Y)
    guessed = guess(MUG, (1.2, 0.9, 1.1))
    by_depth = fitted(guessed, Observation(picture, CAMERA, depth))
    by_points = fitted(guessed, Observation(picture, CAMERA, point_map=depth_to_point_map(depth, small)))
    assert by_depth == by_points
    np.testing.assert_allclose(sides(by_depth)[:5], sides(MUG)[:5], atol=2 * NEAR_M)


def test_a_lens_bends_the_picture_and_not_the_box():
    bent = replace(CAMERA, distortion=Distortion("plumb_bob", (0.08, -0.02, 0.0, 0.0, 0.0)))
    found = fitted(guess(MUG, (1.2, 0.9, 1.1)), seen(cuboid_depth(bent, [MUG], FLOOR_Y), bent))
    np.testing.assert_allclose(sides(found)[:5], sides(MUG)[:5], atol=NEAR_M)


def test_a_large_thing_is_measured_in_fewer_pixels():
    camera = Intrinsics(1000.0, 1000.0, 639.5, 359.5, 1280, 720)
    sofa = Box3D("sofa", (0.1, 0.55, 3.0), (1.6, 0.7, 0.8))
    depth = cuboid_depth(camera, [sofa], 0.9, wall_z=6.0)
    found = fitted(guess(sofa, (1.2, 0.85, 1.0), (0.05, 0.0, 0.05)), seen(depth, camera))
    np.testing.assert_allclose(sides(found)[:5], sides(sofa)[:5], atol=0.03)
    # of which each is several of the picture's, 3 mm wide
    surface = surface_of(sofa, seen(depth, camera))
    assert surface.own.size <= 1.1 * WINDOW_PIXELS and surface.pixel_m > 0.008


def test_where_there_is_nothing_to_see_the_box_stays():
    depth = cuboid_depth(CAMERA, [MUG], FLOOR_Y)
    observation = seen(depth, CAMERA)
    empty = replace(MUG, center=(-0.3, -0.2, 1.0))
    behind = replace(MUG, center=(0.05, 0.15, -1.0))
    for box, shown in (
        (MUG, seen(np.full_like(depth, np.nan), CAMERA)),
        (empty, observation),
        (behind, observation),
        (guess(replace(MUG, yaw=0.3), (1.2, 1.2, 1.2)), observation),
        (replace(MUG, size=(0.12, 0.0, 0.08)), observation),
        (guess(MUG, (1.2, 1.2, 1.2)), turned(observation)),
        (guess(MUG, (1.2, 1.2, 1.2)), replace(observation, depth_is_estimated=True)),
    ):
        assert fitted(box, shown) == box


def turned(observation):
    depth = np.ascontiguousarray(np.rot90(observation.depth))
    return replace(observation, depth=depth, depth_is_turned=True)


def test_whatever_the_depth_and_the_box_the_result_is_a_box_near_it():
    draw = np.random.default_rng(3)
    for _ in range(150):
        width, height = (int(side) for side in draw.integers(1, 60, 2))
        camera = Intrinsics(40.0, 40.0, width / 2, height / 2, width, height)
        depth = draw.choice([0.5, 1.0, 1.02, np.nan], (height, width)).astype(np.float32)
        depth[0, 0] = 1.0
        size = 10 ** draw.uniform(-4, 0.5, 3)
        box = Box3D("x", tuple(draw.uniform(-0.5, 0.5, 2)) + (draw.uniform(0.01, 2),), tuple(size))
        found = fitted(box, seen(depth, camera))
        assert min(found.size) > 0 and np.isfinite(sides(found)).all()
        moved = abs(sides(found) - sides(box)).reshape(2, 3) / size
        assert math.isclose(moved[:, :2].max(), min(moved[:, :2].max(), 1)), (box, found)


@pytest.mark.slow
def test_boxes_of_simulated_things_come_out_better_than_they_were_guessed():
    """Sides off by 15 % of a size at random, depth with a sensor's noise."""
    from n3d_ros.sim import RgbdCamera, generate, random_look, sample_camera, sensor_noise

    before, after = [], []
    for seed in range(60_000, 60_012):
        draw = np.random.default_rng(seed)
        scene = generate(seed)
        with RgbdCamera(scene, 640, 480) as camera:
            view = camera.render(sample_camera(scene, draw, 640, 480), random_look(draw))
        shown = seen(sensor_noise(view.depth, draw), view.camera.intrinsics)
        for box, visible, pixels in zip(view.boxes, view.visible, view.visible_px, strict=True):
            if visible > 0.9 and pixels > 1000:
                guessed = guess(box, draw.uniform(0.85, 1.15, 3), draw.uniform(-0.1, 0.1, 3) * box.size)
                before.append(iou_3d(guessed, box))
                after.append(iou_3d(fitted(guessed, shown), box))
    assert len(after) > 40
    assert np.mean(before) < 0.72 < 0.85 < np.mean(after)
    assert np.mean(np.array(after) > before) > 0.9
