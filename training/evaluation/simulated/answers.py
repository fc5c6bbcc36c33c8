"""Beyond finding one named object: does a model refuse what is absent, and are its spatial answers right?

In: a loaded `Pipeline` and one rendered view. Out: `Refusal` and `Answered`, and a summary of many. Right
means agreeing with the answer computed from the true boxes: the same name, verdict, order or hour, a length
within 10 % or 1 cm (`n3d_ros.spatial.check_answer`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.sim import COLORS, KINDS
from n3d_ros.spatial import answer, check_answer, parse_question
from n3d_ros.training.questions import absent_name, spatial_question


@dataclass(frozen=True)
class Refusal:
    """A prompt for something that is not in the scene."""

    words: str
    num_found: int


@dataclass(frozen=True)
class Answered:
    """A spatial question. `found`: the objects it needs were found. `right`: the answer agrees with the
    truth. `confirmed`: the model's own sentence agrees with its own boxes. `num_tokens` of reasoning and
    answer were written in `num_passes` forward passes.
    """

    question: str
    answer: str
    found: bool
    right: bool
    confirmed: bool
    own_words: str
    num_tokens: int = 0
    num_passes: int = 0


@dataclass(frozen=True)
class QuestionSummary:
    """Shares over all refusals and all questions."""

    num_absent: int
    share_refused: float
    num_questions: int
    share_answered: float
    share_right: float
    share_confirmed: float
    passes_per_token: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def try_absent(
    pipeline: Pipeline,
    observation: Observation,
    present: Sequence[tuple[str, str]],
    rng: np.random.Generator,
    kinds: Sequence[str] = tuple(KINDS),
) -> Refusal:
    """Ask for a colour and one of `kinds` that no object of the scene has; `present`: (colour, kind) of
    each.
    """
    words = absent_name(present, rng, (tuple(COLORS), tuple(kinds)))
    return Refusal(words, len(pipeline.ground(observation, f"the {words}").objects))


def try_question(
    pipeline: Pipeline,
    observation: Observation,
    boxes: Sequence[Box3D],
    unique: list[int],
    rng: np.random.Generator,
) -> Answered | None:
    """Ask a random spatial question about `unique` objects among `boxes` (the truth); None when there is
    none.
    """
    if not unique:
        return None
    question, order = spatial_question([box.label for box in boxes], unique, rng)
    query = parse_question(question)
    assert query is not None, question
    result = pipeline.ask(observation, question)
    truth = answer(query, [boxes[i] for i in order])
    return Answered(
        question,
        result.answer,
        found=bool(result.answer),
        right=bool(result.answer) and check_answer(result.answer, truth) is True,
        confirmed=result.consistent is True,
        own_words=result.raw_text,
        num_tokens=result.timing.num_answer_tokens,
        num_passes=result.timing.num_answer_forward_passes,
    )


def summarise_questions(refusals: Sequence[Refusal], answered: Sequence[Answered]) -> QuestionSummary:
    """Shares; ValueError when there is nothing to count."""
    if not refusals or not answered:
        raise ValueError(f"expected refusals and questions, got {len(refusals)} and {len(answered)}")
    return QuestionSummary(
        num_absent=len(refusals),
        share_refused=float(np.mean([not refusal.num_found for refusal in refusals])),
        num_questions=len(answered),
        share_answered=float(np.mean([one.found for one in answered])),
        share_right=float(np.mean([one.right for one in answered])),
        share_confirmed=float(np.mean([one.confirmed for one in answered])),
        passes_per_token=sum(one.num_passes for one in answered)
        / max(sum(one.num_tokens for one in answered), 1),
    )
