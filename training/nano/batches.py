"""Shards of views -> batches for one training step.

Every picture is encoded once for several questions: a row of the language model is [chat frame +
picture][question 1 + answer]
[question 2 + answer]..., where each question sees the picture and itself but no other question, at the
positions it
would have if it were alone. So a batch costs little more than its pictures, and the model sees exactly the
robot's sequences.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from n3d_ros.preprocess.pictures import PatchLayout, patch_rows
from n3d_ros.preprocess.point_code import PointEncodingConfig, round_coordinates
from n3d_ros.protocol import prompts
from n3d_ros.training.nano.labels import IGNORE, Labeller, Segment
from n3d_ros.training.nano.shards import ViewShards, view_objects
from n3d_ros.training.nano.tokenizer import token_id
from n3d_ros.training.nano.views import COLOR_NAMES, MAX_OBJECTS, MERGED_PX, NANO_KINDS, PATCH_PX, Record
from n3d_ros.training.questions import (
    ViewObjects,
    drill_sample,
    reason_sample,
    sample_questions,
    volume_sample,
)


@dataclass
class Batch:
    """B pictures, rows of T tokens. Number targets are box numbers 0..999, trained with a soft target."""

    # (B * N, 1176) float32, patches in merge-group order
    pixel_values: Tensor
    # (B * N, 3) float32, rounded point coordinates, raster order
    coords: Tensor
    # (B, 3) int64
    grid_thw: Tensor
    # (B, cells) int64, object in each merged cell, -1 for none
    cells: Tensor
    # (B, MAX_OBJECTS) int64, -1 where there is no object; `color` alike
    kind: Tensor
    color: Tensor
    # (B, MAX_OBJECTS, 6) int64: u, v, z, sx, sy, sz
    bins: Tensor
    # (B, T) int64
    ids: Tensor
    # (B, T) int64: token after each position where it is to be learned, else IGNORE
    labels: Tensor
    # (B, T) bool: the label is a box number with a soft target; `is_sum`: a decimal that the answer computes
    is_number: Tensor
    is_sum: Tensor
    # (B, T) bool: the label says whether there is anything, or anything more, to be found
    is_verdict: Tensor
    # (B, T) bool: the label follows from comparing what was written before
    is_choice: Tensor
    # (B, T) int64: object whose numbers are being written, -1 elsewhere
    looked_at: Tensor
    # (B, T) int64: what the label quotes from its question (`labels.Segment`), -1 elsewhere
    copied: Tensor
    # (B, T) int64: what the token itself is that may be quoted, -1 elsewhere
    quotable: Tensor
    # (B, T) int64: index in the row of the word that the label repeats as the owner of a value, -1 elsewhere
    owner: Tensor
    # (B, T) int64: index in the row of the value that the token stands behind as its owner, -1 elsewhere
    value: Tensor
    # (B, T) int64: 0 for the shared part, n for the n-th question, -1 for padding
    segment: Tensor
    # (3, B, T) int64
    positions: Tensor
    # per row, first and last + 1 token of the shared part and of each question
    spans: list[list[tuple[int, int]]]
    image_start: int

    @property
    def is_named(self) -> Tensor:
        """(B, T) bool: the label begins an object's box or names it (or is its angle, which is always 0)."""
        return (self.looked_at >= 0) & ~self.is_number

    def to(self, device: torch.device) -> "Batch":
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        moved: dict[str, Any] = {k: v.to(device, non_blocking=True) for k, v in tensors.items()}
        return replace(self, **moved)


class Packer:
    """Turns views into batches for one tokenizer. What is asked for in vain is one of `kinds`.

    row_step: rows are padded to a multiple of it: memory that one step leaves then fits the next one.
    """

    row_step = 64

    def __init__(
        self,
        tokenizer: Tokenizer,
        encoding: PointEncodingConfig,
        rng: np.random.Generator,
        questions_per_view: int = 6,
        reason_share: float = 0.0,
        reasons_per_view: int = 4,
        drills_per_view: int = 0,
        volumes_per_view: int = 0,
        kinds: Sequence[str] = NANO_KINDS,
    ) -> None:
        self.labeller, self.encoding, self.rng = Labeller(tokenizer), encoding, rng
        self.questions_per_view, self.reasons_per_view = questions_per_view, reasons_per_view
        self.drills_per_view, self.volumes_per_view = drills_per_view, volumes_per_view
        self.kinds = tuple(kinds)
        self.reason_share, self.augment = reason_share, Augment(rng)
        head = prompts.ground_prompt(prompts.ground_question("thing")).split(prompts.IMAGE_PAD)[0]
        self.head = tokenizer.encode(head, add_special_tokens=False).ids
        self.pad = token_id(tokenizer, prompts.IMAGE_PAD)

    def batch(self, views: list[Record], with_text: bool = True) -> Batch:
        """One batch of `views`; without text the rows hold the picture only."""
        objects = [self._objects(view) for view in views]
        with_reasoning = self.rng.random() < self.reason_share
        segments = [self._segments(o, with_reasoning) if with_text else [] for o, _ in objects]
        height, width = views[0]["rgb"].shape[:2]
        return Batch(
            pixel_values=torch.from_numpy(
                np.concatenate([patch_rows(self.augment(v["rgb"]), PatchLayout())[0] for v in views])
            ),
            coords=torch.from_numpy(np.concatenate([self._coords(view) for view in views])),
            grid_thw=torch.tensor([[1, height // PATCH_PX, width // PATCH_PX]] * len(views)),
            cells=torch.from_numpy(np.stack([v["cells"] for v in views]).astype(np.int64)),
            kind=torch.from_numpy(np.stack([v["kind"] for v in views]).astype(np.int64)),
            color=torch.from_numpy(np.stack([v["color"] for v in views]).astype(np.int64)),
            bins=torch.from_numpy(np.stack([_pad_rows(b) for _, b in objects])),
            image_start=len(self.head),
            **self._rows(segments, (height // MERGED_PX, width // MERGED_PX)),
        )

    def _objects(self, view: Record) -> tuple[ViewObjects, np.ndarray]:
        """What may be asked about a view, and the bins that its dense loss learns."""
        return view_objects(view)

    def _coords(self, view: Record) -> np.ndarray:
        """(N, 3) float32 rounded point coordinates of a view's patches."""
        return round_coordinates(view["pooled"], self.encoding)

    def _segments(self, objects: ViewObjects, with_reasoning: bool) -> list[Segment]:
        count = self.questions_per_view // 2 if with_reasoning else self.questions_per_view
        samples = sample_questions(objects, self.rng, count, (COLOR_NAMES, self.kinds))
        unique = objects.unique()
        if with_reasoning and unique:
            samples += [reason_sample(objects, unique, self.rng) for _ in range(self.reasons_per_view)]
        if with_reasoning and len(unique) > 1:
            samples += [drill_sample(objects, unique, self.rng) for _ in range(self.drills_per_view)]
            samples += [volume_sample(objects, unique, self.rng) for _ in range(self.volumes_per_view)]
        return [self.labeller.segment(sample) for sample in samples]

    def _rows(self, segments: list[list[Segment]], cells: tuple[int, int]) -> dict[str, Any]:
        """Shared head and picture of `cells` (rows, columns), then the segments one after the other, padded
        to the longest row.
        """
        shared = [*self.head, *[self.pad] * (cells[0] * cells[1])]
        longest = len(shared) + max(sum(len(s.ids) for s in row) for row in segments)
        size = (len(segments), -(-longest // self.row_step) * self.row_step if any(segments) else longest)
        out = {
            "ids": np.full(size, self.pad),
            "labels": np.full(size, IGNORE),
            "is_number": np.zeros(size, bool),
            "is_sum": np.zeros(size, bool),
            "is_verdict": np.zeros(size, bool),
            "is_choice": np.zeros(size, bool),
            "looked_at": np.full(size, -1),
            "copied": np.full(size, -1),
            "quotable": np.full(size, -1),
            "owner": np.full(size, -1),
            "value": np.full(size, -1),
            "segment": np.full(size, -1),
        }
        positions = np.zeros((3, *size), np.int64)
        head_positions, text_start = shared_positions(len(self.head), cells)
        spans = [[(0, len(shared))] for _ in segments]
        for b, row in enumerate(segments):
            out["ids"][b, : len(shared)], out["segment"][b, : len(shared)] = shared, 0
            positions[:, b, : len(shared)] = head_positions
            at = len(shared)
            for n, segment in enumerate(row, start=1):
                span = slice(at, at + len(segment.ids))
                spans[b].append((span.start, span.stop))
                out["ids"][b, span], out["labels"][b, span], out["segment"][b, span] = (
                    segment.ids,
                    segment.labels,
                    n,
                )
                out["is_number"][b, span], out["looked_at"][b, span] = segment.is_number, segment.looked_at
                out["is_sum"][b, span], out["copied"][b, span] = segment.is_sum, segment.copied
                out["is_verdict"][b, span], out["is_choice"][b, span] = segment.is_verdict, segment.is_choice
                out["quotable"][b, span] = segment.quotable
                for key, places in (("owner", segment.owner), ("value", segment.value)):
                    out[key][b, span] = [place + at if place >= 0 else -1 for place in places]
                positions[:, b, span] = text_start + np.arange(len(segment.ids))
                at = span.stop
        return {key: torch.from_numpy(value) for key, value in out.items()} | {
            "positions": torch.from_numpy(positions),
            "spans": spans,
        }


def shared_positions(head_length: int, cells: tuple[int, int]) -> tuple[np.ndarray, int]:
    """M-RoPE positions (3, head + rows * columns) of the shared part and the position at which text goes on
    (docs/specification/model.md 6), of a picture of `cells` (rows, columns).
    """
    rows, cols = cells
    row, col = np.divmod(np.arange(rows * cols), cols)
    text = np.tile(np.arange(head_length), (3, 1))
    image = head_length + np.stack([np.zeros_like(row), row, col])
    return np.concatenate([text, image], axis=1), head_length + max(rows, cols)


def _pad_rows(bins: np.ndarray) -> np.ndarray:
    out = np.zeros((MAX_OBJECTS, bins.shape[1]), np.int64)
    out[: len(bins)] = bins
    return out


class Augment:
    """Brightness, contrast, a colour cast and sensor noise; never so strong that a colour would change its
    name.

    Grey levels go through one table per channel and noise comes from a bank, so a picture costs about a
    millisecond.
    """

    def __init__(self, rng: np.random.Generator, num_fields: int = 8) -> None:
        self.rng = rng
        self.num_fields = num_fields
        self.noise = np.empty((num_fields, 0, 0, 3), np.float32)

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        rng = self.rng
        gain, offset = rng.uniform(0.8, 1.2) * rng.uniform(0.95, 1.05, 3), rng.uniform(-12, 12)
        table = (np.arange(256)[:, None] * gain + offset).astype(np.int16)
        if self.noise.shape[1:] != rgb.shape:
            self.noise = rng.standard_normal((self.num_fields, *rgb.shape), dtype=np.float32)
        noise = self.noise[rng.integers(len(self.noise))] * np.float32(rng.uniform(0, 6))
        noise = np.roll(noise.astype(np.int16), int(rng.integers(len(rgb))), axis=0)
        picture = np.stack([table[rgb[..., c], c] for c in range(3)], axis=-1) + noise
        seen: np.ndarray = np.clip(picture, 0, 255).astype(np.uint8)
        return seen


def batches(shards: ViewShards, packer: Packer, size: int, with_text: bool) -> Iterator[Batch]:
    """Endless batches in random order, taking in new shards as they are written. ValueError where there are
    fewer views than one takes.
    """
    while True:
        shards.refresh()
        if len(shards) < size:
            raise ValueError(f"{shards.folder}: expected at least {size} views, got {len(shards)}")
        order = packer.rng.permutation(len(shards))
        for start in range(0, len(order) - size + 1, size):
            yield packer.batch([shards.view(int(i)) for i in order[start : start + size]], with_text)
