"""Found boxes beside the truth: who is compared with whom, and what is printed and drawn."""

import json
from dataclasses import replace

import numpy as np
import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.commands.demo.report import Answer, answers_text, pair_boxes, picture, question_text, report_json
from n3d_ros.geometry import Intrinsics

CAMERA = Intrinsics(500.0, 500.0, 319.5, 239.5, 640, 480)
GREY = np.full((480, 640, 3), 90, np.uint8)
MUG = Box3D("red mug", (0.0, 0.0, 1.0), (0.1, 0.1, 0.1))
FOUND = Box3D("red mug", (0.03, 0.0, 1.04), (0.1, 0.1, 0.1))
BOX = Box3D("blue box", (0.3, 0.0, 1.0), (0.2, 0.1, 0.1))


def answer(boxes, truth, **more):
    return Answer("the red mug", 5, "optical", boxes, truth, 0.5, camera=CAMERA, rgb=GREY, **more)


def test_the_error_is_the_distance_of_the_centres():
    (row,) = pair_boxes(answer([FOUND], [MUG]))
    assert row.error_m == pytest.approx(0.05)
    assert row.iou == pytest.approx(0.42 / 1.58)


def test_a_box_is_compared_with_the_nearest_truth_of_its_label():
    decoy = Box3D("blue box", FOUND.center, FOUND.size)
    rows = pair_boxes(answer([FOUND], [decoy, MUG]))
    assert rows[0].truth == MUG
    assert (rows[1].box, rows[1].truth) == (None, decoy)


def test_a_box_of_another_label_is_compared_with_the_nearest_of_all():
    strange = Box3D("thing", (0.28, 0.0, 1.0), (0.1, 0.1, 0.1))
    assert pair_boxes(answer([strange], [MUG, BOX]))[0].truth == BOX


def test_what_was_not_found_stands_in_the_table():
    lines = answers_text([answer([], [MUG])]).splitlines()
    assert "nothing" in lines[1]
    assert "1.000" in lines[2]
    assert max(len(line) for line in lines) <= 80


def test_the_table_shows_centre_size_error_and_overlap():
    lines = answers_text([answer([FOUND], [MUG])]).splitlines()
    for number in ("0.030", "1.040", "0.100", "5.0 cm", "0.27"):
        assert number in lines[1]


def test_a_question_shows_reasoning_answer_and_both_numbers():
    asked = answer(
        [FOUND],
        [MUG],
        is_question=True,
        text="It is near.",
        reasoning="Look.",
        value=0.21,
        true_value=0.3,
        unit="m",
    )
    text = question_text(asked)
    for part in ("Look.", "It is near.", "0.210 m", "truth: 0.300 m"):
        assert part in text


def test_a_verdict_has_the_true_one_beside_it():
    asked = answer([], [], is_question=True, text="Yes, found red mug.", true_text="No, found no red mug.")
    assert question_text(asked).splitlines()[-1] == "truth:     No, found no red mug."


def test_an_unanswered_question_says_why():
    asked = answer([], [MUG], is_question=True, message="no box for 'red mug'", true_value=0.3)
    assert "none (no box for 'red mug')" in question_text(asked)


def test_the_report_is_json_with_the_numbers_of_the_table():
    report = json.loads(json.dumps(report_json([answer([FOUND], [MUG]), answer([], [], is_question=True)])))
    assert report[0]["boxes"][0]["center_error_m"] == pytest.approx(0.05)
    assert report[0]["boxes"][0]["found"]["center_m"] == [0.03, 0.0, 1.04]
    assert "reasoning" in report[1]


def test_the_picture_has_a_panel_with_boxes_and_truth_per_answer():
    drawn = picture([answer([FOUND], [MUG]), answer([], [MUG], is_question=True, text="It is near.")])
    assert drawn.shape[1] == 1280
    left, right = drawn[:480, :640], drawn[:480, 640:]
    assert (left == (255, 214, 10)).all(axis=2).any()
    assert (right > 200).all(axis=2).any()
    assert not (right == (255, 214, 10)).all(axis=2).any()


def test_an_answer_whose_picture_got_lost_has_no_panel():
    lost = replace(answer([FOUND], [MUG]), rgb=None)
    assert picture([answer([FOUND], [MUG]), lost]).shape[1] == 640
    with pytest.raises(ValueError, match="expected a picture for one of 1 answers"):
        picture([lost])
