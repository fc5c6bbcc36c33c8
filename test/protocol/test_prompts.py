"""Prompt texts: exact strings, what cannot be asked, how evidence is chosen and rounded, recorded prompts."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.protocol.box_codec import decode
from n3d_ros.protocol.evidence import UPSTREAM_MENTION, box_2d, box_3d, mentioned
from n3d_ros.protocol.prompts import (
    CODE,
    Evidence,
    PromptConfig,
    answer_prompt,
    chat,
    condition,
    evidence_for_mentions,
    evidence_from_boxes,
    first_sentence,
    fit_prompt,
    ground_prompt,
    ground_question,
    locate_prompt,
    split_answer,
)

CAMERA = Intrinsics(fx=100.0, fy=100.0, cx=99.5, cy=49.5, width=200, height=100)
MUG = Box3D("mug", center=(-0.5, 0.25, 2.0), size=(0.2, 0.4, 0.0))
HEAD = (
    "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
    "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>"
)
TAIL = "<|im_end|>\n<|im_start|>assistant\n"


def item(name: str, number: float = 1.0) -> Evidence:
    return Evidence(name, (number, 0.5, 2.0, 0.1, 0.2, 0.3), (number, 0.25, 0.1, 0.2))


# --- first stage


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("red mug", "red mug"),
        ("the red mug", "red mug"),
        ("  The   red\tmug ", "red mug"),
        ("an apple", "apple"),
        ("apple", "apple"),
        ("theatre", "theatre"),
        ("orange/tangerine", "orange/tangerine"),
        ("椅子", "椅子"),
    ],
)
def test_the_ground_question_names_the_words_without_their_article(words: str, name: str) -> None:
    assert ground_question(words) == (
        f"Identify the 3D boxes for all the '{name}' in this scene. "
        "The reference code is as followed: <code_template>"
    )


@pytest.mark.parametrize(
    "words",
    ["", "  ", "the", "a ", "dog's bowl", 'a "mug"', "red\nmug", "mug’s", "<image>", "x <code_template>"],
)
def test_words_that_would_break_the_question_are_named(words: str) -> None:
    with pytest.raises(ValueError, match=f"words: expected .*, got {re.escape(repr(words))}"):
        ground_question(words)


def test_the_ground_prompt_puts_picture_first_and_expands_the_code() -> None:
    assert ground_prompt("Find it. Code: <code_template>") == f"{HEAD}Find it. Code: {CODE}{TAIL}"
    assert ground_prompt("<image>Find it.") == f"{HEAD}Find it.{CODE}{TAIL}"  # no blank before the code


def test_the_locate_prompt_asks_for_boxes_first() -> None:
    assert locate_prompt("How tall is it?") == (
        f"{HEAD}How tall is it? First locate the bbox of the aforementioned object(s). "
        f"The reference code is as followed: {CODE}{TAIL}"
    )


@pytest.mark.parametrize("question", ["", " \n", "<image>"])
@pytest.mark.parametrize("prompt", [ground_prompt, locate_prompt, answer_prompt])
def test_an_empty_question_is_named(prompt, question: str) -> None:
    with pytest.raises(ValueError, match=f"expected words, got {re.escape(repr(question))}"):
        prompt(question)


@pytest.mark.parametrize("prompt", [ground_prompt, locate_prompt, answer_prompt])
def test_a_question_cannot_bring_control_tokens_or_a_second_picture(prompt) -> None:
    with pytest.raises(ValueError, match=re.escape("control token <|im_end|>")):
        prompt("hello<|im_end|>")
    with pytest.raises(ValueError, match="at most one <image>, got 2"):
        prompt("<image><image>hello")


# --- second stage


def test_the_answer_prompt_holds_the_first_sentence_and_no_code() -> None:
    assert answer_prompt("How tall is it? In metres.") == f"{HEAD}How tall is it?{TAIL}"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("a? b. c", "a?"),
        ("Is it over 1.5 m?", "Is it over 1."),
        ("Go! Now. Yes.", "Go! Now."),
        ("..", ".."),
        ("a\nb. c", "a\nb. c"),
        ("no end", "no end"),
    ],
)
def test_the_release_cuts_at_a_stop_or_question_mark_on_the_first_line(text: str, first: str) -> None:
    assert first_sentence(text, "upstream") == first


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("How far is it? Answer in cm.", "How far is it?"),
        ("1. How far is the mug? Thanks.", "1. How far is the mug?"),
        ("1. Order them from near to far. Please.", "1. Order them from near to far."),
        ("12. Order them from near to far.", "12. Order them from near to far."),
        ("a. Order them from near to far. Please.", "a. Order them from near to far."),
        ("Is it over 1.5 m from the box?", "Is it over 1.5 m from the box?"),
        ("Tell me if it is over 1.5 m high. Please.", "Tell me if it is over 1.5 m high."),
        (
            "Say if it is within 5 ft. of Mr. Smith's mug. Be quick.",
            "Say if it is within 5 ft. of Mr. Smith's mug.",
        ),
        ("There is a mug. How far is it from the box? In m.", "There is a mug. How far is it from the box?"),
        ("Order the mug, the box no. 2 and the table. Go.", "Order the mug, the box no. 2 and the table."),
        ("Really?? Yes.", "Really?"),
        ("a? b. c", "a?"),
        ("no end", "no end"),
        ("a\nb. c", "a\nb. c"),
    ],
)
def test_a_question_ends_neither_in_a_number_nor_in_an_abbreviation(text: str, first: str) -> None:
    assert first_sentence(text) == first


def test_the_second_stage_reads_the_question_whole_unless_told_otherwise() -> None:
    assert answer_prompt("1. Is it over 1.5 m?") == f"{HEAD}1. Is it over 1.5 m?{TAIL}"
    assert answer_prompt("1. Is it over 1.5 m?", (), "upstream") == f"{HEAD}1.{TAIL}"
    with pytest.raises(ValueError, match="sentence_rule: expected one of"):
        answer_prompt("How far?", (), "half")


def test_no_object_gives_no_condition() -> None:
    assert condition([]) == ""


def test_one_and_two_objects_get_a_sentence_each() -> None:
    assert condition([item("a")]) == (
        " The 3D bbox of a is [1.0, 0.5, 2.0, 0.1, 0.2, 0.3]. The 2D bbox of a is [1.0, 0.25, 0.1, 0.2]. "
    )
    assert condition([item("a"), item("b", -0.0)]) == (
        " The 3D bbox of a is [1.0, 0.5, 2.0, 0.1, 0.2, 0.3]. "
        "The 3D bbox of b is [-0.0, 0.5, 2.0, 0.1, 0.2, 0.3]. "
        "The 2D bbox of a is [1.0, 0.25, 0.1, 0.2]. The 2D bbox of b is [-0.0, 0.25, 0.1, 0.2]. "
    )


def test_three_objects_share_a_sentence_and_four_a_list() -> None:
    numbers_3d, numbers_2d = "[1.0, 0.5, 2.0, 0.1, 0.2, 0.3]", "[1.0, 0.25, 0.1, 0.2]"
    assert condition([item("a"), item("b"), item("c")]) == (
        f" The 3D bbox of a, b and c is {numbers_3d}, {numbers_3d} and {numbers_3d}."
        f" The 2D bbox of a, b and c is {numbers_2d}, {numbers_2d} and {numbers_2d}. "
    )
    assert condition([item(name) for name in ("0_a", "1_b", "2_c", "3_d's")]) == (
        " The 3D bbox of ['0_a', '1_b', '2_c', \"3_d's\"] is [" + ", ".join([numbers_3d] * 4) + "]."
        " The 2D bbox of ['0_a', '1_b', '2_c', \"3_d's\"] is [" + ", ".join([numbers_2d] * 4) + "]. "
    )


# --- evidence


def test_evidence_is_in_the_checkpoint_frame_and_in_shares_of_the_picture() -> None:
    # Near face = far face (size z 0) at 2 m: u = 0.5 + 100/200 * x/z, v = 0.5 + 100/100 * y/z.
    (evidence,) = evidence_from_boxes([MUG], CAMERA)
    assert evidence.name == "mug"
    assert evidence.box_3d == (0.5, -0.25, 2.0, 0.2, 0.4, 0.0)
    assert evidence.box_2d == (0.38, 0.62, 0.05, 0.2)  # 0.375 and 0.625 are ties: to even
    assert all(type(number) is float for number in evidence.box_3d + evidence.box_2d)


def test_a_point_on_the_axis_is_minus_zero_as_in_the_release() -> None:
    assert str(list(box_3d(Box3D("x", (0.0, 0.0, 1.0), (0, 0, 0))))[:2]) == "[-0.0, -0.0]"


def test_x_and_y_round_as_numpy_does_and_the_rest_as_python_does() -> None:
    rounded = box_3d(Box3D("x", (-2.675, -1.115, 2.675), (1.115, 2.675, 0.005)))
    assert rounded == (2.68, 1.12, 2.67, 1.11, 2.67, 0.01)


def test_the_rectangle_takes_the_corners_in_front_of_the_camera_and_ignores_yaw() -> None:
    straddling = Box3D("x", (0.0, 0.0, 0.5), (0.2, 0.2, 2.0), yaw=0.7)
    assert box_2d(straddling, CAMERA) == (0.5, 0.5, round(0.5 * 0.2 / 1.5, 2), round(0.2 / 1.5, 2))


def test_a_box_behind_the_camera_is_left_out_and_the_others_keep_their_numbers() -> None:
    behind = Box3D("ghost", (0, 0, -1.0), (0.1, 0.1, 0.1))
    names = [e.name for e in evidence_from_boxes([behind, MUG], CAMERA, with_ids=True)]
    assert names == ["1_mug"]


def test_names_carry_ids_from_four_objects_on() -> None:
    assert [e.name for e in evidence_from_boxes([MUG] * 3, CAMERA)] == ["mug"] * 3
    assert [e.name for e in evidence_from_boxes([MUG] * 4, CAMERA, ids=[0, 2, 5, 7])] == [
        "0_mug", "2_mug", "5_mug", "7_mug",
    ]  # fmt: skip


def test_ids_must_match_the_boxes() -> None:
    with pytest.raises(ValueError, match=r"one per box \(1\), got 2"):
        evidence_from_boxes([MUG], CAMERA, ids=[0, 1])


def test_blank_runs_in_a_label_collapse() -> None:
    (evidence,) = evidence_from_boxes([Box3D("hot  air\nballon", MUG.center, MUG.size)], CAMERA)
    assert evidence.name == "hot air ballon"


# --- mentions


@pytest.mark.parametrize(
    ("question", "exact", "upstream"),
    [
        ("How tall is 0_chair?", [0], [0]),
        ("How far is 0_chair from 1_coffee table?", [0, 1], []),  # W2: "0_chair from 1" is swallowed
        ("Is 0_chair, 0_chair or 2_orange/tangerine, big?", [0, 0, 2], [0]),
        ("How tall is 0_Chair?", [0], []),
        ("Where is 3_椅子?", [3], []),
        ("Where is 10_chair?", [], []),
        ("Where is 0_chairs?", [], []),
        ("What is the height of 9_plant?", [], []),
    ],
)
def test_mentions_are_found_by_exact_name_or_by_the_releases_pattern(
    question: str, exact: list[int], upstream: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    names = ["0_chair", "1_coffee table", "2_orange/tangerine", "3_椅子"]
    assert mentioned(question, names) == exact
    with caplog.at_level(logging.WARNING):
        assert mentioned(question, names, "upstream") == upstream
    assert ("misses" in caplog.text) == (set(exact) != set(upstream))


def test_the_longest_name_wins() -> None:
    assert mentioned("Is 1_coffee table high?", ["1_coffee", "1_coffee table"]) == [1]


def test_no_name_is_mentioned_where_nothing_was_found() -> None:
    assert mentioned("Is 0_chair high?", []) == []
    assert evidence_for_mentions("Is 0_chair high?", [], CAMERA) == ()


def test_a_follow_up_question_gets_the_objects_it_names_in_its_order() -> None:
    boxes = [MUG, Box3D("cup", (0.5, 0, 2.0), (0.1, 0.1, 0.1))]
    evidence = evidence_for_mentions("Is 1_cup left of 0_mug?", boxes, CAMERA)
    assert [e.name for e in evidence] == ["1_cup", "0_mug"]


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(ValueError, match="mention_rule: .*'fuzzy'"):
        mentioned("x", [], "fuzzy")
    with pytest.raises(ValueError, match="mention_rule: .*'fuzzy'"):
        PromptConfig(mention_rule="fuzzy")
    with pytest.raises(ValueError, match="prompt_overflow: .*'wrap'"):
        PromptConfig(prompt_overflow="wrap")


# --- length, reply


def test_a_prompt_that_does_not_fit_is_an_error_unless_the_releases_cut_is_asked_for() -> None:
    assert fit_prompt([1, 2, 3], 3) == [1, 2, 3]
    with pytest.raises(ValueError, match="at most 2 tokens, got 3"):
        fit_prompt([1, 2, 3], 3, answer_length=1)
    assert fit_prompt([1, 2, 3], 3, PromptConfig(prompt_overflow="cut_end"), answer_length=1) == [1, 2]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think>z is up.\nSo 3 m.</think> 3 m \n", ("z is up.\nSo 3 m.", "3 m")),
        ("3 m", ("", "3 m")),
        ("<think>cut off", ("cut off", "")),
        ("", ("", "")),
    ],
)
def test_a_reply_splits_into_reasoning_and_answer(text: str, parts: tuple[str, str]) -> None:
    assert split_answer(text) == parts


# --- the release's recorded prompts


NOT_REPRODUCED = {
    "two_step_user_text_contains_box": "upstream replaces a question that holds a box by that box",
    "class_paren_second_box": "G2: upstream loses every box, we keep the good one",
    "paren_after_box": "G2: upstream loses every box, we keep the good one",
    "first_index_not_zero": "W3: upstream reads bins as metres",
    "cutoff_700_long_gt_answer": "6.3: the length of the reference answer's bins in a made-up tokenizer",
}


def camera_of(scene: dict[str, Any]) -> Intrinsics:
    (fx, _, cx), (_, fy, cy), _ = scene["intr"]
    return Intrinsics(fx * 800, fy * 600, cx * 800 - 0.5, cy * 600 - 0.5, 800, 600)


def stage_prompts(entry: dict[str, Any], scene: dict[str, Any]) -> list[str]:
    """Both prompts of a recorded conversation, asked the way the release does."""
    messages, camera = entry["messages"], camera_of(scene)
    decoded = decode(entry["stage1_reply"], SceneScale(scene["scaling_init"], tuple(scene["shift0"])), camera)
    boxes, ids = [b.box for b in decoded.boxes], [b.index for b in decoded.boxes]
    if len(messages) > 3:
        evidence = evidence_for_mentions(messages[2], boxes, camera, ids, "upstream")
        return [ground_prompt(messages[0]), answer_prompt(messages[2], evidence, "upstream")]
    if len(entry["calls"]) == 1:
        return [ground_prompt(messages[0])]
    evidence = evidence_from_boxes(boxes, camera, ids)
    return [locate_prompt(messages[0]), answer_prompt(messages[0], evidence, "upstream")]


def collapse_pads(prompt: str) -> str:
    return re.sub(r"<\|image_pad\|>(?:\*\d+)?", "<|image_pad|>", prompt)


def test_prompts_of_both_modes_equal_the_official_ones(golden_dir: Path) -> None:
    entries = json.loads((golden_dir / "prompts.json").read_text())
    scene = json.loads((golden_dir / "codec.json").read_text())["scenes"]["P"]
    compared = 0
    for name, entry in entries.items():
        if "messages" not in entry or name in NOT_REPRODUCED or name == "cutoff_600":
            continue
        actual = stage_prompts(entry, scene)
        assert actual == [collapse_pads(call["prompt"]) for call in entry["calls"]], name
        compared += 1
    assert compared >= 25


def test_prompts_of_the_official_conversations_are_rebuilt_from_their_questions(golden_dir: Path) -> None:
    entries = json.loads((golden_dir / "prompts.json").read_text())
    prompts = [collapse_pads(call["prompt"]) for call in entries["config_demo_json"]["calls"]]
    (words,) = re.findall("for all the '(.*)' in this scene", prompts[0])
    assert ground_prompt(ground_question(words)) == prompts[0]
    for prompt in (prompts[2], prompts[4]):
        (question,) = re.findall(re.escape(HEAD) + "(.*) First locate", prompt)
        assert locate_prompt(question) == prompt


def test_cutting_a_long_prompt_loses_what_the_official_code_loses(golden_dir: Path) -> None:
    """The recorded tokenizer makes one token of every character and of every special string."""
    entry = json.loads((golden_dir / "prompts.json").read_text())["cutoff_600"]
    scene = json.loads((golden_dir / "codec.json").read_text())["scenes"]["P"]
    for prompt, call in zip(stage_prompts(entry, scene), entry["calls"], strict=True):
        full = prompt.replace("<|image_pad|>", "<|image_pad|>" * 345)
        tokens = re.findall(r"<\|\w+\|>|[\s\S]", full)
        cut = fit_prompt(range(len(tokens)), 600, PromptConfig(prompt_overflow="cut_end"), answer_length=2)
        assert len(cut) == call["n_ids"]
        pads = "".join(tokens[i] for i in cut).replace("<|image_pad|>" * 345, "<|image_pad|>*345")
        assert pads == call["prompt"]


def test_first_sentences_and_mentions_equal_the_official_ones(golden_dir: Path) -> None:
    golden = json.loads((golden_dir / "codec.json").read_text())
    for entry in golden["first_sentence"]:
        assert first_sentence(entry["text"], "upstream") == entry["first"]
    for entry in golden["mention_regex"]:
        assert UPSTREAM_MENTION.findall(entry["text"]) == entry["matches"], entry


def test_both_rounding_rules_equal_the_official_ones(golden_dir: Path) -> None:
    for entry in json.loads((golden_dir / "codec.json").read_text())["rounding"]:
        value = entry["value"]
        rounded = box_3d(Box3D("x", (-value, -value, value), (abs(value),) * 3))
        assert rounded[:2] == (entry["numpy_round2"],) * 2
        assert rounded[2] == entry["python_round2"]
        assert rounded[3:] == (abs(entry["python_round2"]),) * 3


def test_rounded_boxes_equal_the_official_ones(golden_dir: Path) -> None:
    golden = json.loads((golden_dir / "codec.json").read_text())
    compared = 0
    for entry in golden["decode"]:
        camera = camera_of(golden["scenes"][entry["scene"]])
        for index, metric in enumerate(entry.get("metric_xyz") or []):
            values = [metric[f"{kind}_{axis}"] for kind in ("position", "scale") for axis in "xyz"]
            if any(isinstance(value, str) for value in values) or values[2] <= 0:
                continue
            x, y, z, *size = values
            (evidence,) = evidence_from_boxes([Box3D("x", (-x, -y, z), tuple(size))], camera)
            assert list(evidence.box_3d) == entry["rounded3d"][index], entry["text"]
            assert list(evidence.box_2d) == entry["rounded2d"][index], entry["text"]
            compared += 1
    assert compared >= 70


def test_the_frame_is_written_once() -> None:
    assert chat("<image>hello") == f"{HEAD}hello{TAIL}"
