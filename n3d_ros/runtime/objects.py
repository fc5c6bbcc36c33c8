"""A reply's growing text -> objects in metres, each as soon as its box closes.

In: the text that each token adds, with the token's probability; the scene's scale and the camera. Out:
`GroundedObject`s, and at the end what looked like a box and was none. It does not know models or prompts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from n3d_ros.box_codec import Malformed, ParsedBox, StreamingParser, decode, decode_box
from n3d_ros.boxes import box_2d_px
from n3d_ros.preprocess import ModelInputs
from n3d_ros.runtime.types import GroundedObject

OnBox = Callable[[GroundedObject], None]


class ObjectReader:
    """Collects the objects of one reply; `on_box` hears of each at once."""

    def __init__(self, words: str, inputs: ModelInputs, on_box: OnBox | None = None) -> None:
        self.objects: list[GroundedObject] = []
        self._words, self._inputs, self._on_box = words, inputs, on_box
        self._parser = StreamingParser()
        self._text, self._read_to = "", 0
        self._ends: list[int] = []
        self._probabilities: list[float] = []

    def push(self, chunk: str, probability: float) -> None:
        """Take what one token adds."""
        self._text += chunk
        self._ends.append(len(self._text))
        self._probabilities.append(probability)
        for parsed in self._parser.feed(chunk):
            self._add(parsed)

    def malformed(self) -> tuple[Malformed, ...]:
        """Everything in the text so far that announced a box and holds none that can be used, with the
        reason.
        """
        return decode(self._text, self._inputs.scene, self._inputs.intrinsics).malformed

    def _add(self, parsed: ParsedBox) -> None:
        score = self._score(parsed)
        try:
            box = decode_box(parsed, self._inputs.scene, self._inputs.intrinsics).box
        except ValueError:  # not in front of the camera; `malformed` lists it
            return
        number = self._free_number(parsed.index)
        found = GroundedObject(
            id=f"{number}_{box.label}",
            box=replace(box, score=score),
            box_2d_px=box_2d_px(box, self._inputs.intrinsics),
            words=self._words,
            number=number,
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
        start = max(self._text.find(f"bbox_{parsed.index}=", self._read_to), self._read_to)
        self._read_to = self._text.find(")", start) + 1
        begins = [0, *self._ends[:-1]]
        used = [
            probability
            for begin, end, probability in zip(begins, self._ends, self._probabilities, strict=True)
            if end > start and begin < self._read_to
        ]
        return sum(used) / len(used)
