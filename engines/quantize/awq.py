"""AWQ by nvidia-modelopt: factors of each product's input that make rounding its weights hurt less.

In: a checkpoint and a function that asks a pipeline enough questions. Out: one factor per input channel and
product. modelopt searches; rounding and file stay `quantize`'s. It is imported only here and only when asked
for: `pip install nvidia-modelopt`.

modelopt rounds every weight anew for each of its candidate factors in every pass, so the number of passes is
what the search costs. The questions are asked before it begins, and their replies then run whole, one pass a
reply instead of one a token.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.engines.quantize.folder import QuantizeConfig, products
from n3d_ros.errors import MissingLibraryError
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.tensors import short_name
from n3d_ros.runtime.backends.base import AnyBackend, Rows
from n3d_ros.runtime.backends.factory import create_backend
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.runtime.steps import Steps

INSTALL = "`pip install nvidia-modelopt`, or --method rtn"
ONE_REPLY_A_CACHE = Steps(jump_forward=False, trace_drafts=False, frame_reuse=False)

# Rows (T, hidden) of a prompt and what was written behind it, and their positions (3, T).
Reply = tuple[Rows, npt.NDArray[np.int64]]


def input_scales(
    folder: Path,
    config: QuantizeConfig,
    calibrate: Callable[[Pipeline], None],
    progress: Callable[[list[Reply]], Iterable[Reply]] = list,
) -> dict[str, np.ndarray]:
    """By product: (in,) float32 factors of its input. `progress` wraps the replies each time that modelopt
    runs them all. MissingLibraryError without nvidia-modelopt or what that imports.
    """
    quantization = _modelopt()
    model = load_config(folder)
    backend: Any = create_backend(folder, "torch")
    replies = replies_to(calibrate, backend)

    def run(_model: object) -> None:
        for embeds, positions in progress(replies):
            last = np.array([len(embeds) - 1], dtype=np.int64)
            backend.forward(backend.new_cache(len(embeds)), embeds, positions, last)

    text = backend.model.model.language_model
    settings = awq_settings(quantization.INT4_AWQ_CFG, config.block_of(model))
    quantization.quantize(text, settings, forward_loop=run)
    found = {short_name(f"model.language_model.{name}"): module for name, module in text.named_modules()}
    wanted = [name for name in products(model, head=False) if name in found]
    return {name: scale for name in wanted if (scale := _factors(found[name])) is not None}


def replies_to(calibrate: Callable[[Pipeline], None], backend: AnyBackend) -> list[Reply]:
    """Everything that runs while `calibrate` asks a pipeline on this backend, a reply at a time."""
    recorder: Any = _Recorder(backend)
    calibrate(Pipeline(recorder, steps=ONE_REPLY_A_CACHE))
    joined = [tuple(zip(*reply, strict=True)) for reply in recorder.replies]
    return [(np.concatenate(embeds), np.concatenate(positions, axis=1)) for embeds, positions in joined]


class _Recorder:
    """A backend that keeps what it runs; an empty cache begins a reply."""

    def __init__(self, backend: AnyBackend) -> None:
        self._backend = backend
        self.replies: list[list[Reply]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def forward(
        self, cache: Any, embeds: Rows, positions: npt.NDArray[np.int64], logit_rows: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        if cache.length == 0:
            self.replies.append([])
        self.replies[-1].append((embeds, positions))
        return self._backend.forward(cache, embeds, positions, logit_rows)


def _modelopt() -> Any:
    """modelopt.torch.quantization; MissingLibraryError that names it, or what it lacks."""
    if find_spec("modelopt") is None:
        raise MissingLibraryError(f"method awq: expected nvidia-modelopt to import; {INSTALL}")
    try:
        import modelopt.torch.quantization as quantization
    except ImportError as error:
        raise MissingLibraryError(
            f"method awq: nvidia-modelopt expected {error.name} to import, got '{error}'; "
            "install that package too, or --method rtn"
        ) from error
    return quantization


def awq_settings(preset: dict[str, Any], block: int) -> dict[str, Any]:
    """modelopt's preset with our block size."""
    settings = copy.deepcopy(preset)
    for entry in settings["quant_cfg"]:
        sizes = (entry.get("cfg") or {}).get("block_sizes")
        if sizes:
            sizes[-1] = block
    return settings


def _factors(module: Any) -> np.ndarray | None:
    """What modelopt multiplies a product's input by."""
    scale = getattr(getattr(module, "input_quantizer", None), "pre_quant_scale", None)
    return None if scale is None else scale.detach().float().cpu().numpy().reshape(-1)
