"""What is learned at each token of a question and its answer.

In: a `Sample` of text. Out: a `Segment` of token ids and labels. Three kinds of numbers are told apart: box
numbers, right to a few bins; decimals that the answer computes, right to about a hundredth; decimals that it
quotes from the question or from itself, which must be exact. Where a quoted number or name comes from, the
model is shown.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from n3d_ros.training.nano.tokenizer import DECIMALS, SHORT_DECIMALS
from n3d_ros.training.questions import Sample

IGNORE = -100
ANGLE_FIELD = 3
FIRST_NAME = 1000
VERDICTS = ("bbox_", "\n")
# What a trace decides by comparing: the largest value and whose it is, values in order, the verdict.
CHOICES = re.compile(r"(?<=est is) .+?(?=\. )|(?<=they are) .+?(?=\. </think>)|(?<=</think>) (?:Yes|No)")
COMPUTED_AFTER = ((" =", " "), ("(", ""), (" +", " "))


@dataclass(frozen=True)
class Segment:
    """Token ids of one question and its answer, with what is learned at each."""

    ids: list[int]
    labels: list[int]
    # the label is a box number with a soft target
    is_number: list[bool]
    # the label is a decimal that the answer computes
    is_sum: list[bool]
    # the label is the answer's first token where boxes are asked for: is there anything to be found?
    is_verdict: list[bool]
    # the label follows from comparing what was written before
    is_choice: list[bool]
    # object whose box is begun or whose numbers are being written, -1 elsewhere
    looked_at: list[int]
    # what the label quotes from the question, -1 elsewhere: hundredths of a decimal, or FIRST_NAME + a place
    # in a name
    copied: list[int]
    # what the token itself is that may be quoted, by the same codes, -1 elsewhere
    shown: list[int]


class Labeller:
    """Tokenises samples and labels them."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.first_number = tokenizer.token_to_id("0")
        self.comma, self.close = tokenizer.token_to_id(","), tokenizer.token_to_id(")\n")
        self.begin, self.open = tokenizer.token_to_id("bbox_"), tokenizer.token_to_id("Bbox(")
        self.shown = shown_hundredths(tokenizer)

    def segment(self, sample: Sample) -> Segment:
        """Tokens of one sample; labels are shifted, so position i learns token i + 1."""
        question = self.tokenizer.encode(sample.question, add_special_tokens=False)
        answer = self.tokenizer.encode(sample.answer, add_special_tokens=False)
        ids, tokens, start = question.ids + answer.ids, question.tokens + answer.tokens, len(question.ids)
        labels = [IGNORE] * (start - 1) + answer.ids + [IGNORE]
        is_number, looked = self._box_numbers(ids, labels, start, sample.targets)
        is_sum, copied = self._decimals(ids, tokens, labels, start)
        shown, names = self.shown[ids].tolist(), name_places(tokens, sample.names)
        for i, place in names.items():
            shown[i] = place
            if i >= start:
                copied[i - 1] = place
        verdict = answer.tokens[0] in VERDICTS
        is_verdict = [verdict and i == start - 1 for i in range(len(ids))]
        decided = [match.span() for match in CHOICES.finditer(sample.answer)]
        is_choice = [False] * (start - 1) + overlapping(answer.offsets, decided) + [False]
        return Segment(ids, labels, is_number, is_sum, is_verdict, is_choice, looked, copied, shown)

    def _box_numbers(
        self, ids: list[int], labels: list[int], start: int, targets: tuple[int, ...]
    ) -> tuple[list[bool], list[int]]:
        """Which labels are soft box numbers (all fields but the angle), and whose box is written there."""
        is_number, looked = [False] * len(ids), [-1] * len(ids)
        box = field = 0
        for i in range(start - 1, len(ids)):
            field = 0 if ids[i] == self.open else field + (ids[i] == self.comma)
            if labels[i] == self.begin:
                looked[i] = targets[box] if box < len(targets) else -1
            if ids[i] == self.comma and 0 <= labels[i] - self.first_number < 1000:
                is_number[i] = field - 1 != ANGLE_FIELD
                looked[i] = targets[box] if box < len(targets) else -1
            box += ids[i] == self.close
        return is_number, looked

    def _decimals(
        self, ids: list[int], tokens: list[str], labels: list[int], start: int
    ) -> tuple[list[bool], list[int]]:
        """Which labels are computed decimals, and the hundredths of those that are quoted."""
        is_sum, copied = [False] * len(ids), [-1] * len(ids)
        given = {int(value) for value in self.shown[ids[:start]] if value >= 0}
        for i in range(start, len(ids) - 1):
            value = int(self.shown[labels[i]])
            if value < 0:
                continue
            computed = any(follows(tokens[: i + 1], *before) for before in COMPUTED_AFTER)
            is_sum[i] = computed or value not in given
            copied[i] = -1 if is_sum[i] else value
            given.add(value)
        return is_sum, copied


def overlapping(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Which tokens, by their places in a text, share a character with one of `spans`."""
    return [any(start < last and first < end for first, last in spans) for start, end in offsets]


def follows(tokens: list[str], word: str, blank: str) -> bool:
    """Whether `tokens` end in `word` and then `blank`, if there is one."""
    ending = [word, blank] if blank else [word]
    return tokens[-len(ending) :] == ending


def name_places(tokens: Sequence[str], names: Sequence[str]) -> dict[int, int]:
    """Index of each token that belongs to one of `names` -> FIRST_NAME + the name's and the word's place."""
    words, places = [token.strip() for token in tokens], {}
    for number, name in enumerate(names):
        parts = name.split()
        for i in range(len(words) - len(parts) + 1):
            if words[i : i + len(parts)] == parts:
                places |= {i + n: FIRST_NAME + 10 * number + n for n in range(len(parts))}
    return places


def shown_hundredths(tokenizer: Tokenizer) -> np.ndarray:
    """(vocabulary,) int64: the hundredths that a decimal's token shows, -1 for every other token."""
    shown = np.full(tokenizer.get_vocab_size(), -1, np.int64)
    for text in DECIMALS + SHORT_DECIMALS:
        shown[tokenizer.token_to_id(text)] = round(float(text) * 100)
    return shown
