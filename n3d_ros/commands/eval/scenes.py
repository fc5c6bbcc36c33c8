"""`n3d eval` on simulated scenes that the model never saw."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from n3d_ros.commands.model_options import model_folder
from n3d_ros.commands.world_options import add_world_options, world_of
from n3d_ros.runtime.options import VALUES, Options
from n3d_ros.storage.whole_file import write_text
from n3d_ros.text_table import text_table

if TYPE_CHECKING:
    from argparse import _ActionsContainer

    from n3d_ros.sim.world import World

# Of --kinds: those of the wide world that the model has words for.
KNOWN = "known"


def add_scene_options(group: _ActionsContainer) -> None:
    """--scenes and what goes with it."""
    group.add_argument("--scenes", type=int, default=200, help="number of scenes (default: %(default)s)")
    group.add_argument("--seed", type=int, default=90000, help="first scene seed (default: %(default)s)")
    group.add_argument("--noise", action="store_true", help="depth as a sensor sees it, not exact")
    add_world_options(group)
    group.add_argument(
        "--box-fit",
        choices=VALUES["box_fit"],
        default=VALUES["box_fit"][0],
        help="depth: boxes end where depth shows it; off: as the model writes them (default: its folder's)",
    )
    group.add_argument("--details", action="store_true", help="intervals, and results by relation and kind")


def run_scenes(args: argparse.Namespace) -> int:
    """Evaluate and print the summary; exit code 0."""
    from tqdm import tqdm

    from n3d_ros.runtime.pipeline import Pipeline
    from n3d_ros.training.evaluation.report.tables import as_text
    from n3d_ros.training.evaluation.simulated.answers import summarise_questions
    from n3d_ros.training.evaluation.simulated.details import detail_tables, details
    from n3d_ros.training.evaluation.simulated.grounding import summarise, trials

    if args.scenes < 1:
        raise ValueError(f"--scenes: expected at least 1, got {args.scenes}")
    world = world_of(args, kinds="wide") if args.kinds == KNOWN else world_of(args)
    options = Options(box_fit=args.box_fit)
    pipeline = Pipeline.load(model_folder(args.model), backend=args.backend, options=options)
    kinds, left_out = measured_kinds(pipeline.backend.tokenizer_path, world, args.kinds)
    if left_out:
        print(left_out_text(kinds, left_out))
    scenes = trials(
        pipeline, args.scenes, args.seed, with_noise=args.noise, with_ways=True, world=world, kinds=kinds
    )
    results = list(tqdm(scenes, total=args.scenes, unit="scene"))
    summary = (
        summarise(results).to_dict()
        | summarise_questions(
            [t.refusal for t in results if t.refusal],
            [t.answered for t in results if t.answered],
            [t.premise for t in results if t.premise],
        ).to_dict()
    )
    found = details(results)
    print(summary_table(summary, found["names_by_way"]))
    if args.details:
        print(f"\n{as_text(detail_tables(found))}")
    if left_out:
        print(left_out_text(kinds, left_out))
    if args.json:
        seen = {
            "world": asdict(world),
            "noise": args.noise,
            "box_fit": args.box_fit,
            "kinds": kinds,
            "kinds_left_out": left_out,
        }
        every = {**seen, "summary": summary, "details": found, "trials": [asdict(t) for t in results]}
        write_text(args.json, json.dumps(every, indent=1))
    return 0


def measured_kinds(tokenizer: Path, world: World, wanted: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Kinds to make scenes of, and those of the world that are left out since the model has no word for them.
    ValueError where there are such and `wanted` is not KNOWN.
    """
    from n3d_ros.sim.world import KIND_SETS
    from n3d_ros.training.evaluation.simulated.nameable import nameable

    every = KIND_SETS[world.kinds]
    named = nameable(tokenizer, every)
    lacking = tuple(kind for kind in every if kind not in named)
    if not lacking or (named and wanted == KNOWN):
        return named, lacking
    instead = f"; --kinds {KNOWN} measures it on the other {len(named)} alone" if named else ""
    raise ValueError(
        f"--kinds {wanted}: expected a model that can name all {len(every)} kinds, got one without words for "
        f"{len(lacking)} ({', '.join(lacking)}){instead}"
    )


def left_out_text(kinds: tuple[str, ...], left_out: tuple[str, ...]) -> str:
    """What the figures are not about."""
    return (
        f"on scenes of {len(kinds)} kinds; the model cannot name the other {len(left_out)}, which no scene "
        f"holds: {', '.join(left_out)}"
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def summary_table(summary: dict[str, Any], names: dict[str, Any]) -> str:
    """The figures a person looks for, one a line. `names`: figures by the way of naming things."""
    within = summary["share_within_25"]
    return text_table(
        [
            ["scenes", f"{summary['num_trials']}"],
            ["boxes at 3D IoU >= 0.25", f"{100 * summary['share_iou_25']:.1f} %"],
            ["boxes at 3D IoU >= 0.50", f"{100 * summary['share_iou_50']:.1f} %"],
            ["mean 3D IoU", f"{summary['mean_iou']:.3f}"],
            ["median centre error", f"{100 * summary['median_center_error_m']:.1f} cm"],
            ["prompts that found a box", f"{100 * summary['share_found']:.1f} %"],
            *[[f"F1 at 0.25, {way}", f"{row['f1']['value']:.2f}"] for way, row in names.items()],
            ["malformed boxes", f"{summary['malformed']}"],
            ["median time per prompt", f"{summary['median_ms']:.0f} ms"],
            ["absent things refused", f"{100 * summary['share_refused']:.1f} %"],
            ["questions about them left unanswered", _share(summary["share_unanswered"])],
            ["spatial questions", f"{summary['num_questions']}"],
            ["  answered", f"{100 * summary['share_answered']:.1f} %"],
            ["  answered rightly", f"{100 * summary['share_right']:.1f} %"],
            ["  lengths within 25 %", _share(within)],
            ["  own sentence confirmed", f"{100 * summary['share_confirmed']:.1f} %"],
            ["  forward passes per token", f"{summary['passes_per_token']:.2f}"],
        ],
        "<",
    )
