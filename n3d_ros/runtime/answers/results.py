"""Puts together what a request returns: code, message, timing, and the exact answer beside the model's.

In: what the stages produced. Out: `GroundResult`, `AskResult`. Decides nothing about the model; never makes
up an object.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import fields, replace

from n3d_ros.boxes import Box3D
from n3d_ros.errors import ResultCode
from n3d_ros.plain_text import one_line
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.protocol.box_codec import Malformed
from n3d_ros.protocol.prompts import split_answer
from n3d_ros.runtime.decoding.generate import CANCELED, FULL, Generation
from n3d_ros.runtime.frame import EncodedFrame
from n3d_ros.runtime.request import Request
from n3d_ros.runtime.types import AskResult, GroundedObject, GroundResult, Timing
from n3d_ros.spatial import Query, SpatialAnswer, answer
from n3d_ros.spatial.relations.counting import OF_ONE_NAME
from n3d_ros.spatial.types import NANOMETRE, ORDER, WHICH

NOT_UNDERSTOOD = (
    "not computed: the question was not understood whole as a spatial one; the words are the model's"
)
NOT_COMPUTED = "not computed, the words are the model's"

# In messages, which travel into logs and diagnostics on one line.
MAX_WORDS_SHOWN = 200

__all__ = [
    "Generation",
    "answered",
    "computed",
    "confirmed",
    "exact_answer",
    "grounded",
    "missing_evidence",
    "stage_timing",
    "total_timing",
    "unanswered",
]


def grounded(
    objects: Sequence[GroundedObject],
    malformed: tuple[Malformed, ...],
    generation: Generation,
    *,
    num_repeated: int,
    unconfirmed: Sequence[str],
    is_stopped: bool,
    words: str,
    observation: Observation,
    valid_ratio: float,
    timing: Timing,
) -> GroundResult:
    """The result of a first stage. unconfirmed: labels of what was found and a closer look did not find.
    is_stopped: the caller ended it before all was done.
    """
    remarks = [f"malformed box {broken.text!r}: {broken.reason}" for broken in malformed]
    if num_repeated:
        remarks.append(f"left out {num_repeated} that repeat the box of another of their name")
    code, message = _outcome(len(objects), remarks, unconfirmed, generation, words)
    if is_stopped and code != ResultCode.CANCELED:
        code, message = ResultCode.CANCELED, "stopped before the second look was done"
    return GroundResult(
        objects=tuple(objects),
        raw_text=generation.text,
        token_ids=generation.token_ids,
        malformed=malformed,
        code=code,
        message=message,
        timing=timing,
        words=words,
        valid_ratio=valid_ratio,
        stamp_ns=observation.stamp_ns,
        frame_id=observation.frame_id,
        depth_is_estimated=observation.depth_is_estimated,
        is_cut=generation.finish == FULL,
    )


def merged(parts: Sequence[GroundResult], request: Request) -> GroundResult:
    """Several first stages on one observation as one; numbers count on, so that ids stay unique. The code is
    the first that is not OK.
    """
    first, *others = parts
    if not others:
        return first
    things = list(first.objects)
    for part in others:
        for thing in part.objects:
            number = max((one.number for one in things), default=-1) + 1
            things.append(replace(thing, number=number, id=f"{number}_{thing.box.label}"))
    said = [part.message for part in parts if part.message]
    now = time.perf_counter()
    return replace(
        first,
        objects=tuple(things),
        raw_text="".join(part.raw_text for part in parts),
        token_ids=tuple(id for part in parts for id in part.token_ids),
        malformed=tuple(one for part in parts for one in part.malformed),
        code=next((part.code for part in parts if part.code != ResultCode.OK), ResultCode.OK),
        message="; ".join(said),
        timing=replace(sum_of([part.timing for part in parts]), total_ms=(now - request.began) * 1e3),
        words=request.words,
        is_cut=any(part.is_cut for part in parts),
    )


def _outcome(
    num_objects: int,
    remarks: list[str],
    unconfirmed: Sequence[str],
    generation: Generation,
    words: str,
) -> tuple[ResultCode, str]:
    if generation.finish == FULL:
        remarks = [f"the reply was cut off after {len(generation.token_ids)} tokens", *remarks]
    if generation.finish == CANCELED:
        return ResultCode.CANCELED, f"stopped after {len(generation.token_ids)} tokens"
    if not num_objects and remarks:
        return ResultCode.PARSE, "; ".join(["no usable box", *remarks])
    if unconfirmed:
        names = one_line(", ".join(unconfirmed), MAX_WORDS_SHOWN)
        remarks = [*remarks, f"a closer look did not confirm: {names}"]
    if not num_objects:
        nothing = f"nothing found for '{one_line(words, MAX_WORDS_SHOWN)}'"
        return ResultCode.OK, "; ".join([nothing, *remarks])
    return ResultCode.OK, "; ".join(remarks)


def missing_evidence(ground: GroundResult, query: Query | None) -> str:
    """Why there can be no answer, empty where there can be one."""
    if ground.code != ResultCode.OK:
        return ground.message
    if query is None or len(ground.objects) >= len(query.names):
        return ""
    if not ground.objects:
        return ground.message
    found = ", ".join(thing.box.label for thing in ground.objects)
    number = f"{len(ground.objects)} of the {len(query.names)} objects"
    return "; ".join([f"found {number} that the question is about: {found}", *filter(None, [ground.message])])


def unanswered(ground: GroundResult, query: Query | None, message: str) -> AskResult:
    """A result without an answer, with what was found."""
    return AskResult(
        answer="",
        reasoning="",
        value=None,
        unit="",
        objects=ground.objects,
        relation=query.relation if query else "",
        consistent=None,
        raw_text="",
        token_ids=(),
        code=ground.code,
        message=message,
        timing=ground.timing,
        ground=ground,
    )


def exact_answer(
    query: Query | None,
    boxes: Sequence[Box3D],
    ids: Sequence[str] | None = None,
    not_computed: str = NOT_COMPUTED,
) -> tuple[SpatialAnswer | None, str]:
    """The answer computed from the boxes, or None with the reason behind `not_computed`. `ids`: how messages
    call the boxes.

    Where two things are equal, neither is the taller one: the choice has no exact answer.
    """
    if query is None:
        return None, NOT_UNDERSTOOD
    try:
        exact = answer(query, boxes, ids)
    except ValueError as error:
        return None, f"{not_computed}: {error}"
    if exact.margin < NANOMETRE and query.form in (WHICH, ORDER):
        return None, f"{not_computed}: {' and '.join(exact.among)} are equal there"
    return exact, ""


def answered(
    ground: GroundResult,
    objects: tuple[GroundedObject, ...],
    generation: Generation,
    *,
    exact: SpatialAnswer | None,
    consistent: bool | None,
    problem: str,
    timing: Timing,
) -> AskResult:
    """The result of both stages, in the model's words. A canceled second stage keeps what it wrote."""
    reasoning, sentence = split_answer(generation.text)
    code, message = ResultCode.OK, problem
    if generation.finish == CANCELED:
        code, message = (
            ResultCode.CANCELED,
            f"stopped after {len(generation.token_ids)} tokens of the answer",
        )
    elif generation.finish == FULL:
        message = f"the answer was cut off after {len(generation.token_ids)} tokens"
    return AskResult(
        answer=sentence,
        reasoning=reasoning,
        value=exact.value if exact else None,
        unit=exact.unit if exact else "",
        objects=objects,
        relation=exact.relation if exact else "",
        consistent=consistent,
        raw_text=generation.text,
        token_ids=generation.token_ids,
        code=code,
        message=message,
        timing=timing,
        ground=ground,
        computed=exact.answer if exact else "",
        own_answer=sentence,
    )


def computed(ground: GroundResult, exact: SpatialAnswer) -> AskResult:
    """A result without a second stage: what follows from the boxes alone. Of a count its objects are those
    counted.
    """
    about = ground.objects
    if exact.relation in OF_ONE_NAME:
        about = tuple(thing for thing in about if thing.box in exact.evidence)
    return AskResult(
        answer=exact.answer,
        reasoning=exact.reasoning,
        value=exact.value,
        unit=exact.unit,
        objects=about,
        relation=exact.relation,
        consistent=None,
        raw_text="",
        token_ids=(),
        code=ground.code,
        message="; ".join(filter(None, ["computed from the boxes alone", ground.message])),
        timing=ground.timing,
        ground=ground,
        computed=exact.answer,
        is_computed=True,
    )


def confirmed(result: AskResult, exact: SpatialAnswer | None) -> AskResult:
    """A sentence of the model that the geometry does not confirm is no answer: the computed one takes its
    place, and the message says why and quotes the model. Only a question that was understood whole has one.
    """
    if exact is None or result.consistent is True or result.code != ResultCode.OK:
        return result
    why = "contradict them" if result.consistent is False else "cannot be compared with them"
    message = f"computed from the boxes; the model's own words {why}: {result.own_answer!r}"
    return replace(result, answer=exact.answer, reasoning=exact.reasoning, message=message, is_computed=True)


def stage_timing(
    frame: EncodedFrame, is_new: bool, generation: Generation, num_reused: int, began: float, decoded: float
) -> Timing:
    """Times of a first stage; a picture that was already encoded costs nothing."""
    now = time.perf_counter()
    return Timing(
        preprocess_ms=frame.preprocess_ms if is_new else 0.0,
        vision_ms=frame.vision_ms if is_new else 0.0,
        prefill_ms=generation.prefill_ms,
        decode_ms=generation.decode_ms,
        post_ms=(now - decoded) * 1e3,
        total_ms=(now - began) * 1e3,
        num_tokens=len(generation.token_ids),
        num_forward_passes=generation.num_forward_passes,
        num_reused_tokens=num_reused,
        num_drafted_tokens=generation.num_drafted,
        num_accepted_tokens=generation.num_accepted,
    )


def sum_of(timings: Sequence[Timing]) -> Timing:
    """Field by field."""
    return Timing(*(sum(getattr(one, field.name) for one in timings) for field in fields(Timing)))


def total_timing(first: Timing, generation: Generation, num_reused: int, began: float) -> Timing:
    """Times of both stages together."""
    return replace(
        first,
        prefill_ms=first.prefill_ms + generation.prefill_ms,
        decode_ms=first.decode_ms + generation.decode_ms,
        total_ms=(time.perf_counter() - began) * 1e3,
        num_tokens=first.num_tokens + len(generation.token_ids),
        num_forward_passes=first.num_forward_passes + generation.num_forward_passes,
        num_reused_tokens=first.num_reused_tokens + num_reused,
        num_drafted_tokens=first.num_drafted_tokens + generation.num_drafted,
        num_accepted_tokens=first.num_accepted_tokens + generation.num_accepted,
        num_answer_tokens=len(generation.token_ids),
        num_answer_forward_passes=generation.num_forward_passes,
    )
