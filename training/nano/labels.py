"""What is learned at each token of a question and its answer.

In: a `Sample` of text. Out: a `Segment` of token ids and labels. Three kinds of numbers are told apart: box
numbers, right to a few bins; decimals that the answer computes, right to about a hundredth; decimals that it
quotes from the question or from itself, which must be exact. Where a quoted number or name comes from, the
model is shown.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from n3d_ros.protocol.box_text import BOX_NAME, BOX_OPEN
from n3d_ros.protocol.prompts import THINK_END
from n3d_ros.training.nano.tokenizer import DECIMALS, SHORT_DECIMALS, token_id
from n3d_ros.training.questions import Sample

IGNORE = -100
ANGLE_FIELD = 3
FIRST_NAME = 1000
VERDICTS = (BOX_NAME, "\n")
# What a trace decides by comparing: the largest value and whose it is, values in order, the verdict, also
# where there is no trace; and what takes more than one step: an angle but for its last digit, the hour of it.
CHOICES = re.compile(
    rf"(?<=est is) .+?(?=\. )|(?<=they are) .+?(?=\. {THINK_END})|(?<={THINK_END}) (?:Yes|No)|^(?:Yes|No)\b"
    r"|(?<=\) = )\d+(?=\d degrees)|(?<=/ 30\) = )\d+"
)
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
    # boxes are asked for, and the label says whether there is one, or another one
    is_verdict: list[bool]
    # the label follows from comparing what was written before
    is_choice: list[bool]
    # object whose box is begun or whose numbers are being written, -1 elsewhere
    looked_at: list[int]
    # what the label quotes from the question, -1 elsewhere: hundredths of a decimal, or FIRST_NAME + a place
    # in a name
    copied: list[int]
    # what the token itself is that may be quoted, by the same codes, -1 elsewhere
    quotable: list[int]
    # where a label names whose the value before it is: index of the same word where the trace gave that value
    owner: list[int]
    # where a token stands behind a value as its owner ("0.45 for white book"): index of that value, else -1
    value: list[int]


class Labeller:
    """Tokenises samples and labels them."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.first_number = token_id(tokenizer, "0")
        self.comma, self.close = token_id(tokenizer, ","), token_id(tokenizer, ")\n")
        self.begin, self.open = token_id(tokenizer, BOX_NAME), token_id(tokenizer, BOX_OPEN)
        self.quotable = quotable_hundredths(tokenizer)

    def segment(self, sample: Sample) -> Segment:
        """Tokens of one sample; labels are shifted, so position i learns token i + 1."""
        question = self.tokenizer.encode(sample.question, add_special_tokens=False)
        answer = self.tokenizer.encode(sample.answer, add_special_tokens=False)
        ids, tokens, start = question.ids + answer.ids, question.tokens + answer.tokens, len(question.ids)
        labels = [IGNORE] * (start - 1) + answer.ids + [IGNORE]
        is_number, looked = self._box_numbers(ids, labels, start, sample.targets)
        is_sum, copied = self._decimals(ids, tokens, labels, start)
        quotable, names = self.quotable[ids].tolist(), name_places(tokens, self._words(sample.names))
        for i, place in names.items():
            quotable[i] = place
            if i >= start:
                copied[i - 1] = place
        lists_boxes = answer.tokens[0] in VERDICTS
        is_verdict = [
            lists_boxes and (i == start - 1 or (i >= start and ids[i] == self.close)) for i in range(len(ids))
        ]
        decided = [match.span() for match in CHOICES.finditer(sample.answer)]
        is_choice = [False] * (start - 1) + overlapping(answer.offsets, decided) + [False]
        owner = owner_places(tokens, names, is_choice, start)
        value = value_places(tokens, names, quotable)
        return Segment(
            ids,
            labels,
            is_number,
            is_sum,
            is_verdict,
            is_choice,
            looked_at=looked,
            copied=copied,
            quotable=quotable,
            owner=owner,
            value=value,
        )

    def _words(self, names: Sequence[str]) -> list[list[str]]:
        """The tokens of each name, without blanks: '4_red mug' -> 4, _, red, mug."""
        return [
            [
                token.strip()
                for token in self.tokenizer.encode(name, add_special_tokens=False).tokens
                if token.strip()
            ]
            for name in names
        ]

    def _box_numbers(
        self, ids: list[int], labels: list[int], start: int, targets: tuple[int, ...]
    ) -> tuple[list[bool], list[int]]:
        """Which labels are soft box numbers (all fields but the angle), and whose box is written there: where
        it begins, in its name, in its numbers.
        """
        is_number, looked = [False] * len(ids), [-1] * len(ids)
        box = field = 0
        is_name = False
        for i in range(start - 1, len(ids)):
            field = 0 if ids[i] == self.open else field + (ids[i] == self.comma)
            box += ids[i] == self.close
            is_name = ids[i] == self.open or (is_name and ids[i] != self.comma)
            has_number = ids[i] == self.comma and 0 <= labels[i] - self.first_number < 1000
            if has_number:
                is_number[i] = field - 1 != ANGLE_FIELD
            if has_number or is_name or labels[i] == self.begin:
                looked[i] = targets[box] if box < len(targets) else -1
        return is_number, looked

    def _decimals(
        self, ids: list[int], tokens: list[str], labels: list[int], start: int
    ) -> tuple[list[bool], list[int]]:
        """Which labels are computed decimals, and the hundredths of those that are quoted."""
        is_sum, copied = [False] * len(ids), [-1] * len(ids)
        given = {int(value) for value in self.quotable[ids[:start]] if value >= 0}
        for i in range(start, len(ids) - 1):
            value = int(self.quotable[labels[i]])
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


def name_places(tokens: Sequence[str], names: Sequence[list[str]]) -> dict[int, int]:
    """Index of each token that belongs to one of `names` (the words of each) -> FIRST_NAME + the name's and
    the word's place.
    """
    words = [token.strip() for token in tokens]
    places: dict[int, int] = {}
    for number, parts in enumerate(names):
        for i in range(len(words) - len(parts) + 1):
            if words[i : i + len(parts)] == parts:
                places |= {i + n: FIRST_NAME + 10 * number + n for n in range(len(parts))}
    return places


def owner_places(
    tokens: Sequence[str], names: dict[int, int], is_choice: Sequence[bool], start: int
) -> list[int]:
    """Per token, where its label is a word of a chosen owner ("The largest is 0.45 for white book"), the
    index of that word where the values were listed ("0.45 for white book and ..."), else -1.

    Values and their owners stand together in the list: the name that follows a value there is the answer, the
    same name elsewhere only looks like it.
    """
    owner = [-1] * len(tokens)
    listed: dict[int, int] = {}
    for i, behind in enumerate(behind_values(tokens, names)):
        if i not in names or not behind:
            continue
        if i >= start and is_choice[i - 1]:
            owner[i - 1] = listed.get(names[i], -1)
        else:
            listed[names[i]] = i
    return owner


def value_places(tokens: Sequence[str], names: dict[int, int], quotable: Sequence[int]) -> list[int]:
    """Per token that stands behind a value as its owner, the index of that value, else -1."""
    value, last = [-1] * len(tokens), -1
    for i, behind in enumerate(behind_values(tokens, names)):
        last = i if 0 <= quotable[i] < FIRST_NAME else last
        value[i] = last if behind else -1
    return value


def behind_values(tokens: Sequence[str], names: dict[int, int]) -> Iterator[bool]:
    """Per token, whether it is the " for" behind a value or belongs to the name behind that."""
    behind = False
    for i, token in enumerate(tokens):
        behind = token == " for" or (behind and (i in names or not token.strip()))
        yield behind


def quotable_hundredths(tokenizer: Tokenizer) -> np.ndarray:
    """(vocabulary,) int64: the hundredths that a decimal's token shows, -1 for every other token."""
    quotable = np.full(tokenizer.get_vocab_size(), -1, np.int64)
    for text in DECIMALS + SHORT_DECIMALS:
        quotable[token_id(tokenizer, text)] = round(float(text) * 100)
    return quotable
