"""A view taken while camera and lamp move: its colours change, its geometry is that of the middle."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from n3d_ros.sim import Look, RgbdCamera, orbit_camera
from n3d_ros.sim.capture import CAPTURES, Capture, take
from n3d_ros.sim.capture.develop import to_light, to_picture
from n3d_ros.sim.capture.motion import any_direction, moved, times
from n3d_ros.sim.capture.take import with_second_light


@pytest.fixture(scope="module")
def device(rendered):
    scene = next(pair.scene for pair in rendered if pair.scene.layout == "floor")
    with RgbdCamera(scene, 160, 120) as made:
        yield made


@pytest.fixture(scope="module")
def camera(device):
    return orbit_camera(device.scene, 0.0, 160, 120)


def taken(device, camera, capture, seed=0):
    return take(device, camera, Look(), capture, np.random.default_rng(seed))


def test_a_clean_picture_is_the_rendered_one(device, camera):
    assert np.array_equal(taken(device, camera, Capture()).rgb, device.render(camera, Look()).rgb)


@pytest.mark.parametrize("name", [name for name in CAPTURES if name != "clean"])
def test_colours_change_and_nothing_else_does(device, camera, name):
    clean, other = device.render(camera, Look()), taken(device, camera, CAPTURES[name])
    assert not np.array_equal(clean.rgb, other.rgb)
    assert np.array_equal(clean.depth, other.depth, equal_nan=True)
    assert np.array_equal(clean.instance, other.instance)
    assert clean.boxes == other.boxes and clean.camera == other.camera
    assert np.array_equal(other.rgb, taken(device, camera, CAPTURES[name]).rgb)
    assert not np.array_equal(other.rgb, taken(device, camera, CAPTURES[name], seed=1).rgb)


def test_blur_is_the_mean_light_of_the_way(device, camera):
    capture = Capture(turn_rad=(0.1, 0.1), num_exposures=3)
    rng = np.random.default_rng(0)
    axis = any_direction(rng)
    places = [moved(camera, 0.1 * axis, np.zeros(3), time) for time in (-1 / 3, 0, 1 / 3)]
    moments = [device.photograph(place, Look()) for place in places]
    expected = to_picture(np.mean([to_light(moment) for moment in moments], axis=0))
    assert np.abs(taken(device, camera, capture).rgb.astype(int) - expected).max() <= 1
    assert np.abs(moments[0].astype(int) - moments[2]).mean() > 1


def test_blur_softens_edges(device, camera):
    still, blurred = (
        taken(device, camera, Capture(turn_rad=(turn, turn), num_exposures=7)).rgb.astype(int)
        for turn in (0.0, 0.03)
    )
    steps = [np.abs(np.diff(rgb, axis=axis)).max() for rgb in (still, blurred) for axis in (0, 1)]
    assert max(steps[2:]) < max(steps[:2])


def test_the_exposure_runs_evenly_about_its_middle(camera):
    assert times(1).tolist() == [0.0]
    assert times(3) == pytest.approx([-1 / 3, 0, 1 / 3])
    assert times(4).sum() == pytest.approx(0)
    still = moved(camera, np.array([0.1, 0, 0]), np.array([0, 0, 0.02]), 0.0)
    assert still.T_world_camera == pytest.approx(camera.T_world_camera)
    end = moved(camera, np.array([0.0, 0.2, 0]), np.array([0, 0, 0.02]), 0.5)
    step = camera.T_camera_world @ end.T_world_camera
    assert step[:3, 3] == pytest.approx([0, 0, 0.01])
    assert np.arccos((np.trace(step[:3, :3]) - 1) / 2) == pytest.approx(0.1)
    assert step[0, 2] == pytest.approx(np.sin(0.1)), "a turn about y takes forwards to the right"


def test_a_stop_of_exposure_doubles_the_light(device, camera):
    dark = taken(device, camera, Capture(exposure_ev=(-2.0, -2.0))).rgb
    once = taken(device, camera, Capture(exposure_ev=(-1.0, -1.0))).rgb
    ratio = to_light(once)[dark.min(axis=2) > 40] / to_light(dark)[dark.min(axis=2) > 40]
    assert np.median(ratio) == pytest.approx(2.0, rel=0.03)


def test_the_second_lamp_takes_over_light_and_shadows(device, camera):
    look = Look(key=(0.5, 0.5, 0.5), fill=(0.1, 0.1, 0.1))
    assert with_second_light(look, 0.0) == look
    moved_light = with_second_light(look, 0.8)
    assert moved_light.key == pytest.approx((0.1, 0.1, 0.1)) and moved_light.fill == pytest.approx(
        (0.5, 0.5, 0.5)
    )
    assert moved_light.fill_shadows
    shadows, none = (
        device.photograph(camera, replace(moved_light, shadows=on)).astype(int).sum() for on in (True, False)
    )
    assert shadows < none


def test_shadows_move_with_the_lamp_that_throws_them(device, camera):
    look = with_second_light(Look(), 0.9)
    here, there = (
        device.photograph(camera, replace(look, fill_azimuth_rad=azimuth)).astype(int)
        for azimuth in (0.0, 2.0)
    )
    ground = device.render(camera, look).instance < 0
    darker = (here.sum(axis=2) < 0.8 * there.sum(axis=2)) & ground
    lighter = (here.sum(axis=2) > 1.25 * there.sum(axis=2)) & ground
    assert darker.sum() > 50 and lighter.sum() > 50


def test_a_photograph_is_the_colours_of_the_view(device, camera):
    assert np.array_equal(device.photograph(camera), device.render(camera).rgb)
