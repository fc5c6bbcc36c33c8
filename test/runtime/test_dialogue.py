"""Ground first, then ask about `0_red mug`: which objects the prompt gets, what streams, what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from byte_backend import ByteBackend

from n3d_ros.errors import BadInputError, ResultCode
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.runtime.types import Listener

CAMERA = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)
FOUND = "".join(
    f"bbox_{number}=Bbox({label},{u},500,{z},500,100,{height},100)\n"
    for number, label, u, z, height in (
        (0, "red mug", 400, 500, 150),
        (3, "blue bowl", 700, 600, 90),
        (5, "cup", 300, 700, 120),
        (6, "cup", 800, 700, 120),
    )
)


@pytest.fixture
def observation():
    depth = np.random.default_rng(0).uniform(0.8, 1.6, (48, 64)).astype(np.float32)
    return Observation(np.zeros((48, 64, 3), np.uint8), CAMERA, depth, stamp_ns=7, frame_id="camera")


@pytest.fixture
def dialogue(tmp_path, observation):
    """`dialogue(question, reply)`: (answer, prompt of the answer, ground, pipeline)."""

    def run(question, reply="Yes.", seen=observation, **callbacks):
        backend = ByteBackend(tmp_path, [FOUND, reply, reply])
        pipeline = Pipeline(backend)
        ground = pipeline.ground(observation, "things")
        assert len(ground.objects) == 4
        result = pipeline.ask_about(seen, question, ground, **callbacks)
        return result, backend.prompts[1] if len(backend.prompts) > 1 else "", ground, pipeline

    return run


def test_the_answer_rests_on_the_objects_that_the_question_names_by_id(dialogue):
    result, prompt, ground, _ = dialogue("How far is 0_red mug from 3_blue bowl?")
    expected = np.subtract(ground.objects[0].box.center, ground.objects[1].box.center)
    assert (result.value, result.unit) == (pytest.approx(np.linalg.norm(expected)), "m")
    assert [thing.id for thing in result.objects] == ["0_red mug", "3_blue bowl"]
    assert "The 3D bbox of 0_red mug is [" in prompt and "The 2D bbox of 3_blue bowl is [" in prompt
    assert "cup" not in prompt
    assert (result.code, result.ground) == (ResultCode.OK, ground)


def test_ids_with_gaps_mean_the_object_of_that_number_and_not_of_that_place(dialogue):
    result, _, ground, _ = dialogue("How tall is 6_cup?")
    assert result.objects == (ground.objects[3],)
    assert result.value == pytest.approx(ground.objects[3].box.size[1])
    assert result.answer.startswith("6_cup is ")


def test_an_object_may_be_called_by_a_label_that_only_it_has(dialogue):
    result, prompt, _, _ = dialogue("Is the red mug taller than the 3_blue bowl?")
    assert [thing.id for thing in result.objects] == ["0_red mug", "3_blue bowl"]
    assert "The 3D bbox of red mug is [" in prompt and "The 3D bbox of 3_blue bowl is [" in prompt
    assert result.consistent is True and result.answer == "Yes."


def test_objects_keep_the_question_s_order_and_repeats_in_the_prompt_but_are_listed_once(dialogue):
    result, prompt, _, _ = dialogue("Is 5_cup like 0_red mug and 5_cup?")
    assert [thing.id for thing in result.objects] == ["5_cup", "0_red mug"]
    assert "The 3D bbox of 5_cup, 0_red mug and 5_cup is [" in prompt


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (
            "How tall is 9_plant?",
            "'9_plant' is none of the objects found: 0_red mug, 3_blue bowl, 5_cup, 6_cup",
        ),
        ("Is 0_red mug near 1_blue bowl?", "'1_blue' is none of the objects found"),
        ("How tall is the cup?", "'cup' could be 5_cup or 6_cup; say which"),
        ("Is there room for more?", "expected a mention of an object found before .0_red mug, 3_blue bowl"),
    ],
)
def test_no_object_is_lost_or_confused_silently(dialogue, question, message):
    with pytest.raises(BadInputError, match=message):
        dialogue(question)


def test_a_question_about_two_objects_that_names_one_has_no_answer(dialogue):
    result, prompt, _, _ = dialogue("How far is 0_red mug from the window?")
    assert (result.answer, prompt) == ("", "")
    assert result.message == "found 1 of the 2 objects that the question is about: red mug"


def test_objects_of_another_observation_are_refused(dialogue, observation):
    other = replace(observation, stamp_ns=8)
    with pytest.raises(
        BadInputError, match="expected a result about the observation of 8 ns .* got one of 7 ns"
    ):
        dialogue("How tall is 0_red mug?", seen=other)


def test_the_answer_streams_and_can_be_canceled(dialogue):
    chunks = []
    result, _, _, _ = dialogue("How tall is 0_red mug?", "Quite tall.", listener=Listener(chunks.append))
    assert "".join(chunks) == result.raw_text == "Quite tall."
    chunks.clear()
    canceled, _, _, _ = dialogue(
        "How tall is 0_red mug?",
        "Quite tall.",
        listener=Listener(chunks.append, should_cancel=lambda: len(chunks) >= 5),
    )
    assert (canceled.code, canceled.raw_text) == (ResultCode.CANCELED, "Quite")
    assert canceled.message == "stopped after 5 tokens of the answer", (
        "who asked for it is the caller's to say"
    )


def test_a_second_question_starts_after_the_picture_and_its_timing_is_its_own(dialogue, observation):
    first, _, ground, pipeline = dialogue("How tall is 0_red mug?", "x")
    second = pipeline.ask_about(observation, "How tall is 5_cup?", ground)
    assert len(pipeline.backend.seen) == 1
    assert first.timing.num_tokens == second.timing.num_tokens == 1
    assert first.timing.vision_ms == 0.0 and second.timing.num_reused_tokens > 108


def test_the_observation_is_encoded_again_when_another_one_came_between(dialogue, observation):
    _, _, ground, pipeline = dialogue("How tall is 0_red mug?", "x")
    pipeline.backend.replies.append("x")
    pipeline._frame = None
    again = pipeline.ask_about(observation, "How tall is 0_red mug?", ground)
    assert len(pipeline.backend.seen) == 2 and again.timing.vision_ms > 0


def test_a_wrong_limit_is_refused(dialogue):
    with pytest.raises(BadInputError, match="max_tokens: expected a positive number, got 0"):
        dialogue("How tall is 0_red mug?", max_tokens=0)
