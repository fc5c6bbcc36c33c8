"""Several names in one request: what became of each of them, and one result of all.

In: names with a function that looks for one of them. Out: a `JoinedResult`. A name that cannot be looked for
takes none of the others with it; what is wrong with the frame or the engine ends all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from n3d_ros.errors import BadInputError, ResultCode
from n3d_ros.plain_text import one_line
from n3d_ros.runtime.types import GroundedObject, GroundResult

# Of a name that has boxes which the result does not.
CUT = "left out by max_boxes"
STOPPED = (ResultCode.CANCELED, ResultCode.TIMEOUT, ResultCode.SUPERSEDED)


@dataclass(frozen=True)
class NameOutcome:
    """How the search for one name ended; OK also where nothing of it was found, which the message says.
    is_whole: the model wrote to its end, and no broken box.
    """

    words: str
    code: ResultCode
    message: str = ""
    is_whole: bool = True


@dataclass(frozen=True)
class JoinedResult(GroundResult):
    """outcomes: one for each name, in their order. code: the first that is not OK, or that of a stop."""

    outcomes: tuple[NameOutcome, ...] = ()


def look_for_each(names: Sequence[str], look: Callable[[str], GroundResult], max_boxes: int) -> JoinedResult:
    """One pass per name, also of one that is repeated: each of its things would be there twice. max_boxes: of
    all names together, 0 = no limit. BadInputError where no name could be looked for.
    """
    results: list[GroundResult] = []
    ends: dict[str, NameOutcome] = {}
    for words in dict.fromkeys(names):
        try:
            result = look(words)
        except BadInputError as error:
            ends[words] = NameOutcome(words, error.code, error.message)
            continue
        results.append(result)
        is_whole = not (result.is_cut or result.malformed)
        ends[words] = NameOutcome(words, result.code, result.message, is_whole)
        if result.code == ResultCode.CANCELED:
            break
    outcomes = [ends.get(words, NameOutcome(words, ResultCode.CANCELED, "not looked for")) for words in names]
    if not results:
        raise BadInputError("; ".join(dict.fromkeys(one.message for one in outcomes)))
    return _cut(_joined(results, outcomes), max_boxes)


def outcomes(result: GroundResult) -> tuple[NameOutcome, ...]:
    """Of each name; nothing of a question's result. A stop has the code that the whole result has, for who
    joined it did not know whether time was up.
    """
    each = result.outcomes if isinstance(result, JoinedResult) else ()
    return tuple(replace(one, code=result.code) if one.code == ResultCode.CANCELED else one for one in each)


def answered(result: GroundResult) -> tuple[NameOutcome, ...]:
    """Of the names that were looked for to the end; none of a result that was stopped."""
    each = outcomes(result)
    is_stopped = any(one.code in STOPPED for one in each)
    return () if is_stopped else tuple(one for one in each if one.code == ResultCode.OK)


def _joined(results: list[GroundResult], outcomes: list[NameOutcome]) -> JoinedResult:
    """Lists appended, times and counts added."""
    first, measures = results[0], vars(results[0].timing)
    timing = replace(
        first.timing, **{name: sum(getattr(one.timing, name) for one in results) for name in measures}
    )
    whole = JoinedResult(**vars(first), outcomes=tuple(outcomes))
    return replace(
        whole,
        timing=timing,
        words=", ".join(one.words for one in outcomes),
        objects=tuple(found for one in results for found in one.objects),
        malformed=tuple(text for one in results for text in one.malformed),
        token_ids=tuple(token for one in results for token in one.token_ids),
        is_cut=any(one.is_cut for one in results),
        raw_text="\n".join(one.raw_text for one in results),
        code=_code([one.code for one in outcomes]),
        message=_message(outcomes),
    )


def _code(codes: Sequence[ResultCode]) -> ResultCode:
    """The first that is not OK; but a stop is of the whole request."""
    if ResultCode.CANCELED in codes:
        return ResultCode.CANCELED
    return next((code for code in codes if code != ResultCode.OK), ResultCode.OK)


def _message(outcomes: Sequence[NameOutcome]) -> str:
    """What is to be said of each name; of which one, where there are several and it was not answered."""
    outcomes = list(dict.fromkeys(outcomes))
    if len(outcomes) == 1:
        return outcomes[0].message
    said = [
        one.message if one.code == ResultCode.OK else f"'{one_line(one.words, 60)}': {one.message}"
        for one in outcomes
        if one.message
    ]
    return "; ".join(said)


def _cut(result: JoinedResult, max_boxes: int) -> JoinedResult:
    """Its first max_boxes objects; a name that loses some says so, for none would mean that none is there."""
    kept, lost = result.objects[: max_boxes or None], result.objects[max_boxes or len(result.objects) :]
    if not lost:
        return result
    outcomes = tuple(_without(one, lost) for one in result.outcomes)
    return replace(result, objects=kept, outcomes=outcomes, message=_message(outcomes))


def _without(outcome: NameOutcome, lost: Sequence[GroundedObject]) -> NameOutcome:
    num = sum(one.words == outcome.words for one in lost)
    said = [outcome.message, f"{num} of '{one_line(outcome.words, 60)}' {CUT}"] if num else []
    return replace(outcome, message="; ".join(filter(None, said))) if num else outcome
