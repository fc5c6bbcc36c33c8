"""What two models are compared by: boxes with the truth and each other, answers within their tolerance."""

from types import SimpleNamespace

import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.training.evaluation.simulated.agreement import Comparison, _iou, same_answer, summarise


def answer(text, value=None, unit=""):
    return SimpleNamespace(answer=text, value=value, unit=unit)


@pytest.mark.parametrize(
    ("reference", "tested", "same"),
    [
        (answer("0.50 m", 0.50, "m"), answer("0.54 m", 0.54, "m"), True),
        (answer("0.50 m", 0.50, "m"), answer("0.60 m", 0.60, "m"), False),
        (answer("0.02 m", 0.02, "m"), answer("0.029 m", 0.029, "m"), True),
        (answer("3", 3.0, "o'clock"), answer("3 m", 3.0, "m"), False),
        (answer("the mug"), answer("the mug"), True),
        (answer("the mug"), answer("the bowl"), False),
        (answer("0.50 m", 0.50, "m"), answer(""), False),
    ],
)
def test_answers_agree_within_a_tenth_or_a_centimetre_or_by_their_words(reference, tested, same):
    assert same_answer(reference, tested) is same


def test_a_box_that_is_missing_overlaps_nothing():
    box = Box3D("mug", (0.0, 0.0, 1.0), (0.1, 0.1, 0.1))
    assert _iou(box, box) == pytest.approx(1.0)
    assert (_iou(None, box), _iou(box, None)) == (0.0, 0.0)


def test_figures_over_all_scenes():
    one = Comparison(1, "mug", 0.8, 0.2, 0.3, "q", "a", "b", False)
    two = Comparison(2, "mug", 0.2, 0.6, 0.5, "q", "a", "a", True)
    three = Comparison(3, "mug", 0.2, 0.4, 1.0, "", "", "", None)
    summary = summarise([one, two, three])
    assert (summary["num_scenes"], summary["num_questions"], summary["share_same_answer"]) == (3, 2, 0.5)
    assert (summary["mean_iou_reference"], summary["mean_iou_tested"]) == pytest.approx((0.4, 0.4))
    assert summary["share_iou_25_tested"] == pytest.approx(2 / 3)
    assert summary["mean_iou_between"] == pytest.approx(0.6)
    with pytest.raises(ValueError, match="expected at least one scene"):
        summarise([])
