"""What the pipeline returns, and who hears of it before that. Data only: no model, no ROS, no engine runtime.

Boxes are in the ROS optical frame of the picture they were found in, metres; times are milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from n3d_ros.boxes import Box3D, Rectangle
from n3d_ros.errors import ResultCode
from n3d_ros.protocol.box_codec import Malformed


@dataclass(frozen=True)
class GroundedObject:
    """One found object. `id` is unique in its result and what a question may call it: `number`, '_', label
    ('0_red mug').

    `box.score` is the mean probability of the box's tokens, 0..1. `box_2d_px`: (x_min, y_min, x_max, y_max)
    around the visible part in the original picture, None when nothing of the box lies in it. `words`: what
    was asked for.
    """

    id: str
    box: Box3D
    box_2d_px: Rectangle | None
    words: str
    number: int = 0
    # Centre as the model wrote it, shares of the picture's width and height; None when it is not known.
    uv: tuple[float, float] | None = None


OnBox = Callable[[GroundedObject], None]


@dataclass(frozen=True)
class Listener:
    """Who hears of a reply while it is written, in the caller's thread, between tokens.

    on_text: each new piece of text. on_box: each object, as soon as its box closes. should_cancel: asked
    before the prompt and after every token; True ends the reply.
    """

    on_text: Callable[[str], None] | None = None
    on_box: OnBox | None = None
    should_cancel: Callable[[], bool] | None = None


SILENT = Listener()


@dataclass(frozen=True)
class Timing:
    """Milliseconds per stage, and what the language model did for them.

    `num_tokens` counts generated tokens, `num_forward_passes` calls of the decoder (prefills included),
    `num_reused_tokens` prompt tokens whose keys and values were still there from an earlier question on the
    same observation. Of `num_drafted_tokens` guesses that rode along with passes the model wrote
    `num_accepted_tokens`. The `num_answer_` counts are the second stage's part; the rest is box text.
    """

    preprocess_ms: float = 0.0
    vision_ms: float = 0.0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    post_ms: float = 0.0
    total_ms: float = 0.0
    num_tokens: int = 0
    num_forward_passes: int = 0
    num_reused_tokens: int = 0
    num_drafted_tokens: int = 0
    num_accepted_tokens: int = 0
    num_answer_tokens: int = 0
    num_answer_forward_passes: int = 0

    def to_dict(self) -> dict[str, float]:
        """Milliseconds by stage name, without the counts."""
        names = ("preprocess", "vision", "prefill", "decode", "post", "total")
        return {name: round(getattr(self, f"{name}_ms"), 3) for name in names}


@dataclass(frozen=True)
class GroundResult:
    """Everything found for `words`, in the model's order, in metres and the picture's optical frame (x right,
    y down, z forward); objects already found stay when a request is canceled.

    `code` is OK also when nothing was found (`message` says so), PARSE when the model wrote only broken
    boxes, CANCELED. `malformed` are texts that announced a box and hold none. `is_cut`: the reply ended at a
    limit of tokens, and more may be there. `valid_ratio`: share of depth
    pixels with a measurement. `stamp_ns` and `frame_id` are the observation's; `depth_is_estimated`: its
    depth was guessed from the picture by a depth model, so every metre here is a guess too.
    """

    objects: tuple[GroundedObject, ...]
    raw_text: str
    token_ids: tuple[int, ...]
    malformed: tuple[Malformed, ...]
    code: ResultCode
    message: str
    timing: Timing
    words: str
    valid_ratio: float
    stamp_ns: int = 0
    frame_id: str = ""
    depth_is_estimated: bool = False
    is_cut: bool = False


@dataclass(frozen=True)
class AskResult:
    """An answer with its evidence.

    `objects` are those it is about. `value`, `unit` and `relation` are computed from them (None and empty
    where the question was not understood whole, or a name means no box or several: `message` says why);
    `consistent` says whether the model's sentence agrees with them, None where that cannot be told. Both
    sentences are here: `own_answer` by the model, `computed` from the boxes. `answer` and `reasoning` are the
    model's where they agree or nothing can be computed; else, with `is_computed`, the computed ones, and
    `message` says why and quotes the model. `ground` is the first stage.
    """

    answer: str
    reasoning: str
    value: float | None
    unit: str
    objects: tuple[GroundedObject, ...]
    relation: str
    consistent: bool | None
    raw_text: str
    token_ids: tuple[int, ...]
    code: ResultCode
    message: str
    timing: Timing
    ground: GroundResult
    # The exact answer's own sentence, empty where there is none.
    computed: str = field(default="")
    # The model's own sentence, empty where it wrote none.
    own_answer: str = ""
    # Is `answer` the computed sentence, because the model's was not confirmed?
    is_computed: bool = False

    @property
    def depth_is_estimated(self) -> bool:
        """See `GroundResult`."""
        return self.ground.depth_is_estimated

    @property
    def valid_ratio(self) -> float:
        """See `GroundResult`."""
        return self.ground.valid_ratio
