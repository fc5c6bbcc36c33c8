"""Time of flight: flying pixels, late light in corners, errors that follow the amplitude."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from sights import corner, sight, step, wall

from n3d_ros.sim.sensors import TimeOfFlight

QUIET = TimeOfFlight(noise_m=0.0)
SINGLE = replace(QUIET, multipath=0.0)


def measured(sensor, seen, seed=0):
    return sensor.measure(seen, np.random.default_rng(seed))


def test_without_noise_blur_and_corners_it_measures_the_truth():
    seen = corner(1.2)
    assert measured(replace(SINGLE, blur_px=0.0), seen) == pytest.approx(seen.depth, abs=1e-5)


def test_at_edges_pixels_fly_between_the_two_depths_and_there_are_no_holes():
    found = measured(SINGLE, step(0.8, 1.6))
    assert not np.isnan(found).any()
    assert found.min() > 0.8 - 1e-4 and found.max() < 1.6 + 1e-4
    flying = (found > 0.82) & (found < 1.58)
    assert flying[:, 79].all() and flying[:, 120].all(), "one pixel beyond each side of what is near"
    assert not flying[:, :78].any() and not flying[:, 82:118].any() and not flying[:, 122:].any()


def test_a_flying_pixel_is_drawn_to_the_side_that_returns_more_light():
    seen = step(0.8, 1.6)
    black = seen.reflectance.copy()
    black[:, 80:120] = 0.06
    dim = replace(seen, reflectance=black)
    assert measured(SINGLE, dim)[60, 79] > measured(SINGLE, seen)[60, 79] + 0.05


@pytest.mark.parametrize(("distance_m", "low_mm", "high_mm"), [(0.7, 1.0, 1.3), (1.5, 2.7, 3.2)])
def test_the_error_grows_as_less_light_comes_back(distance_m, low_mm, high_mm):
    """noise_m * sqrt(a + 0.1) / a with a = 0.5 / z^2: 1.24 and 3.08 mm before the pixel's blur."""
    error = measured(replace(TimeOfFlight(), multipath=0.0), wall(distance_m)) - distance_m
    assert low_mm < 1000 * error.std() < high_mm
    dark = measured(TimeOfFlight(), wall(distance_m, reflectance=0.1)) - distance_m
    assert np.nanstd(dark) > 2.5 * error.std()


def test_what_returns_too_little_light_is_lost():
    assert np.isnan(measured(TimeOfFlight(), wall(2.5, reflectance=0.1))).all()
    assert not np.isnan(measured(TimeOfFlight(), wall(1.0, reflectance=0.1))).any()


def test_a_shiny_slope_mirrors_the_light_away():
    slope = corner(1.2, inwards=False)
    shiny = replace(slope, shiny=np.ones_like(slope.shiny))
    assert not np.isnan(measured(QUIET, slope)).any()
    assert np.isnan(measured(QUIET, shiny)).all()


def test_light_by_way_of_the_other_wall_makes_corners_too_far():
    seen = corner(1.2)
    late = measured(replace(QUIET, blur_px=0.0), seen) - seen.depth
    assert late.min() > -1e-6
    middle, side = late[30:90, 70:90].mean(), late[30:90, :10].mean()
    assert 0.002 < middle < 0.05
    assert middle > side


@pytest.mark.parametrize("seen", [wall(1.2), corner(1.2, inwards=False)])
def test_on_walls_and_outer_corners_no_light_comes_by_another_way(seen):
    late = measured(replace(QUIET, blur_px=0.0), seen) - seen.depth
    assert np.abs(late).max() < 1e-4


def test_far_things_do_not_wrap_around():
    far = sight(np.full((120, 160), 4.8, np.float32), reflectance=0.9)
    assert measured(SINGLE, far) == pytest.approx(4.8, abs=1e-3)
