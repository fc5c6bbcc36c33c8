"""Packed batches: a packed question is token for token what the robot would feed, and learns the right
numbers.
"""

import json
import math
import re

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from tokenizers import Tokenizer

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.preprocess.point_code import PointEncodingConfig
from n3d_ros.protocol import prompts
from n3d_ros.protocol.box_codec import decode
from n3d_ros.spatial import parse_question
from n3d_ros.training import questions
from n3d_ros.training.nano.batches import Packer
from n3d_ros.training.nano.labels import IGNORE
from n3d_ros.training.nano.shards import view_objects
from n3d_ros.training.nano.tokenizer import DECIMALS, SHORT_DECIMALS, build_tokenizer, extended
from n3d_ros.training.nano.views import COLOR_NAMES, MAX_OBJECTS, NANO_KINDS, SMALL, PictureSize
from n3d_ros.training.nano.vocabulary import known_words
from n3d_ros.training.questions import (
    Sample,
    absent_sample,
    beside_words,
    drill_sample,
    from_opposite,
    ground_sample,
    group_sample,
    locate_sample,
    reason_sample,
    sample_questions,
    spatial_question,
    volume_sample,
    with_ids,
)

SIZE = re.compile(r"is \[([\d.]+), ([\d.]+), ([\d.]+)\]")


def made_up_view(picture: PictureSize = SMALL) -> dict:
    """Two objects in front of a made-up camera."""
    num_patches = math.prod(picture.grid)
    view = {
        "rgb": np.full((picture.height, picture.width, 3), 128, np.uint8),
        "pooled": np.ones((num_patches, 3), np.float32),
        "scale": 0.9,
        "shift": np.array([-0.8, -0.5, 0.3]),
        "intrinsics": np.array([200.0, 200.0, 111.5, 83.5]),
        "cells": np.full(num_patches // 4, -1, np.int8),
        "boxes": np.zeros((MAX_OBJECTS, 6), np.float32),
        "kind": np.full(MAX_OBJECTS, -1, np.int8),
        "color": np.full(MAX_OBJECTS, -1, np.int8),
        "visible_px": np.zeros(MAX_OBJECTS, np.int32),
        "visible": np.zeros(MAX_OBJECTS, np.float32),
    }
    view["boxes"][0], view["boxes"][1] = (-0.1, 0.05, 0.8, 0.1, 0.12, 0.09), (0.15, 0.0, 1.0, 0.2, 0.1, 0.2)
    view["kind"][:2], view["color"][:2], view["visible_px"][:2], view["visible"][:2] = (
        (0, 1),
        (0, 2),
        900,
        1.0,
    )
    view["cells"][40] = 1
    return view


@pytest.fixture(scope="module")
def packer() -> Packer:
    return Packer(
        build_tokenizer(known_words()),
        PointEncodingConfig("aligned", 0.01, "origin"),
        np.random.default_rng(0),
    )


def test_boxes_written_for_training_decode_to_the_boxes_of_the_scene():
    view = made_up_view()
    objects, _ = view_objects(view)
    text = ground_sample(objects.names[1], objects, [1]).answer.removesuffix("<|im_end|>")
    decoded = decode(
        text, SceneScale(0.9, (-0.8, -0.5, 0.3)), Intrinsics(200, 200, 111.5, 83.5, SMALL.width, SMALL.height)
    )
    box = decoded.boxes[0].box
    np.testing.assert_allclose((*box.center, *box.size), view["boxes"][1], atol=4e-3)


def test_a_packed_question_is_token_for_token_the_robots_prompt(packer):
    view = made_up_view()
    objects, _ = view_objects(view)
    batch = packer.batch([view])
    row, segment = batch.ids[0], batch.segment[0]
    tokens = [*row[segment == 0].tolist(), *row[segment == 1].tolist()]
    text = packer.labeller.tokenizer.decode(tokens, skip_special_tokens=False)
    shared = (
        prompts.ground_prompt(prompts.ground_question("x")).split("<|image_pad|>")[0] + "<|image_pad|>" * 48
    )
    assert text.startswith(shared + "<|vision_end|>") and text.endswith("<|im_end|>")
    assert "<unk>" not in text


def test_labels_are_the_next_token_and_numbers_point_at_their_object(packer):
    objects, _ = view_objects(made_up_view())
    segment = packer.labeller.segment(ground_sample(objects.names[1], objects, [1]))
    learned = [(i, label) for i, label in enumerate(segment.labels) if label != IGNORE]
    assert all(segment.ids[i + 1] == label for i, label in learned)
    looked = [i for i, o in enumerate(segment.looked_at) if o == 1]
    tokens = [packer.labeller.tokenizer.id_to_token(segment.labels[i]) for i in looked]
    assert tokens[:4] == ["bbox_", *objects.names[1].replace(" ", "_ ").split("_"), ","] and len(looked) == 11
    soft = [segment.is_number[i] for i in looked[4:]]
    assert soft == [True, True, True, False, True, True, True], "the angle is exact"


def test_whether_there_is_a_box_or_another_one_is_a_verdict(packer):
    objects, _ = view_objects(made_up_view())
    absent = absent_sample(objects, np.random.default_rng(1), (COLOR_NAMES, NANO_KINDS))
    end = prompts.TURN_END
    for sample, verdicts in (
        (absent, ["\n"]),
        (ground_sample(objects.names[1], objects, [1]), ["bbox_", end]),
        (ground_sample("things", objects, [0, 1]), ["bbox_", "bbox_", end]),
    ):
        segment = packer.labeller.segment(sample)
        labels = [label for label, at in zip(segment.labels, segment.is_verdict, strict=True) if at]
        assert [packer.labeller.tokenizer.id_to_token(label) for label in labels] == verdicts
    reasons = reason_sample(objects, objects.unique(), np.random.default_rng(3))
    assert not any(packer.labeller.segment(reasons).is_verdict)


@pytest.mark.parametrize(("picture", "columns", "cells"), [(SMALL, 8, 48), (PictureSize(336, 252), 12, 108)])
def test_positions_go_on_after_the_picture_for_every_question(packer, picture, columns, cells):
    batch = packer.batch([made_up_view(picture)])
    starts = [int(batch.positions[0, 0][batch.segment[0] == n][0]) for n in (1, 2)]
    assert starts == [len(packer.head) + columns] * 2
    assert (batch.ids[0] == packer.pad).sum() >= cells == (batch.segment[0] == 0).sum() - len(packer.head)
    assert batch.grid_thw.tolist() == [[1, picture.height // 14, picture.width // 14]]
    assert batch.pixel_values.shape == (4 * cells, 1176) and batch.coords.shape == (4 * cells, 3)


def test_what_is_absent_is_answered_with_no_box():
    objects, _ = view_objects(made_up_view())
    sample = absent_sample(objects, np.random.default_rng(1), (COLOR_NAMES, NANO_KINDS))
    assert sample.answer == "\n<|im_end|>" and not sample.targets


def test_every_question_is_made_of_known_words(packer):
    objects, _ = view_objects(made_up_view())
    for sample in sample_questions(objects, np.random.default_rng(2), 200, (COLOR_NAMES, NANO_KINDS)):
        assert "<unk>" not in packer.labeller.tokenizer.encode(sample.question + sample.answer).tokens


def test_reasoning_and_evidence_are_made_of_known_words_and_never_train_box_numbers(packer):
    objects, _ = view_objects(made_up_view())
    rng = np.random.default_rng(3)
    for _ in range(200):
        sample = reason_sample(objects, objects.unique(), rng)
        text = sample.question + sample.answer
        encoded = packer.labeller.tokenizer.encode(text)
        assert "<unk>" not in encoded.tokens, (text, encoded.tokens)
        assert packer.labeller.tokenizer.decode(encoded.ids, skip_special_tokens=False) == text
        assert not any(packer.labeller.segment(sample).is_number)


def test_a_trace_quotes_the_evidence_exactly_and_computes_the_rest_softly(packer):
    question = "How far? The 3D bbox of red mug is [-0.18, 0.5, 1.02, 0.1, 0.2, 0.3]. "
    answer = "The center of red mug is [-0.18, 0.50, 1.02]. distance = sqrt(0.03 + 0.10) = 0.50."
    segment = packer.labeller.segment(Sample(question, answer, ()))
    text = [
        packer.labeller.tokenizer.id_to_token(label) if label != IGNORE else "" for label in segment.labels
    ]
    assert [(text[i], value) for i, value in enumerate(segment.copied) if value >= 0] == [
        ("0.18", 18), ("0.50", 50), ("1.02", 102),
    ]  # fmt: skip
    assert [text[i] for i, soft in enumerate(segment.is_sum) if soft] == ["0.03", "0.10", "0.50"]


def test_a_repeated_name_points_at_that_name_in_the_question_word_by_word(packer):
    question = "Is the red mug wider than the red bowl? The 3D bbox of red mug is [0.1]. "
    sample = Sample(question, "No, red bowl is wider.", (), ("red mug", "red bowl"))
    segment, tokenizer = packer.labeller.segment(sample), packer.labeller.tokenizer
    tokens = tokenizer.encode(question).tokens
    sources = {
        tokenizer.id_to_token(segment.labels[i]): [
            tokens[j] for j, shown in enumerate(segment.quotable[: len(tokens)]) if shown == place
        ]
        for i, place in enumerate(segment.copied)
        if place >= 0
    }
    assert sources == {" red": [" red"], " bowl": [" bowl"]}, "the red of the bowl, not the mug's"


def test_the_name_in_a_box_points_at_that_name_in_the_question(packer):
    objects, _ = view_objects(made_up_view())
    unique = objects.unique()
    segment = packer.labeller.segment(locate_sample(objects, unique, np.random.default_rng(4)))
    tokenizer = packer.labeller.tokenizer
    quoted = [
        (tokenizer.id_to_token(segment.labels[i]).strip(), tokenizer.id_to_token(segment.ids[j]).strip())
        for i, place in enumerate(segment.copied)
        for j, shown in enumerate(segment.quotable[: i + 1])
        if place >= 0 and shown == place
    ]
    assert quoted and all(label == source for label, source in quoted)


CHOICES = {
    "<think> The x values are -0.10 for red mug and -0.40 for blue bowl. The largest is -0.10 for red mug. "
    "</think> Yes, red mug is further left.": [" -", "0.10", " for", " red", " mug", " Yes"],
    "<think> The z values are 0.60 for red mug and 0.50 for blue bowl. From near to far they are 0.50 for "
    "blue bowl and 0.60 for red mug. </think> blue bowl, red mug.": (
        [" ", "0.50", " for", " blue", " bowl", " and", " ", "0.60", " for", " red", " mug"]
    ),
    "<think> The size of red mug is [0.10, 0.20, 0.10]. </think> red mug is 0.20 meters in height.": [],
    "<think> dx = -0.07, dz = -0.26. angle = atan2(-0.07, -0.26) = 195 degrees. clock = 12 - floor(195 / 30) "
    "= 6. </think> red mug will find blue bowl around the 6 o'clock direction.": ["1", "9", "6"],
}


@pytest.mark.parametrize("answer", CHOICES)
def test_what_a_trace_decides_by_comparing_is_told_apart(packer, answer):
    segment = packer.labeller.segment(Sample("Is it? The 3D bbox of red mug is [0.1]. ", answer, ()))
    chosen = [label for label, choice in zip(segment.labels, segment.is_choice, strict=True) if choice]
    assert [packer.labeller.tokenizer.id_to_token(label) for label in chosen] == CHOICES[answer]


def test_a_computed_decimal_that_is_said_again_is_quoted(packer):
    question = "How far? The 3D bbox of red mug is [0.1]. "
    segment = packer.labeller.segment(Sample(question, "distance = 0.44. The smallest is 0.44 for", ()))
    (again,) = [i for i, value in enumerate(segment.copied) if value == 44]
    assert segment.labels[again] == packer.labeller.tokenizer.token_to_id("0.44")
    assert sum(segment.is_sum) == 1 and segment.is_sum.index(True) < again


def test_relations_come_as_often_as_asked_for_and_no_other():
    names, rng = ("red mug", "blue bowl", "green can", "white box"), np.random.default_rng(5)
    often = {"direction": 3.0, "closer": 1.0}
    num_objects = [len(spatial_question(names, [0, 1, 2, 3], rng, often)[1]) for _ in range(400)]
    assert 75 <= num_objects.count(3) <= 125
    assert num_objects.count(2) == 400 - num_objects.count(3)
    assert all(len(spatial_question(names, [0, 1], rng, often)[1]) == 2 for _ in range(40))


def test_a_thing_is_called_by_its_place_beside_another():
    boxes = [
        Box3D("red mug", (-0.2, 0.0, 0.6), (0.1, 0.1, 0.1)),
        Box3D("green mug", (0.3, 0.0, 0.6), (0.1, 0.1, 0.1)),
        Box3D("blue bowl", (0.0, 0.0, 0.9), (0.1, 0.1, 0.1)),
    ]
    rng = np.random.default_rng(0)
    said = dict(beside for _ in range(300) if (beside := beside_words(boxes, (True,) * 3, rng)))
    assert said["mug to the left of the blue bowl"] == (0,) and said["mug right of the blue bowl"] == (1,)
    assert said["mug in front of the blue bowl"] == (0, 1) and said["mug behind the blue bowl"] == ()
    assert "mug in front of the red mug" not in said, "as far away as the other one"
    hidden = [beside_words(boxes, (True, False, True), rng) for _ in range(100)]
    assert not any(beside and beside[0].startswith("mug") and "bowl" in beside[0] for beside in hidden)


def test_things_are_called_by_id_as_a_follow_up_calls_them():
    names = with_ids(("red mug", "blue bowl", "green can"), np.random.default_rng(0))
    numbers = [name.partition("_")[0] for name in names]
    assert [name.partition("_")[2] for name in names] == ["red mug", "blue bowl", "green can"]
    assert len(set(numbers)) == 3 and all(len(number) == 1 for number in numbers)


def test_a_question_is_turned_only_where_the_opposite_side_answers_otherwise():
    rng = np.random.default_rng(0)
    turned = from_opposite("Is the red mug to the left of the blue bowl?", rng)
    assert (
        turned.endswith("side, is the red mug to the left of the blue bowl?") or "of the camera, is" in turned
    )
    assert parse_question(turned).facing
    assert from_opposite("How tall is the red mug?", rng) == "How tall is the red mug?"


def test_ids_and_opposite_sides_are_asked_in_words_that_the_tokenizer_knows(packer):
    objects, _ = view_objects(made_up_view())
    rng = np.random.default_rng(7)
    questions = [reason_sample(objects, objects.unique(), rng).question for _ in range(300)]
    assert 15 < sum("_red" in question for question in questions) < 90
    assert sum("opposite side" in question for question in questions) > 5
    assert all("<unk>" not in packer.labeller.tokenizer.encode(q).tokens for q in questions)


def test_groups_are_asked_for_as_people_do(packer):
    objects, _ = view_objects(made_up_view())
    rng = np.random.default_rng(0)
    asked = {group_sample(objects, rng).question.split("'")[1] for _ in range(300)}
    assert {"mug", "mugs", "all the mugs", "red things", "all the red things"} - asked == set()
    assert all("<unk>" not in packer.labeller.tokenizer.encode(words).tokens for words in asked)


def test_a_short_and_a_full_decimal_show_the_same_hundredths(packer):
    tokenizer, shown = packer.labeller.tokenizer, packer.labeller.quotable
    assert shown[tokenizer.token_to_id("0.5")] == shown[tokenizer.token_to_id("0.50")] == 50
    assert tokenizer.encode("is 123.45 degrees, 0.16.").tokens[-3:] == [" ", "0.16", "."]
    assert "3.45" not in tokenizer.encode("is 123.45 degrees").tokens


def test_added_words_take_reserved_places_and_move_no_id():
    old = build_tokenizer(["red", "mug"])
    new = extended(old, build_tokenizer(["red", "mug", "zebra"]))
    assert new.get_vocab_size() == old.get_vocab_size()
    assert (
        new.encode("mug zebra").tokens == ["mug", " zebra"] and old.encode("mug zebra").tokens[-1] == "<unk>"
    )
    assert all(new.token_to_id(t) == i for t, i in old.get_vocab().items() if "reserved" not in t)


def test_a_tokenizer_from_before_the_decimals_gets_them_behind_its_end():
    wanted = build_tokenizer(["red"])
    data = json.loads(wanted.to_str())
    for piece in DECIMALS + SHORT_DECIMALS:
        del data["model"]["vocab"][piece]
    data["pre_tokenizer"]["pattern"]["Regex"] = r"[A-Za-z]+|\d|."
    old = Tokenizer.from_str(json.dumps(data))
    new = extended(old, wanted)
    assert new.token_to_id("0.00") == old.get_vocab_size() and new.get_vocab_size() == wanted.get_vocab_size()
    assert new.encode("0.07").tokens == ["0.07"] and old.encode("0.07").tokens == ["0", ".", "0", "7"]


def test_groups_that_are_asked_for_mostly_have_several_members():
    view = made_up_view()
    view["kind"][:2] = 0
    objects, _ = view_objects(view)
    rng = np.random.default_rng(0)
    sizes = [len(group_sample(objects, rng).targets) for _ in range(200)]
    assert sizes.count(2) > 160 and sizes.count(1) > 5, "two mugs, one red thing"


def test_a_question_that_rounded_numbers_do_not_answer_is_drawn_again(monkeypatch):
    """The way to a thing straight above has no clock direction; training once ended with it."""
    view = made_up_view()
    view["boxes"][1] = (-0.1, -0.25, 0.8, 0.1, 0.12, 0.09)
    objects, _ = view_objects(view)
    monkeypatch.setattr(questions, "jittered", lambda box, rng: box)
    rng = np.random.default_rng(0)
    asked = [reason_sample(objects, objects.unique(), rng).question for _ in range(200)]
    assert not any("clock" in question or "will you find" in question for question in asked)


def test_a_drill_gives_the_values_and_asks_what_follows(packer):
    objects, _ = view_objects(made_up_view())
    rng = np.random.default_rng(0)
    every = [drill_sample(objects, objects.unique(), rng) for _ in range(60)]
    assert {sample.answer.split()[0] for sample in every} == {"The", "angle"}
    for sample in every:
        given = sample.question.rsplit("<think> ", 1)[1]
        assert given.startswith("dx = ") if sample.answer.startswith(" angle") else "values are" in given
        assert "The center of" not in sample.question and sample.answer.endswith(prompts.TURN_END)
    largest = next(sample for sample in every if sample.answer.startswith(" The"))
    segment = packer.labeller.segment(largest)
    token = packer.labeller.tokenizer.id_to_token
    owners = [
        (token(segment.labels[i]), token(segment.ids[j])) for i, j in enumerate(segment.owner) if j >= 0
    ]
    assert len(owners) == 2 and all(label == source for label, source in owners), "colour and kind"


def test_a_drill_of_volumes_gives_sizes_and_asks_for_their_products(packer):
    objects, _ = view_objects(made_up_view())
    rng = np.random.default_rng(0)
    volumes = []
    for _ in range(40):
        sample = volume_sample(objects, objects.unique(), rng)
        given = sample.question.rsplit("<think> ", 1)[1]
        assert sample.answer.startswith(" The volume values are ") and sample.answer.endswith(
            prompts.TURN_END
        )
        sizes = [np.prod([float(side) for side in found]) for found in SIZE.findall(given)]
        said = [float(litres) for litres in re.findall(r"([\d.]+) liters for", sample.answer)]
        assert said[:2] == pytest.approx([1000 * size for size in sizes], abs=0.006)
        segment = packer.labeller.segment(sample)
        # the first two of the decimals that are said are computed, but for what was given as a size
        new = {f"{litres:.2f}" for litres in said[:2]} - set(re.findall(r"\d\.\d\d", given))
        token = packer.labeller.tokenizer.token_to_id
        assert sum(segment.is_sum) == sum(token(decimal) is not None for decimal in new)
        volumes += said[:2]
    assert max(volumes) > 4 * min(volumes)


@pytest.mark.parametrize(("reason_share", "num_questions"), [(0.0, 6), (1.0, 3 + 2 + 4 + 3)])
def test_drills_come_with_questions_that_reason(packer, reason_share, num_questions):
    other = Packer(
        packer.labeller.tokenizer,
        packer.encoding,
        np.random.default_rng(0),
        questions_per_view=6,
        reason_share=reason_share,
        reasons_per_view=2,
        drills_per_view=4,
        volumes_per_view=3,
    )
    assert len(other.batch([made_up_view()]).spans[0]) == 1 + num_questions


def test_things_are_located_for_questions_from_the_opposite_side_too():
    objects, _ = view_objects(made_up_view())
    rng = np.random.default_rng(0)
    asked = [locate_sample(objects, objects.unique(), rng).question for _ in range(200)]
    assert 5 < sum("opposite side" in question for question in asked) < 40
