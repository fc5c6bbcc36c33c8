"""Figures of a model that is right, of one that is off by a known length, and of one blind to the mirror."""

import json
from dataclasses import replace

import pytest
from known_answers import BOWL, MUG, KnowingPipeline, five, picture

from n3d_ros.boxes import Box3D
from n3d_ros.training.evaluation.asking.observe import Observer
from n3d_ros.training.evaluation.asking.reply import Reply
from n3d_ros.training.evaluation.asking.run import ask_all, replies
from n3d_ros.training.evaluation.figures.boxes import box_figures
from n3d_ros.training.evaluation.figures.everything import all_figures
from n3d_ros.training.evaluation.figures.marked import Marked, marked
from n3d_ros.training.evaluation.figures.mirror import mirrored_question
from n3d_ros.training.evaluation.judging.rules import RuleJudge
from n3d_ros.training.evaluation.ledger import Ledger
from n3d_ros.training.qa.records import DETECT, GROUND


def figures_of(pipeline, questions, folder, in_mirror=False):
    """all_figures of one run, with the mirror's where asked for."""
    judge = RuleJudge()
    every = list(marked(ask_all(pipeline, questions, Observer(), Ledger(folder / "a.jsonl")), judge))
    ledger = Ledger(folder / "m.jsonl")
    if in_mirror:
        list(ask_all(pipeline, questions, Observer(in_mirror=True), ledger))
    return all_figures(every, replies(ledger), judge)


def found(question, *boxes):
    """A marked question for boxes, answered with these."""
    return Marked(question, Reply(boxes=boxes, camera=question.picture.intrinsics))


@pytest.fixture
def questions(tmp_path):
    return five(picture(tmp_path))


def test_a_model_that_knows_the_boxes_is_right_everywhere(questions, tmp_path):
    figures = figures_of(KnowingPipeline(), questions, tmp_path, in_mirror=True)
    answers, ground = figures["answers"], figures["boxes"]["ground"]
    assert answers["all"]["right"]["value"] == 1.0 and answers["all"]["near"]["value"] == 1.0
    assert set(answers["category"]) == {"tall_short", "left_right", "size", "direction"}
    assert answers["family"]["open"]["right"]["of"] == 3
    assert ground["iou"]["value"] == pytest.approx(1.0) and ground["center_error_m"]["value"] == 0.0
    assert ground["ap3d"] == ground["ap_centre"] == ground["at_iou_25"]["f1"] == 1.0
    assert ground["projected"]["offset"]["value"] == pytest.approx(0.0)
    assert ground["calibration_error"] == pytest.approx(0.2), "sure by 0.8, right always"
    assert figures["mirror"]["answers"]["value"] == 1.0 and figures["mirror"]["answers"]["of"] == 5
    assert figures["mirror"]["box_iou"]["value"] == pytest.approx(1.0)
    json.dumps(figures, allow_nan=False)


def test_a_model_that_sees_no_mirror_is_found_out(questions, tmp_path):
    mirror = figures_of(KnowingPipeline(ignores_mirror=True), questions, tmp_path, in_mirror=True)["mirror"]
    # Left and right, and the hour, do not follow; heights do.
    assert (mirror["answers"]["num"], mirror["answers"]["of"]) == (3, 5)
    assert mirror["box_iou"]["value"] == 0.0


def test_boxes_beside_the_truth_have_its_distance_and_no_overlap(questions, tmp_path):
    ground = figures_of(KnowingPipeline(shift_m=0.15), questions, tmp_path)["boxes"]["ground"]
    assert ground["iou"]["value"] == 0.0 and ground["center_error_m"]["value"] == pytest.approx(0.15)
    assert ground["ap_centre_by_m"] == {"0.05": 0.0, "0.1": 0.0, "0.2": 1.0, "0.5": 1.0}
    assert ground["ap_centre"] == 0.5 and ground["ap3d"] == 0.0
    assert ground["by_distance"][1]["num"] == 1, "1.02 m away"
    assert ground["by_size"][1]["share_iou_25"]["num"] == 0


def test_nothing_found_counts_as_no_overlap_and_an_error_without_bound(questions):
    ground = box_figures([found(questions[-1])])["ground"]
    assert ground["missing"] == 1 and ground["iou"]["value"] == 0.0
    assert ground["center_error_m"] == {"num": 1, "value": None, "low": None, "high": None, "num_drawn": 1}
    assert ground["aligned_offset_m"]["num"] == 0 and ground["projected"]["num_without_offset"] == 1
    json.dumps(ground, allow_nan=False)


def test_what_is_absent_is_to_be_refused(questions):
    absent = replace(questions[-1], id="absent", boxes=())
    ground = box_figures([found(questions[-1], MUG.box), found(absent), found(absent, BOWL.box)])["ground"]
    assert ground["absent_refused"]["value"] == 0.5
    assert ground["at_iou_25"]["precision"] == 0.5, "the box on nothing is a wrong one"


def test_a_wrong_label_is_another_thing_where_everything_was_asked_for(questions):
    wrong = Box3D("green plate", MUG.center_m, MUG.size_m)
    everything = replace(questions[-1], kind=DETECT, category="detection", boxes=(MUG,))
    assert box_figures([found(everything, wrong)])["detect"]["missing"] == 1
    assert box_figures([found(questions[-1], wrong)])["ground"]["iou"]["value"] == pytest.approx(1.0)


def test_the_error_of_depth_is_taken_out_by_alignment(questions):
    x, y, z = MUG.center_m
    twice = Box3D("red mug", (2 * x, 2 * y, 2 * z), tuple(2 * side for side in MUG.size_m))
    ground = box_figures([found(questions[-1], twice)])["ground"]
    assert ground["iou"]["value"] == 0.0 and ground["aligned_iou"]["value"] == pytest.approx(1.0)
    assert ground["aligned_offset_m"]["value"] == pytest.approx(0.0)


def test_rectangles_are_truth_where_boxes_are_not_known(questions):
    # The mug is 0.1 m wide at 1 m and 0.1 m deep: 60 * 0.1 / 0.95 pixels around column 32 - 60 * 0.2.
    question = replace(questions[-1], kind=GROUND, boxes=(), true_px=((10.0, 10.0, 30.0, 30.0),))
    ground = box_figures([found(question, MUG.box), found(question)])["ground"]
    assert ground["num_boxes"] == 0 and "iou" not in ground
    assert ground["projected"]["iou"]["num"] == 2 and ground["projected"]["offset"]["num"] == 1
    assert ground["answered"]["value"] == 0.5 and ground["absent_refused"]["of"] == 0


def test_a_refused_question_is_a_miss_in_the_picture_too(questions, tmp_path):
    odd = replace(questions[-1], id="odd", text="red mug florble")
    figures = figures_of(KnowingPipeline(), [questions[-1], odd], tmp_path)
    projected = figures["boxes"]["ground"]["projected"]
    assert projected["iou"]["num"] == 2 and projected["iou"]["value"] == pytest.approx(0.5)
    assert figures["questions"]["refused"] == 1 and figures["questions"]["median_ms"] == 1.0


def test_the_mirrored_truth(questions):
    taller, left, height, where, _, _ = (mirrored_question(one) for one in questions)
    assert taller.verdict is True and left.verdict is False
    assert height.value == pytest.approx(0.2) and where.value == 11
    assert left.boxes[0].center_m == (0.2, 0.0, 1.0)
    assert mirrored_question(replace(questions[0], text="Is the left mug taller than the bowl?")) is None


def test_a_run_without_answers_has_no_figures():
    with pytest.raises(ValueError, match="at least one answer"):
        all_figures([], {}, RuleJudge(), ["no picture"])
