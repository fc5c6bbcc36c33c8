"""What is asked and replied: the robot's prompts, box text that comes back, and the ablations."""

from dataclasses import replace

import pytest
from question_sets import BOWL, HEIGHT, MUG, WIDTH, questions_about

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.protocol import prompts
from n3d_ros.protocol.box_codec import decode
from n3d_ros.training.finetune.configs import Ablation
from n3d_ros.training.finetune.turns import read_boxes, reply_text, turns, write_boxes
from n3d_ros.training.qa.records import PictureRef

CAMERA = Intrinsics(60.0, 60.0, 31.5, 23.5, WIDTH, HEIGHT)
SCENE = SceneScale(0.9, (-0.6, -0.4, 0.5))
PICTURE = PictureRef("p", "p.png", WIDTH, HEIGHT, "p_depth.png", fx=60.0, fy=60.0, cx=31.5, cy=23.5)
UNIQUE, ABSENT, DISTANCE, DEPTH = questions_about(PICTURE)


def test_what_is_to_be_found_is_asked_as_the_robot_asks_for_words():
    (turn,) = turns(UNIQUE)
    assert turn.prompt == prompts.ground_prompt(prompts.ground_question("the red mug"))
    assert turn.boxes == (MUG.box,) and turn.reply is None


def test_a_detection_is_asked_as_it_is():
    question = replace(UNIQUE, kind="detect", category="detection", text="Detect boxes.")
    assert turns(question)[0].prompt == prompts.ground_prompt("Detect boxes.")


def test_a_spatial_question_is_two_turns_with_the_boxes_as_evidence():
    locate, reason = turns(DISTANCE)
    assert locate.prompt == prompts.locate_prompt(DISTANCE.text)
    assert locate.boxes == (MUG.box, BOWL.box)
    evidence = prompts.evidence_from_boxes(locate.boxes, CAMERA)
    assert reason.prompt == prompts.answer_prompt(DISTANCE.text, evidence)
    assert reason.reply == f"<think> {DISTANCE.reasoning} </think> {DISTANCE.answer}"
    assert prompts.split_answer(reason.reply) == (DISTANCE.reasoning, DISTANCE.answer)


def test_what_is_not_there_is_asked_about_once_and_answered_with_no_box():
    (turn,) = turns(replace(DISTANCE, boxes=()))
    assert turn.prompt == prompts.locate_prompt(DISTANCE.text)
    assert write_boxes(turn.boxes, SCENE, CAMERA) == "\n"
    assert turns(ABSENT)[0].boxes == ()


def test_answered_directly_there_is_no_box_and_no_evidence():
    direct = Ablation(answers="direct")
    assert turns(UNIQUE, direct) == ()
    (turn,) = turns(DEPTH, direct)
    assert turn.prompt == prompts.answer_prompt(DEPTH.text)
    assert turn.reply == "Yes, red mug is in front of blue bowl."


def test_boxes_are_written_as_the_robot_reads_them():
    text = write_boxes([MUG.box, BOWL.box], SCENE, CAMERA)
    found = decode(text, SCENE, CAMERA)
    assert [one.box.label for one in found.boxes] == ["red mug", "blue bowl"] and not found.malformed
    assert found.boxes[0].box.center == pytest.approx(MUG.center_m, abs=0.003)


@pytest.mark.parametrize("coordinates", ["uvz", "xyz"])
def test_boxes_come_back_within_a_bin(coordinates):
    text = write_boxes([MUG.box, BOWL.box], SCENE, CAMERA, coordinates)
    for found, box in zip(read_boxes(text, SCENE, CAMERA, coordinates), (MUG.box, BOWL.box), strict=True):
        assert found.label == box.label
        assert found.center == pytest.approx(box.center, abs=0.003)
        assert found.size == pytest.approx(box.size, abs=0.001)


def test_x_y_z_are_counted_from_the_scenes_corner_in_the_checkpoint_frame():
    box = Box3D("mug", (0.1, 0.2, 1.001), (0.1001, 0.1001, 0.1001))
    # (-0.1 + 0.601) / 2 = 0.2505, (-0.2 + 0.401) / 2 = 0.1005, (1.001 - 0.5) / 2 = 0.2505 of the 1000 bins
    text = write_boxes([box], SceneScale(1.0, (-0.601, -0.401, 0.5)), CAMERA, "xyz")
    assert text == "bbox_0=Bbox(mug,250,100,250,500,160,160,160)\n"


def test_a_planned_reply_is_never_shorter_than_the_real_one():
    from n3d_ros.preprocess.prepare import ModelInputs

    inputs = ModelInputs(None, (2, 2), None, SCENE, CAMERA, 1.0)
    turn = turns(UNIQUE)[0]
    assert len(reply_text(turn, None)) >= len(reply_text(turn, inputs))
    assert reply_text(turn, inputs).endswith("\n" + prompts.TURN_END)
