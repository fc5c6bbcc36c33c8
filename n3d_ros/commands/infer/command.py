"""`n3d infer`: words or a question about an RGB-D frame in files -> boxes and answer, table, JSON, picture.

Bad input leaves as ValueError or OSError (exit code 2), a model that could not finish as exit code 1. No
ROS.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from n3d_ros.commands.infer.conversation import run_conversations
from n3d_ros.commands.infer.input import add_input_options, read_observation
from n3d_ros.commands.infer.output import (
    STDOUT,
    check_outputs,
    result_json,
    result_text,
    write_json,
    write_overlay,
)
from n3d_ros.commands.model_options import add_model_options, model_folder
from n3d_ros.errors import CommandFailed, N3DError, ResultCode
from n3d_ros.files.picture_file import MAX_MEGAPIXELS
from n3d_ros.plain_text import shown as quoted
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.limits import DEFAULT, Limits, check_words
from n3d_ros.runtime.options import RIGHT, UPSTREAM, VALUES, Options, as_the_model_sees_it
from n3d_ros.runtime.types import AskResult, GroundResult

BAD_INPUT_CODES = (ResultCode.BAD_INPUT, ResultCode.NO_DEPTH, ResultCode.NO_CAMERA_INFO)
USAGE = """n3d infer --image F (--depth F --intrinsics JSON | --points NPZ | --estimate-depth MODEL)
                 [--ground WORDS] [--ask QUESTION] [options]
       n3d infer --conversation JSON [--output DIR] [options]"""


def add_infer(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d infer`."""
    parser.usage = USAGE
    parser.epilog = (
        "Boxes are in the camera's optical frame: x right, y down, z forward, metres. "
        f"Limits: --max-megapixels N ({MAX_MEGAPIXELS:g}), --max-words N ({DEFAULT.max_words_chars}), "
        f"--max-label N ({DEFAULT.max_label_chars})."
    )
    add = parser.add_argument
    add_input_options(parser)
    add("--ground", metavar="WORDS", help='find what the words name, e.g. "the red mug"')
    add("--ask", metavar="QUESTION", help='"How tall is the mug?"; with --ground "Is 0_mug tall?"')
    add("--conversation", type=Path, metavar="JSON", help="run a conversation file of the release")
    add("--output", type=Path, metavar="DIR", help="its results (default: outputs/ and the file's name)")
    add("--detect", action="store_true", help="of a conversation only the first question, for boxes")
    add_model_options(parser)
    add("--strict", action="store_true", help="lose and misread what the release does")
    rules = VALUES["sampling"]
    add("--sampling", choices=rules, metavar="S", help="greedy, or upstream (default with --strict)")
    add("--seed", type=int, default=0, metavar="N", help="of --sampling upstream (default: 0)")
    # the limits are in the help's last line, so that it fits one screen
    add("--max-words", type=int, default=DEFAULT.max_words_chars, help=argparse.SUPPRESS)
    add("--max-label", type=int, default=DEFAULT.max_label_chars, help=argparse.SUPPRESS)
    add("--json", type=Path, metavar="OUT", help="write the result as JSON (- for standard output)")
    add("--overlay", type=Path, metavar="PNG", help="write the picture with the projected boxes")
    parser.set_defaults(run=run_infer)


def run_infer(args: argparse.Namespace) -> int:
    """Answer, print, write; 0 when the model finished."""
    if args.conversation is not None:
        _check_conversation_options(args)
        load = partial(_load, args)
        return run_conversations(args.conversation, args.output, args.detect, _options(args), load)
    _check_words(args)
    check_outputs(args.json, args.overlay, (args.image, args.depth, args.intrinsics, args.points))
    observation = as_the_model_sees_it(read_observation(args), args.image, _options(args))
    pipeline = _load(args)
    result = _answer(pipeline, observation, args)
    if args.json != STDOUT:
        print(result_text(result))
    if args.json is not None:
        write_json(args.json, result_json(result, observation.intrinsics))
    if args.overlay is not None:
        write_overlay(args.overlay, observation, [item.box for item in result.objects])
    if result.code != ResultCode.OK:
        raise CommandFailed(f"{result.code.name}: {result.message}")
    return 0


def load_pipeline(folder: Path, backend: str, options: Options, seed: int, limits: Limits) -> Any:
    """The runtime's pipeline; imported late because it brings the engine runtime with it."""
    from n3d_ros.runtime.decoding.sampling import sampling_for
    from n3d_ros.runtime.pipeline import Pipeline

    sampling = sampling_for(options.sampling, folder, seed)
    return Pipeline.load(folder, backend=backend, sampling=sampling, options=options, limits=limits)


def _load(args: argparse.Namespace) -> Any:
    return load_pipeline(model_folder(args.model), args.backend, _options(args), args.seed, _limits(args))


def _limits(args: argparse.Namespace) -> Limits:
    """ValueError for a limit that lets nothing through."""
    return Limits(max_words_chars=args.max_words, max_label_chars=args.max_label)


def _options(args: argparse.Namespace) -> Options:
    """What the arguments say about the release's quirks."""
    chosen = UPSTREAM if args.strict else RIGHT
    return chosen if args.sampling is None else replace(chosen, sampling=args.sampling)


def _check_words(args: argparse.Namespace) -> None:
    if args.output is not None or args.detect:
        raise ValueError("--output, --detect: expected --conversation with them, got none")
    if args.ground is None and args.ask is None:
        raise ValueError("expected --ground, --ask or --conversation, got none")
    for name in ("ground", "ask"):
        words = getattr(args, name)
        if words is not None and not words.strip():
            raise ValueError(f"--{name}: expected words, got {quoted(words)}")
        check_words(words or "", _limits(args))


def _check_conversation_options(args: argparse.Namespace) -> None:
    names = (
        "image",
        "depth",
        "depth_scale",
        "intrinsics",
        "points",
        "estimate_depth",
        "ground",
        "ask",
        "json",
        "overlay",
    )
    given = [name for name in names if getattr(args, name) is not None]
    if given:
        raise ValueError(f"--conversation: expected none of --{given[0].replace('_', '-')}, which it brings")


def _answer(pipeline: Any, observation: Observation, args: argparse.Namespace) -> GroundResult | AskResult:
    """The pipeline's result; what the user can mend becomes a ValueError, the rest CommandFailed."""
    try:
        result = _ask(pipeline, observation, args)
    except N3DError as error:
        if error.code in BAD_INPUT_CODES:
            raise
        raise CommandFailed(f"{error.code.name}: {error.message}") from error
    if result.code in BAD_INPUT_CODES:
        raise ValueError(result.message)
    return result


def _ask(pipeline: Any, observation: Observation, args: argparse.Namespace) -> GroundResult | AskResult:
    """One question, or words first and then a question about what they found."""
    if args.ground is None:
        return pipeline.ask(observation, args.ask)
    found = pipeline.ground(observation, args.ground)
    if args.ask is None or found.code != ResultCode.OK:
        return found
    return pipeline.ask_about(observation, args.ask, found)
