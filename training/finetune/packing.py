"""Examples -> one row of the language model, in which none sees another.

In: `Example`s and the inputs of their pictures. Out: the tensors of one forward pass. It does not know
questions, files or training.

Positions decide what attends to what. transformers takes four rows of them: the first counts from 0 in each
example and cuts the row into examples, the others are the rotary positions of time, height and width, as
each example would have them alone. Counting on across the row, or three rows alone, trains without an error
and on something else (NVIDIA-NeMo/Automodel issue 3113). So does leaving the cache on: with one, transformers
does not look for examples in a row. A test holds packed and unpacked losses together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from n3d_ros.preprocess.prepare import ModelInputs
from n3d_ros.training.finetune.examples import Example

# Tensors, and `use_cache`.
Row = dict[str, Any]


def pack(
    examples: Sequence[Example], pictures: Sequence[ModelInputs], shown: Sequence[int], merge_size: int = 2
) -> Row:
    """One row of `examples`, without padding. shown: of each example with a picture, its place in `pictures`.

    input_ids (1, T); position_ids (4, 1, T); logits_to_keep (A,) the places before each token of a reply,
    whose logits alone are computed; labels and shift_labels (1, A) the tokens there; pixel_values (N, 1176),
    point_coords (N, 3), image_grid_thw (P, 3) of all pictures; picture_index (M,) is `shown`. A row without
    pictures has the smallest blank one, which nothing shows: see `N3DModel.forward`.
    """
    with_picture = sum(example.has_picture for example in examples)
    if not examples or with_picture != len(shown):
        raise ValueError(f"row: expected a picture for each of {with_picture} examples, got {len(shown)}")
    lengths = [len(example) for example in examples]
    starts = np.cumsum([0, *lengths[:-1]])
    ids = np.concatenate([example.ids for example in examples])
    counted = np.concatenate([np.arange(length) for length in lengths])
    rotary = np.concatenate([example.positions for example in examples], axis=1)
    kept = np.concatenate(
        [
            start + np.arange(example.num_prompt - 1, len(example) - 1)
            for start, example in zip(starts, examples, strict=True)
        ]
    )
    learned = torch.from_numpy(ids[kept + 1])[None]
    return {
        "input_ids": torch.from_numpy(ids)[None],
        "position_ids": torch.from_numpy(np.concatenate([counted[None], rotary]))[:, None],
        "logits_to_keep": torch.from_numpy(kept),
        "labels": learned,
        "shift_labels": learned,
        "picture_index": torch.tensor(shown, dtype=torch.int64),
        "use_cache": False,
        **picture_tensors(pictures, merge_size),
    }


def picture_tensors(
    pictures: Sequence[ModelInputs], merge_size: int = 2, patch_values: int = 1176
) -> dict[str, Tensor]:
    """The tower's inputs for all pictures, one after another."""
    if not pictures:
        count = merge_size**2
        return {
            "pixel_values": torch.zeros(count, patch_values),
            "point_coords": torch.zeros(count, 3),
            "image_grid_thw": torch.tensor([[1, merge_size, merge_size]]),
        }
    return {
        "pixel_values": torch.from_numpy(np.concatenate([one.pixel_values for one in pictures])),
        "point_coords": torch.from_numpy(np.concatenate([one.coords for one in pictures])),
        "image_grid_thw": torch.tensor([[1, *one.grid_hw] for one in pictures]),
    }
