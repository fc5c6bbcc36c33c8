"""A tiny model with random weights in every checkpoint layout, and what transformers computes with it.

In: a seed, pictures and points as arrays. Out: files of `model/`, arrays under the recorded names. Logits,
positions, greedy tokens and sampling come from transformers' own forward, `generate` and processors.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)
from transformers.vision_utils import get_vision_window_index

from n3d_ros.engines.parity.model import draw_weights, tower_stages
from n3d_ros.engines.parity.report import Record
from n3d_ros.engines.parity.steps import model_inputs
from n3d_ros.model.config import N3DConfig, N3DVisionConfig
from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration
from n3d_ros.model.point_encoding import sinusoid
from n3d_ros.model.vision import N3DVisionTower

NUM_TOKENS, LEAST_MARGIN = 12, 0.005
TEXT = {
    "vocab_size": 512, "hidden_size": 96, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 6, "num_key_value_heads": 2, "hidden_act": "silu", "rms_norm_eps": 1e-6,
    "max_position_embeddings": 4096, "use_sliding_window": False, "rope_theta": 1e6,
    "rope_scaling": {"type": "default", "rope_type": "default", "mrope_section": [2, 3, 3]},
}  # fmt: skip
VISION: dict[str, Any] = {
    "depth": 3, "hidden_size": 80, "hidden_act": "silu", "intermediate_size": 96, "num_heads": 4,
    "patch_size": 14, "spatial_merge_size": 2, "window_size": 112, "out_hidden_size": 96,
    "fullatt_block_indexes": [1],
}  # fmt: skip
IDS = {
    "bos_token_id": 500, "eos_token_id": 501, "pad_token_id": 500, "vision_start_token_id": 502,
    "vision_end_token_id": 503, "vision_token_id": 504, "image_token_id": 505, "video_token_id": 506,
}  # fmt: skip
WIDE: dict[str, Any] = {
    "depth": 2, "hidden_size": 192, "hidden_act": "silu", "intermediate_size": 64, "num_heads": 4,
    "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 112,
    "out_hidden_size": 32, "fullatt_block_indexes": [1], "in_channels": 3,
}  # fmt: skip
NESTED = {
    "model_type": "qwen2_5_vl",
    "architectures": ["Qwen2_5_VLForConditionalGeneration_pe"],
    "tie_word_embeddings": False,
    "text_config": TEXT,
    "vision_config": {**VISION, "in_channels": 3, "temporal_patch_size": 2},
    **IDS,
}
FLAT = {
    **TEXT,
    "model_type": "qwen2_5_vl",
    "tie_word_embeddings": False,
    "vision_config": {**VISION, "in_chans": 3},
    **IDS,
}


class ModelWriter:
    """Writes the layouts of one random model, then runs it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._model: Any = N3DForConditionalGeneration(N3DConfig.from_dict({**FLAT})).train(False)
        weights = _draw(self._model.state_dict(), seed)
        self._model.load_state_dict(weights)
        hub = {_hub_name(name): tensor for name, tensor in weights.items()}
        for name, tensors in (("module_names", weights), ("saved_by_official_class", hub)):
            (folder / name).mkdir(parents=True)
            save_file(tensors, folder / name / "model.safetensors", {"format": "pt"})
            (folder / name / "config.json").write_text(json.dumps(NESTED))
        (folder / "config_hub_flat_style.json").write_text(json.dumps(FLAT))
        layouts = {"saved_by_official_class": hub, "module_state_dict": weights}
        shapes = {
            key: {name: list(t.shape) for name, t in tensors.items()} for key, tensors in layouts.items()
        }
        (folder / "key_layouts.json").write_text(json.dumps(shapes))

    def run(self, arrays: dict[str, Any], random: np.random.RandomState) -> dict[str, Any]:
        """Tower stages, positions, logits and greedy tokens of one case."""
        record = Record(arrays)
        inputs, tower = model_inputs(record), self._model.model.visual
        found: dict[str, Any] = tower_stages(tower, inputs)
        found["pe_feat"] = sinusoid(torch.from_numpy(inputs.coords), VISION["hidden_size"]).numpy()
        window_index, ends = get_vision_window_index(
            torch.from_numpy(arrays["image_grid_thw"]), spatial_merge_size=2, window_size=112, patch_size=14
        )
        found["window_index"] = window_index.numpy().astype(np.int64)
        found["cu_window_seqlens_unique"] = torch.unique_consecutive(ends).numpy().astype(np.int32)
        while True:
            found.update(self._language(arrays, random))
            margins = [found[f"greedy_top1_minus_top2{suffix}"].min() for suffix in ("", "_rep105")]
            if min(margins) > LEAST_MARGIN:  # nearer than that, float32 noise may choose the other token
                break
        found.update(self._variants(arrays, found["input_ids"]))
        return found

    @torch.inference_mode()
    def _language(self, arrays: dict[str, Any], random: np.random.RandomState) -> dict[str, Any]:
        num_image = int(arrays["image_grid_thw"].prod()) // 4
        picture = [502, *[505] * num_image, 503]
        ids = np.array([[*random.randint(0, 500, 13), *picture, *random.randint(0, 500, 29)]])
        call = call_arguments(arrays, ids)
        kinds = {name: call[name] for name in ("input_ids", "image_grid_thw", "mm_token_type_ids")}
        positions, deltas = self._model.model.get_rope_index(**kinds)
        found = {
            "input_ids": ids,
            "position_ids": positions.numpy(),
            "rope_deltas": deltas.numpy().reshape(1, 1),
            "logits": self._model(**call).logits[0].numpy(),
        }
        for suffix, penalty in (("", 1.0), ("_rep105", 1.05)):
            reply = self._model.generate(
                **call, do_sample=False, repetition_penalty=penalty, min_new_tokens=NUM_TOKENS,
                max_new_tokens=NUM_TOKENS, eos_token_id=501, pad_token_id=500,
                output_scores=True, output_logits=True, return_dict_in_generate=True,
            )  # fmt: skip
            best = torch.cat(reply.scores).topk(2, dim=-1).values
            found[f"greedy_ids{suffix}"] = reply.sequences[0, ids.shape[1] :].numpy()
            found[f"greedy_top1_minus_top2{suffix}"] = (best[:, 0] - best[:, 1]).numpy()
            if not suffix:
                found["greedy_step_logits"] = torch.cat(reply.logits).numpy()
        return found

    @torch.inference_mode()
    def _variants(self, arrays: dict[str, Any], ids: np.ndarray) -> dict[str, Any]:
        """The aligned order, and everything in bfloat16."""
        call, config = call_arguments(arrays, ids), self._model.model.visual.config
        names = ("pixel_values", "image_grid_thw", "point_coords")
        config.point_encoding_order = "aligned"
        aligned = self._model.image_tokens(*(call[name] for name in names)).numpy()
        aligned_last = self._model(**call).logits[0, -1].numpy()
        config.point_encoding_order = "raster"
        small = copy.deepcopy(self._model)
        for weight in small.parameters():  # not `to`, which would round the rotary frequencies as well
            weight.data = weight.data.bfloat16()
        coarse = small.image_tokens(*(call[name] for name in names)).float().numpy()
        coarse_last = small(**call).logits[0, -1].float().numpy()
        return {
            "aligned_visual_out": aligned,
            "aligned_logits_last": aligned_last,
            "bf16_visual_out": coarse,
            "bf16_logits_last": coarse_last,
        }

    @torch.inference_mode()
    def failures(self, case: dict[str, Any]) -> dict[str, Any]:
        """What the release is known to answer to these, with this model's own noise."""
        call = call_arguments(case, case["input_ids"])
        logits = [self._model(**call).logits]
        self._model.set_attn_implementation("eager")
        logits.append(self._model(**call).logits)
        self._model.set_attn_implementation("sdpa")
        errors = ["no point_clouds with image", "nan in a valid point", "all points invalid", "two images"]
        errors += ["point count not divisible by 640", "video", "token count mismatch"]
        errors += ["normalise: all mask zero", "normalise: single valid point", "normalise: mask 1 with inf"]
        same = "ok: maxdiff_vs_reference 0.0"
        return {
            "reference": same,
            "mask values 0.25 / -1 instead of 1 / 0": same,
            "text only without image": "ok: maxdiff_vs_reference None",
            "generate use_cache=False equals cached greedy": "ok",
            **dict.fromkeys(errors, "an exception"),
            "eager_vs_sdpa_logits_maxdiff": float((logits[0] - logits[1]).abs().max()),
        }


def call_arguments(arrays: dict[str, Any], ids: np.ndarray) -> dict[str, torch.Tensor]:
    """The arguments of transformers' forward and generate."""
    tokens = torch.from_numpy(ids)
    return {
        "input_ids": tokens,
        "attention_mask": torch.ones_like(tokens),
        "mm_token_type_ids": (tokens == IDS["image_token_id"]).int(),
        "pixel_values": torch.from_numpy(arrays["pixel_values"]),
        "image_grid_thw": torch.from_numpy(arrays["image_grid_thw"]),
        "point_coords": torch.from_numpy(arrays["coords_rounded"]),
    }


def _draw(shapes: dict[str, torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
    """Weights that bfloat16 holds exactly, large enough that an error anywhere shows in the logits."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name in sorted(shapes):
        shape = shapes[name].shape
        drawn = torch.randn(shape, generator=generator)
        if len(shape) == 1:
            drawn = 1 + 0.1 * drawn if "norm" in name or "ln_q" in name else 0.1 * drawn
        else:
            drawn = drawn * (3.0 if name == "lm_head.weight" else 1.0) / float(np.prod(shape[1:])) ** 0.5
        weights[name] = drawn.bfloat16().float()
    return weights


def _hub_name(name: str) -> str:
    for long, short in (("model.visual.", "visual."), ("model.language_model.", "model.")):
        if name.startswith(long):
            return short + name[len(long) :]
    return name


def wide_case(case: dict[str, Any], file_name: str, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A recipe and what a tower with its weights gives for a case's picture."""
    tower = N3DVisionTower(N3DVisionConfig(**WIDE))
    shapes = sorted((name, list(tensor.shape)) for name, tensor in tower.state_dict().items())
    recipe = {
        "config": WIDE,
        "keys_sorted": shapes,
        "recipe": f"rs=numpy.random.RandomState({seed}); draw the keys in this order",
        "inputs": f"those of {file_name}",
    }
    weights = draw_weights(Record(recipe))
    tower.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    stages = tower_stages(tower, model_inputs(Record(case)))
    found = {f"{name}_first40": stages[name][:40] for name in ("blocks_out_permuted", "merger_in_permuted")}
    sums = np.array([weights[name].sum(dtype=np.float64) for name, _ in shapes])
    return recipe, {"visual_out": stages["visual_out"], "check_weight_sum": sums, **found}


def sinusoid_tables(random: np.random.RandomState) -> dict[str, Any]:
    """Integer coordinates near and far, and torch's code of them at several widths."""
    coords = np.rint(random.uniform(-900, 900, (32, 3))).astype(np.float32)
    coords[-8:] *= 40
    tables = {f"pe_{width}": sinusoid(torch.from_numpy(coords), width).numpy() for width in (80, 64, 96, 100)}
    return {"coords": coords, **tables}


def sampler_table(random: np.random.RandomState) -> dict[str, Any]:
    """transformers' processors in the order of `generate`."""
    logits = random.normal(0, 3, (6, 512)).astype(np.float32)
    seen = random.randint(0, 512, (6, 40))
    table = {"logits": logits, "previous_ids": seen}
    for penalty in (1.0, 1.05):
        chain = LogitsProcessorList(
            [
                RepetitionPenaltyLogitsProcessor(penalty),
                TemperatureLogitsWarper(0.6),
                TopKLogitsWarper(10),
                TopPLogitsWarper(0.95),
            ]
        )
        scores = chain(torch.from_numpy(seen), torch.from_numpy(logits.copy()))
        table[f"probs_rp{penalty}"] = scores.softmax(dim=-1).numpy()
    return table
