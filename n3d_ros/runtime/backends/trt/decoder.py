"""The decoder on one engine or, cut by layers, on several that run one after the other.

In: engine files with their layers; planned passes with their inputs on the host. Out: logits on the host;
all else stays on the GPU. Each engine writes its new keys and values straight behind its old ones; where
decode passes are captured as CUDA graphs, which need fixed addresses, they take one copy on the GPU. Hidden
states go from engine to engine through two buffers in turn. It does not know tokens, pictures or chunks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.errors import EngineError
from n3d_ros.model_folder.config import TextConfig
from n3d_ros.runtime.backends.base import HeldTokens, Rows
from n3d_ros.runtime.backends.trt.api import TensorRt
from n3d_ros.runtime.backends.trt.capture import CapturedPasses
from n3d_ros.runtime.backends.trt.cuda import Cuda, DeviceBuffer
from n3d_ros.runtime.backends.trt.folder import LayerPart
from n3d_ros.runtime.backends.trt.graph import EngineGraph
from n3d_ros.runtime.backends.trt.plan import PassPlan, buffer_rows, capacity_within
from n3d_ros.runtime.backends.trt.shapes import DECODE, EngineShapes, decoder_input, decoder_output

# Address and shape.
Binding = tuple[int, tuple[int, ...]]
# Inputs, and addresses of outputs, of each part.
Bindings = list[tuple[dict[str, Binding], dict[str, int]]]


class TrtCache(HeldTokens):
    """A device buffer for each part: a dummy row, then `capacity` rows of its layers' keys and values."""

    def __init__(self, cuda: Cuda, capacity: int, num_rows: int, row_bytes: Sequence[int]) -> None:
        super().__init__(capacity)
        self.row_bytes = row_bytes
        self.buffers = [DeviceBuffer(cuda, num_rows * size) for size in row_bytes]

    def slot(self, part: int, row: int) -> int:
        """Address of a row of one part."""
        return self.buffers[part].address + row * self.row_bytes[part]


@dataclass(frozen=True)
class _Part:
    """One engine, the names of its state in and out, a cached row's shape and bytes, room for staged rows."""

    engine: EngineGraph
    takes: str
    gives: str
    row_shape: tuple[int, ...]
    row_bytes: int
    staged: DeviceBuffer


class TrtDecoder:
    """`cuda_graphs`: capture decode passes; off: new rows are written in place and nothing is copied.

    Memory is that of one engine of all layers: weights and cached rows are cut, and the parts, which never
    run at the same time, share their work memory. A captured graph spans all parts: one launch a pass,
    however many there are.
    """

    def __init__(
        self,
        api: TensorRt,
        cuda: Cuda,
        folder: Path,
        parts: Sequence[LayerPart],
        text: TextConfig,
        shapes: EngineShapes,
        cuda_graphs: bool,
    ) -> None:
        if parts[-1].stop != text.layers:
            raise EngineError(
                f"{folder}: expected engines of all {text.layers} layers, got {parts[-1].stop}; "
                "build it again with `n3d build --model ... --rebuild`"
            )
        self._cuda, self._text, self._shapes = cuda, text, shapes
        captured, several = DECODE if cuda_graphs else None, len(parts) > 1
        engines = [EngineGraph(api, cuda, folder / part.file, captured, borrows=several) for part in parts]
        self._parts = [self._part(*both) for both in zip(engines, parts, strict=True)]
        self._first, self._last = engines[0], engines[-1]
        self._captured = CapturedPasses(cuda, cuda_graphs)
        if several:
            _share_work(cuda, engines)
        self._reserve()

    def _part(self, engine: EngineGraph, part: LayerPart) -> _Part:
        """EngineError when the engine holds other layers than its record says."""
        t = self._text
        takes, gives = decoder_input(part.first), decoder_output(part.stop, t.layers)
        row_shape = (2 * (part.stop - part.first), t.kv_heads, t.head_dim)
        fits = takes in engine.inputs and gives in engine.outputs and "past_kv" in engine.inputs
        if not fits or engine.largest_shapes("past_kv")[0][1:] != row_shape:
            raise EngineError(
                f"{engine.name}: expected layers {part.first} to {part.stop - 1} ({takes} to {gives}), found "
                f"{', '.join(engine.inputs)} to {', '.join(engine.outputs)}; "
                "build it again with `n3d build --model ... --rebuild`"
            )
        row_bytes = int(np.prod(row_shape)) * engine.item_bytes("past_kv")
        staged = DeviceBuffer(self._cuda, self._shapes.draft * row_bytes)
        return _Part(engine, takes, gives, row_shape, row_bytes, staged)

    def _reserve(self) -> None:
        """Memory for what comes from the host, once however many parts take it, and for logits."""
        text, shapes = self._text, self._shapes
        owned: set[str] = set()
        for part in self._parts:
            elsewhere = owned | {"past_kv"} | ({part.takes} if part.engine is not self._first else set())
            own = [name for name in part.engine.inputs if name not in elsewhere]
            part.engine.reserve_inputs(own)
            owned |= set(own)
        self._logits = DeviceBuffer(self._cuda, shapes.draft * text.vocab * self._last.item_bytes("logits"))
        if len(self._parts) > 1:
            size = shapes.prompt * text.hidden * self._first.item_bytes("inputs_embeds")
            self._hidden = DeviceBuffer(self._cuda, size)

    @property
    def cuda_graphs(self) -> bool:
        """Whether decode passes are captured; off after a capture that failed."""
        return self._captured.on

    @property
    def row_type(self) -> np.dtype[Any]:
        """Type of embedding rows on the host; bfloat16 as uint16."""
        return self.as_rows(np.zeros(1, np.float32)).dtype

    @property
    def takes_bfloat16(self) -> bool:
        return self._first.types["inputs_embeds"] == "BF16"

    def as_rows(self, values: Rows) -> Rows:
        """Embedding rows as the engine takes them."""
        return self._first.as_stored("inputs_embeds", values)

    def new_cache(self, capacity: int) -> TrtCache:
        """An empty cache, as large as the engine's profiles allow. OutOfMemoryError when the GPU is full."""
        capacity = capacity_within(capacity, self._shapes)
        num_rows = buffer_rows(capacity, self._shapes)
        return TrtCache(self._cuda, capacity, num_rows, [part.row_bytes for part in self._parts])

    def run(
        self, cache: TrtCache, plan: PassPlan, feeds: Mapping[str, npt.NDArray[Any]]
    ) -> npt.NDArray[np.float32]:
        """One pass: the graph's inputs without the cache -> logits (R, vocabulary); new rows in the cache."""
        inputs = self._upload(feeds)
        bindings = self._bindings(cache, plan, inputs)
        if plan.staged:
            self._run_captured(plan.profile, bindings)
            for i, part in enumerate(self._parts):
                num_bytes = plan.num_new * part.row_bytes
                self._cuda.copy(cache.slot(i, plan.first_row), part.staged.address, num_bytes)
        else:
            self._bind(plan.profile, bindings)
            self._enqueue(plan.profile)
        logits = np.empty((len(feeds["logit_index"]), self._text.vocab), np.float32)
        self._cuda.to_host(logits, self._logits.address)
        return logits

    def _upload(self, feeds: Mapping[str, npt.NDArray[Any]]) -> dict[str, Binding]:
        inputs: dict[str, Binding] = {}
        for part in self._parts:
            inputs |= part.engine.upload({name: feeds[name] for name in part.engine.reserved})
        return inputs

    def _bindings(self, cache: TrtCache, plan: PassPlan, inputs: Mapping[str, Binding]) -> Bindings:
        """What one part gives is what the next takes.

        The buffer of the embeddings is free once the first part has read it: it takes turns with `_hidden`.
        """
        state = inputs["inputs_embeds"]
        result: Bindings = []
        for i, part in enumerate(self._parts):
            taken = {name: inputs[name] for name in part.engine.inputs if name in inputs}
            past = (cache.buffers[i].address, (plan.num_past, *part.row_shape))
            taken |= {part.takes: state, "past_kv": past}
            new_kv = part.staged.address if plan.staged else cache.slot(i, plan.first_row)
            address = self._logits.address if part.gives == "logits" else self._other(state[0], inputs)
            result.append((taken, {part.gives: address, "new_kv": new_kv}))
            state = (address, state[1])
        return result

    def _other(self, address: int, inputs: Mapping[str, Binding]) -> int:
        """The buffer of hidden states that is not being read."""
        embeds = inputs["inputs_embeds"][0]
        return self._hidden.address if address == embeds else embeds

    def _run_captured(self, profile: int, bindings: Bindings) -> None:
        self._captured.run(
            (profile, *((*sorted(taken.items()), *sorted(given.items())) for taken, given in bindings)),
            lambda: self._bind(profile, bindings),
            lambda: self._enqueue(profile),
            lambda: all(part.engine.capturable(profile) for part in self._parts),
        )

    def _bind(self, profile: int, bindings: Bindings) -> None:
        for part, (taken, given) in zip(self._parts, bindings, strict=True):
            part.engine.bind(profile, taken, given)

    def _enqueue(self, profile: int) -> None:
        for part in self._parts:
            part.engine.enqueue(profile)


def _share_work(cuda: Cuda, engines: Sequence[EngineGraph]) -> None:
    """One work memory, as large as the largest engine's; each engine keeps it."""
    memory = DeviceBuffer(cuda, max(1, *(engine.work_bytes for engine in engines)))
    for engine in engines:
        engine.borrow(memory)
