"""Lifted boxes against truth: of simulated scenes, and of real frames of objects whose sizes are known."""

import json

import numpy as np
import pytest
from lift_sets import simulated_set

from n3d_ros.boxes import iou_3d
from n3d_ros.training.lift.depth_sources import SensorDepth
from n3d_ros.training.lift.filters import LiftConfig
from n3d_ros.training.lift.lifting import lift_picture
from n3d_ros.training.lift.report.measured_frames import errors_of
from n3d_ros.training.lift.sources.folders import FolderSource

SEEDS = range(910_000, 910_005)


def overlaps(made, truth):
    """3D IoU of every kept box with the true visible one; almost everything must be kept."""
    attempts = made.attempts()
    kept = {int(one.annotation.key): one.box for one in attempts if one.rejected is None}
    assert len(attempts) == len(truth) and len(kept) >= 0.9 * len(truth) > 15
    return np.array([iou_3d(box, truth[key]) for key, box in kept.items()])


def test_exact_depth_gives_the_true_visible_box(tmp_path):
    """Median 0.9 is what issue and documentation promise (docs/data.md has the figures of more scenes)."""
    assert np.median(overlaps(*simulated_set(tmp_path / "set", SEEDS))) >= 0.93


def test_drawn_polygons_and_a_noisy_sensor_cost_little(tmp_path):
    polygons = np.median(overlaps(*simulated_set(tmp_path / "polygons", SEEDS, as_polygons=True)))
    noisy = np.median(overlaps(*simulated_set(tmp_path / "noisy", SEEDS, noisy=True)))
    assert polygons >= 0.87 and noisy >= 0.9


@pytest.mark.parametrize(("widen_px", "least"), [(2, 0.87), (3, 0.8)])
def test_masks_that_are_too_wide_cost_little(tmp_path, widen_px, least):
    """Colour and depth of real cameras are off by some pixels (0.33 without rim and crumbs)."""
    assert np.median(overlaps(*simulated_set(tmp_path / "set", SEEDS, widen_px=widen_px))) >= least


@pytest.mark.parametrize("widen_px", [0, 1, 2, 3])
@pytest.mark.parametrize("name", ["ycbv_xtion_2", "lmo_kinect1_sam6d"])
def test_a_measured_object_is_off_by_millimetres_however_wide_its_mask(rgbd_dir, name, widen_px):
    """Boxes measured to 5 mm. A sliver of table at the sugar box's foot counts as seen of it: 29 mm."""
    found = list(errors_of(rgbd_dir / name, widen_px, LiftConfig()))
    assert len(found) == {"ycbv_xtion_2": 5, "lmo_kinect1_sam6d": 1}[name]
    assert [one.rejected for one in found if one.rejected] == []
    assert np.median([np.linalg.norm(one.center_m) for one in found]) < 0.006
    assert np.median([np.abs(one.size_m).max() for one in found]) < 0.011
    assert max(np.abs(one.size_m).max() for one in found) < 0.03


@pytest.mark.parametrize("name", ["graspnet6dof_cheezit", "graspnet6dof_mustard"])
def test_a_real_object_is_no_larger_than_it_is_and_most_of_it_is_seen(rgbd_dir, name):
    """No side along the camera's axes is longer than the object's measured diagonal; 1 cm for noise.

    Nine tenths of its longest side are seen: 0.181 of 0.191 m of the mustard bottle, filtered or not.
    """
    stated = json.loads((rgbd_dir / name / "annotations.json").read_text())
    true_size = np.array(stated["known_object"]["true_size_m_sorted_small_to_large"])
    picture = lift_picture(FolderSource.find([rgbd_dir / name]).record(0), SensorDepth(), LiftConfig())
    [attempt] = picture.attempts
    assert attempt.rejected is None
    assert 0.9 * true_size[2] <= max(attempt.box.size) <= np.linalg.norm(true_size) + 0.01
    assert np.linalg.norm(attempt.box.size) >= 0.8 * np.linalg.norm(true_size)


def test_every_annotated_real_frame_is_lifted_or_says_why(rgbd_dir):
    source = FolderSource.find([rgbd_dir])
    pictures = [lift_picture(source.record(i), SensorDepth(), LiftConfig()) for i in range(len(source))]
    attempts = [attempt for picture in pictures for attempt in picture.attempts]
    assert len(attempts) == sum(len(picture.record.annotations) for picture in pictures) >= 16
    assert [one.rejected for one in attempts if one.rejected is not None] == []
    lifted = [one for one in attempts if one.annotation.given is None]
    assert len(lifted) >= 16
    assert all(0.2 < one.box.center[2] < 1.5 and max(one.box.size) < 0.5 for one in lifted)
