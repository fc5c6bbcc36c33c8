"""A score that means what it says has no error."""

import pytest

from n3d_ros.training.evaluation.metrics.calibration import calibration_error, reliability


def test_a_score_that_comes_true_is_calibrated():
    bins = reliability([0.75] * 4, [True, True, True, False])
    assert calibration_error(bins) == 0.0
    assert bins[7].right.of == 4 and bins[7].mean_score == 0.75


def test_the_error_weighs_bins_by_their_boxes():
    # Three boxes 0.1 too low (0.9 for 1.0), one 0.3 too high (0.3 for 0.0).
    bins = reliability([0.9, 0.9, 0.9, 0.3], [True, True, True, False])
    assert calibration_error(bins) == pytest.approx((3 * 0.1 + 1 * 0.3) / 4)


def test_a_score_of_one_lies_in_the_last_bin_and_none_beyond_it():
    assert reliability([1.0], [True])[-1].right.of == 1
    assert calibration_error(reliability([], [])) is None
    with pytest.raises(ValueError, match="0..1"):
        reliability([1.5], [True])
