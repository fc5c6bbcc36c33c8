"""Guesses of what comes next: aligned with an expected text, copied from what was read, as long as they
hold.
"""

import numpy as np
import pytest
from replay import replay

from n3d_ros.boxes import Box3D
from n3d_ros.runtime.decoding.drafting import Alignment, TextDrafter, lookup
from n3d_ros.runtime.decoding.text import TextCodec
from n3d_ros.runtime.decoding.trust import EXPECTED, TrustedDrafter
from n3d_ros.spatial import QUESTIONS, answer, parse_question
from n3d_ros.training.nano.tokenizer import build_tokenizer

BOXES = [
    Box3D("red mug", (-0.15, 0.05, 1.1), (0.09, 0.1, 0.08)),
    Box3D("blue bowl", (0.2, 0.11, 1.3), (0.2, 0.12, 0.2)),
    Box3D("green can", (0.02, -0.07, 0.9), (0.07, 0.13, 0.07)),
]
NUMBERS = frozenset(range(100, 200))


def kind(token):
    return 0 if token in NUMBERS else 1


def place_behind(expected, written):
    alignment = Alignment(expected, kind)
    for token in written:
        alignment.push(token)
    return alignment.place, alignment.errors


@pytest.mark.parametrize(
    ("written", "place", "errors"),
    [
        ([], 0, 0),
        ([1, 2, 100], 3, 0),
        ([1, 2, 101], 3, 1),  # another number in its place: go on behind it
        ([1, 2, 3], 2, 1),  # a word where a number was due: something was put between
        ([1, 2, 101, 4], 4, 1),
        ([1, 9, 2, 100, 4], 4, 1),  # one too many
        ([1, 100, 4], 4, 1),  # one left out
        ([1, 2, 101, 102, 4, 5], 5, 2),
    ],
)
def test_it_goes_on_where_the_expected_text_continues_what_was_written(written, place, errors):
    assert place_behind([1, 2, 100, 4, 5, 6], written) == (place, errors)


def test_without_an_expected_text_there_is_nothing_to_follow():
    assert place_behind([], [1, 2]) == (0, 2)


def test_a_copy_continues_the_latest_place_that_reads_the_same():
    assert lookup([1, 2, 3, 7, 1, 2, 3, 8, 9, 1, 2, 3], 3) == [8, 9, 1]
    assert lookup([5, 2, 3, 7, 1, 2, 3, 8, 9, 4, 2, 3], 1) == [8]
    assert lookup([5, 2, 3, 4, 3], 3) == [] and lookup([], 3) == [] and lookup([1], 3) == []


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    """A small tokenizer that knows all words of the traces."""
    words = {"red", "mug", "blue", "bowl", "green", "can"}
    for questions in QUESTIONS.values():
        for question in questions:
            text = answered(question).text
            words |= {word for word in "".join(c if c.isalpha() else " " for c in text).split()}
    path = tmp_path_factory.mktemp("codec") / "tokenizer.json"
    build_tokenizer(words).save(str(path))
    return TextCodec(path)


def answered(question):
    names = dict(zip("abc", (box.label for box in BOXES), strict=True))
    query = parse_question(question.format(**names))
    return answer(query, BOXES)


QUESTION_LIST = [question for questions in QUESTIONS.values() for question in questions]


def drafted_passes(codec, expected, written):
    return replay(TrustedDrafter(TextDrafter(expected, [], codec.kind), EXPECTED), written).num_passes


def test_an_exact_trace_takes_more_than_eight_tokens_a_pass(codec):
    traces = [codec.encode(answered(question).text) for question in QUESTION_LIST]
    assert all(codec.unknown_id not in trace for trace in traces)
    passes = [drafted_passes(codec, trace, trace) for trace in traces]
    assert sum(map(len, traces)) / sum(passes) >= 8
    assert min(len(trace) / count for trace, count in zip(traces, passes, strict=True)) >= 6


def test_a_trace_with_every_number_wrong_still_takes_more_than_two_tokens_a_pass(codec):
    """The words between numbers hold, and a wrong number does not lead astray."""
    rng, passes, tokens = np.random.default_rng(0), 0, 0
    for question in QUESTION_LIST:
        expected = answered(question).text
        wrong = "".join(str(rng.integers(10)) if c.isdigit() else c for c in expected)
        written = codec.encode(wrong)
        passes += drafted_passes(codec, codec.encode(expected), written)
        tokens += len(written)
    assert tokens / passes > 2


def test_a_trace_that_leaves_out_a_sentence_is_caught_up_with(codec):
    expected = answered("How far apart are the {a} and the {b} horizontally?").text
    first, second, rest = expected.split(". ", 2)
    assert first.startswith("<think> The center of") and second.startswith("The center of")
    written = codec.encode(f"{first}. {rest}")
    assert len(written) / drafted_passes(codec, codec.encode(expected), written) > 3


def test_a_text_that_has_nothing_to_do_with_the_expected_one_copies_from_the_prompt(codec):
    read = codec.encode("The center of red mug is [0.12, 0.40, 0.30]. " * 2)
    drafter = TextDrafter(codec.encode("bowl " * 20), read, codec.kind)
    assert len(read) / 2 / replay(drafter, read[: len(read) // 2]).num_passes > 1.5
    assert lookup([*read, *read[:4]], 3) == read[4:7]
