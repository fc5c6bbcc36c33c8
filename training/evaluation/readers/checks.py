"""Rows of strangers' files, checked one by one.

In: rows, a function that makes a question of one. Out: the questions, and what was left out with the reason:
damaged rows, the same id twice. The same question twice is kept, as the benchmark's own evaluation keeps it,
and said. Above a share of bad rows reading stops, since a figure over the rest would be of another benchmark.
It knows no format.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from n3d_ros.boxes import Rectangle
from n3d_ros.plain_text import one_line, shown
from n3d_ros.training.qa.records import Question

REPEATED_ID = "expected an id of its own, got one that is there already"


class RowError(ValueError):
    """Why a row is no question; the message says what was expected and came."""


@dataclass(frozen=True)
class Read:
    """questions: in the file's order. bad: reasons of rows left out, with how many. sha256: of the file, so
    that a figure can say which edition it is of. notes: what else is worth knowing.
    """

    name: str
    questions: tuple[Question, ...]
    num_rows: int
    bad: dict[str, int]
    sha256: str
    notes: tuple[str, ...] = field(default=())

    def summary(self) -> str:
        """Lines for a terminal."""
        lines = [
            f"{self.name}: {len(self.questions)} questions of {self.num_rows} rows, SHA-256 {self.sha256}",
            *(f"  left out {number}: {reason}" for reason, number in self.bad.items()),
            *(f"  {note}" for note in self.notes),
        ]
        return "\n".join(lines)


Rows = Iterable[tuple[str, Any]]
Make = Callable[[Any], Question | None]


def read_rows(
    name: str, file: Path, rows: Rows, make: Make, max_bad_share: float, notes: Sequence[str] = ()
) -> Read:
    """rows: (where, row). make: a question of a row, None for a row that is right and not of this benchmark;
    RowError. ValueError where more than max_bad_share of the rows are bad, or no question is left.
    """
    questions: list[Question] = []
    bad: Counter[str] = Counter()
    first: dict[str, str] = {}
    ids: set[str] = set()
    num_rows = 0
    for where, row in rows:
        num_rows += 1
        try:
            question = make(row)
            if question is None:
                continue
            if question.id in ids:
                raise RowError(REPEATED_ID)
            ids.add(question.id)
            questions.append(question)
        except RowError as error:
            reason = one_line(str(error), 200)
            bad[reason] += 1
            first.setdefault(reason, where)
    _check_share(name, file, num_rows, bad, first, max_bad_share)
    if not questions:
        raise ValueError(f"'{file}': expected questions of {name}, got none in {num_rows} rows")
    counted = {f"{reason} (first: {first[reason]})": number for reason, number in bad.most_common()}
    return Read(name, tuple(questions), num_rows, counted, checksum(file), (*notes, *_repeats(questions)))


def _repeats(questions: Sequence[Question]) -> list[str]:
    """A note where the same is asked twice about one picture."""
    asked = Counter((one.picture.key, one.text, one.drawn_px, one.true_px) for one in questions)
    number = sum(count - 1 for count in asked.values())
    return [f"{number} questions are there a second time"] if number else []


def _check_share(
    name: str, file: Path, num_rows: int, bad: Counter[str], first: dict[str, str], max_bad_share: float
) -> None:
    num_bad = sum(bad.values())
    if num_bad > max_bad_share * num_rows:
        reason, number = bad.most_common(1)[0]
        raise ValueError(
            f"'{file}': expected {name} with at most {max_bad_share:.0%} bad rows, "
            f"got {num_bad} of {num_rows} (--max-faults lets more pass); {number} times: "
            f"{reason} (first: {first[reason]})"
        )


def checksum(path: Path) -> str:
    """SHA-256 of a file, read piece by piece."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def wanted(row: Any, key: str, kind: type[Any] | tuple[type[Any], ...]) -> Any:
    """row[key], of that kind. RowError."""
    if not isinstance(row, dict) or key not in row:
        raise RowError(f"expected '{key}', got none")
    value = row[key]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise RowError(f"expected {key} of another type, got {shown(value)}")
    return value


def text_of(row: Any, key: str) -> str:
    """A text that is not empty."""
    value: str = wanted(row, key, str)
    if not value.strip():
        raise RowError(f"expected text as {key}, got none")
    return value


def numbers_of(value: Any, key: str, length: int) -> tuple[float, ...]:
    """So many finite numbers. RowError."""
    if not isinstance(value, (list, tuple)) or len(value) != length:
        raise RowError(f"expected {length} numbers as {key}, got {shown(value)}")
    if not all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in value):
        raise RowError(f"expected {length} numbers as {key}, got {shown(value)}")
    found = tuple(float(one) for one in value)
    if not all(map(math.isfinite, found)):
        raise RowError(f"expected finite numbers as {key}, got {shown(value)}")
    return found


def corners_of(value: Any, key: str) -> Rectangle:
    """(left, top, right, bottom), not empty."""
    left, top, right, bottom = numbers_of(value, key, 4)
    if left >= right or top >= bottom:
        raise RowError(f"expected left < right and top < bottom as {key}, got {shown(value)}")
    return left, top, right, bottom


def side_of(row: Any, key: str) -> int:
    """A positive whole number of pixels."""
    value = wanted(row, key, int)
    if value < 1:
        raise RowError(f"expected a positive {key}, got {value}")
    return int(value)
