"""What a caller gives -> what a message holds.

In: words, names and numbers of any kind. Out: `str` and `int`, or a TypeError or ValueError that names what
came. The generated messages check nothing (rosidl_generator_py): another type ends the process, a text ends
at its first NUL, a number that is too large wraps. Which words can be looked for is the node's affair.
"""

from __future__ import annotations

import math
import operator
import re
import threading
from collections.abc import Hashable, Iterable
from numbers import Real
from typing import Any

from n3d_ros.plain_text import shown

MAX_INT32 = 2**31 - 1
_NS = 10**9
# The end of a C string, and halves of surrogate pairs, which UTF-8 cannot write.
_UNSENDABLE = re.compile("[\0\ud800-\udfff]")


def text(name: str, value: Any) -> str:
    """`value`, which is text that arrives whole."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected text, got {shown(value)}")
    strange = _UNSENDABLE.search(value)
    if strange:
        raise ValueError(f"{name}: expected text, got the character {strange.group()!r} in {shown(value)}")
    return value


def truth(name: str, value: Any) -> bool:
    """True or False, of any library."""
    if not isinstance(value, Hashable) or value not in (True, False):
        raise TypeError(f"{name}: expected True or False, got {shown(value)}")
    return bool(value)


def names(words: Iterable[str]) -> list[str]:
    """Each once, since boxes are told apart by them."""
    if isinstance(words, (bytes, bytearray)) or not isinstance(words, Iterable):
        raise TypeError(f"words: expected text or several names, got {shown(words)}")
    found = [text("words", one) for one in words]
    if not found:
        raise ValueError("words: expected at least one name, got none")
    twice = sorted({one for one in found if found.count(one) > 1})
    if twice:
        raise ValueError(f"words: expected each name once, got {shown(twice)} more often")
    return found


def count(name: str, value: Any) -> int:
    """0 to MAX_INT32."""
    number = integer(name, value)
    if not 0 <= number <= MAX_INT32:
        raise ValueError(f"{name}: expected 0 to {MAX_INT32}, got {number}")
    return number


def numbers(name: str, values: Iterable[Any], count: int) -> list[float]:
    """So many, and each finite."""
    found = [float(one) for one in values]
    if len(found) != count or not all(map(math.isfinite, found)):
        raise ValueError(f"{name}: expected {count} finite numbers, got {shown(values)}")
    return found


def stamp(name: str, value_ns: Any) -> tuple[int, int]:
    """Nanoseconds -> seconds, which end in 2038, and nanoseconds."""
    number = integer(name, value_ns)
    if not 0 <= number // _NS <= MAX_INT32:
        raise ValueError(f"{name}: expected nanoseconds from 0 to {MAX_INT32} seconds, got {number}")
    return divmod(number, _NS)


def duration(name: str, value_s: Any) -> float:
    """Seconds that a thread can wait."""
    is_number = isinstance(value_s, Real)
    if not is_number:
        raise TypeError(f"{name}: expected seconds, got {shown(value_s)}")
    if not 0 < value_s <= threading.TIMEOUT_MAX:
        raise ValueError(f"{name}: expected more than 0 and at most {threading.TIMEOUT_MAX:g}, got {value_s}")
    return float(value_s)


def integer(name: str, value: Any) -> int:
    """Of any library."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected a whole number, got {shown(value)}") from None
