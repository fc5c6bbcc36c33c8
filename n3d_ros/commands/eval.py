"""`n3d eval`: a model measured on simulated scenes that it never saw."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from n3d_ros.commands.model_options import add_model_options, model_folder
from n3d_ros.storage.whole_file import write_text
from n3d_ros.text_table import text_table


def add_eval(parser: argparse.ArgumentParser) -> None:
    """`n3d eval`: accuracy on simulated scenes."""
    add_model_options(parser)
    parser.add_argument("--scenes", type=int, default=200, help="number of scenes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=90000, help="first scene seed (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write every trial and the summary here")
    parser.set_defaults(run=run_eval)


def run_eval(args: argparse.Namespace) -> int:
    """Evaluate and print the summary; exit code 0."""
    from tqdm import tqdm

    from n3d_ros.runtime.pipeline import Pipeline
    from n3d_ros.training.evaluation.answers import summarise_questions
    from n3d_ros.training.evaluation.grounding import summarise, trials

    pipeline = Pipeline.load(model_folder(args.model), backend=args.backend)
    results = list(tqdm(trials(pipeline, args.scenes, args.seed), total=args.scenes, unit="scene"))
    summary = (
        summarise(results).to_dict()
        | summarise_questions(
            [t.refusal for t in results if t.refusal], [t.answered for t in results if t.answered]
        ).to_dict()
    )
    print(summary_table(summary))
    if args.json:
        write_text(
            args.json, json.dumps({"summary": summary, "trials": [asdict(t) for t in results]}, indent=1)
        )
    return 0


def summary_table(summary: dict[str, float]) -> str:
    """The figures a person looks for, one a line."""
    return text_table(
        [
            ["scenes", f"{summary['num_trials']}"],
            ["boxes at 3D IoU >= 0.25", f"{100 * summary['share_iou_25']:.1f} %"],
            ["boxes at 3D IoU >= 0.50", f"{100 * summary['share_iou_50']:.1f} %"],
            ["mean 3D IoU", f"{summary['mean_iou']:.3f}"],
            ["median centre error", f"{100 * summary['median_center_error_m']:.1f} cm"],
            ["prompts that found a box", f"{100 * summary['share_found']:.1f} %"],
            ["malformed boxes", f"{summary['malformed']}"],
            ["median time per prompt", f"{summary['median_ms']:.0f} ms"],
            ["absent things refused", f"{100 * summary['share_refused']:.1f} %"],
            ["spatial questions", f"{summary['num_questions']}"],
            ["  answered", f"{100 * summary['share_answered']:.1f} %"],
            ["  answered rightly", f"{100 * summary['share_right']:.1f} %"],
            ["  own sentence confirmed", f"{100 * summary['share_confirmed']:.1f} %"],
            ["  forward passes per token", f"{summary['passes_per_token']:.2f}"],
        ],
        "<",
    )
