"""A reply's growing text -> objects in metres, each as soon as its box closes.

In: the text that each token adds, with the token's probability; the scene's scale and the camera. Out:
`GroundedObject`s, and at the end what looked like a box and was none. It does not know models or prompts.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace

from n3d_ros.boxes import Box3D, box_2d_px, iou_3d
from n3d_ros.preprocess.prepare import ModelInputs
from n3d_ros.protocol.box_codec import (
    CodecConfig,
    Malformed,
    ParsedBox,
    SceneScale,
    StreamingParser,
    decode,
    decode_box,
)
from n3d_ros.protocol.box_text import BOX_NAME, FIRST_BOX
from n3d_ros.runtime.limits import DEFAULT, Limits
from n3d_ros.runtime.options import RIGHT, Options
from n3d_ros.runtime.types import GroundedObject

# Reads bins as if they were metres and shares of the picture: what quirk W3 does.
AS_WRITTEN = (SceneScale(1.0, (0.0, 0.0, 0.0)), CodecConfig(1.0, 1.0, 1, 1.0))

# Two boxes of one name that share this much of their space are one thing, which the model wrote twice: of
# equal boxes those whose centres are less than a third of their width apart. Things side by side share none.
SAME_PLACE_IOU = 0.5
# Probabilities nearer to 0 or 1 are what float32 makes of them.
LEAST_SHARE = 1e-6

_log = logging.getLogger(__name__)


class ObjectReader:
    """Collects the objects of one reply; `on_box` hears of each at once. `repeated`: boxes left out, since an
    object of their name is there.

    Of `options` box_index_rule: 'any_index', or 'upstream': nothing counts before a box is numbered 0, and
    where none is, the bins are read as metres at the end (quirk W3); repeated numbers stay as they are.
    repeated_boxes: 'once', or 'upstream', which leaves none out.
    """

    def __init__(
        self,
        words: str,
        inputs: ModelInputs,
        on_box: Callable[[GroundedObject], None] | None = None,
        options: Options = RIGHT,
        limits: Limits = DEFAULT,
    ) -> None:
        self.objects: list[GroundedObject] = []
        self.repeated: list[Box3D] = []
        self._words, self._inputs, self._on_box, self._limits = words, inputs, on_box, limits
        self._is_upstream = options.box_index_rule == "upstream"
        self._once = options.repeated_boxes == "once"
        self._units = (inputs.scene, CodecConfig())
        self._parser = StreamingParser(limits.max_label_chars)
        self._waiting: list[tuple[ParsedBox, float]] = []
        self._text = ""
        self._ends: list[int] = []
        self._probabilities: list[float] = []

    def push(self, chunk: str, probability: float) -> None:
        """Take what one token adds."""
        self._text += chunk
        self._ends.append(len(self._text))
        self._probabilities.append(probability)
        self._waiting += [(parsed, self._score(parsed)) for parsed in self._parser.feed(chunk)]
        if not self._is_upstream or FIRST_BOX in self._text:
            self._add_waiting()

    def finish(self) -> None:
        """Take it that the reply has ended."""
        if self._waiting:
            _log.warning("no box is numbered 0: the release reads their bins as metres")
            self._units = AS_WRITTEN
            self._add_waiting()

    @property
    def log_odds(self) -> float | None:
        """How sure the model was that there is anything: log of the first token's probability over all
        others', negative where it began no box. None before a token.
        """
        if not self._probabilities:
            return None
        p = min(max(self._probabilities[0], LEAST_SHARE), 1 - LEAST_SHARE)
        odds = math.log(p / (1 - p))
        return odds if self._text.startswith(BOX_NAME) else -odds

    def malformed(self) -> tuple[Malformed, ...]:
        """Everything in the text so far that announced a box and holds none that can be used, with the
        reason.
        """
        scene, config = self._units
        camera, most = self._inputs.intrinsics, self._limits.max_label_chars
        return decode(self._text, scene, camera, config, max_label_chars=most).malformed

    def _add_waiting(self) -> None:
        for parsed, score in self._waiting:
            self._add(parsed, score)
        self._waiting.clear()

    def _add(self, parsed: ParsedBox, score: float) -> None:
        scene, config = self._units
        try:
            decoded = decode_box(parsed, scene, self._inputs.intrinsics, config)
        except ValueError:  # not in front of the camera; `malformed` lists it
            return
        if self._once and any(is_repeated(decoded.box, thing.box) for thing in self.objects):
            self.repeated.append(decoded.box)
            return
        number = parsed.index if self._is_upstream else self._free_number(parsed.index)
        found = GroundedObject(
            id=f"{number}_{decoded.box.label}",
            box=replace(decoded.box, score=score),
            box_2d_px=box_2d_px(decoded.box, self._inputs.intrinsics),
            words=self._words,
            number=number,
            uv=decoded.uv,
        )
        self.objects.append(found)
        if self._on_box is not None:
            self._on_box(found)

    def _free_number(self, written: int) -> int:
        """The model's own number, or the next free one where it repeats itself."""
        taken = {thing.number for thing in self.objects}
        return max(taken) + 1 if written in taken else written

    def _score(self, parsed: ParsedBox) -> float:
        """Mean probability of the tokens that wrote this box."""
        box_begin, box_end = parsed.span
        begins = [0, *self._ends[:-1]]
        used = [
            probability
            for begin, end, probability in zip(begins, self._ends, self._probabilities, strict=True)
            if end > box_begin and begin < box_end
        ]
        return sum(used) / len(used)


def is_repeated(box: Box3D, earlier: Box3D) -> bool:
    """Whether `box` is the object of `earlier` once more."""
    return box.label.casefold() == earlier.label.casefold() and iou_3d(box, earlier) >= SAME_PLACE_IOU
