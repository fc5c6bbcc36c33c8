"""Findings -> the screen, or JSON.

In: findings. Out: text. Colour only where a terminal reads it.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from itertools import groupby

from n3d_ros.commands.doctor.checks.command import LAUNCH, RUN
from n3d_ros.commands.doctor.finding import AREAS, Finding
from n3d_ros.node.plain.inputs.state import Level
from n3d_ros.plain_text import one_line

WORDS = {Level.OK: "ok", Level.WARN: "look", Level.ERROR: "WRONG", Level.STALE: "WRONG"}
# ANSI: green, yellow, red.
COLOURS = {Level.OK: "32", Level.WARN: "33", Level.ERROR: "31", Level.STALE: "31"}
INDENT = " " * 23
WIDTH = 110
# At the end of a line of a command.
GOES_ON = " \\"
# Commands that are pasted as they stand. A shell goes on behind && at the end of a line.
WHOLE = re.compile(r"ros2 (lifecycle set \S+ \S+( &&)?|param set( \S+){3})")
GLUE = "\N{NO-BREAK SPACE}"


def as_text(findings: Sequence[Finding], is_coloured: bool) -> str:
    """Area after area; what is wrong has a line for why and one for what mends it."""
    lines = []
    ordered = sorted(findings, key=lambda one: AREAS.index(one.area))
    for area, ones in groupby(ordered, key=lambda one: one.area):
        lines += [area, *(line for one in ones for line in _lines(one, is_coloured)), ""]
    return "\n".join([*lines, _summary(findings)])


def as_json(findings: Sequence[Finding]) -> str:
    """One object: whether all is right, and every finding."""
    listed = [
        {
            "area": one.area,
            "name": one.name,
            "level": one.level.name,
            "what": one.what,
            "why": one.why,
            "mend": one.mend,
        }
        for one in findings
    ]
    return json.dumps({"is_right": not any(one.is_wrong for one in findings), "findings": listed}, indent=2)


def _lines(one: Finding, is_coloured: bool) -> list[str]:
    word = f"{WORDS[one.level]:5}"
    mark = f"\033[{COLOURS[one.level]}m{word}\033[0m" if is_coloured else word
    head = f"  {mark}  {one.name:13} "
    what = _wrapped(one_line(one.what), "")
    lines = [head + what[0], *(INDENT + line for line in what[1:])]
    for label, text in (("why:  ", one.why), ("mend: ", one.mend)):
        if text:
            first, *rest = _wrapped(one_line(text), label)
            lines += [INDENT + first, *(INDENT + " " * len(label) + line for line in rest)]
    return lines


def _wrapped(text: str, label: str) -> list[str]:
    """Within the screen's width. A command that starts the node has lines of its own, as shells take them."""
    width = WIDTH - len(INDENT) - len(label)
    words, command = _parted(text)
    lines = _wrap(command, width - len(GOES_ON))
    lines = [*(line + GOES_ON for line in lines[:-1]), *lines[-1:]]
    first, *rest = [*_wrap(words, width), *lines] or [""]
    return [label + first, *rest]


def _wrap(text: str, width: int) -> list[str]:
    """Nothing is cut within a word, nor within a short command."""
    glued = WHOLE.sub(lambda found: found[0].replace(" ", GLUE), text)
    lines = textwrap.wrap(glued, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace(GLUE, " ") for line in lines]


def _parted(text: str) -> tuple[str, str]:
    """What is said before a command that starts the node, with which such a text ends, and the command."""
    at = max(text.rfind(f"{one} ") for one in (LAUNCH, RUN))
    return (text, "") if at < 0 else (text[:at].rstrip(), text[at:])


def _summary(findings: Sequence[Finding]) -> str:
    num_wrong = sum(one.is_wrong for one in findings)
    num_look = sum(one.level == Level.WARN for one in findings)
    if not num_wrong and not num_look:
        return "All is right."
    return f"{num_wrong} wrong, {num_look} to look at."
