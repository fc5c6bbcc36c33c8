"""All questions of a set, each asked once; what a stopped run had answered is not asked again.

In: questions, an observer, a pipeline, a folder. Out: the folder's ledger, and `Answer`s in the set's order
as they are known. It marks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from n3d_ros.errors import CommandFailed, MissingLibraryError, OutOfMemoryError
from n3d_ros.plain_text import one_line
from n3d_ros.training.evaluation.asking.ask import Answers, ask
from n3d_ros.training.evaluation.asking.observe import Observer
from n3d_ros.training.evaluation.asking.reply import Reply
from n3d_ros.training.evaluation.ledger import Ledger
from n3d_ros.training.qa.records import Question

ANSWERS, MIRRORED = "answers.jsonl", "mirrored.jsonl"
# Before a run is stopped for too many pictures that do not open, so many were tried.
FEWEST_TRIED = 20


@dataclass(frozen=True)
class Answer:
    """reply: None where the picture could not be shown; `fault` says why, and it is tried again next time."""

    question: Question
    reply: Reply | None
    fault: str = ""


def ask_all(
    pipeline: Answers,
    questions: Sequence[Question],
    observer: Observer,
    ledger: Ledger,
    max_fault_share: float = 0.05,
) -> Iterator[Answer]:
    """One for each question. CommandFailed where more than max_fault_share of the pictures do not open:
    the rest would be another set than the one named.
    """
    known = replies(ledger)
    num_faults = 0
    for number, question in enumerate(questions, start=1):
        answer = Answer(question, known.get(question.id))
        if answer.reply is None:
            answer = _asked(pipeline, question, observer)
        if answer.reply is not None and question.id not in known:
            ledger.add({"id": question.id, **answer.reply.to_dict()})
        num_faults += answer.reply is None
        if number >= min(FEWEST_TRIED, len(questions)) and num_faults > max_fault_share * number:
            raise CommandFailed(
                f"expected at most {max_fault_share:.0%} of the questions without a picture, "
                f"got {num_faults} of {number}, the last: {answer.fault or 'an earlier one'}; "
                f"--pictures says where relative names start"
            )
        yield answer


def replies(ledger: Ledger) -> dict[str, Reply]:
    """What was answered before, by question. ValueError for a row that is no reply."""
    found = {}
    for row in ledger.rows():
        try:
            key = row.pop("id")
            found[key] = Reply.from_dict(row)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"'{ledger.path}': expected replies, got a row without: {error}") from error
    return found


def _asked(pipeline: Answers, question: Question, observer: Observer) -> Answer:
    try:
        seen = observer.observe(question)
    except (MissingLibraryError, OutOfMemoryError):  # no picture's fault
        raise
    except (OSError, ValueError) as error:
        return Answer(question, None, one_line(str(error), 300))
    return Answer(question, ask(pipeline, seen, question))
