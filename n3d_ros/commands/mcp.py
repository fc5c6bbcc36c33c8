"""`n3d mcp`: a node's eyes as tools of a language-model planner, over the Model Context Protocol.

In: tool calls on standard input, from the program that started it (https://modelcontextprotocol.io). Out:
boxes and answers as JSON; what the node refuses is a tool error with its code and words, never an empty
result. It adds nothing to `N3DClient`.
"""

from __future__ import annotations

import argparse
import builtins
import os
import re
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from enum import Enum
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from n3d_ros.client import N3DClient

INSTRUCTIONS = (
    "Tools of a robot's RGB-D camera. Positions are in metres in the frame that each result names. "
    "In a camera's optical frame x is right, y is down and z is forward. "
    "No boxes of find_objects, where a name's outcome is OK, means: looked for, and not there, "
    "unless its message says that max_boxes left some out. "
    "Ask for several things in one call: of many calls at once the node drops the oldest as SUPERSEDED."
)
# A pair, the lone half of one, or any other escape.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)


def add_mcp(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d mcp`."""
    parser.add_argument("--node", default="n3d", help="name or path of the node (default: %(default)s)")
    parser.add_argument("--namespace", default="", help="where it runs (default: the root)")
    parser.add_argument(
        "--timeout-s", type=float, default=60.0, help="for one request (default: %(default)s)"
    )
    parser.set_defaults(run=run_mcp)


def run_mcp(args: argparse.Namespace) -> int:
    """Serve until standard input ends."""
    from n3d_ros.client import N3DClient

    # Standard input is read in a thread that waits for a line whatever is raised in this one: an interrupt
    # ends the process, as SIGTERM does.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _pass_whole_characters()
    with N3DClient(args.node, args.namespace, args.timeout_s) as client, _one_error():
        make_server(client).run()
    return 0


@contextmanager
def _one_error() -> Iterator[None]:
    """An OSError by itself, such as of a planner that reads no more: anyio raises it within groups."""
    try:
        yield
    except _group_type() as group:
        found, rest = group.split(OSError)
        if rest is not None:
            raise
        raise _first(found) from group


def _group_type() -> Any:
    """BaseExceptionGroup; for Python 3.10 that of the package which anyio needs there."""
    if sys.version_info >= (3, 11):
        return builtins.BaseExceptionGroup
    from exceptiongroup import BaseExceptionGroup

    return BaseExceptionGroup


def _first(error: Any) -> Any:
    """Of groups within groups the first that is none."""
    return _first(error.exceptions[0]) if hasattr(error, "exceptions") else error


def _pass_whole_characters() -> None:
    """Standard input, with U+FFFD for each half of a surrogate pair that a line's escapes leave alone: the
    library (mcp 2) drops such a request without an answer, and programs that cut text make them.
    """
    lines = os.fdopen(os.dup(0), "rb")
    reader, writer = os.pipe()
    os.dup2(reader, 0)
    os.close(reader)
    threading.Thread(target=_copy, args=(lines, os.fdopen(writer, "wb")), daemon=True).start()


def _copy(lines: Iterable[bytes], out: BinaryIO) -> None:
    with suppress(BrokenPipeError), out:  # the server has ended
        for line in lines:
            out.write(whole_characters(line))
            out.flush()


def whole_characters(line: bytes) -> bytes:
    """JSON without lone halves of surrogate pairs among its escapes."""
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], line)


def make_server(client: N3DClient) -> Any:
    """The server with its tools."""
    from mcp.server.mcpserver import MCPServer

    from n3d_ros.version import __version__

    server = MCPServer("n3d_ros", instructions=INSTRUCTIONS, version=__version__)

    @server.tool()
    async def find_objects(words: str | list[str], frame: str = "", max_boxes: int = 0) -> dict[str, Any]:
        """Find what the words name, such as "the red mug", in the camera's newest frame: 3D boxes in metres.
        Or several things in one frame: ["the red mug", "the table"].

        frame: tf frame of the result, "" for the camera's own. max_boxes: 0 for all. outcomes: one for each
        name; where its code is not "OK" that name could not be looked for, and the message says why.
        """
        try:
            return _json(await client.ground_async(words, frame, max_boxes=max_boxes))
        except ValueError as error:  # an N3DError, or what the client does not send
            raise _tool_error(error) from error

    @server.tool()
    async def answer_spatial_question(question: str, frame: str = "") -> dict[str, Any]:
        """Answer a question about where things are, how large, how many or whether there are any, such as
        "How far is the chair from the door?" and "Is there a red mug?".

        The value, where there is one, is computed from the boxes in `evidence`.
        """
        try:
            return _json(await client.ask_async(question, frame))
        except ValueError as error:
            raise _tool_error(error) from error

    @server.tool()
    async def recall_objects(words: str) -> dict[str, Any]:
        """Where and when was "the mug" last seen, and is it gone since? From memory, without looking.

        Positions are in metres in the frame that the result names, which stands still. No boxes: nothing of
        that name is remembered.
        """
        try:
            return _json(await client.recall_async(words))
        except ValueError as error:
            raise _tool_error(error) from error

    return server


def _json(value: Any) -> dict[str, Any]:
    """A value of the client; codes by their names, which a planner can read."""
    return asdict(
        value,
        dict_factory=lambda items: {key: one.name if isinstance(one, Enum) else one for key, one in items},
    )


def _tool_error(error: Exception) -> Exception:
    from mcp.server.mcpserver.exceptions import ToolError

    return ToolError(str(error))
