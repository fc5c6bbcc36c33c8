"""The model on TensorRT or TensorRT-RTX: two engines, keys and values that stay on the GPU.

In: a checked model folder and an engine folder built of it. Out: a `Backend`. New keys and values are written
by the engine straight behind the old ones; where decode passes are captured as CUDA graphs, which need fixed
addresses, they take one copy on the GPU. What is laid where is decided by `trt_plan`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.preprocess import ModelInputs
from n3d_ros.runtime.backend import HeldTokens, Rows
from n3d_ros.runtime.host import mrope_tables, vision_inputs
from n3d_ros.runtime.manifest import Manifest, read_manifest
from n3d_ros.runtime.model_config import load_config
from n3d_ros.runtime.safetensors_file import read_entries, to_float32
from n3d_ros.runtime.trt_api import TensorRt, load
from n3d_ros.runtime.trt_cuda import Cuda, DeviceBuffer, open_cuda
from n3d_ros.runtime.trt_folder import DECODER, VISION, EngineRecord, read_record
from n3d_ros.runtime.trt_graph import EngineGraph
from n3d_ros.runtime.trt_plan import (
    PassPlan,
    buffer_rows,
    capacity_within,
    check_picture,
    chunks,
    pass_bias,
    plan_pass,
)
from n3d_ros.runtime.trt_shapes import DECODE
from n3d_ros.runtime.types import EngineError

logger = logging.getLogger(__name__)

EMBEDDING = "model.embed_tokens.weight"
MAX_GRAPHS = 32


class TrtCache(HeldTokens):
    """One device buffer: a dummy row, then `capacity` rows of keys and values."""

    def __init__(self, cuda: Cuda, capacity: int, num_rows: int, row_bytes: int) -> None:
        super().__init__(capacity)
        self.row_bytes = row_bytes
        self.buffer = DeviceBuffer(cuda, num_rows * row_bytes)


class TrtBackend:
    """`cuda_graphs`: capture decode passes; off: new rows are written in place and nothing is copied."""

    name = "trt"

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        engines: Path,
        record: EngineRecord,
        api: TensorRt | None = None,
        cuda: Cuda | None = None,
        cuda_graphs: bool = True,
    ) -> None:
        self.manifest, self.config, self.shapes = manifest, load_config(folder), record.shapes
        self.tokenizer_path = folder / manifest.tokenizer
        api, self._cuda = api or load(record.runtime), cuda or open_cuda()
        self._vision = EngineGraph(api, self._cuda, engines / VISION)
        captured = DECODE if cuda_graphs else None
        self._decoder = EngineGraph(api, self._cuda, engines / DECODER, captured)
        self._embedding = read_entries(folder)[EMBEDDING]
        self._vision.reserve_inputs(self._vision.inputs)
        self._decoder.reserve_inputs(name for name in self._decoder.inputs if name != "past_kv")
        self._outputs = self._output_buffers()
        self._graphs: dict[tuple[object, ...], Any] = {}
        self.cuda_graphs = cuda_graphs

    def _output_buffers(self) -> dict[str, DeviceBuffer]:
        """For the largest picture and decode pass."""
        text, shapes = self.config.text, self.shapes
        row = 2 * text.layers * text.kv_heads * text.head_dim * self._decoder.item_bytes("new_kv")
        sizes = {
            "image_embeds": shapes.image_tokens * text.hidden * self._vision.item_bytes("image_embeds"),
            "logits": shapes.draft * text.vocab * self._decoder.item_bytes("logits"),
            "new_kv": shapes.draft * row,
        }
        return {name: DeviceBuffer(self._cuda, size) for name, size in sizes.items()}

    def encode_image(self, inputs: ModelInputs) -> Rows:
        """Merged image tokens (M, hidden) as the engine stores them."""
        feeds = vision_inputs(inputs, self.config)
        num_tokens = len(feeds["out_index"])
        check_picture(len(feeds["pixel_values"]), num_tokens, self.shapes)
        rows = np.empty((num_tokens, self.config.text.hidden), self._decoder_type)
        address = self._outputs["image_embeds"].address
        self._vision.bind(0, self._vision.upload(feeds), {"image_embeds": address})
        self._vision.enqueue(0)
        self._cuda.to_host(rows, address)
        return rows

    @property
    def _decoder_type(self) -> np.dtype[Any]:
        return self._decoder.as_stored("inputs_embeds", np.zeros(1, np.float32)).dtype

    def embed(self, ids: Sequence[int]) -> Rows:
        """Embedding rows (T, hidden) as the engine takes them."""
        stored = self._embedding.array()[np.asarray(ids, dtype=np.int64)]
        if self._embedding.dtype == "BF16" and self._decoder.types["inputs_embeds"] == "BF16":
            return stored
        return self._decoder.as_stored("inputs_embeds", to_float32(stored, self._embedding.dtype))

    def new_cache(self, capacity: int) -> TrtCache:
        """An empty cache, as large as the engine's profiles allow. OutOfMemoryError when the GPU is full."""
        text = self.config.text
        capacity = capacity_within(capacity, self.shapes)
        row = 2 * text.layers * text.kv_heads * text.head_dim * self._decoder.item_bytes("past_kv")
        return TrtCache(self._cuda, capacity, buffer_rows(capacity, self.shapes), row)

    def forward(
        self,
        cache: TrtCache,
        embeds: Rows,
        positions: npt.NDArray[np.int64],
        logit_rows: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.float32]:
        """Run T new tokens: see `Backend.forward`. A failed pass leaves the cache as it was."""
        before = cache.length
        if before + len(embeds) > cache.capacity:
            raise ValueError(f"cache: expected at most {cache.capacity} tokens, got {before} + {len(embeds)}")
        found: dict[int, npt.NDArray[np.float32]] = {}
        try:
            for chunk in chunks(len(embeds), np.asarray(logit_rows), self.shapes):
                span = slice(chunk.start, chunk.stop)
                wanted = chunk.rows or (0,)
                logits = self._pass(cache, embeds[span], positions[:, span], np.array(wanted, np.int64))
                found |= {chunk.start + row: logits[i] for i, row in enumerate(wanted)}
        except BaseException:
            cache.truncate(before)
            raise
        return np.stack([found[int(row)] for row in logit_rows])

    def _pass(
        self, cache: TrtCache, embeds: Rows, positions: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """One pass within the profiles; logits of `rows`."""
        text = self.config.text
        plan = plan_pass(cache.length, len(embeds), self.shapes, self.cuda_graphs)
        cos, sin = mrope_tables(positions, text.head_dim, text.rope_theta, text.mrope_section)
        inputs = self._decoder.upload(
            {
                "inputs_embeds": embeds,
                "rope_cos": cos,
                "rope_sin": sin,
                "attn_bias": pass_bias(plan),
                "logit_index": rows,
            }
        )
        inputs["past_kv"] = (
            cache.buffer.address,
            (plan.num_past, 2 * text.layers, text.kv_heads, text.head_dim),
        )
        logits = np.empty((len(rows), text.vocab), np.float32)
        self._run(cache, plan, inputs, logits)
        cache.grew(plan.num_new)
        return logits

    def _run(
        self, cache: TrtCache, plan: PassPlan, inputs: dict[str, Any], logits: npt.NDArray[np.float32]
    ) -> None:
        slot = cache.buffer.address + plan.first_row * cache.row_bytes
        new_kv = self._outputs["new_kv"].address if plan.staged else slot
        address = self._outputs["logits"].address
        outputs = {"logits": address, "new_kv": new_kv}
        if plan.staged:
            self._replay(plan, inputs, outputs)
            self._cuda.copy(slot, new_kv, plan.num_new * cache.row_bytes)
        else:
            self._decoder.bind(plan.profile, inputs, outputs)
            self._decoder.enqueue(plan.profile)
        self._cuda.to_host(logits, address)

    def _replay(self, plan: PassPlan, inputs: dict[str, Any], outputs: dict[str, int]) -> None:
        """Play the pass's captured graph; the first pass of a kind runs as it is, the second is captured."""
        key = (plan.profile, *sorted(inputs.items()), *sorted(outputs.items()))
        if self._graphs.get(key) is not None:
            self._cuda.launch(self._graphs[key])
            return
        self._decoder.bind(plan.profile, inputs, outputs)
        again = key in self._graphs and not self._decoder.captures_itself
        if not again or not self._decoder.capturable(plan.profile):
            self._graphs.setdefault(key, None)
            self._decoder.enqueue(plan.profile)
            return
        self._make_room()
        try:
            self._graphs[key] = self._cuda.capture(lambda: self._decoder.enqueue(plan.profile))
        except EngineError as error:
            logger.warning("CUDA graphs are off: %s", error)
            self.cuda_graphs = False
            self._decoder.enqueue(plan.profile)
            return
        self._cuda.launch(self._graphs[key])

    def _make_room(self) -> None:
        """Drop all graphs when there are many: caches of earlier pictures leave theirs behind."""
        captured = [graph for graph in self._graphs.values() if graph is not None]
        if len(captured) >= MAX_GRAPHS:
            self._cuda.synchronize()
            for graph in captured:
                self._cuda.release(graph)
            self._graphs.clear()


def self_test(folder: Path, engines: Path) -> str:
    """Load both engines and run one token; a sentence about it."""
    backend = TrtBackend(folder, read_manifest(folder), engines, read_record(engines))
    logits = backend.forward(
        backend.new_cache(8), backend.embed([0]), np.zeros((3, 1), np.int64), np.zeros(1, np.int64)
    )
    if not np.isfinite(logits).all():
        raise EngineError(f"{engines}: expected finite logits of a first token, got others; build it again")
    return "loaded, one token run"
