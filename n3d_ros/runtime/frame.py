"""One observation in the model: prepared and encoded once, and a cache that keeps what its prompts have in
common.

In: an observation, then chat texts about it. Out: the rows of each prompt that still have to run. System text
and picture come first in every prompt, so a second question on the same observation starts after them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from n3d_ros.errors import BadInputError, N3DError, NoDepthError, ResultCode
from n3d_ros.preprocess.pictures import picture_rows
from n3d_ros.preprocess.prepare import ModelInputs, Observation, PreprocessConfig, prepare
from n3d_ros.protocol import prompts
from n3d_ros.runtime.backends.base import AnyBackend, EarlyVision, Rows
from n3d_ros.runtime.backends.positions import prompt_positions
from n3d_ros.runtime.decoding.generate import PromptRows
from n3d_ros.runtime.decoding.text import TextCodec
from n3d_ros.runtime.options import EMPTY_ANSWER_TOKENS, RELEASED_CUTOFF, RIGHT, Options

# Tokens kept per observation, prompt and reply; the release's limit for new tokens alone.
MAX_CONTEXT = 4096


class EarlyPicture:
    """A picture that went through the vision blocks before its depth came. `picture`: its patch rows and
    grid. `early_ms` says what both took.
    """

    def __init__(self, vision: EarlyVision, rgb: npt.NDArray[np.uint8], config: PreprocessConfig) -> None:
        began = time.perf_counter()
        self._vision, self._rgb = vision, rgb if _is_constant(rgb) else rgb.copy()
        try:
            self.picture = picture_rows(self._rgb, config.long_side_px, config.layout, config.picture)
        except ValueError as error:
            raise BadInputError(str(error)) from error
        self._blocks = vision.encode_blocks(*self.picture)
        self.early_ms = (time.perf_counter() - began) * 1e3

    def shows(self, rgb: npt.NDArray[np.uint8]) -> bool:
        """Whether it is this picture: the same bytes that nobody can change, or compared whole, since a
        camera may reuse its buffers.
        """
        places = [(one.ctypes.data, one.shape, one.strides) for one in (self._rgb, rgb)]
        is_same = places[0] == places[1] and _is_constant(rgb)
        return is_same or np.array_equal(self._rgb, rgb)

    def finish(self, inputs: ModelInputs) -> Rows:
        """The image tokens, now that depth is there."""
        return self._vision.finish(self._blocks, inputs)


class EncodedFrame:
    """`observation` and its encoded picture. `preprocess_ms` and `vision_ms` say what that took, without what
    ran early.
    """

    def __init__(
        self,
        backend: AnyBackend,
        codec: TextCodec,
        observation: Observation,
        options: Options = RIGHT,
        early: EarlyPicture | None = None,
        should_cancel: Callable[[], bool] | None = None,
    ) -> None:
        """should_cancel: asked between preparing and encoding; True ends it with CANCELED."""
        self.observation = observation
        self._backend, self._codec, self._options = backend, codec, options
        began = time.perf_counter()
        try:
            config = replace(backend.config.preprocess(), point_map_reshape=options.point_map_reshape)
            self.inputs = prepare(observation, config, early.picture if early else None)
        except ValueError as error:
            raise (BadInputError if has_depth(observation) else NoDepthError)(str(error)) from error
        prepared = time.perf_counter()
        if should_cancel is not None and should_cancel():
            raise N3DError(ResultCode.CANCELED, "stopped before the picture was encoded")
        self._image = backend.encode_image(self.inputs) if early is None else early.finish(self.inputs)
        self.preprocess_ms, self.vision_ms = (prepared - began) * 1e3, (time.perf_counter() - prepared) * 1e3
        self.cache = backend.new_cache(min(backend.config.text.max_positions, MAX_CONTEXT))
        self._prompt: list[int] = []
        self._held: list[int] = []

    def prompt_ids(self, text: str) -> tuple[list[int], int]:
        """Token ids of a chat text with one pad per image token, and where the picture begins."""
        pad = self._backend.config.image_token_id
        ids = self._codec.encode(text)
        if ids.count(pad) != 1:
            raise BadInputError(f"prompt: expected one picture, got {ids.count(pad)}")
        start = ids.index(pad)
        ids[start : start + 1] = [pad] * len(self._image)
        return self._fitted(ids, start + len(self._image)), start

    def _fitted(self, ids: list[int], end_of_picture: int) -> list[int]:
        """`ids` if they leave room for a reply; else BadInputError, or what the release leaves of them."""
        cuts = self._options.prompt_overflow == "cut_end"
        limit, reply = (RELEASED_CUTOFF, EMPTY_ANSWER_TOKENS) if cuts else (self.cache.capacity, 1)
        config = prompts.PromptConfig(prompt_overflow=self._options.prompt_overflow)
        try:
            kept = prompts.fit_prompt(ids, min(limit, self.cache.capacity), config, reply)
        except ValueError as error:
            raise BadInputError(str(error)) from error
        if len(kept) < end_of_picture:
            raise BadInputError(f"prompt: expected room for its picture, cut to {len(kept)} tokens")
        return kept

    @property
    def prompt(self) -> list[int]:
        """Token ids of the last prompt."""
        return self._prompt

    def prompt_rows(self, text: str) -> tuple[PromptRows, int, int]:
        """What still has to run of `text`, how many of its tokens the cache already holds, and the room left
        for a reply.
        """
        ids, start = self.prompt_ids(text)
        num_held = min(common_length(self._held, ids), len(ids) - 1)
        self.cache.truncate(num_held)
        self._prompt, self._held = ids, ids[:num_held]
        merge = self._backend.config.vision.merge
        merged_hw = (self.inputs.grid_hw[0] // merge, self.inputs.grid_hw[1] // merge)
        end = start + len(self._image)
        positions = prompt_positions(start, merged_hw, len(ids) - end)
        pieces = [self._backend.embed(ids[num_held:start])] if num_held < start else []
        pieces += [self._image[max(num_held - start, 0) :]] if num_held < end else []
        pieces += [self._backend.embed(ids[max(num_held, end) :])]
        rows = PromptRows(np.concatenate(pieces), positions[:, num_held:], int(positions.max()) + 1)
        return rows, num_held, self.cache.capacity - len(ids)

    def forget(self) -> None:
        """Let the next prompt run whole."""
        self._held = []

    def remember(self) -> None:
        """Note how much of the last prompt has run; until then only its shared beginning counts."""
        self._held = self._prompt[: self.cache.length]


def _is_constant(array: npt.NDArray[np.uint8]) -> bool:
    """Whether it is a view of bytes, as a message's pixels are."""
    owner: object = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return isinstance(owner.obj if isinstance(owner, memoryview) else owner, bytes)


def common_length(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens two sequences share at their beginning."""
    for count, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return count
    return min(len(a), len(b))


def has_depth(observation: Observation) -> bool:
    """Whether any pixel holds a depth measurement."""
    if observation.point_map is not None:
        return bool(np.isfinite(observation.point_map).all(axis=-1).any())
    depth = observation.depth
    return depth is not None and bool((np.isfinite(depth) & (depth > 0)).any())
