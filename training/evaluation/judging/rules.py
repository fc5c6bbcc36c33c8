"""The judge by default: rules, the same for every model, and free.

In: a question with its answer for machines, and a sentence. Out: a `Judgement`. Lengths count within 25 %,
hours exactly and within one. A question that `n3d_ros.spatial` understands whole has its sentence read with
the same care (claims, negations, the order of names); any other is read word by word (`readings`). What is
not understood is wrong, and counted as unparsed.
"""

from __future__ import annotations

from typing import Any

from n3d_ros.spatial import SpatialAnswer, answer, check_answer, parse_question
from n3d_ros.spatial.types import SIDE, VALUE
from n3d_ros.training.evaluation.judging import readings
from n3d_ros.training.evaluation.judging.judgement import (
    CHOICE,
    COUNT,
    HOUR,
    LENGTH,
    RIGHT,
    SILENT,
    UNPARSED,
    VERDICT,
    VOLUME,
    WRONG,
    Judgement,
    wanted,
)
from n3d_ros.training.evaluation.metrics.values import hours_apart, is_within
from n3d_ros.training.qa.records import Question


class RuleJudge:
    """See the file's head."""

    def judge(self, question: Question, text: str) -> Judgement:
        """See `Judge`."""
        sentence = readings.sentence_of(text)
        if not sentence:
            return Judgement(SILENT, why="no answer")
        kind = wanted(question)
        plain = readings.without_names(sentence, names_of(question))
        if kind == LENGTH:
            return judged_length(readings.length_m(plain), _value(question))
        if kind == VOLUME:
            return judged_length(readings.volume_l(plain), _value(question), "l")
        if kind == HOUR:
            return judged_hour(readings.hour(plain), _value(question))
        if kind == COUNT:
            return judged_count(readings.count(plain), _value(question))
        exact = exact_answer(question)
        if exact is not None:
            return _judged(check_answer(text, exact))
        if kind == VERDICT:
            return _judged(_same(readings.verdict(plain), question.verdict))
        if kind == CHOICE:
            return _judged(_same(readings.choice(sentence, question.choices, question.text), question.choice))
        return _judged(True if _is_reference(sentence, question.answer) else None)

    def identity(self) -> dict[str, Any]:
        """See `Judge`."""
        return {"judge": "rules"}


def names_of(question: Question) -> list[str]:
    """Everything in a question that is a thing's name."""
    return [*(box.label for box in question.boxes), *question.choices]


def exact_answer(question: Question) -> SpatialAnswer | None:
    """The answer computed from the true boxes, None where the question is not understood, asks for a number,
    or its set says otherwise than the boxes do.
    """
    query = parse_question(question.text)
    if query is None or query.form == VALUE or not question.boxes:
        return None
    try:
        exact = answer(query, [known.box for known in question.boxes])
    except ValueError:  # a name that means no box of these, or several
        return None
    return exact if _agrees(exact, question) else None


def _agrees(exact: SpatialAnswer, question: Question) -> bool:
    if question.verdict is not None:
        return exact.verdict == question.verdict
    if question.choice is not None:
        said = exact.side if exact.query.form == SIDE else ", ".join(exact.names)
        return said == question.choice
    return check_answer(question.answer, exact) is True


def judged_length(said: float | None, true: float, unit: str = "m") -> Judgement:
    """Right within 25 %; volumes too."""
    if said is None:
        return Judgement(UNPARSED, why=f"expected one quantity in {unit} or a unit like it")
    outcome = RIGHT if is_within(said, true) else WRONG
    return Judgement(outcome, said, why=f"{said:.3g} {unit} for {true:.3g} {unit}")


def judged_hour(said: float | None, true: float) -> Judgement:
    """Right at the exact hour, near at one beside it."""
    if said is None:
        return Judgement(UNPARSED, is_near=False, why="expected one clock direction")
    apart = hours_apart(said, true)
    why = f"{said:g} o'clock for {true:g} o'clock"
    return Judgement(RIGHT if apart == 0 else WRONG, said, is_near=apart <= 1, why=why)


def judged_count(said: float | None, true: float) -> Judgement:
    """Right where it is the same number."""
    if said is None:
        return Judgement(UNPARSED, why="expected one number")
    return Judgement(RIGHT if said == true else WRONG, said, why=f"{said:g} for {true:g}")


def _value(question: Question) -> float:
    assert question.value is not None
    return question.value


def _judged(agrees: bool | None) -> Judgement:
    if agrees is None:
        return Judgement(UNPARSED, why="not understood for sure")
    return Judgement(RIGHT if agrees else WRONG)


def _same(said: object, true: object) -> bool | None:
    return None if said is None else said == true


def _is_reference(sentence: str, reference: str) -> bool:
    return readings.words_of(sentence) == readings.words_of(readings.sentence_of(reference)) != []
