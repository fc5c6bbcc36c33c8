"""Average precision by hand, against COCO's own code, and in its edge cases."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from n3d_ros.training.evaluation.metrics.average_precision import (
    IOU_LEVELS,
    Picture,
    area,
    average_precision,
    hits,
    mean_over_levels,
)


def test_area_by_hand():
    # Right, wrong, right of 4: precision 1, 1/2, 2/3 at recall 0.25, 0.25, 0.5.
    # Recall 0 .. 0.25 reads 1 (26 values), 0.26 .. 0.50 reads 2/3 (25 values), beyond 0 (50 values).
    assert area(np.array([True, False, True]), 4) == pytest.approx((26 * 1 + 25 * 2 / 3) / 101)
    assert area(np.array([True, True]), 2) == 1.0
    assert area(np.array([], dtype=bool), 2) == 0.0


def test_the_surer_box_takes_the_closer_truth():
    picture = Picture(np.array([0.3, 0.9]), np.array([[0.9, 0.1], [0.8, 0.6]]))
    assert hits(picture, 0.5).tolist() == [False, True], "the surer one took the truth that both wanted"
    assert hits(picture, 0.05).tolist() == [True, True]


def test_a_second_box_on_the_same_thing_is_wrong():
    twice = Picture(np.array([0.9, 0.8]), np.array([[0.9], [0.9]]))
    assert hits(twice, 0.5).tolist() == [True, False]


def test_scores_rank_across_pictures():
    good = Picture(np.array([0.9]), np.array([[0.8]]))
    bad = Picture(np.array([0.95]), np.array([[0.0]]))
    # Wrong, right of 2: precision 1/2 up to recall 0.5.
    assert average_precision([good, bad], 0.5) == pytest.approx(51 * 0.5 / 101)
    absent = Picture(np.array([0.99]), np.zeros((1, 0)))
    assert average_precision([good, absent], 0.5) == pytest.approx(0.5)
    assert average_precision([absent], 0.5) is None


def test_the_distance_of_centres_counts_as_closeness_when_negative():
    picture = Picture(np.array([0.9]), -np.array([[0.07]]))
    assert [average_precision([picture], -level) for level in (0.05, 0.1)] == [0.0, 1.0]


def random_pictures(rng):
    for _ in range(12):
        found, true = int(rng.integers(0, 6)), int(rng.integers(0, 5))
        # Scores that tie are ranked otherwise by COCO, which goes picture by picture.
        yield Picture(rng.permutation(1000)[:found] / 1000 + rng.random() * 1e-4, rng.random((found, true)))


@pytest.mark.parametrize("seed", range(5))
def test_cocos_own_code_finds_the_same(seed):
    """pycocotools with our closeness for its overlap of rectangles, the way Omni3D uses it."""
    coco = pytest.importorskip("pycocotools.coco")
    evaluator: Any = pytest.importorskip("pycocotools.cocoeval").COCOeval
    pictures = list(random_pictures(np.random.default_rng(seed)))
    true = [
        {
            "id": 100 * n + j + 1,
            "image_id": n,
            "category_id": 1,
            "bbox": [0, 0, 1, 1],
            "area": 1,
            "iscrowd": 0,
        }
        for n, picture in enumerate(pictures)
        for j in range(picture.closeness.shape[1])
    ]
    found = [
        {"image_id": n, "category_id": 1, "bbox": [0, 0, 1, 1], "score": float(score)}
        for n, picture in enumerate(pictures)
        for score in picture.scores
    ]

    class Closeness(evaluator):
        def computeIoU(self, imgId, catId):
            picture = pictures[imgId]
            return picture.closeness[np.argsort(-picture.scores, kind="mergesort")]

    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        truth.dataset = {
            "images": [{"id": n} for n in range(len(pictures))],
            "annotations": true,
            "categories": [{"id": 1, "name": "thing"}],
        }
        truth.createIndex()
        judge = Closeness(truth, truth.loadRes(found), "bbox")
        judge.params.iouThrs = np.array(IOU_LEVELS)
        judge.evaluate()
        judge.accumulate()
    theirs = judge.eval["precision"][:, :, 0, 0, -1].mean(axis=1)
    assert [average_precision(pictures, level) for level in IOU_LEVELS] == pytest.approx(theirs, abs=1e-12)
    assert mean_over_levels(pictures, IOU_LEVELS) == pytest.approx(theirs.mean(), abs=1e-12)


def test_closeness_must_fit_the_scores():
    with pytest.raises(ValueError, match="of 2 found boxes"):
        Picture(np.array([0.5, 0.4]), np.zeros((1, 1)))
