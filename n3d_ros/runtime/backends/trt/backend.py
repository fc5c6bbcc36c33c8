"""The model on TensorRT or TensorRT-RTX: a vision engine, and a decoder whose cache stays on the GPU.

In: a checked model folder and an engine folder built of it. Out: a `Backend`. What is laid where is decided
by `trt_plan`; how a pass runs, over one engine or several, is `trt_decoder`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from n3d_ros.errors import EngineError
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.manifest import Manifest, read_manifest
from n3d_ros.model_folder.tensors import EmbeddingTable
from n3d_ros.preprocess.prepare import ModelInputs
from n3d_ros.runtime.backends.base import Rows
from n3d_ros.runtime.backends.positions import mrope_tables, vision_inputs
from n3d_ros.runtime.backends.trt.api import TensorRt, load
from n3d_ros.runtime.backends.trt.cuda import Cuda, DeviceBuffer, open_cuda
from n3d_ros.runtime.backends.trt.decoder import TrtCache, TrtDecoder
from n3d_ros.runtime.backends.trt.folder import VISION, EngineRecord, read_record
from n3d_ros.runtime.backends.trt.graph import EngineGraph
from n3d_ros.runtime.backends.trt.plan import check_picture, chunks, pass_bias, plan_pass


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
        self._vision.reserve_inputs(self._vision.inputs)
        text = self.config.text
        largest = self.shapes.image_tokens * text.hidden * self._vision.item_bytes("image_embeds")
        self._image_embeds = DeviceBuffer(self._cuda, largest)
        parts = record.decoder_parts(text.layers)
        self._decoder = TrtDecoder(
            api, self._cuda, engines, parts, text, shapes=self.shapes, cuda_graphs=cuda_graphs
        )
        self._embedding = EmbeddingTable(folder)

    @property
    def cuda_graphs(self) -> bool:
        """Whether decode passes are captured; off after a capture that failed."""
        return self._decoder.cuda_graphs

    def encode_image(self, inputs: ModelInputs) -> Rows:
        """Merged image tokens (M, hidden) as the engine stores them."""
        feeds = vision_inputs(inputs, self.config)
        num_tokens = len(feeds["pixel_values"]) // self.config.vision.merge**2
        check_picture(len(feeds["key_mask"]), num_tokens, self.shapes)
        rows = np.empty((num_tokens, self.config.text.hidden), self._decoder.row_type)
        address = self._image_embeds.address
        self._vision.bind(0, self._vision.upload(feeds), {"image_embeds": address})
        self._vision.enqueue(0)
        self._cuda.to_host(rows, address)
        return rows

    def embed(self, ids: Sequence[int]) -> Rows:
        """Embedding rows (T, hidden) as the engine takes them."""
        if self._embedding.dtype == "BF16" and self._decoder.takes_bfloat16:
            return self._embedding.stored(ids)
        return self._decoder.as_rows(self._embedding.float32(ids))

    def new_cache(self, capacity: int) -> TrtCache:
        """An empty cache, as large as the engine's profiles allow. OutOfMemoryError when the GPU is full."""
        return self._decoder.new_cache(capacity)

    def forward(
        self,
        cache: TrtCache,
        embeds: Rows,
        positions: npt.NDArray[np.int64],
        logit_rows: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.float32]:
        """Run T new tokens: see `Backend.forward`. A failed pass leaves the cache as it was."""
        cache.require_room(len(embeds))
        before = cache.length
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
        feeds = {
            "inputs_embeds": embeds,
            "rope_cos": cos,
            "rope_sin": sin,
            "attn_bias": pass_bias(plan),
            "logit_index": rows,
        }
        logits = self._decoder.run(cache, plan, feeds)
        cache.grew(plan.num_new)
        return logits


def self_test(folder: Path, engines: Path) -> str:
    """Load all engines and run one token; a sentence about it."""
    backend = TrtBackend(folder, read_manifest(folder), engines, read_record(engines))
    logits = backend.forward(
        backend.new_cache(8), backend.embed([0]), np.zeros((3, 1), np.int64), np.zeros(1, np.int64)
    )
    if not np.isfinite(logits).all():
        raise EngineError(f"{engines}: expected finite logits of a first token, got others; build it again")
    return "loaded, one token run"
