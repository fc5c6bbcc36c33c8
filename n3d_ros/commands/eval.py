"""`n3d eval`: a model measured on simulated scenes that it never saw."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from n3d_ros.storage.whole_file import write_text


def add_eval(parser: argparse.ArgumentParser) -> None:
    """`n3d eval`: accuracy on simulated scenes."""
    parser.add_argument(
        "--model", type=Path, default=None, help="model folder (default: the shipped n3d-nano)"
    )
    parser.add_argument("--scenes", type=int, default=200, help="number of scenes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=90000, help="first scene seed (default: %(default)s)")
    parser.add_argument("--backend", default="auto", choices=("auto", "ort", "torch", "trt"))
    parser.add_argument("--json", type=Path, help="write every trial and the summary here")
    parser.set_defaults(run=run_eval)


def run_eval(args: argparse.Namespace) -> int:
    """Evaluate and print the summary; exit code 0."""
    from tqdm import tqdm

    from n3d_ros.runtime.backends.factory import default_model_dir
    from n3d_ros.runtime.pipeline import Pipeline
    from n3d_ros.training.evaluation.answers import summarise_questions
    from n3d_ros.training.evaluation.grounding import summarise, trials

    pipeline = Pipeline.load(args.model or default_model_dir(), backend=args.backend)
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
    return "\n".join(
        [
            f"scenes                      {summary['num_trials']}",
            f"boxes at 3D IoU >= 0.25     {100 * summary['share_iou_25']:.1f} %",
            f"boxes at 3D IoU >= 0.50     {100 * summary['share_iou_50']:.1f} %",
            f"mean 3D IoU                 {summary['mean_iou']:.3f}",
            f"median centre error         {100 * summary['median_center_error_m']:.1f} cm",
            f"prompts that found a box    {100 * summary['share_found']:.1f} %",
            f"malformed boxes             {summary['malformed']}",
            f"median time per prompt      {summary['median_ms']:.0f} ms",
            f"absent things refused       {100 * summary['share_refused']:.1f} %",
            f"spatial questions           {summary['num_questions']}",
            f"  answered                  {100 * summary['share_answered']:.1f} %",
            f"  answered rightly          {100 * summary['share_right']:.1f} %",
            f"  own sentence confirmed    {100 * summary['share_confirmed']:.1f} %",
            f"  forward passes per token  {summary['passes_per_token']:.2f}",
        ]
    )
