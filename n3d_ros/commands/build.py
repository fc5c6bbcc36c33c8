"""The command `n3d build`: arguments in, an engine folder out, its place and size printed."""

import argparse
import json
import logging
import resource
import signal
from dataclasses import replace
from pathlib import Path

from n3d_ros.commands.graph.interrupts import on_sigterm
from n3d_ros.commands.model_options import add_model_option, model_folder
from n3d_ros.engines.bench.machine import free_memory_gb
from n3d_ros.engines.tensorrt.boards import ALIASES, BITS, BOARDS, Board, board, in_parts
from n3d_ros.engines.tensorrt.build import build
from n3d_ros.engines.tensorrt.plan import BuildPlan, check_build_memory, plan_build
from n3d_ros.engines.tensorrt.progress import progress_bar, progress_lines
from n3d_ros.errors import BadInputError, N3DError, ResultCode
from n3d_ros.plain_text import one_line
from n3d_ros.runtime.backends.trt.api import RTX, TENSORRT, TensorRt, load
from n3d_ros.runtime.backends.trt.folder import cache_folder

# Share of a GPU's memory that programs get [estimated].
USABLE = 0.93


def add_build(parser: argparse.ArgumentParser) -> None:
    """`n3d build`: engines for an NVIDIA GPU."""
    targets = ", ".join(("current", *ALIASES, *BOARDS))
    add_model_option(parser)
    parser.add_argument("--target", default="current", metavar="GPU", help=f"{targets}; several by comma")
    parser.add_argument(
        "--precision", default="auto", choices=("auto", *BITS), help="of the weights (default: what fits)"
    )
    parser.add_argument(
        "--context", type=int, metavar="TOKENS", help="room for prompt and reply (the board's)"
    )
    parser.add_argument(
        "--parts", type=int, metavar="N", help="engines that the decoder is cut into, 1: never (the board's)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where engine folders lie (the user's cache)")
    parser.add_argument("--rebuild", action="store_true", help="build anew, and replace stale engines")
    parser.add_argument("--build-only", action="store_true", help="do not load the engine afterwards")
    parser.add_argument(
        "--lines",
        action="store_true",
        help="for programs: progress, result and failure as one JSON object a line, SIGTERM ends it cleanly",
    )
    parser.set_defaults(run=run_build)


def run_build(args: argparse.Namespace) -> int:
    """Build, or say that it is built; exit code 0."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    if args.lines:
        return build_for_program(args)
    folder, api, plan = planned(args)
    print(
        f"{api.name} {api.version} for {', '.join(plan.targets)}: {plan.precision}{in_parts(plan.parts)}, "
        f"context {plan.context}"
    )
    path, record, is_new = build(folder, plan, api, args.out or cache_folder(), args.rebuild, progress_bar)
    size = sum(file.num_bytes for file in record.files.values()) / 1e6
    print(f"{'wrote' if is_new else 'up to date:'} {path} ({size:.1f} MB)")
    if is_new:
        print(f"memory: at most {peak_gb():.1f} GB in one process, files that it read included")
    if not args.build_only:
        print(check_here(folder, path, record.targets))
    return 0


def planned(args: argparse.Namespace) -> tuple[Path, TensorRt, BuildPlan]:
    """Model folder, runtime and plan of the arguments. OutOfMemoryError where a build has no room."""
    folder = model_folder(args.model)
    api, chosen = choose(args.target)
    plan = plan_build(folder, chosen, args.precision, args.context, args.parts)
    check_build_memory(folder, plan, free_memory_gb())
    return folder, api, plan


def build_for_program(args: argparse.Namespace) -> int:
    """--lines: the last line has path and is_new, or failed (a result code) and message; exit code 0 or 2."""
    try:
        with on_sigterm(signal.default_int_handler):  # what is half made is removed on the way out
            folder, api, plan = planned(args)
            root = args.out or cache_folder()
            path, _, is_new = build(folder, plan, api, root, args.rebuild, progress_lines)
    except (OSError, ValueError) as error:
        code = error.code if isinstance(error, N3DError) else ResultCode.BAD_INPUT
        print(json.dumps({"failed": int(code), "message": one_line(str(error))}), flush=True)
        return 2
    print(json.dumps({"path": str(path), "is_new": is_new}), flush=True)
    return 0


def peak_gb() -> float:
    """Most memory that one of the processes which have built had resident, pages of mapped files included."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9


def choose(target: str) -> tuple[TensorRt, Board]:
    """The runtime and board of --target. BadInputError for a GPU that the runtime here cannot build for."""
    if target == "current":
        return _current()
    boards = [board(name) for name in target.split(",")]
    if len(boards) == 1 and boards[0].runtime != RTX:
        return _on_this_gpu(boards[0])
    odd = [b.name for b in boards if b.runtime != RTX]
    if odd:
        raise BadInputError(f"target {odd[0]}: cannot share an engine with others, build it alone")
    sms = tuple(dict.fromkeys(sm for b in boards for sm in b.sms))
    return load(RTX), replace(boards[0], name=target, sms=sms)


def _on_this_gpu(chosen: Board) -> tuple[TensorRt, Board]:
    """TensorRT builds only for the GPU it runs on, so that GPU has to be the board's."""
    from n3d_ros.runtime.backends.trt.cuda import current_gpu

    api, gpu = load(TENSORRT), current_gpu()
    if gpu.sm not in chosen.sms:
        raise BadInputError(
            f"target {chosen.name}: expected a GPU of {', '.join(chosen.sms)}, this is {gpu.name} "
            f"({gpu.sm}); TensorRT builds for the GPU it runs on, so run `n3d build` on the board"
        )
    return api, replace(chosen, sms=(gpu.sm,))


def _current() -> tuple[TensorRt, Board]:
    """This machine's GPU with the first runtime that imports."""
    from n3d_ros.runtime.backends.trt.cuda import current_gpu

    api, gpu = load(), current_gpu()
    return api, Board("current", (gpu.sm,), api.name, gpu.memory_bytes / 1e9 * USABLE, unified=gpu.unified)


def check_here(folder: Path, engine: Path, targets: tuple[str, ...]) -> str:
    """Load the engine where its GPU is at hand and run one token; say which of the two it was."""
    from n3d_ros.runtime.backends.trt.cuda import current_gpu

    try:
        gpu = current_gpu()
    except N3DError as error:
        return f"not run: {error}"
    if gpu.sm not in targets:
        return f"not run: built for {', '.join(targets)}, this GPU is {gpu.sm}"
    from n3d_ros.runtime.backends.trt.backend import self_test

    return self_test(folder, engine)
