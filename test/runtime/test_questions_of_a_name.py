"""Whether there is a thing, how many and where; questions in words that a model lacks, or that it cannot
answer.
"""

import math
from dataclasses import replace

import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.errors import BadInputError, ResultCode
from n3d_ros.preprocess.prepare import prepare
from n3d_ros.protocol.box_codec import encode
from n3d_ros.runtime.options import RIGHT
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.runtime.types import Listener

MUG = Box3D("red mug", (-0.15, 0.05, 1.1), (0.09, 0.1, 0.08))
BOWL = Box3D("blue bowl", (0.2, 0.1, 1.3), (0.2, 0.12, 0.2))
# The fake model's tokenizer knows every word of it.
HOW_FAR = "What is the distance between the red mug and the blue bowl?"


@pytest.fixture
def knowing(fake_backend, observation):
    """`knowing(boxes, questions)` -> pipeline on a model that writes `boxes` whatever it is asked."""

    def make(*boxes, questions="any", options=RIGHT):
        backend = fake_backend({})
        backend.config = replace(backend.config, questions=questions)
        inputs = prepare(observation, backend.config.preprocess())
        found = encode(boxes, inputs.scene, inputs.intrinsics)
        backend.replies = {"The 3D bbox": "center", "": found}
        return Pipeline(backend, options=options)

    return make


@pytest.mark.parametrize(
    ("question", "boxes", "answer", "value"),
    [
        ("Is there a red mug?", [MUG], "Yes, found red mug.", None),
        ("Is there a red mug?", [], "No, found no red mug.", None),
        ("How many mugs are there?", [MUG], "The number of mugs found is 1.", 1.0),
        ("How many mugs are there?", [], "The number of mugs found is 0.", 0.0),
        ("Where is the mug?", [MUG], "red mug is 1.11 meters from the camera", None),
        ("Where is the mug?", [], "", None),
    ],
)
def test_what_follows_from_one_name_is_looked_for_by_that_name(
    knowing, observation, question, boxes, answer, value
):
    pipeline = knowing(*boxes)
    result = pipeline.ask(observation, question)
    (prompt,) = pipeline.backend.prompts
    assert "'" in prompt and question not in prompt
    assert result.answer.startswith(answer) and bool(result.answer) == bool(answer)
    assert (result.value, result.code) == (value, ResultCode.OK) and result.is_computed == bool(answer)
    assert len(result.objects) == len(boxes) and (boxes or "nothing found for '" in result.message)


def test_one_of_several_is_picked_of_all_that_the_plural_finds(fake_backend, observation):
    backend = fake_backend({})
    inputs = prepare(observation, backend.config.preprocess())
    far = replace(MUG, center=(0.2, 0.1, 1.4))
    one, all_, bowl = (
        encode(boxes, inputs.scene, inputs.intrinsics) for boxes in ([MUG], [MUG, far, BOWL], [BOWL])
    )
    backend.replies = {"'red mug'": one, "'red mugs'": all_, "'blue bowl'": bowl, "'blue bowls'": "\n"}
    pipeline = Pipeline(backend)
    result = pipeline.ask(observation, "How far is the farthest red mug?")
    assert result.value == pytest.approx(math.hypot(*far.center), abs=0.01)
    assert [thing.id for thing in result.objects] == ["0_red mug", "1_red mug"]
    assert pipeline.ask(observation, "How tall is the tallest blue bowl?").value == pytest.approx(
        0.12, abs=0.01
    )


def test_what_was_found_beside_the_counted_is_no_evidence(knowing, observation):
    result = knowing(MUG, BOWL).ask(observation, "How many red mugs are there?")
    assert (result.value, [thing.box.label for thing in result.objects]) == (1.0, ["red mug"])
    assert len(result.ground.objects) == 2


def test_a_name_that_the_model_lacks_is_said(knowing, observation):
    with pytest.raises(BadInputError, match="got 'dragon'"):
        knowing().ask(observation, "Is there a dragon?")


def test_things_of_any_name_are_no_name_to_look_for(knowing, observation):
    with pytest.raises(BadInputError, match="words that this model knows"):
        knowing(MUG).ask(observation, "How many things are there?")


def test_what_the_first_stage_missed_is_not_looked_for_as_things(knowing, observation):
    pipeline = knowing()
    result = pipeline.ask(observation, "What is the number of things?")
    assert (result.answer, len(pipeline.backend.prompts)) == ("", 1)


def test_a_reply_that_broke_off_counts_nothing(knowing, observation):
    pipeline = knowing(MUG)
    pipeline.backend.replies = {"": "bbox_0=Bbox(red mug,1,2"}
    result = pipeline.ask(observation, "Is there a red mug?")
    assert (result.answer, result.code) == ("", ResultCode.PARSE)


@pytest.fixture
def finding(fake_backend, observation):
    """A pipeline whose model finds a mug and a bowl, each by its name."""
    backend = fake_backend({})
    inputs = prepare(observation, backend.config.preprocess())
    mug, bowl = (encode([box], inputs.scene, inputs.intrinsics) for box in (MUG, BOWL))
    backend.replies = {"'red mug'": mug, "'blue bowl'": bowl, "'green can'": "\n"}
    return Pipeline(backend)


def test_a_question_in_words_that_the_model_lacks_is_answered_from_its_things(finding, observation):
    told = []
    hear = Listener(on_box=told.append)
    result = finding.ask(observation, "How far apart are the red mug and the blue bowl?", listener=hear)
    assert len(finding.backend.prompts) == 2 and finding.backend.num_pictures == 1
    assert result.value == pytest.approx(math.dist(MUG.center, BOWL.center), abs=0.01)
    assert [thing.id for thing in told] == ["0_red mug", "1_blue bowl"] and tuple(told) == result.objects
    assert result.is_computed and result.message == "computed from the boxes alone" and not result.own_answer


def test_what_is_not_there_has_no_length(finding, observation):
    result = finding.ask(observation, "How far apart are the red mug and the green can?")
    assert (result.answer, result.code) == ("", ResultCode.OK)
    assert result.message == (
        "found 1 of the 2 objects that the question is about: red mug; nothing found for 'green can'"
    )


def test_a_name_that_could_be_either_of_two_has_no_length(knowing, observation):
    result = knowing(MUG, replace(MUG, center=(0.2, 0.1, 1.3))).ask(observation, "How tall is the red mug?")
    assert (result.answer, result.code) == ("", ResultCode.OK)
    assert result.message == ("not computed: 'red mug' is ambiguous: it could be 0_red mug or 1_red mug")


def test_words_that_the_model_lacks_in_no_spatial_question_are_said(finding, observation):
    with pytest.raises(BadInputError, match="'Why'"):
        finding.ask(observation, "Why is the red mug green?")


def test_a_model_of_spatial_questions_refuses_others(knowing, observation):
    pipeline = knowing(MUG, questions="spatial")
    for ask in (pipeline.ask, lambda *args: pipeline.ask_about(*args, pipeline.ground(observation, "mug"))):
        with pytest.raises(BadInputError, match="this model learned to answer no other"):
            ask(observation, "What is the color of the red mug?")
    assert knowing(MUG).ask(observation, "What is the color of the red mug?").answer == "center"


def test_a_model_of_spatial_questions_says_nothing_where_geometry_has_no_answer(knowing, observation):
    twice = (MUG, replace(MUG, center=(0.2, -0.1, 1.4)), BOWL)
    ambiguous = "'red mug' is ambiguous: it could be 0_red mug or 1_red mug"
    result = knowing(*twice, questions="spatial").ask(observation, HOW_FAR)
    assert (result.answer, result.own_answer, result.raw_text) == ("", "", "")
    assert (result.code, result.message) == (ResultCode.OK, f"not computed: {ambiguous}")
    assert len(result.objects) == 3
    speaks = knowing(*twice).ask(observation, HOW_FAR)
    assert (speaks.answer, ambiguous in speaks.message) == ("center", True)


def test_the_strict_mode_asks_everything_as_it_is(knowing, observation):
    pipeline = knowing(MUG, questions="spatial", options=replace(RIGHT, answer_rule="upstream"))
    assert pipeline.ask(observation, "What is the color of the red mug?").answer == "center"
