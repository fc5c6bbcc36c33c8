"""How a forward pass is laid onto an engine: profile, cached rows, where the new ones go, what is masked.

In: numbers of tokens. Out: numbers and one mask. Pure functions, so that everything but the GPU's own work is
tested without one. Row 0 of every cache buffer is a dummy that is never seen: a graph without any past is
unproven on TensorRT (docs/specification/engines.md 8).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from n3d_ros.errors import BadInputError
from n3d_ros.runtime.backends.positions import MASKED, causal_bias
from n3d_ros.runtime.backends.trt.shapes import DECODE, PREFILL, EngineShapes

DUMMY_ROWS = 1
# A captured graph serves one number of cached rows; rounding up to this makes one serve 512 steps.
BUCKET = 512


@dataclass(frozen=True)
class Chunk:
    """Tokens start..stop of one call, and which of its wanted rows they hold: `rows` counted from `start`."""

    start: int
    stop: int
    rows: tuple[int, ...]


@dataclass(frozen=True)
class PassPlan:
    """One pass of `num_new` tokens.

    profile: PREFILL or DECODE. num_past: rows bound as past_kv, `length` of them real. first_row: of the
    buffer for the new rows. staged: they go through a buffer of their own (fixed addresses, for captured
    graphs) instead of directly there.
    """

    profile: int
    num_new: int
    num_past: int
    length: int
    first_row: int
    staged: bool


def capacity_within(capacity: int, shapes: EngineShapes) -> int:
    """What of the wanted capacity the engine's profiles hold."""
    return max(min(capacity, shapes.context - DUMMY_ROWS), 0)


def check_picture(num_windows: int, num_tokens: int, shapes: EngineShapes) -> None:
    """BadInputError when a picture is larger than the engine's profile."""
    if num_windows > shapes.windows or num_tokens > shapes.image_tokens:
        raise BadInputError(
            f"picture: expected at most {shapes.windows} windows and {shapes.image_tokens} tokens for this "
            f"engine, got {num_windows} and {num_tokens}; make the picture smaller, or raise long_side_px in "
            "the model's config.json and `n3d export` and `n3d build` it again"
        )


def chunks(num_new: int, wanted: npt.NDArray[np.int64], shapes: EngineShapes) -> list[Chunk]:
    """Cut a pass to what the profiles hold: `prompt` tokens, and no more wanted rows than `draft`."""
    if len(wanted) == 0 or int(wanted.min()) < 0 or int(wanted.max()) >= num_new:
        raise ValueError(f"logit rows: expected some of 0 to {num_new - 1}, got {wanted.tolist()}")
    size = shapes.prompt if len(wanted) <= shapes.draft else min(shapes.draft, shapes.prompt)
    result = []
    for start in range(0, num_new, size):
        stop = min(start + size, num_new)
        rows = sorted({int(row) - start for row in wanted if start <= row < stop})
        result.append(Chunk(start, stop, tuple(rows)))
    return result


def plan_pass(length: int, num_new: int, shapes: EngineShapes, fixed: bool) -> PassPlan:
    """fixed: keep addresses and shapes of decode passes the same over many steps."""
    num_past = DUMMY_ROWS + length
    decode = num_new <= shapes.draft
    if not (fixed and decode):
        return PassPlan(DECODE if decode else PREFILL, num_new, num_past, length, num_past, False)
    bucket = min(-(-num_past // BUCKET) * BUCKET, shapes.context)
    return PassPlan(DECODE, num_new, bucket, length, num_past, True)


def pass_bias(plan: PassPlan) -> npt.NDArray[np.float32]:
    """(T, S+T): causal over what is real, the dummy row and unused rows masked."""
    bias = causal_bias(plan.num_new, plan.num_past)
    bias[:, :DUMMY_ROWS] = MASKED
    bias[:, DUMMY_ROWS + plan.length : plan.num_past] = MASKED
    return bias


def buffer_rows(capacity: int, shapes: EngineShapes) -> int:
    """Rows of a cache buffer: whole buckets may be bound, and a pass may end behind the last token."""
    used = DUMMY_ROWS + capacity
    return max(used, min(-(-used // BUCKET) * BUCKET, shapes.context))
