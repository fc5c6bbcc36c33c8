"""What a benchmark records: scenes, the questions asked about them, and one `BenchSample` per question,
system and repetition.

Data only; times are milliseconds on the process's clock. A stage that a system cannot tell apart from another
is None, never 0.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any

from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.types import Timing

# One name on a new frame; another name on the same frame; one name on a frame whose colour picture came
# before its depth; three boxes and the reasoning about them.
GROUND, AGAIN, EARLY, ASK = "ground", "again", "early", "ask"
QUERIES = (GROUND, AGAIN, EARLY, ASK)
NUM_BOXES_ASKED = 3
STAGES = ("preprocess", "vision", "prefill", "decode", "post", "total")


@dataclass(frozen=True)
class BenchScene:
    """One picture of the simulator: `question` is about three objects, `first` and `second` name one each."""

    seed: int
    observation: Observation
    question: str
    first: str
    second: str

    def fresh(self) -> Observation:
        """The same arrays as an observation that no pipeline has seen."""
        seen = self.observation
        return Observation(rgb=seen.rgb, intrinsics=seen.intrinsics, depth=seen.depth)


@dataclass(frozen=True)
class TextCost:
    """What a reply cost: its tokens, the decoder's passes for them (the prompt's included) and milliseconds
    of decoding after the prompt. `counts`: further counters of `Timing`, such as drafted tokens.
    """

    num_tokens: int
    num_forward_passes: int
    prefill_ms: float
    decode_ms: float
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CpuTimes:
    """Processor time of the whole process, milliseconds: what the clock would show on an idle machine with
    one thread, and so the better figure where others work on the same cores. Until the first text and the
    last box, None where there was none.
    """

    total_ms: float
    first_token_ms: float | None = None
    boxes_ms: float | None = None


@dataclass(frozen=True)
class BenchSample:
    """One question answered once.

    stages: by name of STAGES. box, reasoning: the two texts, None where there was none. first_token_ms,
    first_box_ms, boxes_ms: from the start to the first text, to the first box and to the end of the first
    stage. ids: generated tokens of both stages, without stop tokens.
    """

    system: str
    query: str
    seed: int
    repetition: int
    stages: dict[str, float | None]
    box: TextCost
    reasoning: TextCost | None
    first_token_ms: float | None
    first_box_ms: float | None
    boxes_ms: float
    num_boxes: int
    ids: tuple[tuple[int, ...], ...]
    cpu: CpuTimes

    def to_dict(self) -> dict[str, Any]:
        """For JSON: ids as one checksum."""
        values = asdict(self)
        values["ids"] = hashlib.sha256(repr(self.ids).encode()).hexdigest()[:16]
        return values


def stages_of(timing: Timing) -> dict[str, float | None]:
    """Milliseconds by stage."""
    return {name: float(getattr(timing, f"{name}_ms")) for name in STAGES}


def cost_of(timing: Timing) -> TextCost:
    """The language model's part of one stage."""
    counts = {
        name: value
        for name, value in asdict(timing).items()
        if name.startswith("num_") and isinstance(value, int)
    }
    tokens, passes = counts.pop("num_tokens"), counts.pop("num_forward_passes")
    return TextCost(tokens, passes, timing.prefill_ms, timing.decode_ms, counts)


def cost_between(first: TextCost, both: TextCost) -> TextCost:
    """The second stage's cost, from the first's and that of both."""
    return TextCost(
        both.num_tokens - first.num_tokens,
        both.num_forward_passes - first.num_forward_passes,
        both.prefill_ms - first.prefill_ms,
        both.decode_ms - first.decode_ms,
        {name: value - first.counts.get(name, 0) for name, value in both.counts.items()},
    )
