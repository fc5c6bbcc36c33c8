"""A world is chosen by names; the default one is n3d-nano's, and each choice changes its part alone."""

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from n3d_ros.commands.world_options import OPTIONS
from n3d_ros.sim import KINDS, WIDE_KINDS, RgbdCamera, SceneConfig, generate, orbit_camera, sensor_noise
from n3d_ros.sim.sensors import sense
from n3d_ros.sim.world import CHOICES, DEFAULT_WORLD, World


def seen(world, seed=3):
    """(scene, view, depth) of a world."""
    scene = generate(seed, world.scenes())
    with RgbdCamera(scene, 120, 90) as device:
        rng = np.random.default_rng(0)
        view = world.view(device, orbit_camera(scene, 0.0, 120, 90), scene.look, rng)
    return scene, view, world.depth(view, np.random.default_rng(0))


def test_the_default_is_what_every_seed_made_before_there_were_choices():
    assert World() == DEFAULT_WORLD and DEFAULT_WORLD.scenes() == SceneConfig()
    scene, view, depth = seen(DEFAULT_WORLD)
    with RgbdCamera(scene, 120, 90) as device:
        plain = device.render(orbit_camera(scene, 0.0, 120, 90))
    assert np.array_equal(view.rgb, plain.rgb) and depth is view.depth


def test_textures_capture_and_sensor_leave_the_scene_alone():
    scene, view, _ = seen(DEFAULT_WORLD)
    other = seen(World(textures="held_out", capture="webcam", sensor="stereo"))
    assert scene.objects == other[0].objects
    assert np.array_equal(view.depth, other[1].depth, equal_nan=True)
    assert not np.array_equal(view.rgb, other[1].rgb)


def test_kinds_and_layout_choose_what_stands_where_and_nothing_in_another():
    world = World(kinds="wide", layout="clutter").scenes(9, 12)
    assert world.kinds == tuple(WIDE_KINDS) and world.layouts == ("clutter",) and world.apart
    assert (world.min_objects, world.max_objects) == (9, 12)
    assert World(textures="seen").scenes().textures == "seen" and not World(textures="seen").scenes().apart
    assert DEFAULT_WORLD.scenes().kinds == tuple(KINDS) and not DEFAULT_WORLD.scenes().apart


@pytest.mark.parametrize("sensor", [name for name in CHOICES["sensor"] if name != "exact"])
def test_depth_is_what_the_sensor_of_that_name_reports(sensor):
    _, view, depth = seen(World(sensor=sensor))
    rng = np.random.default_rng(0)
    expected = sensor_noise(view.depth, rng) if sensor == "simple" else sense(sensor, view, rng)
    assert np.array_equal(depth, expected, equal_nan=True)


@pytest.mark.parametrize("name", CHOICES)
def test_an_unknown_name_is_answered_with_the_known_ones(name):
    with pytest.raises(ValueError, match=f"{name}: expected one of {CHOICES[name][0]}, .*; got 'odd'"):
        World(**{name: "odd"})


def test_the_options_of_commands_name_every_choice():
    for name, known in CHOICES.items():
        default, text = OPTIONS[name]
        assert default == getattr(DEFAULT_WORLD, name)
        assert all(one in text or one == default or one == "simple" for one in known)
