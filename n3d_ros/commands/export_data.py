"""`n3d export-data`: a set of questions as WebDataset, ms-swift, LLaMA-Factory or TRL read it."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_export_data(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d export-data`."""
    parser.add_argument("questions", type=Path, help="folder of a finished set of questions")
    parser.add_argument(
        "--format", required=True, metavar="NAME", help="webdataset, ms-swift, llama-factory or trl"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder; goes on where it was stopped")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="where the set's paths start (default: here)"
    )
    parser.add_argument(
        "--max-skipped",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="of questions whose picture or depth cannot be read (default: %(default)s)",
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes on this machine (default: %(default)s)"
    )
    parser.set_defaults(run=run_export_data)


def run_export_data(args: argparse.Namespace) -> int:
    """Write what is missing, then the manifest; exit code 0."""
    from tqdm import tqdm

    from n3d_ros.training.exports.run import ExportJob, begin, export_shards, finish

    job = ExportJob(args.questions, args.out, args.format, args.root, args.max_skipped)
    shards = begin(job)
    entries = []
    with tqdm(total=sum(one["questions"] for one in shards), unit="question", desc="export") as bar:
        for entry in export_shards(job, shards, args.workers):
            bar.update(entry.questions)
            entries.append(entry)
    manifest = finish(job, entries)
    print(f"{manifest['rows']} exchanges of {manifest['questions']} questions in {job.out}")
    if manifest["skipped"]:
        print(f"{manifest['skipped']} questions left out: see 'faults' in {job.out / 'ledger'}")
    return 0
