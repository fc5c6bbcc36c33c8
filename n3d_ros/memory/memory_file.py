"""A memory on disk: one JSON file, written whole.

In: things and the name of their frame. Out: the same again; `MemoryFileError` with expected and got for
anything else. A memory belongs to one frame: read for another, it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from n3d_ros.memory.places import Place, Remembered
from n3d_ros.plain_text import shown
from n3d_ros.storage.json_file import JsonError, read_object
from n3d_ros.storage.whole_file import write_json

VERSION = 1


class MemoryFileError(ValueError):
    """The file is no memory, or one of another frame."""


def save(path: Path, frame: str, things: Sequence[Remembered]) -> None:
    """OSError leaves what was there before."""
    write_json(path, {"version": VERSION, "frame": frame, "things": [asdict(one) for one in things]})


def load(path: Path, frame: str) -> tuple[Remembered, ...]:
    """The things in a file; MemoryFileError, or OSError where it cannot be read."""
    try:
        stored = read_object(path)
    except JsonError as error:
        raise MemoryFileError(f"'{path}': expected a memory, got {error}") from error
    if stored.get("version") != VERSION:
        raise MemoryFileError(
            f"'{path}': expected a memory of version {VERSION}, got {shown(stored.get('version'))}"
        )
    if stored.get("frame") != frame:
        raise MemoryFileError(
            f"'{path}': expected places in frame '{frame}', got {shown(stored.get('frame'))}"
        )
    rows = stored.get("things")
    if not isinstance(rows, list):
        raise MemoryFileError(f"'{path}': expected a list of things, got {shown(rows)}")
    things = tuple(_thing(path, number, row) for number, row in enumerate(rows))
    if len({one.id for one in things}) < len(things):
        raise MemoryFileError(f"'{path}': expected every id once, got {sorted(one.id for one in things)}")
    return things


def _thing(path: Path, number: int, row: Any) -> Remembered:
    try:
        place = row["place"]
        where = Place(_three(place["center"]), _three(place["size"]), _numbers(place["R_fixed_box"], 9))
        values = {name: row[name] for name in _OTHERS}
        _check(values)
        words = tuple(values.pop("words"))
        return Remembered(**values, words=words, place=where, spread_m=_three(row["spread_m"]))
    except (KeyError, TypeError, ValueError) as error:
        raise MemoryFileError(
            f"'{path}': thing {number}: expected a remembered thing, got {error}"
        ) from error


_OTHERS = [one.name for one in fields(Remembered) if one.name not in ("place", "spread_m")]
_WHOLE = ("id", "num_looks", "first_ns", "last_ns", "num_misses")


def _check(values: dict[str, Any]) -> None:
    wrong = [name for name in _WHOLE if type(values[name]) is not int or values[name] < 0]
    wrong += ["label"] * (not isinstance(values["label"], str))
    wrong += ["words"] * (not _is_texts(values["words"]))
    wrong += ["score"] * (type(values["score"]) not in (int, float))
    wrong += ["gone_ns"] * (values["gone_ns"] is not None and type(values["gone_ns"]) is not int)
    if wrong:
        raise ValueError(f"{wrong[0]} = {shown(values[wrong[0]])}")


def _is_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(one, str) for one in values)


def _three(values: Any) -> tuple[float, float, float]:
    x, y, z = _numbers(values, 3)
    return x, y, z


def _numbers(values: Any, count: int) -> tuple[float, ...]:
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"{count} numbers, got {shown(values)}")
    if not all(type(one) in (int, float) for one in values):
        raise ValueError(f"{count} numbers, got {shown(values)}")
    return tuple(float(one) for one in values)
