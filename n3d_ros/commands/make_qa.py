"""`n3d make-qa`: questions, answers and traces of a lifted set, as shards with a page of examples."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from n3d_ros.text_table import text_table

if TYPE_CHECKING:
    from n3d_ros.training.qa.config import QaConfig
    from n3d_ros.training.qa.making.wordings import KnownWords
    from n3d_ros.training.qa.rewording.rewriter import Rewriter
    from n3d_ros.training.qa.run import Done, QaJob


def add_make_qa(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d make-qa`."""
    parser.add_argument("lifted", type=Path, help="folder that `n3d lift` finished")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the questions; goes on where it was stopped"
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="JSON of shares and thresholds that differ (docs/data.md)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all chance (default: %(default)s)")
    parser.add_argument(
        "--workers", type=int, metavar="N", default=1, help="processes on this machine (default: %(default)s)"
    )
    parser.add_argument(
        "--apart-from",
        type=Path,
        nargs="+",
        default=[],
        metavar="SET",
        help="finished question sets whose pictures are left out",
    )
    parser.add_argument(
        "--benchmark", action="store_true", help="choose questions as N3D-Bench has them, by category"
    )
    parser.add_argument(
        "--questions", type=int, metavar="N", default=2000, help="of the benchmark (default: %(default)s)"
    )
    parser.add_argument(
        "--words-of",
        type=Path,
        metavar="MODEL",
        help="only wordings that this model folder's tokenizer can write (default: all)",
    )
    parser.add_argument(
        "--page-samples",
        type=int,
        metavar="N",
        default=5,
        help="examples a form on the page, 0: none (default: %(default)s)",
    )
    _add_rewording(parser)
    parser.set_defaults(run=run_make_qa)


def _add_rewording(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reword-url", metavar="URL", help="OpenAI-compatible endpoint, up to /v1, that rewords questions"
    )
    parser.add_argument("--reword-model", metavar="NAME", help="the model to ask there")
    parser.add_argument(
        "--reword-share", type=float, metavar="S", default=0.5, help="of spatial questions (default: 0.5)"
    )
    parser.add_argument(
        "--reword-key",
        metavar="NAME",
        default="OPENAI_API_KEY",
        help="environment variable that holds the key (default: %(default)s)",
    )


def run_make_qa(args: argparse.Namespace) -> int:
    """Make the questions, print what they are and what was left out; exit code 0, 1 where there are none."""
    from n3d_ros.training.qa.shards import write_manifest
    from n3d_ros.training.run_folder import begin

    job = _job(args)
    if args.benchmark:
        return _benchmark(args, job)
    begin(job.out, job.description())
    done = _with_progress(job, args.workers)
    entries = sorted((one.entry for one in done), key=lambda entry: entry.number)
    manifest = write_manifest(job.out, entries, job.description())
    print(summary(manifest, done))
    print(f"{job.num_shards} shards and manifest.json in {job.out}")
    _show(args)
    return 0


def summary(manifest: dict[str, Any], done: list[Done]) -> str:
    """Counts by category, what was left out and why, and the rate."""
    from n3d_ros.training.qa.shards import LEFT_OUT

    rows = [["pictures", f"{manifest['pictures']}", ""], ["questions", f"{manifest['questions']}", ""]]
    for category, number in manifest["categories"].items():
        yes, no = (manifest["verdicts"].get(f"{category}/{word}", 0) for word in ("yes", "no"))
        rows.append([f"  {category}", f"{number}", f"{yes} yes, {no} no" if yes or no else ""])
    for name, what in {**LEFT_OUT, "rewording": "rewordings"}.items():
        rows += [[what, f"{sum(manifest[name].values())}", ""]] if manifest[name] else []
        rows += [[f"  {reason}", f"{number}", ""] for reason, number in manifest[name].items()]
    cpu_s = sum(one.cpu_s for one in done)
    if cpu_s > 0:
        made = sum(one.entry.num_questions for one in done if one.cpu_s)
        rows.append(
            ["pairs/s a core", f"{made / cpu_s:.0f}", f"{made} questions in {cpu_s:.1f} s of processor time"]
        )
    return text_table(rows, "<><")


def _with_progress(job: QaJob, workers: int) -> list[Done]:
    from tqdm import tqdm

    from n3d_ros.training.qa.run import make_shards

    done = []
    with tqdm(total=job.lifted.num_pictures, unit="picture", desc="make-qa") as bar:
        for one in make_shards(job, workers):
            if not one.cpu_s:  # made before: no rate of this run
                bar.initial += one.entry.num_pictures
            bar.update(one.entry.num_pictures)
            done.append(one)
    return done


def _benchmark(args: argparse.Namespace, job: QaJob) -> int:
    from n3d_ros.training.qa.benchmark import benchmark_summary, make_benchmark

    manifest = make_benchmark(job, args.questions, args.workers)
    print(benchmark_summary(manifest))
    _show(args)
    return 0


def _show(args: argparse.Namespace) -> None:
    from n3d_ros.training.qa.page import write_page

    if args.page_samples > 0:
        print(f"look at {write_page(args.out, args.page_samples)}")


def _job(args: argparse.Namespace) -> QaJob:
    from n3d_ros.training.qa.apart import Apart
    from n3d_ros.training.qa.lifted import LiftedSet
    from n3d_ros.training.qa.run import QaJob

    lifted = LiftedSet.open(args.lifted)
    return QaJob(
        lifted,
        tuple(lifted.labels()),
        _config(args.config),
        args.out,
        seed=args.seed,
        apart=Apart.from_sets(args.apart_from),
        rewriter=_rewriter(args),
        words=_words(args.words_of),
    )


def _words(model: Path | None) -> KnownWords | None:
    from n3d_ros.training.qa.making.wordings import KnownWords

    return None if model is None else KnownWords.of_model(model)


def _rewriter(args: argparse.Namespace) -> Rewriter | None:
    from n3d_ros.training.chat import Chat, Endpoint
    from n3d_ros.training.qa.rewording.rewriter import OPTIONS, Rewriter

    if args.reword_url is None and args.reword_model is None:
        return None
    if args.reword_url is None or args.reword_model is None:
        raise ValueError("--reword-url and --reword-model: expected both or none")
    key = os.environ.get(args.reword_key, "")
    endpoint = Endpoint(args.reword_url, args.reword_model, key)
    return Rewriter(Chat(endpoint, OPTIONS), args.reword_share)


def _config(path: Path | None) -> QaConfig:
    from n3d_ros.storage.json_file import JsonError, read_object
    from n3d_ros.training.qa.config import QaConfig

    if path is None:
        return QaConfig()
    try:
        return QaConfig.from_dict(read_object(path))
    except JsonError as error:
        raise ValueError(
            f"--config: expected JSON of shares and thresholds in '{path}', got {error}"
        ) from error
