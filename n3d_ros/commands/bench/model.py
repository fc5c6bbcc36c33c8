"""`n3d bench`: measure a model on this machine, beside other ways to run the same weights.

In: arguments. Out: a table on the terminal, and where asked JSON with every raw sample and a picture.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from n3d_ros.commands.model_options import add_model_option, model_folder
from n3d_ros.engines.bench.measure import Recording, check_weights_fit, num_pieces, record
from n3d_ros.engines.bench.memory import ProcessFailed
from n3d_ros.engines.bench.options import DEFAULT_SYSTEMS, SYSTEMS, BenchOptions
from n3d_ros.engines.bench.report.summary import BenchReport, make_report
from n3d_ros.engines.bench.report.text import report_text
from n3d_ros.engines.bench.samples import BenchScene
from n3d_ros.engines.synthetic.config import PRESETS
from n3d_ros.runtime.backends.pytorch.options import DTYPES
from n3d_ros.storage.whole_file import check_can_write, whole_file, write_text

# What random weights write is never what was expected: the first beside the second shows what a drafter costs
# until it gives up.
SYNTHETIC_SYSTEMS = ("torch", "torch-plain", "huggingface")


def add_model_bench(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d bench`."""
    model = parser.add_mutually_exclusive_group()
    add_model_option(model)
    model.add_argument(
        "--synthetic",
        choices=tuple(PRESETS),
        metavar="SIZE",
        help=f"random weights of real shapes instead: {', '.join(PRESETS)}",
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="where --synthetic lies (default: temporary)"
    )
    parser.add_argument(
        "--systems",
        nargs="+",
        choices=SYSTEMS,
        metavar="NAME",
        help=f"of {', '.join(SYSTEMS)}; the goals are about the first",
    )
    parser.add_argument(
        "--scenes", type=int, default=10, metavar="N", help="simulated scenes (default: %(default)s)"
    )
    parser.add_argument(
        "--repetitions", type=int, default=5, metavar="N", help="of every question (default: %(default)s)"
    )
    parser.add_argument(
        "--max-tokens", type=int, metavar="N", help="of a reply (default: 512; synthetic: 120)"
    )
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="of every system (default: %(default)s)"
    )
    parser.add_argument(
        "--dtype",
        default="auto",
        choices=("auto", *DTYPES),
        metavar="TYPE",
        help="bf16, fp16 or fp32, of torch and huggingface",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine, figures and raw samples")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw stages and goals")
    parser.set_defaults(run=run_model_bench)


def run_model_bench(args: argparse.Namespace) -> int:
    """Measure, print, write; exit code 0, 1 when a process of the measurement fails. BadInputError for
    options that cannot be run.
    """
    from tqdm import tqdm

    check_can_write(args.json, args.plot)
    with (
        _prepared(args) as (options, scenes),
        tqdm(total=num_pieces(options), unit="piece", desc="bench", file=sys.stderr) as bar,
    ):

        def progress(what: str) -> None:
            bar.set_postfix_str(what, refresh=False)
            bar.update()

        try:
            recording = record(options, scenes, progress)
        except ProcessFailed as error:
            print(f"n3d bench: {error}", file=sys.stderr)
            return 1
    report = make_report(recording)
    print(report_text(recording, report))
    write_results(args.json, args.plot, recording, report)
    return 0


@contextlib.contextmanager
def _prepared(args: argparse.Namespace) -> Iterator[tuple[BenchOptions, Iterator[BenchScene]]]:
    """What to run and what to ask."""
    numbers = {
        "num_scenes": args.scenes,
        "repetitions": args.repetitions,
        "threads": args.threads,
        "dtype": args.dtype,
    }
    if args.synthetic is None:
        from n3d_ros.engines.bench.scenes import bench_scenes
        from n3d_ros.runtime.pipeline import MAX_TOKENS

        systems = tuple(args.systems or DEFAULT_SYSTEMS)
        max_tokens = MAX_TOKENS if args.max_tokens is None else args.max_tokens
        options = BenchOptions(model_folder(args.model), systems, max_tokens=max_tokens, **numbers)
        yield options, bench_scenes()
        return
    with _synthetic(args, tuple(args.systems or SYNTHETIC_SYSTEMS), numbers) as prepared:
        yield prepared


@contextlib.contextmanager
def _synthetic(
    args: argparse.Namespace, systems: tuple[str, ...], numbers: dict[str, Any]
) -> Iterator[tuple[BenchOptions, Iterator[BenchScene]]]:
    """Random weights, written with a bar of their own where they are not there yet."""
    from tqdm import tqdm

    from n3d_ros.engines.bench import synthetic
    from n3d_ros.engines.bench.machine import free_memory_gb
    from n3d_ros.engines.synthetic.checkpoint import ITEM_BYTES, num_bytes

    max_tokens = synthetic.NUM_TOKENS if args.max_tokens is None else args.max_tokens
    total = num_bytes(args.synthetic)
    options = BenchOptions(Path(), systems, max_tokens=max_tokens, **numbers)
    if args.folder is None or not (args.folder / "config.json").is_file():  # before gigabytes are written
        check_weights_fit(options, lambda size: size * total // ITEM_BYTES["bf16"], free_memory_gb())
    with contextlib.ExitStack() as stack:
        with tqdm(total=total, unit="B", unit_scale=True, desc="weights", file=sys.stderr) as bar:
            folder = stack.enter_context(synthetic.synthetic_folder(args.synthetic, args.folder, bar.update))
        options = BenchOptions(
            folder,
            systems,
            queries=synthetic.QUERIES,
            max_tokens=max_tokens,
            context=synthetic.CONTEXT,
            **numbers,
        )
        yield options, synthetic.noise_scenes()


def write_results(
    json_file: Path | None, picture: Path | None, recording: Recording, report: BenchReport
) -> None:
    """The files that were asked for."""
    if json_file is not None:
        write_text(json_file, json.dumps(to_dict(recording, report), indent=1) + "\n")
    if picture is not None:
        from n3d_ros.engines.bench.report.plot import draw_report

        with whole_file(picture) as part:
            draw_report(recording, report).save(part)


def to_dict(recording: Recording, report: BenchReport) -> dict[str, object]:
    """Everything of a run, for JSON."""
    return {
        "command": shlex.join(["n3d", *sys.argv[1:]]),
        "options": {**asdict(recording.options), "model": recording.options.model.name},
        "machine": {**recording.machine, "load_average_after": recording.load_after},
        "report": report.to_dict(),
        "decode_bytes": recording.decode_bytes,
        "copy_gb_s": recording.copy_gb_s,
        "peaks": {name: asdict(peak) for name, peak in recording.peaks.items()},
        "skipped_seeds": recording.skipped,
        "samples": [sample.to_dict() for sample in recording.samples],
        "passes": [asdict(step) for step in recording.steps],
    }
