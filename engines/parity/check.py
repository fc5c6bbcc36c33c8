"""Does this project compute what the released N3D-VLM computes? Checks a folder of recorded numbers.

In: a folder laid out as the reference vectors are (docs/fidelity.md), and which backends to try. Out: a
`ParityReport` with a line for every quantity that the folder holds. A value that no check takes is a miss, so
a folder that passes was checked whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from n3d_ros.engines.parity import inputs, text
from n3d_ros.engines.parity.model import ModelChecks
from n3d_ros.engines.parity.prompts import check_prompts
from n3d_ros.engines.parity.report import ParityReport, Record
from n3d_ros.preprocess.point_code import sinusoid
from n3d_ros.runtime.decoding.sampling import Sampling, penalised, probabilities

RELEASED = {"temperature": 0.6, "top_k": 10, "top_p": 0.95}
FAR_STEPS = 3000
OnStep = Callable[[str], None]


def check(
    folder: Path, backends: Sequence[str] = ("torch",), on_step: OnStep = lambda _: None
) -> ParityReport:
    """Every quantity of `folder`. FileNotFoundError when it is no folder; an empty one gives no lines."""
    if not folder.is_dir():
        raise FileNotFoundError(f"parity: expected a folder of recorded numbers, got '{folder}'")
    report, records = ParityReport(), {path.name: Record.load(path) for path in _files(folder)}
    on_step("text")
    _check_text(records, folder, report)
    noted = records.get("forward_report.json", Record({}))
    for case, record in _cases(records):
        on_step(f"pictures and points of {case}")
        with report.guarded("inputs", case):
            check_inputs(case, record, noted, report)
    _check_tables(records, report)
    _check_models(folder, records, backends, report, on_step)
    for name, record in records.items():
        for unread in record.unread:
            report.fault(unread, name, "no check knows this quantity")
    return report


def _files(folder: Path) -> list[Path]:
    """Files with named values; sizes.json is a list and is read by its own check."""
    found = [path for path in sorted(folder.iterdir()) if path.suffix in (".npz", ".json")]
    return [path for path in found if path.name != "sizes.json"]


def _cases(records: dict[str, Record]) -> list[tuple[str, Record]]:
    """The full cases; one with a recipe of its own weights (a JSON beside it) is the wide tower."""
    names = [name for name in records if name.startswith("case_") and name.endswith(".npz")]
    full = [name for name in names if name.replace(".npz", ".json") not in records]
    return [(name.removeprefix("case_").removesuffix(".npz"), records[name]) for name in full]


def _check_text(records: dict[str, Record], folder: Path, report: ParityReport) -> None:
    codec = records.get("codec.json", Record({}))
    with report.guarded("codec", "codec.json"):
        text.check_codec(codec, report)
    if "prompts.json" in records:
        with report.guarded("prompts", "prompts.json"):
            check_prompts(records["prompts.json"], codec.get("scenes", {}), report)
    path = folder / "sizes.json"
    if path.is_file():
        with report.guarded("sizes", "sizes.json"):
            text.check_sizes(json.loads(path.read_text(encoding="utf-8")), report)


def check_inputs(case: str, record: Record, noted: Record, report: ParityReport) -> None:
    known = noted.get(case, {})
    inputs.check_pictures(record, case, report)
    inputs.check_point_map(record, case, report)
    normalised = inputs.check_normalisation(record, case, report, known.get("points_norm_sha256"))
    inputs.check_coordinates(record, case, report, normalised)
    inputs.check_windows(record, case, report)
    inputs.check_noted(record, known, case, report)


def _check_tables(records: dict[str, Record], report: ParityReport) -> None:
    """Files of one quantity each: sinusoid, sampler, fast processor, picture for the depth model."""
    cases = dict(_cases(records))
    for name, checker in (("pe_sinusoid.npz", check_sinusoid), ("sampler.npz", check_sampler)):
        if name in records:
            with report.guarded(name, name):
                checker(records[name], report)
    fast = records.get("pixel_values_fast_processor.npz", Record({}))
    for case in fast.names():
        with report.guarded("pixel_values_fast_processor", case):
            inputs.check_fast_processor(fast[case], cases[case], case, report)
    for name, record in records.items():
        if name.startswith("moge_input_"):
            short = name.removeprefix("moge_input_").removesuffix(".npz")
            case = next((case for case in cases if case.startswith(short)), short)
            with report.guarded("moge_input", case):
                text.check_depth_picture(record, cases[case]["image_raw"], case, report)


def check_sinusoid(record: Record, report: ParityReport) -> None:
    """Near steps to 5e-4; far ones to the 3e-3 that a float32 angle costs at 65,000."""
    coords = record["coords"]
    near = np.abs(coords).max(axis=1) <= FAR_STEPS
    for name in record.names():
        if name.startswith("pe_"):
            code, wanted = sinusoid(coords, record[name].shape[1]), record[name]
            report.absolute("sinusoid, steps to 3000", name, code[near], wanted[near], 5e-4)
            report.absolute("sinusoid, steps beyond", name, code[~near], wanted[~near], 3e-3)


def check_sampler(record: Record, report: ParityReport) -> None:
    sampling = Sampling(**RELEASED)  # type: ignore[arg-type]
    for name in record.names():
        if not name.startswith("probs_rp"):
            continue
        penalty = float(name.removeprefix("probs_rp"))
        pairs = zip(record["logits"], record["previous_ids"], strict=True)
        ours = [probabilities(penalised(row, seen.tolist(), penalty), sampling) for row, seen in pairs]
        report.absolute("sampler probabilities", name, ours, record[name], 1e-6)


def _check_models(
    folder: Path, records: dict[str, Record], backends: Sequence[str], report: ParityReport, on_step: OnStep
) -> None:
    checks, noted = ModelChecks(folder, backends, report), records.get("forward_report.json", Record({}))
    checks.check_layouts()
    cases: dict[str, Any] = dict(_cases(records))
    for case, record in cases.items():
        on_step(f"model on {case}")
        with report.guarded("model", case):
            checks.check_case(record, case, noted.get(case, {}))
    for name, record in records.items():
        if name.startswith("case_") and name.endswith(".json"):
            on_step(f"tower of {name}")
            with report.guarded("wide tower", name):
                checks.check_wide(record, records[name.replace(".json", ".npz")], records)
    if "failure_cases.json" in records:
        on_step("bad inputs")
        checks.check_failures(records["failure_cases.json"], cases)
