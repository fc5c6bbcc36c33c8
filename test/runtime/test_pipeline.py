"""The pipeline over a scripted backend: what is found, streamed and refused."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from places import CHECKOUT

from n3d_ros.boxes import Box3D, iou_3d
from n3d_ros.errors import BadInputError, ModelFolderError, N3DError, NoDepthError, ResultCode
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.prepare import Observation, prepare
from n3d_ros.protocol.box_codec import encode
from n3d_ros.protocol.prompts import ground_prompt, ground_question
from n3d_ros.runtime.answers import topic
from n3d_ros.runtime.decoding.text import TextCodec
from n3d_ros.runtime.frame import EncodedFrame
from n3d_ros.runtime.limits import Limits
from n3d_ros.runtime.objects import ObjectReader
from n3d_ros.runtime.options import RIGHT, Options
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.runtime.steps import Steps
from n3d_ros.runtime.types import Listener
from n3d_ros.spatial import parse_question

MUG = Box3D("red mug", (-0.15, 0.05, 1.1), (0.09, 0.1, 0.08))
BOWL = Box3D("blue bowl", (0.2, 0.1, 1.3), (0.2, 0.12, 0.2))
QUESTION = "What is the distance between the red mug and the blue bowl?"


@pytest.fixture
def box_text(fake_backend, observation):
    """The text of boxes that decode against the observation."""
    inputs = prepare(observation, fake_backend({}).config.preprocess())
    return lambda *boxes: encode(boxes, inputs.scene, inputs.intrinsics)


def test_a_found_object_is_the_box_in_metres_with_its_place_in_the_picture(
    fake_backend, observation, box_text
):
    result = Pipeline(fake_backend({"'red mug'": box_text(MUG)})).ground(observation, "the red mug")
    (found,) = result.objects
    assert (result.code, result.message, found.id, found.words) == (
        ResultCode.OK,
        "",
        "0_red mug",
        "the red mug",
    )
    assert iou_3d(found.box, MUG) > 0.9
    assert found.box_2d_px == pytest.approx((20.46, 23.5, 25.97, 29.16), abs=0.1)
    assert result.raw_text == box_text(MUG)
    assert result.valid_ratio == pytest.approx(44 / 48)


def test_score_is_the_mean_probability_of_the_tokens_of_the_box(
    fake_backend, observation, box_text, tokenizer
):
    result = Pipeline(fake_backend({"mug": "\n" + box_text(MUG)})).ground(observation, "red mug")
    expected = np.exp(6.0) / (np.exp(6.0) + tokenizer.get_vocab_size() - 1)
    assert result.objects[0].box.score == pytest.approx(expected, rel=1e-5)


def test_the_score_of_a_box_is_that_of_its_own_tokens_whatever_stands_in_its_label(fake_backend, observation):
    inputs = prepare(observation, fake_backend({}).config.preprocess())
    first, second = (
        encode([replace(MUG, label=label)], inputs.scene, inputs.intrinsics)
        for label in ("mug (red)", "red mug")
    )
    reader = ObjectReader("mug", inputs, options=replace(RIGHT, repeated_boxes="upstream"))
    tokens = [(first[:20], 0.5), (first[20:], 1.0), (" " + second.replace("bbox_0", "bbox_00") * 2, 0.25)]
    for chunk, probability in tokens:
        reader.push(chunk, probability)
    assert [found.box.score for found in reader.objects] == [0.75, 0.25, 0.25]


def test_each_box_is_announced_before_the_next_one_is_written(fake_backend, observation, box_text):
    events = []
    Pipeline(fake_backend({"mug": box_text(MUG, BOWL)})).ground(
        observation, "red mug", listener=Listener(events.append, lambda found: events.append(found.id))
    )
    first = events.index("0_red mug")
    assert "bbox_" in events[:first] and "bbox_" in events[first:]
    assert "".join(e for e in events if e not in ("0_red mug", "1_blue bowl")) == box_text(MUG, BOWL)


def test_broken_boxes_are_returned_as_malformed_and_good_ones_kept(fake_backend, observation, box_text):
    reply = "bbox_0=Bbox(red mug,1,2)\n" + box_text(MUG, BOWL).splitlines()[1] + "\n"
    result = Pipeline(fake_backend({"mug": reply})).ground(observation, "red mug")
    assert [found.id for found in result.objects] == ["1_blue bowl"]
    assert [broken.text for broken in result.malformed] == ["bbox_0=Bbox(red mug,1,2)"]
    assert result.code == ResultCode.OK and "malformed box" in result.message


def test_only_broken_boxes_are_a_parse_error_not_an_empty_scene(fake_backend, observation):
    result = Pipeline(fake_backend({"mug": "bbox_0=Bbox(red mug,1,2)\n"})).ground(observation, "red mug")
    assert (result.code, result.objects) == (ResultCode.PARSE, ())
    assert "no usable box" in result.message


def test_no_box_says_what_was_not_found(fake_backend, observation):
    result = Pipeline(fake_backend({"mug": "\n"})).ground(observation, "red mug")
    assert (result.code, result.objects, result.message) == (ResultCode.OK, (), "nothing found for 'red mug'")


def test_a_repeated_number_gets_the_next_free_one_so_that_ids_stay_unique(
    fake_backend, observation, box_text
):
    reply = box_text(MUG) + box_text(BOWL)
    result = Pipeline(fake_backend({"mug": reply})).ground(observation, "red mug")
    assert [found.id for found in result.objects] == ["0_red mug", "1_blue bowl"]


def test_a_box_written_twice_is_one_object_and_the_message_says_so(fake_backend, observation, box_text):
    again = replace(MUG, center=(MUG.center[0] + 0.25 * MUG.size[0], *MUG.center[1:]))
    beside = replace(MUG, center=(MUG.center[0] + 0.8 * MUG.size[0], *MUG.center[1:]))
    other = replace(MUG, label="blue bowl")
    backend, told = fake_backend({"": box_text(MUG, again, beside, other)}), []
    listener = Listener(on_box=told.append)
    result = Pipeline(backend).ground(observation, "mug", listener=listener)
    assert [thing.id for thing in result.objects] == ["0_red mug", "2_red mug", "3_blue bowl"]
    assert told == list(result.objects) and result.code == ResultCode.OK
    assert result.message == "left out 1 that repeat the box of another of their name"
    kept = Pipeline(backend, options=Options(repeated_boxes="upstream")).ground(observation, "mug")
    assert len(kept.objects) == 4 and kept.message == ""


def test_unknown_words_are_named(fake_backend, observation):
    with pytest.raises(BadInputError, match="words that this model knows, got 'zorb', 'größe'") as error:
        Pipeline(fake_backend({})).ground(observation, "the red zorb (größe)")
    assert error.value.code == ResultCode.BAD_INPUT


def test_capitals_that_the_tokenizer_does_not_know_become_small_letters(fake_backend, observation):
    backend = fake_backend({"'red mug'": "\n"})
    assert Pipeline(backend).ground(observation, "the Red MUG").code == ResultCode.OK


@pytest.mark.parametrize("words", ["", "   ", "the", "red 'mug'", "<image>"])
def test_words_that_name_nothing_are_refused(fake_backend, observation, words):
    with pytest.raises(BadInputError):
        Pipeline(fake_backend({})).ground(observation, words)


@pytest.mark.parametrize("question", ["", " \n", "What is <|im_end|> the distance?"])
def test_an_empty_question_or_one_with_control_tokens_is_refused(fake_backend, observation, question):
    with pytest.raises(BadInputError):
        Pipeline(fake_backend({})).ask(observation, question)


def test_a_limit_of_no_tokens_is_refused(fake_backend, observation):
    with pytest.raises(BadInputError, match="max_tokens: expected a positive number, got 0"):
        Pipeline(fake_backend({})).ground(observation, "red mug", max_tokens=0)


def test_no_depth_is_its_own_code(fake_backend):
    blind = Observation(
        np.zeros((48, 64, 3), np.uint8),
        Intrinsics(60, 60, 31.5, 23.5, 64, 48),
        np.full((48, 64), np.nan, np.float32),
    )
    with pytest.raises(NoDepthError, match="no valid depth: 0 of 3072") as error:
        Pipeline(fake_backend({})).ground(blind, "red mug")
    assert error.value.code == ResultCode.NO_DEPTH


def test_cancel_keeps_the_boxes_found_so_far(fake_backend, observation, box_text):
    found = []
    result = Pipeline(fake_backend({"mug": box_text(MUG, BOWL)})).ground(
        observation,
        "red mug",
        listener=Listener(on_box=found.append, should_cancel=lambda: bool(found)),
    )
    assert result.code == ResultCode.CANCELED
    assert result.message.startswith("stopped after "), "who says so is known elsewhere: time may be up"
    assert [thing.id for thing in result.objects] == ["0_red mug"]


def test_cancel_before_the_picture_is_encoded_spares_the_encoding(fake_backend, observation, box_text):
    backend = fake_backend({"mug": box_text(MUG)})
    pipeline = Pipeline(backend)
    with pytest.raises(N3DError) as error:
        pipeline.ground(observation, "red mug", listener=Listener(should_cancel=lambda: True))
    assert (error.value.code, backend.num_pictures) == (ResultCode.CANCELED, 0)
    assert pipeline.ground(observation, "red mug").code == ResultCode.OK


def test_the_token_limit_is_reported(fake_backend, observation, box_text):
    result = Pipeline(fake_backend({"mug": box_text(MUG)})).ground(observation, "red mug", max_tokens=5)
    assert result.code == ResultCode.PARSE
    assert "cut off after 5 tokens" in result.message and len(result.token_ids) == 5 and result.is_cut


def test_a_prompt_longer_than_the_context_is_refused(fake_backend, observation):
    with pytest.raises(BadInputError, match="prompt: expected at most"):
        Pipeline(fake_backend({"mug": "\n"}, max_positions=20)).ground(observation, "red mug")


def ask(fake_backend, observation, box_text, sentence, boxes=(MUG, BOWL), **callbacks):
    backend = fake_backend({"The 3D bbox of": sentence, "First locate": box_text(*boxes)})
    return Pipeline(backend).ask(observation, QUESTION, **callbacks), backend


def test_an_answer_has_the_exact_value_and_says_that_the_model_agrees(fake_backend, observation, box_text):
    sentence = "The distance between the red mug and the blue bowl is 0.41 meters."
    reply = f"<think> The center of the red mug is. </think> {sentence}"
    result, backend = ask(fake_backend, observation, box_text, reply)
    assert result.code == ResultCode.OK
    assert result.answer == sentence
    assert result.reasoning == "The center of the red mug is."
    assert result.value == pytest.approx(0.406, abs=0.01)
    assert (result.unit, result.relation, result.consistent) == ("m", "distance", True)
    assert [thing.id for thing in result.objects] == ["0_red mug", "1_blue bowl"]
    assert (
        "The 3D bbox of red mug is [" in backend.prompts[1]
        and "The 2D bbox of blue bowl is [" in backend.prompts[1]
    )


def test_a_sentence_that_contradicts_the_boxes_is_called_inconsistent(fake_backend, observation, box_text):
    result, _ = ask(
        fake_backend,
        observation,
        box_text,
        "The distance between the red mug and the blue bowl is 2.5 meters.",
    )
    assert (result.consistent, result.value) == (False, pytest.approx(0.406, abs=0.01))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("The distance is 2.5 meters.", "contradict them"),
        ("the distance is", "cannot be compared with them"),
        ("The distance is 0.41 meters and 2.5 meters.", "cannot be compared with them"),
    ],
)
def test_a_sentence_that_geometry_does_not_confirm_is_replaced_by_the_computed_one_and_both_are_published(
    fake_backend, observation, box_text, words, why
):
    result, _ = ask(fake_backend, observation, box_text, words)
    assert result.answer == "The distance between red mug and blue bowl is 0.41 meters."
    assert "distance = sqrt(" in result.reasoning
    assert result.message == f"computed from the boxes; the model's own words {why}: {words!r}"
    assert (result.own_answer, result.computed, result.is_computed) == (words, result.answer, True)
    assert result.raw_text == words


def test_only_the_answer_is_streamed_as_text(fake_backend, observation, box_text):
    chunks, found = [], []
    ask(
        fake_backend, observation, box_text, "the distance is", listener=Listener(chunks.append, found.append)
    )
    assert "".join(chunks) == "the distance is"
    assert len(found) == 2


def test_no_answer_without_the_objects_it_is_about(fake_backend, observation, box_text):
    backend = fake_backend({"First locate": box_text(MUG), "'blue bowl'": "\n"})
    result = Pipeline(backend).ask(observation, QUESTION)
    assert (result.answer, result.value, result.consistent) == ("", None, None)
    assert result.message == (
        "found 1 of the 2 objects that the question is about: red mug; nothing found for 'blue bowl'"
    )
    assert len(backend.prompts) == 2 and [thing.id for thing in result.objects] == ["0_red mug"]


def test_what_the_first_stage_missed_is_looked_for_by_its_name(fake_backend, observation, box_text):
    can = Box3D("green can", (0.1, 0.05, 1.2), (0.09, 0.1, 0.08))
    told = []
    replies = {"First locate": box_text(can, MUG), "'blue bowl'": box_text(BOWL), "The 3D bbox": "meters"}
    result = Pipeline(fake_backend(replies)).ask(observation, QUESTION, listener=Listener(on_box=told.append))
    assert [thing.id for thing in result.objects] == ["1_red mug", "2_blue bowl"]
    assert result.value == pytest.approx(math.dist(MUG.center, BOWL.center), abs=0.01)
    assert [thing.id for thing in told] == ["0_green can", "1_red mug", "2_blue bowl"]
    assert result.ground.raw_text == box_text(can, MUG) + box_text(BOWL) and result.ground.message == ""
    assert result.timing.num_tokens == len(result.ground.token_ids) + len(result.token_ids)


def test_a_question_that_is_no_known_relation_is_answered_without_a_value(
    fake_backend, observation, box_text
):
    backend = fake_backend({"First locate": box_text(MUG), "The 3D bbox of": "red"})
    result = Pipeline(backend).ask(observation, "What color is the mug?")
    assert (result.answer, result.value, result.relation, result.consistent) == ("red", None, "", None)
    assert result.message == (
        "not computed: the question was not understood whole as a spatial one; the words are the model's"
    )
    assert (result.is_computed, result.computed, result.own_answer) == (False, "", "red")


def test_of_two_boxes_that_fit_equally_neither_is_taken_and_both_are_named(
    fake_backend, observation, box_text
):
    other = Box3D("red mug", (0.1, 0.05, 1.2), (0.09, 0.1, 0.08))
    backend = fake_backend({"The 3D bbox of": "the distance is", "First locate": box_text(MUG, other, BOWL)})
    result = Pipeline(backend).ask(observation, QUESTION)
    assert (result.answer, result.value, result.relation) == ("the distance is", None, "")
    assert "'red mug' is ambiguous: it could be 0_red mug or 1_red mug" in result.message


def test_a_question_is_parsed_once(fake_backend, observation, box_text, monkeypatch):
    asked = []
    monkeypatch.setattr(topic, "parse_question", lambda text: asked.append(text) or parse_question(text))
    result, backend = ask(fake_backend, observation, box_text, "the distance is")
    assert result.value is not None and asked == [QUESTION]
    Pipeline(backend).ask_about(observation, QUESTION, result.ground)
    assert asked == [QUESTION, QUESTION]
    places = [p for p in (CHECKOUT / "n3d_ros/runtime").rglob("*.py") if "parse_question(" in p.read_text()]
    assert [place.name for place in places] == ["topic.py"], "the runtime's one place to parse"


def test_cancel_in_the_second_stage_keeps_the_evidence(fake_backend, observation, box_text):
    chunks = []
    result, _ = ask(
        fake_backend,
        observation,
        box_text,
        "the distance is",
        listener=Listener(chunks.append, should_cancel=lambda: bool(chunks)),
    )
    assert (result.code, len(result.objects), result.raw_text) == (ResultCode.CANCELED, 2, "the")


def test_further_questions_on_an_observation_start_after_its_picture(fake_backend, observation, box_text):
    backend = fake_backend({"'red mug'": box_text(MUG), "'blue bowl'": box_text(BOWL)})
    pipeline = Pipeline(backend)
    first = pipeline.ground(observation, "red mug")
    second = pipeline.ground(observation, "blue bowl")
    assert second.objects[0].box.label == "blue bowl"
    assert backend.num_pictures == 1 and second.timing.vision_ms == 0.0
    assert (first.timing.num_reused_tokens, second.timing.num_reused_tokens) == (
        0,
        len(backend_prompt(backend, pipeline)),
    )
    again = pipeline.ground(observation, "red mug")
    assert again.raw_text == first.raw_text and again.objects == first.objects


def test_a_pass_that_failed_does_not_spoil_the_next_question(fake_backend, observation, box_text):
    backend = fake_backend({"'red mug'": box_text(MUG), "'blue bowl'": box_text(BOWL)})
    pipeline = Pipeline(backend)
    first = pipeline.ground(observation, "red mug")
    with pytest.raises(StopIteration):
        pipeline.ground(observation, "green can")
    assert pipeline.ground(observation, "red mug").objects == first.objects


def test_a_prompt_can_go_on_in_the_middle_of_the_picture(fake_backend, observation):
    backend = fake_backend({})
    frame = EncodedFrame(backend, TextCodec(backend.tokenizer_path), observation)
    text = ground_prompt(ground_question("red mug"))
    whole, _, _ = frame.prompt_rows(text)
    frame.cache.ids += whole.embeds[:, 0].tolist()
    frame.cache.truncate(frame.prompt_ids(text)[1] + 3)
    frame.remember()
    rest, num_held, _ = frame.prompt_rows(text)
    assert num_held == frame.cache.length
    assert rest.embeds.tolist() == whole.embeds[num_held:].tolist()
    assert rest.positions.tolist() == whole.positions[:, num_held:].tolist()


def backend_prompt(backend, pipeline):
    """Tokens that the two prompts share: up to the words in quotes."""
    shared = backend.prompts[0].split("red mug'")[0]
    return backend.tokenizer.encode(shared, add_special_tokens=False).ids


def test_a_new_observation_is_encoded_anew(fake_backend, observation, box_text):
    backend = fake_backend({"mug": box_text(MUG)})
    pipeline = Pipeline(backend)
    pipeline.ground(observation, "red mug")
    other = Observation(observation.rgb, observation.intrinsics, observation.depth)
    assert pipeline.ground(other, "red mug").timing.num_reused_tokens == 0
    assert backend.num_pictures == 2


def test_two_cameras_on_one_model_keep_a_picture_each(fake_backend, observation, box_text):
    backend = fake_backend({"'red mug'": box_text(MUG), "'blue bowl'": box_text(BOWL)})
    front = Pipeline(backend)
    left = front.beside(Limits(max_words_chars=10))
    other = Observation(observation.rgb, observation.intrinsics, observation.depth)
    firsts = [front.ground(observation, "red mug"), left.ground(other, "red mug")]
    seconds = [front.ground(observation, "blue bowl"), left.ground(other, "blue bowl")]
    assert [one.timing.num_reused_tokens for one in firsts] == [0, 0]
    assert all(one.timing.num_reused_tokens for one in seconds) and backend.num_pictures == 2
    assert seconds[0].objects == seconds[1].objects, "they see the same"
    with pytest.raises(BadInputError, match="10"):
        left.ground(other, "the red red mug")
    assert front.ground(observation, "red mug").objects == firsts[0].objects


def test_positions_go_on_after_the_picture_as_the_model_was_trained(fake_backend, observation, box_text):
    backend = fake_backend({"mug": box_text(MUG)})
    Pipeline(backend, steps=Steps(jump_forward=False)).ground(observation, "red mug")
    grid = prepare(observation, backend.config.preprocess()).grid_hw
    num_tokens, last = backend.fed[0]
    assert last == num_tokens - 1 - grid[0] * grid[1] // 4 + max(grid) // 2
    assert [position for _, position in backend.fed[1:4]] == [last + 1, last + 2, last + 3]


def test_importing_the_pipeline_loads_no_engine_and_no_framework():
    code = (
        "import sys, n3d_ros.runtime.pipeline, n3d_ros.runtime.backends.factory\n"
        "heavy = {'torch', 'transformers', 'onnxruntime', 'onnx', 'tensorrt', 'rclpy'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_tokenizer_of_a_larger_model_is_refused(fake_backend):
    backend = fake_backend({"": "done"})
    text = replace(backend.config.text, vocab=backend.config.text.vocab - 1)
    backend.config = replace(backend.config, text=text)
    with pytest.raises(ModelFolderError, match="tokenizer.json: expected ids below the model's vocab_size"):
        Pipeline(backend)
