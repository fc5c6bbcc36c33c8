"""`n3d render`: simulated scenes as annotated pictures with depth and true boxes, for `n3d lift`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from n3d_ros.commands.world_options import add_world_options, world_of

if TYPE_CHECKING:
    from n3d_ros.training.simulated.sets import RenderJob


def add_render(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d render`."""
    parser.add_argument("--scenes", type=int, required=True, metavar="N", help="pictures, one a scene")
    parser.add_argument(
        "--seed",
        type=int,
        default=1_000_000,
        metavar="S",
        help="of the first scene; lower ones are for evaluation (default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the set; goes on where it was stopped"
    )
    parser.add_argument("--noise", action="store_true", help="depth with simple noise, as of --sensor simple")
    parser.add_argument(
        "--masks", choices=("rle", "polygons"), default="rle", help="exact, or as people draw them"
    )
    parser.add_argument("--size", default="640x480", metavar="WxH", help="default: %(default)s")
    parser.add_argument(
        "--objects", type=int, nargs=2, default=(4, 8), metavar=("MIN", "MAX"), help="a scene (default: 4 8)"
    )
    parser.add_argument(
        "--finer",
        type=int,
        default=3,
        metavar="N",
        help="measure true visible boxes in a picture N times as fine; 0: none, fast (default: %(default)s)",
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", default=1, help="processes on this machine (default: %(default)s)"
    )
    add_world_options(parser.add_argument_group("the simulated world (docs/simulator.md)"))
    parser.set_defaults(run=run_render)


def run_render(args: argparse.Namespace) -> int:
    """Draw what is missing, then write the files over all of it; exit code 0."""
    from n3d_ros.training.simulated.scenes import RenderConfig
    from n3d_ros.training.simulated.sets import INSTANCES, RenderJob, begin, finish, make_scene
    from n3d_ros.training.workers.processes import on_processes

    width, height = _size(args.size)
    least, most = args.objects
    config = RenderConfig(
        width,
        height,
        masks=args.masks,
        noise=args.noise,
        finer=args.finer,
        min_objects=least,
        max_objects=most,
        world=world_of(args),
    )
    job = RenderJob(args.out, args.scenes, args.seed, config)
    begin(job)
    _with_progress(job, on_processes(partial(make_scene, job), job.missing(), args.workers))
    num_pictures, num_objects = finish(job)
    print(f"{num_objects} objects in {num_pictures} pictures: n3d lift {job.out / INSTANCES} --out lifted")
    return 0


def _with_progress(job: RenderJob, made: Iterable[int]) -> None:
    from tqdm import tqdm

    there = job.num_scenes - len(job.missing())
    for _ in tqdm(made, initial=there, total=job.num_scenes, unit="scene", desc="render"):
        pass


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise ValueError(f"--size: expected WIDTHxHEIGHT, got {text!r}")
    return int(width), int(height)
