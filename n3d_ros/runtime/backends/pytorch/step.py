"""A few new tokens through the language model with fixed shapes and addresses, replayed as a CUDA graph.

In: the tokens' embeddings and positions, the store of keys and values, how many tokens it holds. Out: logits.
A decode step of a 7B model is a thousand small kernels; launched one by one from Python they cost more than
the memory traffic. One graph per span of the store keeps attention short while the text is, one per width
lets guessed tokens ride along; what a width leaves over is padding behind the new tokens.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from n3d_ros.model_folder.config import TextConfig
from n3d_ros.runtime.backends.pytorch.cache import KeyValueStore, StepWriter

SHORTEST_SPAN = 512
# New tokens of a recorded step; a guess and the token before it are at most 16.
WIDTHS = (1, 2, 4, 8, 16)

# Runs before a capture: PyTorch's notes on CUDA graphs ask for a few, so that libraries choose their kernels
# and allocate outside the graph.
NUM_WARM_UP = 3


class Step:
    """The operations of `width` tokens over the first `span` places of a store; inputs are copied into its
    tensors.
    """

    def __init__(self, model: Any, store: KeyValueStore, span: int, width: int, text: TextConfig) -> None:
        device, dtype = store.keys.device, store.keys.dtype
        self.embeds = torch.zeros(1, width, text.hidden, device=device, dtype=dtype)
        self.positions = torch.zeros(3, 1, width, device=device, dtype=torch.int64)
        self.index = torch.zeros(width, device=device, dtype=torch.int64)
        self._offsets = torch.arange(width, device=device)
        self._places = torch.arange(span, device=device)
        self._model = model
        self._writer = StepWriter(store, self.index, span)

    def load(self, past: int, embeds: Tensor, positions: Tensor) -> None:
        """Set the inputs of the next run: (1, T, hidden), (3, 1, T), T at most `width`."""
        num = embeds.shape[1]
        self.embeds[:, :num].copy_(embeds)
        self.positions[:, :, :num].copy_(positions)
        torch.add(self._offsets, past, out=self.index)

    def run(self) -> Tensor:
        """Logits (width, vocab) of the tokens in the input tensors; their keys and values are written."""
        seen = (self._places <= self.index[:, None])[None, None]
        hidden = self._model.model.language_model(
            inputs_embeds=self.embeds,
            position_ids=self.positions,
            attention_mask={"full_attention": seen},
            past_key_values=self._writer,
            use_cache=True,
        ).last_hidden_state[0]
        logits: Tensor = self._model.lm_head(hidden)
        return logits


class CapturedStep:
    """A `Step` recorded once and replayed."""

    def __init__(self, step: Step) -> None:
        self._step = step
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(NUM_WARM_UP):
                step.run()
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._logits = step.run()

    def run(self, past: int, embeds: Tensor, positions: Tensor) -> Tensor:
        """Logits (width, vocab); the tensor is overwritten by the next run."""
        self._step.load(past, embeds, positions)
        self._graph.replay()
        return self._logits


class StepRunner:
    """Runs few tokens; a step is captured when a store needs its span and width for the first time."""

    def __init__(self, model: Any, text: TextConfig) -> None:
        self._model, self._text = model, text

    def run(self, store: KeyValueStore, past: int, embeds: Tensor, positions: Tensor) -> Tensor:
        """Logits (T, vocab) of T tokens after `past` others; see `takes`."""
        width = width_for(embeds.shape[1])
        key = span_for(past + width, store.capacity), width
        if key not in store.steps:
            step = Step(self._model, store, *key, self._text)
            step.load(past, embeds, positions)  # warm-up writes where these tokens' values belong anyway
            store.steps[key] = CapturedStep(step)
        logits: Tensor = store.steps[key].run(past, embeds, positions)
        return logits[: embeds.shape[1]]

    @staticmethod
    def takes(past: int, num_new: int, capacity: int) -> bool:
        """Whether a recorded width holds them and its padding fits behind them."""
        return num_new <= WIDTHS[-1] and past + width_for(num_new) <= capacity


def width_for(num_new: int) -> int:
    """The smallest width that holds `num_new` tokens, at most the largest."""
    return next((width for width in WIDTHS if width >= num_new), WIDTHS[-1])


def span_for(length: int, capacity: int) -> int:
    """The shortest of 512, 1024, 2048, ... that holds `length` tokens, at most `capacity`."""
    span = SHORTEST_SPAN
    while span < length:
        span *= 2
    return min(span, capacity)
