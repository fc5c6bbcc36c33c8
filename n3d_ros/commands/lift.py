"""`n3d lift`: 2D annotations and depth into 3D boxes, as shards with a page that shows why."""

from __future__ import annotations

import argparse
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from n3d_ros.text_table import text_table

if TYPE_CHECKING:
    from n3d_ros.training.lift.depth_sources import DepthSource
    from n3d_ros.training.lift.filters import LiftConfig
    from n3d_ros.training.lift.mask_sources import MaskSource
    from n3d_ros.training.lift.report.comparison import Line
    from n3d_ros.training.lift.run import Done, Engine, LiftJob
    from n3d_ros.training.lift.shards import Entry
    from n3d_ros.training.lift.sources.records import Source

FORMATS = ("coco", "objects365", "open-images", "omni3d", "frames")


def add_lift(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d lift`."""
    parser.usage = "n3d lift [options] --out DIR input [input ...]"
    parser.add_argument(
        "input",
        nargs="+",
        type=Path,
        help="annotation files or frame folders (docs/data.md)",
    )
    parser.add_argument("--format", choices=FORMATS, metavar="NAME", help=f"one of {', '.join(FORMATS)}")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the shards; goes on where it was stopped"
    )
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="pictures of the file (default: images/ beside it)"
    )
    parser.add_argument("--depth", type=Path, metavar="DIR", help="depth files (default: the file's folder)")
    parser.add_argument("--intrinsics", type=Path, metavar="FILE", help="camera of pictures that state none")
    parser.add_argument(
        "--masks",
        type=Path,
        metavar="DIR",
        help="mask pictures of Open Images (default: masks/ beside)",
    )
    parser.add_argument(
        "--depth-scale", type=float, metavar="M", help="metres per unit of depth that states none"
    )
    parser.add_argument(
        "--gravity",
        type=float,
        nargs=3,
        metavar=("X", "Y", "Z"),
        help="its direction in the optical frame: upright boxes too",
    )
    _add_models(parser)
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="JSON of thresholds that differ (docs/data.md)"
    )
    parser.add_argument(
        "--shard-size", type=int, metavar="N", default=256, help="pictures a shard (default: %(default)s)"
    )
    _add_workers(parser)
    parser.add_argument(
        "--page-samples",
        type=int,
        metavar="N",
        default=8,
        help="examples a filter on the page, 0: none (default: %(default)s)",
    )
    parser.add_argument(
        "--omni3d", type=Path, metavar="FILE", help="write the boxes as Omni3D JSON too, once all are there"
    )
    parser.set_defaults(run=run_lift)


def _add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        choices=("processes", "ray"),
        default="processes",
        metavar="NAME",
        help="processes of this machine (default), or ray",
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="shards at a time (default: 1; ray: all cores)"
    )
    parser.add_argument("--ray-address", metavar="A", help="cluster (default: RAY_ADDRESS, else one here)")
    parser.add_argument(
        "--task-id", type=int, metavar="N", default=0, help="of several machines, this one's number from 0"
    )
    parser.add_argument(
        "--num-tasks",
        type=int,
        metavar="N",
        default=1,
        help="machines that share --out (default: %(default)s)",
    )


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--depth-model",
        metavar="NAME",
        help="guess depth: depth-pro, depth-anything-v2 or moge-2",
    )
    parser.add_argument("--depth-weights", metavar="DIR", help="folder of the depth model, or hub:NAME")
    parser.add_argument(
        "--mask-model", choices=("sam2",), help="make masks of the 2D boxes of annotations without one"
    )
    parser.add_argument("--mask-weights", metavar="DIR", help="folder of the mask model")


def run_lift(args: argparse.Namespace) -> int:
    """Lift, print what was kept and why the rest was not; exit code 0. A run that stops leaves a page too."""
    from n3d_ros.training.lift.report.comparison import compare_job
    from n3d_ros.training.lift.run import LiftJob, TooManyRejects, begin, shards_of_task
    from n3d_ros.training.lift.shards import write_manifest

    config = _config(args.config)
    job = LiftJob(_source(args), _depth_source(args), config, args.out, args.shard_size, _mask_source(args))
    begin(job)
    try:
        done = _with_progress(job, shards_of_task(job, args.task_id, args.num_tasks), _engine(args))
    except TooManyRejects:
        _show(job, _entries(job), args.page_samples)
        raise
    print(summary(done, config))
    entries = _entries(job)
    if len(entries) < job.num_shards:
        print(
            f"{len(entries)} of {job.num_shards} shards are there; the task that finishes writes the manifest"
        )
        return 0
    compared = compare_job(job, entries)
    run = job.description() | ({"comparison": [line.to_dict() for line in compared]} if compared else {})
    write_manifest(job.out, entries, run)
    print(f"{job.num_shards} shards and manifest.json in {job.out}")
    if args.omni3d is not None:
        print(f"{_write_omni3d(job, args.omni3d)} boxes in {args.omni3d}")
    print(comparison_table(compared), end="")
    _show(job, entries, args.page_samples)
    return 0


def _entries(job: LiftJob) -> list[Entry]:
    """Of the shards that are there, whoever made them."""
    from n3d_ros.training.lift.shards import read_entry

    found = (read_entry(job.out, number) for number in range(job.num_shards))
    return [entry for entry in found if entry is not None]


def _show(job: LiftJob, entries: list[Entry], num_samples: int) -> None:
    from n3d_ros.training.lift.report.page import write_page

    if num_samples > 0:
        print(f"look at {write_page(job, entries, num_samples)}")


def summary(done: list[Done], config: LiftConfig) -> str:
    """Pictures and boxes, every filter that rejected something, and the rate."""
    from n3d_ros.training.lift.shards import filter_counts

    entries = [one.entry for one in done]
    rows = [
        ["pictures", f"{sum(entry.num_pictures for entry in entries)}"],
        *_faulty(entries),
        ["annotations", f"{sum(entry.num_annotations for entry in entries)}"],
        ["boxes", f"{sum(entry.num_kept for entry in entries)}"],
    ]
    for one in filter_counts(entries, config):
        limit = f" ({one['threshold']:g})" if "threshold" in one else ""
        rows += [[f"  {one['name']}", f"{one['count']}", f"{one['means']}{limit}"]] if one["count"] else []
    cpu_s = sum(one.cpu_s for one in done)
    made = sum(one.entry.num_pictures for one in done if one.cpu_s)
    if cpu_s > 0:
        rows.append(
            [
                "pictures/s a core",
                f"{made / cpu_s:.1f}",
                f"{made} pictures in {cpu_s:.1f} s of processor time",
            ]
        )
    return text_table(rows, "<><")


def _faulty(entries: list[Entry]) -> list[list[str]]:
    """Pictures that could not be used, with annotations or without."""
    faults = sum((Counter(entry.faults) for entry in entries), Counter())
    reasons = ", ".join(f"{reason} {number}" for reason, number in sorted(faults.items()))
    return [["  not used", f"{sum(faults.values())}", reasons]] if faults else []


def _engine(args: argparse.Namespace) -> Engine:
    """Who makes the shards."""
    if args.engine == "ray":
        from n3d_ros.training.workers.ray_tasks import on_ray

        return partial(on_ray, workers=args.workers, address=args.ray_address)
    from n3d_ros.training.workers.processes import on_processes

    if args.ray_address is not None:
        raise ValueError("--ray-address: expected with --engine ray only")
    return partial(on_processes, workers=1 if args.workers is None else args.workers)


def _with_progress(job: LiftJob, numbers: range, engine: Engine) -> list[Done]:
    from tqdm import tqdm

    from n3d_ros.training.lift.run import lift_shards

    done = []
    with tqdm(
        total=sum(len(job.pictures_of(number)) for number in numbers), unit="picture", desc="lift"
    ) as bar:
        for one in lift_shards(job, numbers, engine):
            if not one.cpu_s:  # made before: no rate of this run
                bar.initial += one.entry.num_pictures
            bar.update(one.entry.num_pictures)
            done.append(one)
    return done


def comparison_table(lines: list[Line]) -> str:
    """Where a sensor's boxes and a model's differ; empty where no model was beside a sensor."""
    from n3d_ros.training.lift.report.comparison import HEAD

    return (
        text_table([["sensor over model", *HEAD], *(line.cells() for line in lines)], "<>>>>>>>") + "\n"
        if lines
        else ""
    )


def _write_omni3d(job: LiftJob, path: Path) -> int:
    from n3d_ros.training.lift.omni3d_file import write_omni3d
    from n3d_ros.training.lift.shards import shard_file

    shards = [shard_file(job.out, number) for number in range(job.num_shards)]
    return write_omni3d(shards, path, job.out.resolve().name)


def _source(args: argparse.Namespace) -> Source:
    from n3d_ros.training.lift.sources.opening import Beside, open_source

    gravity = None if args.gravity is None else tuple(args.gravity)
    beside = Beside(args.images, args.depth, args.masks, args.intrinsics, args.depth_scale, gravity)
    return open_source(args.input, beside, args.out / "index", args.format)


def _depth_source(args: argparse.Namespace) -> DepthSource:
    from n3d_ros.training.lift.depth_sources import EstimatedDepth, MeasuredAndEstimated, SensorDepth

    if args.depth_model is None and args.depth_weights is None:
        return SensorDepth()
    if args.depth_model is None or args.depth_weights is None:
        raise ValueError("--depth-model and --depth-weights: expected both or none")
    return MeasuredAndEstimated(EstimatedDepth(args.depth_model, args.depth_weights))


def _mask_source(args: argparse.Namespace) -> MaskSource | None:
    from n3d_ros.training.lift.mask_sources import Sam2Masks

    if args.mask_model is None and args.mask_weights is None:
        return None
    if args.mask_model is None or args.mask_weights is None:
        raise ValueError("--mask-model and --mask-weights: expected both or none")
    return Sam2Masks(args.mask_weights)


def _config(path: Path | None) -> LiftConfig:
    from n3d_ros.storage.json_file import JsonError, read_object
    from n3d_ros.training.lift.filters import LiftConfig

    if path is None:
        return LiftConfig()
    try:
        return LiftConfig.from_dict(read_object(path))
    except JsonError as error:
        raise ValueError(f"--config: expected JSON of thresholds in '{path}', got {error}") from error
