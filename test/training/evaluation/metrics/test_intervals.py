"""Intervals against published values and by their definition."""

import math

import numpy as np
import pytest

from n3d_ros.training.evaluation.metrics.intervals import bootstrap, estimate, share, wilson
from n3d_ros.training.evaluation.report.tables import number


def test_wilson_gives_the_textbook_interval():
    # 81 of 263: Newcombe 1998 (doi.org/10.1002/(SICI)1097-0258(19980430)17:8<857), table I.
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 20)[0] == 0.0 and round(wilson(0, 20)[1], 4) == 0.1611
    assert wilson(20, 20)[1] == 1.0


def test_a_share_of_nothing_is_no_share():
    assert share([]).value is None
    assert share([True, False, True, True]).value == 0.75
    with pytest.raises(ValueError, match="got 3 of 2"):
        wilson(3, 2)


def test_bootstrap_is_the_same_every_time_and_holds_the_median():
    values = np.arange(101.0)
    low, high = bootstrap(values)
    assert (low, high) == bootstrap(values) and low < 50 < high
    assert 30 < low < 45 and 55 < high < 70  # 101 uniform values: about 50 +- 1.96 * 1.25 * 29 / 10


def test_groups_are_drawn_whole():
    values = [0.0] * 50 + [1.0] * 50
    alone, together = estimate(values, np.mean), estimate(values, np.mean, ["a"] * 50 + ["b"] * 50)
    assert (together.low, together.high) == (0.0, 1.0), "two pictures: both may be drawn twice"
    assert alone.low > 0.3 and alone.high < 0.7


def test_one_picture_alone_has_no_interval():
    found = estimate([0.2, 0.4], np.mean, ["a", "a"])
    assert (found.value, found.low, found.high) == (pytest.approx(0.3), None, None)
    assert number(found.to_dict()) == "0.30 [?]"
    assert number(estimate([0.2, 0.4], np.mean, ["a", "b"]).to_dict()) == "0.30 [0.20, 0.40]"


def test_an_infinite_error_stays_infinite():
    found = estimate([0.1, math.inf, math.inf], lambda values: np.quantile(values, 0.5, method="lower"))
    assert found.value == math.inf and found.low == 0.1


def test_groups_must_fit():
    with pytest.raises(ValueError, match="got 1, 2"):
        bootstrap(np.zeros(2), np.mean, ["a"])
