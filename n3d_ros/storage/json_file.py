"""JSON of strangers: parsed, or one `JsonError` that says why not.

In: a path or bytes. Out: plain Python values that are safe to walk, show and write again. Refused beside what
is no JSON: NaN and infinities, numbers beyond float64, a name twice in one object, nesting beyond
`MAX_DEPTH`, halves of surrogate pairs, files beyond a size. A byte-order mark is skipped. It does not know
what the values mean, and callers name the file.
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

from n3d_ros.plain_text import one_line, shown

MAX_JSON_BYTES = 1 << 28
# Configurations nest three or four deep. Deeper text ends in Python's recursion limit, here or later.
MAX_DEPTH = 64
HALF_A_PAIR = re.compile(r"\\u[dD][89abAB]|\\u[dD][c-fC-F]")


class JsonError(ValueError):
    """Why something is no JSON that can be used; the message fits behind "expected JSON, got"."""


def read_json(path: Path, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """The value in a file. JsonError, or OSError where the file cannot be read."""
    with path.open("rb") as stream:
        text = stream.read(max_bytes + 1)
    if len(text) > max_bytes:
        raise JsonError(f"more than {max_bytes} bytes")
    return parse_json(text)


def read_object(path: Path, max_bytes: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """The object in a file; errors as in `read_json`."""
    value = read_json(path, max_bytes)
    if not isinstance(value, dict):
        raise JsonError(f"no object: {shown(value)}")
    return value


def parse_json(text: bytes) -> Any:
    """The value in UTF-8 text. JsonError."""
    try:
        written = text.decode("utf-8-sig")
        value = json.loads(
            written,
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_float=_finite_number,
            parse_int=_finite_integer,
        )
    except RecursionError as error:
        raise JsonError(f"values nested more than {MAX_DEPTH} deep") from error
    except JsonError:
        raise
    except ValueError as error:  # no JSON, no UTF-8, or an integer of more digits than Python converts
        raise JsonError(one_line(str(error), 200)) from error
    _check_depth(value)
    if HALF_A_PAIR.search(written):
        _check_pairs(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise JsonError(f"{shown(twice)} twice in one object")
    return found


def _no_number(name: str) -> NoReturn:
    raise JsonError(f"{name}, which is no number")


def _finite_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise JsonError(f"{shown(text)}, which is beyond float64")
    return value


def _finite_integer(text: str) -> int:
    """Who takes it for a number of metres makes a float of it, which Python refuses beyond float64."""
    value = int(text)
    if abs(value) > sys.float_info.max:
        raise JsonError(f"{shown(text)}, which is beyond float64")
    return value


def _check_depth(value: Any) -> None:
    """Level by level, without recursion; only lists and objects are kept."""
    level, depth = [value], 0
    while level := [one for one in level if isinstance(one, (dict, list))]:
        depth += 1
        if depth > MAX_DEPTH:
            raise JsonError(f"values nested more than {MAX_DEPTH} deep")
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]


def _check_pairs(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise JsonError(f"half a character ({one_line(str(error), 120)})") from error
