"""A turn about a picture -> token ids and what is learned of them; a picture -> the model's inputs.

In: `Turn`s and `Question`s. Out: `Example`s and `ModelInputs`, by the robot's own preprocessing and
tokenizer. Only the reply is learned. It does not know how examples share a row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from n3d_ros.geometry import SceneScale
from n3d_ros.preprocess.pictures import long_side_size, processor_size
from n3d_ros.preprocess.prepare import ModelInputs, PreprocessConfig, prepare
from n3d_ros.protocol.prompts import IMAGE_PAD
from n3d_ros.runtime.backends.positions import prompt_positions
from n3d_ros.runtime.decoding.text import TextCodec
from n3d_ros.runtime.request import known_text
from n3d_ros.training.finetune.configs import AS_IN_PAPER, NONE, Ablation
from n3d_ros.training.finetune.turns import Turn, reply_text
from n3d_ros.training.qa.records import PictureRef, Question
from n3d_ros.training.qa.sets import load_observation

IntArray = npt.NDArray[np.int64]
# Which picture: its id and the rectangles drawn on it.
PictureKey = tuple[str, tuple[tuple[float, ...], ...]]


@dataclass(frozen=True)
class Example:
    """ids: (T,) int64, prompt and reply, one pad per image token. num_prompt: of them, the prompt's.
    positions: (3, T) int64 time, height and width (docs/specification/model.md 6). has_picture: False for
    text alone.
    """

    ids: IntArray
    num_prompt: int
    positions: IntArray
    has_picture: bool = True

    def __len__(self) -> int:
        return len(self.ids)


class ExampleMaker:
    """Makes examples for one tokenizer, one model's preprocessing and one ablation.

    root: where the pictures' relative paths start.
    """

    def __init__(
        self,
        codec: TextCodec,
        preprocess: PreprocessConfig,
        ablation: Ablation = AS_IN_PAPER,
        root: Path = Path(),
    ) -> None:
        self.codec, self.preprocess, self.ablation, self.root = codec, preprocess, ablation, root
        self.pad = codec.encode(IMAGE_PAD)[0]

    def spelled(self, question: Question) -> Question:
        """The question in the spelling in which the robot asks it. BadInputError for words that the tokenizer
        does not know.
        """
        return replace(question, text=known_text(self.codec, question.text))

    def planned_length(self, turn: Turn, picture: PictureRef) -> int:
        """Tokens of the example, at most: its boxes may come out shorter. The picture is not read.

        ValueError for words that the tokenizer does not know and for a picture too narrow for the model.
        """
        texts = (turn.prompt, reply_text(turn, None, self.ablation))
        ids = [self.codec.encode(text) for text in texts]
        if any(self.codec.unknown_id in part for part in ids):
            unknown = [word for text in texts for word in self.codec.unknown_words(text)]
            raise ValueError(f"expected words that the tokenizer knows, got {', '.join(map(repr, unknown))}")
        return sum(map(len, ids)) - 1 + self.num_image_tokens(picture.width, picture.height)

    def num_image_tokens(self, width: int, height: int) -> int:
        """Of a picture of that size, px."""
        factor = self.preprocess.layout.factor
        first = long_side_size(width, height, self.preprocess.long_side_px)
        columns, rows = processor_size(*first, factor, self.preprocess.picture)
        return columns * rows // factor**2

    def picture(self, question: Question) -> ModelInputs:
        """The picture of a question as the robot prepares it. OSError or ValueError that names the file.

        Without depth every patch has the same code, and boxes are written on a scale of `unit_m` metres whose
        corner lies that far left and below.
        """
        seen = load_observation(question.picture, question.drawn_px, self.root)
        inputs = prepare(seen, self.preprocess)
        if self.ablation.depth != NONE:
            return inputs
        scene = scale_without_depth(self.ablation.unit_m)
        return replace(inputs, coords=np.zeros_like(inputs.coords), scene=scene)

    def example(self, turn: Turn, inputs: ModelInputs) -> Example:
        """A turn about that picture, as ids."""
        reply = self.codec.encode(reply_text(turn, inputs, self.ablation))
        merge = self.preprocess.merge_size
        merged_hw = (inputs.grid_hw[0] // merge, inputs.grid_hw[1] // merge)
        return build_example(self.codec.encode(turn.prompt), reply, self.pad, merged_hw)


def scale_without_depth(unit_m: float) -> SceneScale:
    """The scale on which boxes are written where no depth gives one."""
    return SceneScale(1 / unit_m, (-unit_m, -unit_m, 0.0))


def build_example(
    prompt: list[int], reply: list[int], pad: int, merged_hw: tuple[int, int] | None
) -> Example:
    """Prompt and reply with one pad per image token of a picture of `merged_hw` tokens, None for text alone.

    ValueError unless the prompt has one place for the picture, or none for text alone.
    """
    expected = 0 if merged_hw is None else 1
    if prompt.count(pad) != expected:
        raise ValueError(f"prompt: expected {expected} pictures, got {prompt.count(pad)}")
    ids = [*prompt, *reply]
    if merged_hw is None:
        positions = np.tile(np.arange(len(ids)), (3, 1))
        return Example(np.array(ids), len(prompt), positions, has_picture=False)
    start, count = prompt.index(pad), merged_hw[0] * merged_hw[1]
    full = [*ids[:start], *[pad] * count, *ids[start + 1 :]]
    positions = prompt_positions(start, merged_hw, len(full) - start - count)
    return Example(np.array(full), len(prompt) + count - 1, positions)
