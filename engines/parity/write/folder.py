"""A small set of reference numbers with other seeds, in the layout that `n3d parity` checks.

In: a folder and a seed. Out: files. The numbers come from transformers and from plain transcriptions of the
specification, not from the library's own steps, so that checking the set compares two ways of computing. The
model is this project's torch class with random weights: where the release itself errs, only vectors recorded
from the release can tell.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from n3d_ros.engines.parity.write.inputs import CASES, depth_model_input, draw_case, fast_rows, sizes
from n3d_ros.engines.parity.write.model import ModelWriter, sampler_table, sinusoid_tables, wide_case
from n3d_ros.engines.parity.write.text import codec, conversations


def write_set(folder: Path, seed: int) -> None:
    """Fill `folder`, which must be new or empty. FileExistsError otherwise."""
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"parity: expected a new or empty folder to write into, got '{folder}'")
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.RandomState(seed)
    model = ModelWriter(folder / "model", seed)
    cases, noted = {}, {}
    for name, shape in CASES.items():
        arrays, noted[name] = draw_case(shape, random)
        cases[name] = {**arrays, **model.run(arrays, random)}
        np.savez_compressed(folder / f"case_{name}.npz", **_thinned(cases[name]))
    _write_json(folder / "forward_report.json", noted)
    recipe, wide = wide_case(cases["A_landscape"], "case_A_landscape.npz", seed)
    _write_json(folder / "case_W_wide.json", recipe)
    np.savez_compressed(folder / "case_W_wide.npz", **wide)
    np.savez_compressed(
        folder / "moge_input_P.npz", **depth_model_input(cases["P_full_pipeline"]["image_raw"])
    )
    fast: dict[str, Any] = {
        name: fast_rows(case["image_raw"], case["image_bicubic"].shape) for name, case in _straight(cases)
    }
    np.savez_compressed(folder / "pixel_values_fast_processor.npz", **fast)
    np.savez_compressed(folder / "pe_sinusoid.npz", **sinusoid_tables(random))
    np.savez_compressed(folder / "sampler.npz", **sampler_table(random))
    _write_json(folder / "sizes.json", sizes(random))
    first = cases["A_landscape"]
    boxes = codec(first, random)
    _write_json(folder / "codec.json", boxes)
    _write_json(folder / "prompts.json", conversations(boxes["scenes"]["P"], first["image_grid_thw"], random))
    _write_json(folder / "failure_cases.json", model.failures(first))


def _straight(cases: dict[str, dict[str, np.ndarray]]) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Cases whose picture goes straight to the processor."""
    return [(name, case) for name, case in cases.items() if "image_lanczos" not in case]


def _thinned(case: dict[str, Any]) -> dict[str, Any]:
    """The long case keeps some rows of its heavy arrays, as the recorded one does."""
    if "image_lanczos" not in case:
        return case
    thin = {name: rows for name, rows in case.items() if name not in ("pixel_values", "logits", "block0_out")}
    thin["pixel_values_every29"] = case["pixel_values"][::29]
    thin["logits_last16"] = case["logits"][-16:]
    thin["greedy_step_logits"] = case["greedy_step_logits"][[0, 1, -1]]
    for name in ("pe_feat", "patch_embed", "blocks_out_permuted", "merger_in_permuted", "aligned_visual_out"):
        thin[name] = case[name][::7]
    return thin


def _write_json(path: Path, values: object) -> None:
    path.write_text(json.dumps(values, ensure_ascii=False, indent=1), encoding="utf-8")
