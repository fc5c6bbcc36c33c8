"""A memory on disk: one JSON file, written whole.

In: what is known and the name of its frame. Out: the same again; `MemoryFileError` with expected and got for
anything else. A memory belongs to one frame: read for another, it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from n3d_ros.memory.places import Place, Remembered
from n3d_ros.plain_text import CONTROLS, LINE_BREAKS, shown
from n3d_ros.storage.json_file import JsonError, read_object
from n3d_ros.storage.whole_file import write_json

VERSION = 1
# What a ROS message can carry: seconds in 32 bits with a sign, counts in 32 without.
_MAX_STAMP_NS, _MAX_COUNT = 2**31 * 10**9 - 1, 2**32 - 1
# Leaves as many ids for what is still to be found.
_MAX_NEXT_ID = 2**31
# Of any length: farther than any map reaches, and its square is still a number.
_MAX_M = 1e9


@dataclass(frozen=True)
class Stored:
    """frame: of the places. next_id: of the next new thing, above every id that was ever given."""

    frame: str
    things: tuple[Remembered, ...]
    next_id: int


class MemoryFileError(ValueError):
    """The file is no memory, or one of another frame."""


def save(path: Path, frame: str, things: Sequence[Remembered], next_id: int) -> None:
    """OSError leaves what was there before."""
    rows = [asdict(one) for one in things]
    write_json(path, {"version": VERSION, "frame": frame, "next_id": next_id, "things": rows})


def load(path: Path, frame: str = "") -> Stored:
    """What a file holds; MemoryFileError, or OSError where it cannot be read.

    frame: that of the places must be; empty: any.
    """
    try:
        stored = read_object(path)
    except JsonError as error:
        raise MemoryFileError(f"'{path}': expected a memory, got {error}") from error
    if stored.get("version") != VERSION:
        raise MemoryFileError(
            f"'{path}': expected a memory of version {VERSION}, got {shown(stored.get('version'))}"
        )
    found, rows, next_id = (stored.get(name) for name in ("frame", "things", "next_id"))
    if not isinstance(found, str) or (frame and found != frame):
        raise MemoryFileError(f"'{path}': expected places in frame {frame or 'NAME'!r}, got {shown(found)}")
    if not isinstance(rows, list):
        raise MemoryFileError(f"'{path}': expected a list of things, got {shown(rows)}")
    things = tuple(_thing(path, number, row) for number, row in enumerate(rows))
    ids = sorted(one.id for one in things)
    if len(set(ids)) < len(ids):
        raise MemoryFileError(f"'{path}': expected every id once, got {ids}")
    if type(next_id) is not int or not max([-1, *ids]) < next_id <= _MAX_NEXT_ID:
        raise MemoryFileError(
            f"'{path}': expected a next_id above every id and at most {_MAX_NEXT_ID}, got {shown(next_id)}"
        )
    return Stored(found, things, next_id)


def _thing(path: Path, number: int, row: Any) -> Remembered:
    try:
        place = row["place"]
        where = Place(_three(place["center"]), _three(place["size"]), _numbers(place["R_fixed_box"], 9))
        spread_m = _three(row["spread_m"])
        near_m, far_m = _numbers([row.get(name, 0.0) for name in _DISTANCES], 2)
        if min(*where.size, *spread_m, near_m, far_m) < 0:
            raise ValueError(
                f"size = {where.size}, spread_m = {spread_m}, near_m = {near_m}, far_m = {far_m}"
            )
        values = {name: row[name] for name in _OTHERS}
        _check(values)
        words = tuple(values.pop("words"))
        return Remembered(**values, words=words, place=where, spread_m=spread_m, near_m=near_m, far_m=far_m)
    except (KeyError, TypeError, ValueError) as error:
        raise MemoryFileError(
            f"'{path}': thing {number}: expected a remembered thing, got {error}"
        ) from error


# Files of earlier versions have none.
_DISTANCES = ("near_m", "far_m")
_OTHERS = [one.name for one in fields(Remembered) if one.name not in ("place", "spread_m", *_DISTANCES)]
_COUNTS, _STAMPS = ("id", "num_looks", "num_misses"), ("first_ns", "last_ns")


def _check(values: dict[str, Any]) -> None:
    gone_ns = values["gone_ns"]
    wrong = [name for name in _COUNTS if not _is_whole(values[name], _MAX_COUNT)]
    wrong += [name for name in _STAMPS if not _is_whole(values[name], _MAX_STAMP_NS)]
    wrong += ["label"] * (not isinstance(values["label"], str) or bool(CONTROLS.search(values["label"])))
    wrong += ["words"] * (not _is_texts(values["words"]))
    wrong += ["score"] * (values["score"] is None or not _is_share(values["score"]))
    wrong += ["open_share"] * (not _is_share(values["open_share"]))
    wrong += ["depth_is_estimated"] * (type(values["depth_is_estimated"]) is not bool)
    wrong += ["gone_ns"] * (gone_ns is not None and not _is_whole(gone_ns, _MAX_STAMP_NS))
    if wrong:
        raise ValueError(f"{wrong[0]} = {shown(values[wrong[0]])}")


def _is_whole(value: Any, highest: int) -> bool:
    return type(value) is int and 0 <= value <= highest


def _is_share(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and 0 <= value <= 1)


def _is_texts(values: Any) -> bool:
    return isinstance(values, list) and all(map(_is_text, values))


def _is_text(value: Any) -> bool:
    """Lines of a question are text, too."""
    return isinstance(value, str) and not CONTROLS.search(LINE_BREAKS.sub(" ", value))


def _three(values: Any) -> tuple[float, float, float]:
    x, y, z = _numbers(values, 3)
    return x, y, z


def _numbers(values: Any, count: int) -> tuple[float, ...]:
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"{count} numbers, got {shown(values)}")
    if not all(type(one) in (int, float) and abs(one) <= _MAX_M for one in values):
        raise ValueError(f"{count} numbers up to {_MAX_M:g}, got {shown(values)}")
    return tuple(float(one) for one in values)
