"""What a question wants to hear, and what is said of a sentence. Data only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

from n3d_ros.training.qa.records import SPATIAL, Question

# What the answer of a question is, for a machine.
LENGTH, VOLUME, HOUR, COUNT, VERDICT, CHOICE, SENTENCE, BOXES = (
    "length",
    "volume",
    "hour",
    "count",
    "verdict",
    "choice",
    "sentence",
    "boxes",
)
WANTED = {"m": LENGTH, "l": VOLUME, "o'clock": HOUR, "objects": COUNT}

RIGHT, WRONG = "right", "wrong"
# Something was said and it cannot be told what: as bad as wrong, and counted.
UNPARSED = "unparsed"
# Nothing was said, as where a thing that the question is about was not found.
SILENT = "silent"
# The judge failed, not the model.
UNJUDGED = "unjudged"
OUTCOMES = (RIGHT, WRONG, UNPARSED, SILENT, UNJUDGED)


@dataclass(frozen=True)
class Judgement:
    """outcome: one of OUTCOMES. said: the number understood (metres, hour, count), None where none was.
    is_near: of clock directions, the hour said is at most one off; None of others. why: for people.
    """

    outcome: str
    said: float | None = None
    is_near: bool | None = None
    why: str = ""

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ValueError(f"judgement: expected one of {OUTCOMES}, got {self.outcome!r}")

    @property
    def is_right(self) -> bool:
        return self.outcome == RIGHT

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Judge(Protocol):
    """Marks one sentence after another."""

    def judge(self, question: Question, text: str) -> Judgement:
        """text: what the model answered; only what stands behind its reasoning counts."""

    def identity(self) -> dict[str, Any]:
        """What makes it this judge, as JSON."""


def wanted(question: Question) -> str:
    """What kind of answer is right. A yes/no question about a length has a value too: the verdict counts."""
    if question.kind != SPATIAL:
        return BOXES
    if question.verdict is not None:
        return VERDICT
    if question.choice is not None:
        return CHOICE
    if question.value is not None and question.unit in WANTED:
        return WANTED[question.unit]
    return SENTENCE
