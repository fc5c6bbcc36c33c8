"""The command `n3d quantize`: a smaller model folder, with what it lost measured on simulated scenes.

In: arguments. Out: calls to engines/ (which writes) and training/ (which measures), a table. It is here
because both meet here.
"""

import argparse
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from n3d_ros.text_table import text_table


def add_quantize(parser: argparse.ArgumentParser) -> None:
    """`n3d quantize`: weights in 4 or 8 bits."""
    parser.add_argument(
        "--model", type=Path, required=True, metavar="DIR", help="checkpoint or exported folder"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="model folder to write")
    parser.add_argument("--precision", default="int4", choices=("int4", "int8", "fp8"))
    parser.add_argument(
        "--method", default="rtn", choices=("rtn", "awq"), help="round to nearest; or AWQ by nvidia-modelopt"
    )
    parser.add_argument(
        "--block", type=int, metavar="N", help="inputs that share a scale (int4: 128, small 32)"
    )
    parser.add_argument("--keep-head", action="store_true", help="leave the output layer as it is")
    parser.add_argument(
        "--compute", default="fp32", choices=("fp32", "fp16", "bf16"), help="what the rest computes in"
    )
    parser.add_argument(
        "--scenes", type=int, default=20, metavar="N", help="to measure on; 0: do not measure"
    )
    parser.add_argument("--seed", type=int, default=80000, help="first scene (default: %(default)s)")
    parser.set_defaults(run=run_quantize)


def run_quantize(args: argparse.Namespace) -> int:
    """Quantise, measure, print; exit code 0."""
    from tqdm import tqdm

    from n3d_ros.engines.quantize.folder import QuantizeConfig, quantize_folder

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    config = QuantizeConfig(args.precision, args.method, args.block, not args.keep_head, args.compute)
    factors = awq_factors(args, config) if args.method == "awq" else None
    seen: list[Mapping[str, Any]] = []

    with tqdm(desc=f"quantise {args.model.name}", unit="B", unit_scale=True) as bar:

        def report(folder: Path) -> Mapping[str, Any]:
            bar.close()
            seen.append(accuracy(args.model, folder, args.scenes, args.seed))
            return seen[0]

        quantize_folder(args.model, args.out, config, factors, report, bar.update)
    print(accuracy_table(seen[0]))
    print(f"wrote {args.out}")
    return 0


def awq_factors(args: argparse.Namespace, config: Any) -> dict[str, np.ndarray]:
    """Calibrate on prompts about simulated scenes of other seeds than the report's."""
    from tqdm import tqdm

    from n3d_ros.engines.quantize.awq import input_scales
    from n3d_ros.runtime.pipeline import Pipeline
    from n3d_ros.training.evaluation.simulated.grounding import trials

    def calibrate(pipeline: Pipeline) -> None:
        scenes = trials(pipeline, NUM_CALIBRATION, FIRST_CALIBRATION)
        for _ in tqdm(scenes, desc="awq: replies", total=NUM_CALIBRATION, unit="scene"):
            pass

    return input_scales(
        args.model, config, calibrate, lambda replies: tqdm(replies, desc="awq: search", unit="reply")
    )


# Scenes. `n3d bench` measures from seed 80000 on, `n3d eval` from 90000, training renders from 1000000.
NUM_CALIBRATION, FIRST_CALIBRATION = 4, 2_000


def accuracy(model: Path, quantized: Path, num_scenes: int, first_seed: int) -> dict[str, Any]:
    """Both folders in fp32 on this machine's processor, on the same scenes; only the weights differ."""
    if num_scenes == 0:
        print("n3d quantize: accuracy NOT measured (--scenes 0)", file=sys.stderr)
        return {"num_scenes": 0, "measured": False}
    from tqdm import tqdm

    from n3d_ros.engines.export.folder import export
    from n3d_ros.runtime.pipeline import Pipeline
    from n3d_ros.training.evaluation.simulated.agreement import comparisons, summarise

    with TemporaryDirectory(prefix=".accuracy.", dir=quantized.parent) as work:
        folders = [Path(work) / name for name in ("reference", "tested")]
        for source, folder in zip((model, quantized), folders, strict=True):
            export(source, folder)
        reference, tested = (Pipeline.load(folder, backend="ort") for folder in folders)
        found = tqdm(comparisons(reference, tested, num_scenes, first_seed), total=num_scenes, unit="scene")
        return {"measured": True, "first_seed": first_seed, **summarise(list(found))}


def accuracy_table(report: Mapping[str, Any]) -> str:
    """Unquantised beside quantised, one figure a line."""
    if not report["measured"]:
        return text_table([["accuracy", "not measured"]])
    was, now, same = "reference", "tested", report["share_same_answer"]
    rows = [
        [f"{report['num_scenes']} scenes, from seed {report['first_seed']}", "as it was", "quantised"],
        ["mean 3D IoU", *(f"{report[f'mean_iou_{one}']:.3f}" for one in (was, now))],
        ["boxes at 3D IoU >= 0.25", *(f"{100 * report[f'share_iou_25_{one}']:.1f} %" for one in (was, now))],
        ["mean 3D IoU between them", f"{report['mean_iou_between']:.3f}"],
        [f"same answers, of {report['num_questions']}", "-" if same is None else f"{100 * same:.1f} %"],
    ]
    return text_table(rows)
