"""Tower, logits and greedy tokens of recorded cases against the torch class and any backend.

In: a folder with `model/` (weights in each layout) and the arrays of its cases. Out: lines. The torch class
is looked into stage by stage; a backend is only asked for what every backend has.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from n3d_ros.engines.parity.failures import FailureChecks
from n3d_ros.engines.parity.report import ParityReport, Record, sampled
from n3d_ros.engines.parity.steps import greedy, model_inputs, positions_of, run_prompt
from n3d_ros.model.checkpoint import load_model
from n3d_ros.model.config import N3DVisionConfig
from n3d_ros.model.vision import N3DVisionTower
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.tensors import read_entries, short_name
from n3d_ros.preprocess.prepare import ModelInputs
from n3d_ros.runtime.backends.base import AnyBackend
from n3d_ros.runtime.backends.pytorch.backend import TorchBackend
from n3d_ros.runtime.backends.pytorch.options import TorchOptions

FLAT_CONFIG = "config_hub_flat_style.json"
WEIGHTS = "model.safetensors"
TOWER, LOGITS, MARGIN = 2e-4, 1e-3, 2e-3
BF16_TOWER, BF16_LOGITS = 0.1, 0.5
# Which greedy steps a recording keeps where it keeps three.
STEPS_SHOWN = (0, 1, -1)


class ModelChecks:
    """The models of one folder; `check_layouts` first."""

    def __init__(self, folder: Path, backends: Sequence[str], report: ParityReport) -> None:
        self._folder, self.report = folder / "model", report
        self._names = tuple(backends)
        self._backends: dict[str, AnyBackend] = {}
        self._temporary = tempfile.TemporaryDirectory(prefix="n3d-parity-")

    @property
    def _torch(self) -> TorchBackend:
        if "torch" not in self._backends:
            raise ValueError(f"expected a model in '{self._folder}', found none that loads")
        return self._backends["torch"]  # type: ignore[return-value]

    def check_layouts(self) -> None:
        """Every layout of names and configuration loads whole, into the same weights."""
        first: dict[str, torch.Tensor] | None = None
        for folder in self._layouts():
            with self.report.guarded("checkpoint loads", folder.name):
                weights = load_model(folder).state_dict()
                first = first or weights
                same = all(torch.equal(weights[name], tensor) for name, tensor in first.items())
                self.report.exact(
                    "checkpoint loads", folder.name, same and weights.keys() == first.keys(), True
                )
                order = load_config(folder).point_encoding.order
                self.report.exact("checkpoint's point order", folder.name, order, "raster")
                self._open(folder)
        path = self._folder / "key_layouts.json"
        if path.is_file() and first is not None:
            shapes = {short_name(name): list(tensor.shape) for name, tensor in first.items()}
            for name, keys in json.loads(path.read_text(encoding="utf-8")).items():
                renamed = {short_name(key): shape for key, shape in keys.items()}
                self.report.exact("key_layouts.json", name, renamed, shapes)

    def _layouts(self) -> Iterator[Path]:
        folders = sorted(path.parent for path in self._folder.glob(f"*/{WEIGHTS}"))
        yield from folders
        flat = self._folder / FLAT_CONFIG
        hub = next((f for f in folders if any(n.startswith("visual.") for n in _names_in(f))), None)
        if flat.is_file() and hub is not None:
            folder = Path(self._temporary.name) / flat.stem
            folder.mkdir()
            shutil.copyfile(flat, folder / "config.json")
            (folder / WEIGHTS).symlink_to((hub / WEIGHTS).resolve())
            yield folder

    def _open(self, folder: Path) -> None:
        """The first layout that loads serves all backends."""
        if "torch" not in self._backends:
            self._backends["torch"] = TorchBackend(folder)
            if "ort" in self._names:
                self._backends["ort"] = self._export(folder)

    def _export(self, folder: Path) -> AnyBackend:
        from n3d_ros.engines.export.folder import export
        from n3d_ros.runtime.backends.factory import create_backend

        copy = Path(self._temporary.name) / "source"
        shutil.copytree(folder, copy)
        (copy / "tokenizer.json").write_text("{}")
        export(copy, Path(self._temporary.name) / "engine")
        return create_backend(Path(self._temporary.name) / "engine", "ort", 1)

    def check_case(self, record: Record, case: str, noted: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Tower stages, positions, logits and greedy tokens, each from the recorded stage before it; and what
        forward_report.json says of them.
        """
        inputs = model_inputs(record)
        self._check_tower(record, case, inputs)
        self._check_noted(record, case, inputs, noted)
        self._check_positions(record, case)
        for name in self._names:
            backend = self._backends[name]
            tokens = backend.encode_image(inputs)
            self.report.absolute("visual_out", case, tokens, record["visual_out"], TOWER, name)
            self._check_language(record, case, backend, record["visual_out"], name)
            self._check_language(record, case, backend, tokens, f"{name}, from its own tower")
        self._check_bf16(record, case, inputs)

    def _check_tower(self, record: Record, case: str, inputs: ModelInputs) -> None:
        stages = tower_stages(self._torch.model.model.visual, inputs)
        for name, rows in stages.items():
            if name in record:
                wanted = record[name]
                self.report.absolute(name, case, sampled(rows, len(wanted), 7), wanted, TOWER)
        if "aligned_visual_out" not in record:
            return
        tokens = self._tokens(inputs, "aligned")
        wanted = record["aligned_visual_out"]
        self.report.absolute("aligned_visual_out", case, sampled(tokens, len(wanted), 7), wanted, TOWER)
        last = run_prompt(self._torch, record, tokens)[1][-1]
        self.report.absolute("aligned_logits_last", case, last, record["aligned_logits_last"], LOGITS)

    def _check_noted(self, record: Record, case: str, inputs: ModelInputs, noted: Mapping[str, Any]) -> None:
        """Sizes of numbers, and how far the aligned order is from the released one."""
        raster, aligned = (self._tokens(inputs, order) for order in ("raster", "aligned"))
        blocks = tower_stages(self._torch.model.model.visual, inputs)["blocks_out_permuted"]
        logits, others = (run_prompt(self._torch, record, tokens)[1] for tokens in (raster, aligned))
        change = aligned - raster
        ours = {
            "visual_out_absmax": np.abs(raster).max(),
            "visual_out_std": raster.std(),
            "blocks_out_absmax": np.abs(blocks).max(),
            "blocks_out_std": blocks.std(),
            "logits_absmax": np.abs(logits).max(),
            "logits_std": logits.std(),
            "aligned_vs_official_visual_maxdiff": np.abs(change).max(),
            "aligned_vs_official_visual_rms": np.sqrt((change**2).mean()),
            "aligned_vs_official_logits_maxdiff": np.abs(others - logits).max(),
            "argmax_agree_aligned": (logits.argmax(axis=1) == others.argmax(axis=1)).mean(),
        }
        for name in ours.keys() & noted.keys():
            self.report.absolute(f"forward_report: {name}", case, ours[name], noted[name], LOGITS)

    def _tokens(self, inputs: ModelInputs, order: str) -> np.ndarray:
        """Tower output with the point code added in `order`."""
        config = self._torch.model.model.visual.config
        before, config.point_encoding_order = config.point_encoding_order, order
        try:
            tokens: np.ndarray = self._torch.encode_image(inputs)
            return tokens
        finally:
            config.point_encoding_order = before

    def _check_positions(self, record: Record, case: str) -> None:
        positions = positions_of(record, self._torch.config.image_token_id)
        self.report.exact("position_ids", case, positions[:, None], record["position_ids"])
        delta = np.array([[positions.max() + 1 - positions.shape[1]]])
        self.report.exact("rope_deltas", case, delta, record["rope_deltas"])

    def _check_language(
        self, record: Record, case: str, backend: AnyBackend, tokens: np.ndarray, note: str
    ) -> None:
        for suffix, penalty in (("", 1.0), ("_rep105", 1.05)):
            if f"greedy_ids{suffix}" not in record:
                continue
            cache, logits = run_prompt(backend, record, tokens)
            if not suffix:
                name = "logits" if "logits" in record else "logits_last16"
                self.report.absolute(name, case, logits[-len(record[name]) :], record[name], LOGITS, note)
            count = len(record[f"greedy_ids{suffix}"])
            ids, steps, margins = greedy(backend, cache, record, logits[-1], penalty, count)
            self.report.exact(f"greedy_ids{suffix}", case, np.array(ids), record[f"greedy_ids{suffix}"], note)
            wanted = record[f"greedy_top1_minus_top2{suffix}"]
            self.report.absolute(f"greedy_top1_minus_top2{suffix}", case, margins, wanted, MARGIN, note)
            if not suffix:
                shown = record["greedy_step_logits"]
                some = steps if len(shown) == len(steps) else steps[list(STEPS_SHOWN)]
                self.report.absolute("greedy_step_logits", case, some, shown, LOGITS, note)

    def _check_bf16(self, record: Record, case: str, inputs: ModelInputs) -> None:
        """All weights in bfloat16: a loose reference, since the release also pools in bfloat16."""
        if "bf16_logits_last" not in record:
            return
        if "bf16" not in self._backends:
            self._backends["bf16"] = TorchBackend(
                self._torch.tokenizer_path.parent, None, TorchOptions("cpu", "bf16")
            )
        backend = self._backends["bf16"]
        tokens = backend.encode_image(inputs)
        if "bf16_visual_out" in record:
            self.report.rms("bf16_visual_out", case, tokens, record["bf16_visual_out"], BF16_TOWER)
        last = run_prompt(backend, record, tokens)[1][-1]
        self.report.rms("bf16_logits_last", case, last, record["bf16_logits_last"], BF16_LOGITS)

    def check_wide(self, recipe: Record, record: Record, records: dict[str, Record]) -> None:
        """A tower of the real width with weights drawn by the recorded recipe."""
        tower = N3DVisionTower(N3DVisionConfig(**recipe["config"]))
        weights = draw_weights(recipe)
        sums = [float(weights[name].sum(dtype=np.float64)) for name in sorted(weights)]
        self.report.relative("check_weight_sum", "W", sums, record["check_weight_sum"], 1e-12)
        tower.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        source = re.search(r"case_\w+\.npz", recipe["inputs"])
        if source is None:
            raise ValueError(f"inputs: expected the name of a case, got {recipe['inputs']!r}")
        inputs = model_inputs(records[source.group()])
        stages = tower_stages(tower, inputs)
        for name in ("blocks_out_permuted", "merger_in_permuted"):
            wanted = record[f"{name}_first40"]
            self.report.absolute(f"{name}_first40", "W", stages[name][: len(wanted)], wanted, TOWER)
        self.report.absolute("visual_out", "W", stages["visual_out"], record["visual_out"], TOWER)

    def check_failures(self, failures: Record, cases: dict[str, Record]) -> None:
        """What the release does on bad input, against a named error or the same numbers here."""
        if not cases:
            self.report.fault("failure_cases", "failure_cases.json", "expected a recorded case to start from")
            return
        case = next(iter(cases))
        FailureChecks(self._torch, cases[case], self.report).check(failures)


def _names_in(folder: Path) -> list[str]:
    return [entry.name for entry in read_entries(folder).values()]


@torch.inference_mode()
def tower_stages(tower: N3DVisionTower, inputs: ModelInputs) -> dict[str, np.ndarray]:
    """What the tower holds at each recorded stage, rows in the order in which the tower has them."""
    stages: dict[str, Any] = {}
    hooks = [
        tower.patch_embed.register_forward_hook(lambda *a: stages.update(patch_embed=a[2])),
        tower.blocks[0].register_forward_hook(lambda *a: stages.update(block0_out=a[2])),
        tower.blocks[-1].register_forward_hook(lambda *a: stages.update(blocks_out_permuted=a[2])),
        tower.merger.ln_q.register_forward_hook(lambda *a: stages.update(merger_in_permuted=a[1][0])),
    ]
    try:
        grid = torch.tensor([[1, *inputs.grid_hw]])
        points = torch.from_numpy(inputs.coords)
        out = tower(torch.from_numpy(inputs.pixel_values), grid, point_coords=points)
        stages["visual_out"] = out.pooler_output
    finally:
        for hook in hooks:
            hook.remove()
    return {name: rows.float().numpy() for name, rows in stages.items()}


def draw_weights(recipe: Record) -> dict[str, np.ndarray]:
    """The recorded recipe: one generator, keys in the recorded order (README of the reference vectors)."""
    seed = re.search(r"RandomState\((\d+)\)", recipe["recipe"])
    if seed is None:
        raise ValueError(f"recipe: expected numpy.random.RandomState(<seed>), got {recipe['recipe']!r}")
    random = np.random.RandomState(int(seed.group(1)))
    weights = {}
    for name, shape in recipe["keys_sorted"]:
        drawn = random.standard_normal(shape)
        if len(shape) == 1:
            drawn = 1 + 0.1 * drawn if "norm" in name or "ln_q" in name else 0.1 * drawn
        else:
            drawn = drawn / np.sqrt(np.prod(shape[1:]))
        weights[name] = drawn.astype(np.float32)
    return weights
