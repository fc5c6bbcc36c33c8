"""Beyond finding one named object: does a model refuse what is absent, alone and in a question, and are its
spatial answers right?

In: a loaded `Pipeline` and one rendered view. Out: `Refusal`, `Premise` and `Answered`, and a summary of
many. Right
means agreeing with the answer computed from the true boxes: the same name, verdict, order or hour, a length
within 10 % or 1 cm (`n3d_ros.spatial.check_answer`). Public benchmarks let lengths be 25 % off; that is a
figure of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import factorial

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.errors import BadInputError
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.runtime.types import AskResult, GroundResult
from n3d_ros.sim import COLORS, KINDS
from n3d_ros.spatial import Query, answer, check_answer, parse_question
from n3d_ros.spatial.types import ORDER, VALUE, WHICH, YES_NO
from n3d_ros.training.evaluation.judging.readings import length_m, sentence_of, without_names
from n3d_ros.training.evaluation.metrics.values import HOURS, is_within
from n3d_ros.training.evaluation.simulated.naming import right_pairs
from n3d_ros.training.questions import absent_name, from_opposite, spatial_question

PLAIN, OPPOSITE_SIDE, BY_ID = "plain", "from the opposite side", "things called by id"
# Of the relations that training asks about, those that the other side turns round.
TURNING = {"left_right": 1.0, "front_behind": 1.0, "direction": 1.0}


@dataclass(frozen=True)
class Refusal:
    """A prompt for something that is not in the scene."""

    words: str
    num_found: int


@dataclass(frozen=True)
class Premise:
    """A spatial question about something that is not in the scene, and the answer, empty as it should be."""

    question: str
    answer: str


@dataclass(frozen=True)
class Answered:
    """A spatial question, asked in one of the ways above. `found`: the objects it needs were found. `right`:
    the answer agrees with the truth. `confirmed`: the model's own sentence agrees with its own boxes.
    `num_tokens` of reasoning and answer were written in `num_passes` forward passes.

    `num_choices`: how many answers it could have, 0 for a length. `true_m`: the length wanted, metres, and
    `within_25`, whether the answer's is within 25 % of it; both None where it is no length.
    """

    question: str
    answer: str
    found: bool
    right: bool
    confirmed: bool
    own_words: str
    num_tokens: int = 0
    num_passes: int = 0
    way: str = PLAIN
    num_choices: int = 0
    true_m: float | None = None
    within_25: bool | None = None


@dataclass(frozen=True)
class QuestionSummary:
    """Shares over all refusals and all questions. share_unanswered: of questions about what is absent; None
    where none was asked.
    """

    num_absent: int
    share_refused: float
    share_unanswered: float | None
    num_questions: int
    share_answered: float
    share_right: float
    share_within_25: float | None
    share_confirmed: float
    passes_per_token: float

    def to_dict(self) -> dict[str, float | None]:
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


def try_premise(
    pipeline: Pipeline,
    observation: Observation,
    names: Sequence[str],
    unique: Sequence[int],
    absent: str,
    rng: np.random.Generator,
) -> Premise:
    """Ask a random spatial question about something `absent` and, where it takes more, others of `names` at
    the places `unique`.
    """
    others = [int(i) for i in rng.permutation(unique)]
    called = [absent, *(names[i] for i in others)]
    while True:
        question, order = spatial_question(called, list(range(len(called))), rng)
        if 0 in order:
            return Premise(question, pipeline.ask(observation, question).answer)


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
    labels = [box.label for box in boxes]
    question, order = spatial_question(labels, unique, rng)
    while not _has_answer(question, [boxes[i] for i in order]):
        question, order = spatial_question(labels, unique, rng)
    return marked(question, pipeline.ask(observation, question), [boxes[i] for i in order])


def try_opposite(
    pipeline: Pipeline,
    observation: Observation,
    boxes: Sequence[Box3D],
    unique: list[int],
    rng: np.random.Generator,
) -> Answered | None:
    """As `try_question`, seen from the opposite side of the camera; None without two objects."""
    if len(unique) < 2:
        return None
    question, order = spatial_question([box.label for box in boxes], unique, rng, TURNING)
    while (turned := from_opposite(question, rng)) == question:
        question, order = spatial_question([box.label for box in boxes], unique, rng, TURNING)
    wanted = [boxes[i] for i in order]
    try:
        result = pipeline.ask(observation, turned)
    except BadInputError:  # a model that was never taught the words of it
        return Answered(turned, "", False, False, False, "", way=OPPOSITE_SIDE)
    return marked(turned, result, wanted, OPPOSITE_SIDE)


def try_follow_up(
    pipeline: Pipeline,
    observation: Observation,
    ground: GroundResult,
    boxes: Sequence[Box3D],
    rng: np.random.Generator,
) -> Answered | None:
    """A follow-up about what was found, by id ("4_red mug"); None where nothing was. It is right only where
    the things it is about are among `boxes` (the truth), too.
    """
    if not ground.objects:
        return None
    names = [thing.id for thing in ground.objects]
    question, order = spatial_question(names, list(range(len(names))), rng)
    try:
        result = pipeline.ask_about(observation, question, ground)
    except BadInputError:  # a name that the model made of words that it does not know
        return Answered(question, "", False, False, False, "", way=BY_ID)
    true = dict(right_pairs([thing.box for thing in ground.objects], boxes))
    # a thing that is none of the scene has no true answer; what was found stands in, and it is not right
    wanted = [replace(boxes[true[i]] if i in true else ground.objects[i].box, label=names[i]) for i in order]
    if not _has_answer(question, wanted):
        return Answered(
            question, result.answer, bool(result.answer), False, False, result.raw_text, way=BY_ID
        )
    found = marked(question, result, wanted, BY_ID)
    are_real = all(i in true for i in order)
    within = None if found.within_25 is None else found.within_25 and are_real
    return replace(found, right=found.right and are_real, within_25=within)


def _has_answer(question: str, boxes: Sequence[Box3D]) -> bool:
    """Whether anything follows: of two boxes at one place, as a model may write them, no direction does, and
    who is nearer only where depth and distance agree.
    """
    query = parse_question(question)
    assert query is not None, question
    try:
        answer(query, boxes)
    except ValueError:
        return False
    return True


def marked(question: str, result: AskResult, boxes: Sequence[Box3D], way: str = PLAIN) -> Answered:
    """The reply to a question beside the answer computed from the true `boxes`, those it names."""
    query = parse_question(question)
    assert query is not None, question
    truth = answer(query, boxes)
    is_length = query.form == VALUE and truth.unit == "m"
    return Answered(
        question,
        result.answer,
        found=bool(result.answer),
        right=bool(result.answer) and check_answer(result.answer, truth) is True,
        confirmed=result.consistent is True,
        own_words=result.raw_text,
        num_tokens=result.timing.num_answer_tokens,
        num_passes=result.timing.num_answer_forward_passes,
        way=way,
        num_choices=num_choices(query),
        true_m=truth.value if is_length else None,
        within_25=_is_within_25(result.answer, boxes, truth.value) if is_length else None,
    )


def _is_within_25(sentence: str, boxes: Sequence[Box3D], true_m: float | None) -> bool:
    """Whether the one length that the sentence says of `boxes` is that near."""
    said = length_m(without_names(sentence_of(sentence), [box.label for box in boxes]))
    return said is not None and true_m is not None and is_within(said, true_m)


def num_choices(query: Query) -> int:
    """How many answers a question could have; 0 for a length. Of "closer to A, B or C" A is none."""
    if query.form == YES_NO:
        return 2
    if query.form == WHICH:
        return len(query.objects) - (query.relation == "closer")
    if query.form == ORDER:
        return factorial(len(query.objects))
    return HOURS if query.relation == "direction" else 0


def summarise_questions(
    refusals: Sequence[Refusal], answered: Sequence[Answered], premises: Sequence[Premise] = ()
) -> QuestionSummary:
    """Shares; ValueError when there is nothing to count."""
    if not refusals or not answered:
        raise ValueError(f"expected refusals and questions, got {len(refusals)} and {len(answered)}")
    within = [one.within_25 for one in answered if one.within_25 is not None]
    return QuestionSummary(
        num_absent=len(refusals),
        share_refused=float(np.mean([not refusal.num_found for refusal in refusals])),
        share_unanswered=float(np.mean([not one.answer for one in premises])) if premises else None,
        num_questions=len(answered),
        share_answered=float(np.mean([one.found for one in answered])),
        share_right=float(np.mean([one.right for one in answered])),
        share_within_25=float(np.mean(within)) if within else None,
        share_confirmed=float(np.mean([one.confirmed for one in answered])),
        passes_per_token=sum(one.num_passes for one in answered)
        / max(sum(one.num_tokens for one in answered), 1),
    )
