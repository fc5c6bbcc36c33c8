"""Where the papers' thresholds lie."""

import pytest

from n3d_ros.training.evaluation.metrics.values import hours_apart, is_within, mirrored_hour, relative_error


@pytest.mark.parametrize(
    ("said", "true", "right"),
    [
        (0.75, 1.0, True),
        (1.25, 1.0, True),
        (0.7499, 1.0, False),
        (1.2501, 1.0, False),
        (0.75, 0.6, True),
        (0, 0, True),
        (0.1, 0, False),
    ],
)
def test_a_length_is_right_within_a_quarter_both_ends_included(said, true, right):
    assert is_within(said, true) is right


@pytest.mark.parametrize(
    ("said", "true", "apart"), [(12, 1, 1), (1, 12, 1), (3, 9, 6), (7, 7, 0), (11, 2, 3)]
)
def test_hours_are_counted_the_short_way_round(said, true, apart):
    assert hours_apart(said, true) == apart
    with pytest.raises(ValueError, match="got 13"):
        hours_apart(said, 13)


def test_an_hour_begins_at_its_direction_so_12_mirrors_to_1():
    assert [mirrored_hour(hour) for hour in (12, 1, 3, 6)] == [1, 12, 10, 7]


def test_errors_are_shares_of_the_truth():
    assert relative_error(0.9, 1.2) == pytest.approx(0.25)
    with pytest.raises(ValueError, match="other than 0"):
        relative_error(1.0, 0.0)
