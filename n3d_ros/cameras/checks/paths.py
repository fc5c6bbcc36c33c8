"""The values of a nested mapping, each with its path.

In: what a file holds. Out: ("depth.scale", 5000). It does not know what the keys mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# What a mapping has that is a camera of its own: another one than the file is read for.
FOCAL_KEYS = {"fx", "fl_x", "k", "K", "camera_matrix", "intrinsic_matrix"}


def flat(values: Mapping[str, Any], above: str = "", other_cameras: bool = True) -> Iterator[tuple[str, Any]]:
    """Every value that is no mapping, with its path; mappings in lists count by their place.

    other_cameras: also of nested mappings that are cameras of their own.
    """
    for key, value in values.items():
        yield from _below(value, f"{above}{key}", other_cameras)


def _below(value: Any, path: str, other_cameras: bool) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        if other_cameras or not FOCAL_KEYS & set(value):
            yield from flat(value, f"{path}.", other_cameras)
    elif is_list(value) and any(isinstance(one, Mapping) for one in value):
        for place, one in enumerate(value):
            yield from _below(one, f"{path}.{place}", other_cameras)
    else:
        yield path, value


def is_list(value: Any) -> bool:
    """Whether it is a list of anything, and no text."""
    return isinstance(value, Sequence) and not isinstance(value, str)


def is_number(value: Any) -> bool:
    """Whether it is a number, which true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def says_something(value: Any) -> bool:
    """Whether it is anything but zeros, false, nothing and "none"."""
    if isinstance(value, Mapping):
        return any(says_something(inner) for inner in value.values())
    if is_list(value):
        return any(says_something(inner) for inner in value)
    return value not in (None, 0, 0.0, "", "none", "None")
