"""The commands `n3d train`, `n3d eval` and `n3d export`: arguments in, calls to training/ and engines/ out,
results printed.
"""

import argparse
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from n3d_ros.training.train import Trainer


def add_train(parser: argparse.ArgumentParser) -> None:
    """`n3d train`: render scenes, train n3d-nano, resumable."""
    parser.add_argument(
        "--out", type=Path, default=Path("runs/n3d-nano"), help="run folder (default: %(default)s)"
    )
    parser.add_argument(
        "--views", type=Path, default=Path("runs/views"), help="rendered scenes (default: %(default)s)"
    )
    parser.add_argument(
        "--render",
        type=int,
        default=0,
        metavar="SCENES",
        help="render until there are this many scenes, then stop",
    )
    parser.add_argument(
        "--first-seed", type=int, default=1_000_000, help="first scene (default: %(default)s)"
    )
    parser.add_argument(
        "--minutes", type=float, default=120.0, help="training time of the whole run (default: %(default)s)"
    )
    parser.add_argument(
        "--dense-minutes",
        type=float,
        default=20.0,
        help="of which the vision tower alone (default: %(default)s)",
    )
    parser.add_argument(
        "--start-from", type=Path, metavar="MODEL", help="begin with this model folder's weights"
    )
    parser.add_argument(
        "--frozen-tower", action="store_true", help="train the language model alone, reasoning in every step"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the run folder's checkpoint")
    parser.add_argument(
        "--restart-clock",
        action="store_true",
        help="with --resume: a new budget of --minutes on the old weights",
    )
    parser.set_defaults(run=run_train)


def run_train(args: argparse.Namespace) -> int:
    """Render or train; exit code 0, 2 when there is nothing to train on or to begin with."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if args.render:
        return render(args)
    try:
        trainer = make_trainer(args)
    except (FileNotFoundError, ValueError) as error:
        print(f"n3d train: {error}", file=sys.stderr)
        return 2
    trainer.run()
    return 0


def make_trainer(args: argparse.Namespace) -> "Trainer":
    """A trainer ready to run: untrained, from a model folder, or where its run folder stopped."""
    from n3d_ros.training.configs import NanoModel, TrainConfig, language_alone
    from n3d_ros.training.train import Trainer

    source = args.out / "model" if args.resume else args.start_from
    config = TrainConfig(minutes=args.minutes, dense_minutes=args.dense_minutes)
    if args.frozen_tower:
        config = language_alone(args.minutes)
    trainer = Trainer(config, NanoModel(), _tokenizer(source), args.views, args.out)
    if args.resume:
        trainer.resume(keep_clock=not args.restart_clock)
    elif source:
        trainer.start_from(source)
    else:
        trainer.start()
    return trainer


def _tokenizer(source: Path | None) -> "Tokenizer":
    """The tokenizer of `source` with today's words added, or a new one."""
    from tokenizers import Tokenizer

    from n3d_ros.training.tokenizer import build_tokenizer, extended
    from n3d_ros.training.vocabulary import known_words

    new = build_tokenizer(known_words())
    if source is None:
        return new
    file = source / "tokenizer.json"
    if not file.is_file():
        raise FileNotFoundError(f"{source}: expected a model folder with tokenizer.json, found none")
    return extended(Tokenizer.from_file(str(file)), new)


def render(args: argparse.Namespace) -> int:
    """Render the missing shards with a progress bar."""
    from tqdm import tqdm

    from n3d_ros.training.views import RenderConfig, render_shards

    config = RenderConfig(first_seed=args.first_seed, num_scenes=args.render)
    total = -(-config.num_scenes // config.scenes_per_shard)
    for _ in tqdm(render_shards(config, args.views), total=total, unit="shard", desc="render"):
        pass
    return 0


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

    from n3d_ros.runtime.factory import default_model_dir
    from n3d_ros.runtime.pipeline import Pipeline
    from n3d_ros.training.evaluate import summarise, trials
    from n3d_ros.training.evaluate_questions import summarise_questions

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
        args.json.write_text(
            json.dumps({"summary": summary, "trials": [asdict(t) for t in results]}, indent=1)
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


def add_export(parser: argparse.ArgumentParser) -> None:
    """`n3d export`: a checkpoint folder to ONNX graphs with a manifest."""
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        help="checkpoint folder (config, tokenizer, safetensors), or hub:OWNER/NAME to download it",
    )
    parser.add_argument("--out", type=Path, required=True, help="engine folder to write")
    parser.add_argument(
        "--weights", choices=("fp16", "fp32", "keep"), default="keep", help="stored type of the weights"
    )
    parser.set_defaults(run=run_export)


def run_export(args: argparse.Namespace) -> int:
    """Export and say where; exit code 0."""
    from n3d_ros.engines.export import export
    from n3d_ros.runtime.hub import local_folder

    export(local_folder(args.model), args.out, weights_dtype=None if args.weights == "keep" else args.weights)
    print(f"wrote {args.out}")
    return 0
