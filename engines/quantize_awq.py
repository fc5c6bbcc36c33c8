"""AWQ by nvidia-modelopt: factors of each product's input that make rounding its weights hurt less.

In: a checkpoint and a function that asks a pipeline enough questions. Out: one factor per input channel and
product. modelopt searches; rounding and file stay `quantize`'s. It is imported only here and only when asked
for: `pip install nvidia-modelopt`.
"""

import copy
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from n3d_ros.engines.quantize import QuantizeConfig, products
from n3d_ros.runtime.factory import create_backend
from n3d_ros.runtime.model_config import load_config
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.runtime.safetensors_file import short_name
from n3d_ros.runtime.types import MissingLibraryError


def input_scales(
    folder: Path, config: QuantizeConfig, calibrate: Callable[[Pipeline], None]
) -> dict[str, np.ndarray]:
    """By product: (in,) float32 factors of its input. MissingLibraryError without nvidia-modelopt."""
    if find_spec("modelopt") is None:
        raise MissingLibraryError(
            "method awq: expected nvidia-modelopt to import; `pip install nvidia-modelopt`, or --method rtn"
        )
    import modelopt.torch.quantization as mtq

    model = load_config(folder)
    backend: Any = create_backend(folder, "torch")
    text = backend.model.model.language_model
    settings = awq_settings(mtq.INT4_AWQ_CFG, config.block_of(model))
    mtq.quantize(text, settings, forward_loop=lambda _: calibrate(Pipeline(backend)))
    found = {short_name(f"model.language_model.{name}"): module for name, module in text.named_modules()}
    wanted = [name for name in products(model, head=False) if name in found]
    return {name: scale for name in wanted if (scale := _factors(found[name])) is not None}


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
