"""What every sensor has in common: one call, one depth of one generator, nothing out of nothing."""

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from sights import SHAPE, corner, sight, step, wall

from n3d_ros.sim.sensors import SENSORS, Sight, sense, sight_of
from n3d_ros.sim.sensors.ragged import ragged, smooth_noise

NAMES = pytest.mark.parametrize("name", SENSORS)


def measured(name, seen, seed=0):
    return SENSORS[name].measure(seen, np.random.default_rng(seed))


@NAMES
def test_a_generator_gives_one_depth_and_the_truth_stays_what_it_is(name):
    seen = step(0.8, 1.4)
    before = seen.depth.copy()
    first = measured(name, seen, seed=3)
    assert (first.dtype, first.shape) == (np.float32, SHAPE)
    assert np.array_equal(first, measured(name, seen, seed=3), equal_nan=True)
    assert not np.array_equal(first, measured(name, seen, seed=4), equal_nan=True)
    assert np.array_equal(seen.depth, before)


@NAMES
def test_a_wall_at_arms_length_is_measured_without_a_bias(name):
    error = measured(name, wall(0.9))[:, 60:] - 0.9
    assert np.isnan(error).mean() < 0.01
    assert abs(np.nanmean(error)) < 0.0006


@NAMES
def test_where_nothing_is_hit_or_too_far_away_nothing_is_measured(name):
    depth = np.full(SHAPE, 1.0, np.float32)
    depth[:40], depth[80:] = np.nan, 7.0
    found = measured(name, sight(depth))
    assert np.isnan(found[:40]).all() and np.isnan(found[80:]).all()
    assert not np.isnan(found[45:75, 60:]).any()


@NAMES
def test_mirrors_that_face_the_sensor_dazzle_it(name):
    assert np.isnan(measured(name, wall(0.9, shiny=True))).all()


@NAMES
def test_a_real_view_is_measured_by_name(name, rendered):
    view = rendered[0].view
    found = sense(name, view, np.random.default_rng(0))
    assert found.shape == view.depth.shape
    good = ~np.isnan(found)
    assert good.mean() > 0.3
    assert np.median(np.abs(found[good] - view.depth[good])) < 0.02


def test_an_unknown_sensor_is_named(rendered):
    with pytest.raises(ValueError, match=r"one of \['structured_light', .*\], got 'x'"):
        sense("x", rendered[0].view, np.random.default_rng(0))


def test_a_sight_knows_how_much_light_comes_back():
    assert wall(1.0).returned[60, 80] == pytest.approx(0.5, abs=1e-3)
    assert wall(2.0).returned[60, 80] == pytest.approx(0.125, abs=1e-3)
    assert wall(1.0, shiny=True).returned[60, 80] == pytest.approx(0.025, abs=1e-3)
    slanted = corner(1.0)
    assert slanted.facing[60, 10:70] == pytest.approx(np.sqrt(0.5), abs=0.12)
    assert wall(1.0).normals[60, 80] == pytest.approx([0, 0, -1], abs=1e-5)


def test_beside_an_edge_surfaces_are_still_seen_from_the_front():
    seen = step(0.8, 1.4)
    assert seen.facing.min() > 0.95


def test_a_sight_of_a_view_has_its_materials(rendered):
    """A bottle's cap and a hammer's head are of metal, its body is not."""
    views = [pair.view for pair in rendered]
    assert any(view.shiny.any() for view in views)
    for pair in rendered:
        seen = sight_of(pair.view)
        assert seen.grey.min() >= 0 and seen.grey.max() <= 1
        for item in pair.scene.objects:
            mask = (pair.view.instance == item.id) & ~seen.shiny
            if item.color == "white" and item.kind not in ("book", "lamp") and mask.any():
                assert seen.reflectance[mask].min() > 0.8
        assert not seen.shiny[pair.view.instance < 0].any()
        assert (seen.reflectance[pair.view.instance < 0] > 0.1).all()


def test_arrays_of_another_size_are_named():
    good = wall(1.0)
    with pytest.raises(ValueError, match=r"sight: grey expected \(120, 160\), got \(60, 80\)"):
        Sight(good.depth, good.grey[::2, ::2], good.reflectance, good.shiny, good.intrinsics)


def test_smooth_noise_has_unit_spread_and_neighbours_that_agree():
    noise = smooth_noise((400, 400), np.random.default_rng(0), 2.0)
    assert noise.std() == pytest.approx(1.0, abs=0.05)
    assert np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1] > 0.9
    factors = ragged((200, 200), np.random.default_rng(0))
    assert factors.min() >= 0.5 and factors.max() <= 2.0
    assert np.median(factors) == pytest.approx(1.0, abs=0.05)
