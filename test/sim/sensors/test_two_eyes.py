"""Sensors with a baseline: strips that one eye alone sees, steps of disparity, patches without texture."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from sights import CAMERA, SHAPE, sight, step, wall

from n3d_ros.sim.sensors import Stereo, StructuredLight
from n3d_ros.sim.sensors.two_eyes import disparity_px, half_occluded

PATIENT = StructuredLight(edge_loss=0.0)


def test_the_strip_lies_left_of_what_is_near_and_is_as_wide_as_the_disparities_differ():
    """500 px * 0.075 m * (1 / 0.8 m - 1 / 1.6 m) = 23.4 px."""
    hidden = half_occluded(disparity_px(step(0.8, 1.6).depth, CAMERA, 0.075))
    columns = np.flatnonzero(hidden[60])
    assert columns.tolist() == [*range(57, 80)]
    assert (hidden == hidden[60]).all()


def test_nothing_is_hidden_on_a_wall_or_a_slope_seen_by_both():
    assert not half_occluded(disparity_px(wall(1.0).depth, CAMERA, 0.075)).any()
    slope = np.tile(np.linspace(1.0, 1.5, SHAPE[1], dtype=np.float32), (SHAPE[0], 1))
    assert not half_occluded(disparity_px(slope, CAMERA, 0.075)).any()


def test_what_has_no_depth_hides_nothing_and_is_hidden_like_something_far():
    depth = step(0.8, 1.6).depth
    depth[:, :80] = np.nan
    hidden = half_occluded(disparity_px(depth, CAMERA, 0.075))
    assert hidden[60, 40:80].all() and not hidden[60, 80:].any()


@pytest.mark.parametrize("sensor", [PATIENT, Stereo()])
def test_both_kinds_lose_the_strip_on_the_left_and_nothing_on_the_right(sensor):
    found = sensor.measure(step(0.8, 1.6), np.random.default_rng(0))
    width = int(500 * sensor.baseline_m * (1 / 0.8 - 1 / 1.6))
    assert np.isnan(found[:, 80 - width : 80]).all()
    assert not np.isnan(found[:, 81:]).any()
    assert not np.isnan(found[:, 40 : 78 - width]).any()


def test_structured_light_reports_whole_steps_of_disparity():
    found = StructuredLight().measure(wall(1.3), np.random.default_rng(0))
    steps = 1 / (found[~np.isnan(found)].astype(np.float64) * 0.00285)
    assert np.abs(steps - np.rint(steps)).max() < 1e-3
    assert len(np.unique(np.rint(steps))) > 2


@pytest.mark.parametrize(
    ("distance_m", "low_mm", "high_mm"), [(0.5, 0.3, 0.4), (1.0, 1.3, 1.55), (3.0, 11.5, 14.0)]
)
def test_structured_lights_error_is_half_a_step_of_disparity(distance_m, low_mm, high_mm):
    """Khoshelham and Elberink: 1.425 mm at 1 m."""
    seen = wall(distance_m, reflectance=0.9)
    error = PATIENT.measure(seen, np.random.default_rng(0)) - distance_m
    assert low_mm < 1000 * np.nanstd(error) < high_mm


def test_structured_light_loses_part_of_the_edges_and_what_returns_little_light():
    found = StructuredLight().measure(step(0.8, 0.9, column=60, until=160), np.random.default_rng(0))
    assert 0.2 < np.isnan(found[:, 60:62]).mean() < 0.8
    assert not np.isnan(found[:, 64:]).any()
    rng = np.random.default_rng(0)
    assert not np.isnan(PATIENT.measure(wall(0.8, reflectance=0.08), rng)).any()
    assert np.isnan(PATIENT.measure(wall(3.5, reflectance=0.08), rng)).all(), "black and far away"
    assert np.isnan(PATIENT.measure(wall(0.3), rng)).all(), "too near"


@pytest.mark.parametrize(("distance_m", "expected_mm"), [(0.6, 1.15), (1.2, 4.6)])
def test_stereos_error_grows_with_depth_squared_over_focal_length_and_baseline(distance_m, expected_mm):
    """0.08 px * z^2 / (500 px * 0.05 m)."""
    error = Stereo().measure(wall(distance_m), np.random.default_rng(0)) - distance_m
    assert 1000 * np.nanstd(error) == pytest.approx(expected_mm, rel=0.1)
    longer = Stereo(baseline_m=0.1).measure(wall(distance_m), np.random.default_rng(0))
    assert np.nanstd(longer) == pytest.approx(np.nanstd(error) / 2, rel=0.1)


def test_stereo_needs_texture_or_its_projector():
    plain, rough, rng = wall(0.9, texture=0.0), wall(0.9), np.random.default_rng(0)
    passive = replace(Stereo(), projector=0.0)
    kept = slice(60, None)
    assert np.isnan(passive.measure(plain, rng)).all()
    assert not np.isnan(passive.measure(rough, rng)[:, kept]).any()
    assert not np.isnan(Stereo().measure(plain, rng)[:, kept]).any()
    assert np.isnan(Stereo().measure(wall(3.5, texture=0.0), rng)).all(), "too far for the projector"
    assert not np.isnan(Stereo().measure(wall(3.5), rng)[:, kept]).any()


def test_stereo_has_no_match_where_the_other_camera_looks_past():
    """At 1 m the second camera's picture begins 500 * 0.05 / 1 = 25 px further right."""
    found = Stereo().measure(wall(1.0), np.random.default_rng(0))
    assert np.isnan(found[:, :25]).all() and not np.isnan(found[:, 25:]).any()


def test_stereo_loses_what_is_nearer_than_its_search_reaches():
    near = sight(np.full(SHAPE, 0.19, np.float32))
    assert np.isnan(Stereo().measure(near, np.random.default_rng(0))).all()
