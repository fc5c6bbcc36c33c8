"""A question with what was answered and what is said of it. Data only, and the marking of many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from n3d_ros.training.evaluation.asking.reply import Reply
from n3d_ros.training.evaluation.asking.run import Answer
from n3d_ros.training.evaluation.judging.judgement import BOXES, Judge, Judgement, wanted
from n3d_ros.training.qa.records import Question


@dataclass(frozen=True)
class Marked:
    """judgement: of the answer that was given; own: of the model's own sentence. Both None where boxes are
    the answer.
    """

    question: Question
    reply: Reply
    judgement: Judgement | None = None
    own: Judgement | None = None


def marked(answers: Iterable[Answer], judge: Judge) -> Iterator[Marked]:
    """Those that have a reply, in their order."""
    for answer in answers:
        if answer.reply is not None:
            yield _marked(answer.question, answer.reply, judge)


def _marked(question: Question, reply: Reply, judge: Judge) -> Marked:
    if wanted(question) == BOXES:
        return Marked(question, reply)
    given = judge.judge(question, reply.answer)
    own = given if reply.own_answer == reply.answer else judge.judge(question, reply.own_answer)
    return Marked(question, reply, given, own)
