"""Who belongs to whom, and precision and recall over it."""

import numpy as np
import pytest

from n3d_ros.training.evaluation.metrics.matching import Scores, closest_pairs, mean_scores, scores_of


def test_the_closest_pair_comes_first_and_each_has_one_partner():
    closeness = np.array([[0.6, 0.5], [0.7, 0.1], [0.2, 0.3]])
    assert closest_pairs(closeness, 0.25) == [(1, 0), (0, 1)]
    assert closest_pairs(closeness, 0.65) == [(1, 0)]
    assert closest_pairs(np.zeros((0, 3)), 0.0) == [] and closest_pairs(np.zeros((3, 0)), 0.0) == []


def test_precision_recall_and_f1():
    found = scores_of(2, 4, 3)
    assert (found.precision, found.recall, found.f1) == (0.5, pytest.approx(2 / 3), pytest.approx(4 / 7))
    assert scores_of(0, 0, 3) == Scores(None, 0.0, 0.0) and scores_of(0, 0, 0) == Scores(None, None, None)


def test_a_mean_over_pictures_weighs_each_the_same():
    mean = mean_scores([(1, 1, 1), (0, 8, 1)])
    assert (mean.precision, mean.recall, mean.f1) == (0.5, 0.5, 0.5)
    assert mean_scores([(0, 0, 0)]) == Scores(1.0, 1.0, 1.0), "nothing there, nothing found"
    assert mean_scores([]) == Scores(None, None, None)
