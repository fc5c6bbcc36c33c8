"""The `n3d` command: hands each subcommand to its own module.

In: command-line arguments. Out: an exit code: 0 done, 1 could not be done, 2 bad input (one line on stderr
says what was expected and what came). Only the module of the command that was given is imported.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import select
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from n3d_ros.errors import CommandFailed
from n3d_ros.plain_text import one_line
from n3d_ros.version import __version__

ROBOT = "run `make venv`"
ROS = "run `make ros`, or source a ROS distribution in which this package is built"
TRAIN = "run `make train`"
VIEW = "run `pip install -r requirements/view.txt`"
MCP = "run `pip install -r requirements/mcp.txt` beside ROS"


# As shells have it: 128 and the signal's number.
INTERRUPTED = 130
# What the path of the system's error was expected to be.
SYSTEM_ERRORS = {
    FileNotFoundError: "expected a file or folder, got '{}' (does not exist)",
    FileExistsError: "expected a folder or nothing, got the file '{}'",
    IsADirectoryError: "expected a file, got the folder '{}'",
    NotADirectoryError: "expected folders on the way to '{}', got a file",
    PermissionError: "expected the permission to read or write '{}', got none",
}


@dataclass(frozen=True)
class Command:
    """A subcommand's line in `n3d --help`, and what to do when a package that it needs is missing.

    The command NAME is `add_NAME` of the module or package `n3d_ros.commands.NAME`, with _ for every dash.
    """

    summary: str
    setup: str


COMMANDS = {
    "infer": Command("ground words or answer a question on files, without ROS", ROBOT),
    "demo": Command("simulated robot camera, node and questions, on one machine", ROS),
    "play": Command("publish frame folders and recordings as a camera would", ROS),
    "view": Command("show a running node or a recording in the Rerun viewer", VIEW),
    "record": Command("keep what a node saw, was asked and answered, as MCAP", ROS),
    "doctor": Command("say why nothing arrives at a node, and what mends it", ROS),
    "mcp": Command("offer a running node to a language-model planner as MCP tools", MCP),
    "soak": Command("keep a node under load for an hour and see whether it stays as it was", ROS),
    "parity": Command("compare with recorded numbers of the released model", TRAIN),
    "bench": Command("measure a model, or what happens before it, on this machine", TRAIN),
    "export-data": Command("write questions as other training programs read them", TRAIN),
    "render": Command("draw simulated scenes as a set for n3d lift", TRAIN),
    "lift": Command("turn 2D annotations and depth into 3D boxes", TRAIN),
    "import-recording": Command("make a set of questions of what a node recorded", TRAIN),
    "data-demo": Command("lift, ask, train and measure, small, on this machine", TRAIN),
    "make-qa": Command("make questions with answers and traces of 3D boxes", TRAIN),
    "train": Command("train n3d-nano on simulated scenes, or fine-tune a model on questions", TRAIN),
    "claims": Command("check the paper's claims on simulated scenes with a small model", TRAIN),
    "leaks": Command("find pictures that two sets share, and leave them out", TRAIN),
    "eval": Command("measure a model on simulated scenes, questions or a benchmark", TRAIN),
    "export": Command("write a trained model as a folder that the robot loads", TRAIN),
    "quantize": Command("store a model in 4 or 8 bits and measure what it lost", TRAIN),
    "build": Command("build TensorRT engines of a model for a GPU", TRAIN),
}


def build_parser(chosen: str | None) -> argparse.ArgumentParser:
    """Parser of all commands; only the chosen one gets its options, so the others stay unimported."""
    parser = argparse.ArgumentParser(
        prog="n3d", description="Words and an RGB-D frame in, metric 3D boxes out."
    )
    parser.add_argument("--version", action="version", version=f"n3d_ros {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=command.summary, description=command.summary)
        if name == chosen:
            module = name.replace("-", "_")
            getattr(importlib.import_module(f"n3d_ros.commands.{module}"), f"add_{module}")(subparser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code, when all that it printed is written."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = arguments[0] if arguments and arguments[0] in COMMANDS else None
    _print_any_name()
    try:
        code = _run(arguments, chosen)
    finally:
        error = _unwritten()
    if error is not None and code == 0:
        code = _not_printed(chosen, error)
    return code


def _run(arguments: Sequence[str], chosen: str | None) -> int:
    """The exit code of one command; what went wrong is one line on stderr."""
    try:
        args = build_parser(chosen).parse_args(arguments)
        return int(args.run(args))
    except ImportError as error:
        if isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
            return INTERRUPTED  # compiled packages make this of an interrupt while they are loaded
        if _is_ours(error.name):
            raise
        setup = COMMANDS[chosen].setup if chosen else ROBOT
        what = f"'{error.name}', which does not import" if error.name else "a package that does not import"
        _complain(chosen, f"needs {what} ({error}): {setup}")
        return 1
    except CommandFailed as error:
        _complain(chosen, one_line(str(error)))
        return 1
    except (OSError, ValueError) as error:  # what a file or a model wrote may be quoted in it
        if isinstance(error, BrokenPipeError) and _has_reader_left():
            return _not_printed(chosen, error)
        _complain(chosen, one_line(_described(error)))
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED


def _print_any_name() -> None:
    """Names of files may hold bytes that are no text, and an encoding may lack characters: they are printed
    escaped, as on stderr, and end no command whose work is done.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _complain(chosen: str | None, what: str) -> None:
    """One line on stderr. Without one it is not for standard output, and the code stays."""
    if sys.stderr is not None:
        try:
            print(f"n3d {chosen}: {what}", file=sys.stderr)
        except OSError:
            _let_go(sys.stderr)


def _not_printed(chosen: str | None, error: OSError) -> int:
    _complain(chosen, f"expected to write to standard output, got {error}")
    return 1


def _described(error: Exception) -> str:
    """What was expected and what came, also where the system alone says what it found at a path."""
    if isinstance(error, FileNotFoundError) and error.errno and _is_folder_gone():
        return "expected to run in a folder that is there, got one that was removed"
    if not isinstance(error, OSError) or error.filename is None:
        return str(error)
    for kind, expected in SYSTEM_ERRORS.items():
        if isinstance(error, kind):
            return expected.format(error.filename)
    return f"'{error.filename}': {error.strerror}"


def _is_folder_gone() -> bool:
    """Whether the folder is not there any more in which this runs."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _has_reader_left() -> bool:
    """Whether nobody reads standard output any more."""
    if sys.stdout is None:
        return False
    watch = select.poll()
    watch.register(sys.stdout.fileno(), 0)
    return bool(watch.poll(0))


def _unwritten() -> OSError | None:
    """Why standard output did not take what was printed (its reader has left, its disk is full); None where
    it did. The interpreter would find that when it ends, and say so in lines of its own.
    """
    if sys.stdout is None:
        return None
    try:
        sys.stdout.flush()
    except OSError as error:
        _let_go(sys.stdout)
        return error
    return None


def _let_go(stream: TextIO) -> None:
    """What it could not write goes nowhere: the interpreter would try again when it ends, and change the code
    (stderr's from Python 3.13 on).
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _is_ours(module: str | None) -> bool:
    """Whether a module that does not import is a part of this package that nothing has to generate."""
    parts = (module or "").split(".")
    return parts[0] == "n3d_ros" and not set(parts) & {"msg", "srv", "action"}


if __name__ == "__main__":
    sys.exit(main())
