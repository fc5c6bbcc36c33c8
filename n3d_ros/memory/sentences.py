"""What is remembered, said in sentences.

In: what was recalled, the frame that it is in, the present time. Out: one line of text. It chooses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from n3d_ros.memory.object_memory import Recalled
from n3d_ros.memory.places import Remembered
from n3d_ros.plain_text import one_line

NS = 1_000_000_000
# More sentences than this nobody reads; the list beside them is whole.
MAX_SENTENCES = 10
_STEPS = ((1, "s", 120), (60, "min", 120), (3600, "h", 48), (86400, "days", None))


def told(recalled: Recalled, words: str, frame: str, now_ns: int, known: Sequence[Remembered] = ()) -> str:
    """ "The red mug was last seen 42 s ago at 0.10, 0.20, 1.00 m in map; it is gone since 10 s." Of several
    names those that nothing has are said, too.

    known: everything that is remembered. Where the words name none of it, its names are said: words that were
    no name ("the redmug") must not be taken for a thing that is not there.
    """
    things = recalled.things
    if not things:
        return one_line(f"Nothing that '{words}' names is remembered{_names_of(known)}.")
    labels = [one.label.casefold() for one in things]
    shown = things[:MAX_SENTENCES]
    sentences = [_of(one, labels.count(one.label.casefold()) > 1, frame, now_ns) for one in shown]
    left_out = [f"And {len(things) - len(shown)} more."] if len(things) > len(shown) else []
    unknown = [f"Nothing that '{name}' names is remembered." for name in recalled.unknown[:MAX_SENTENCES]]
    return one_line(" ".join([*sentences, *left_out, *unknown]))


def _names_of(known: Sequence[Remembered]) -> str:
    labels = sorted({one.label for one in known})
    shown = [f"'{label}'" for label in labels[:MAX_SENTENCES]]
    more = [f"{len(labels) - len(shown)} more"] if len(labels) > len(shown) else []
    return f"; what is: {', '.join([*shown, *more])}" if labels else ", nor is anything else"


def _of(thing: Remembered, needs_id: bool, frame: str, now_ns: int) -> str:
    name = thing.name if needs_id else thing.label
    x, y, z = thing.place.center
    seen = (
        f"The {name} was last seen {_ago(now_ns - thing.last_ns)} at {x:.2f}, {y:.2f}, {z:.2f} m in {frame}"
    )
    if thing.gone_ns is None:
        return f"{seen}."
    gone_ns = now_ns - thing.gone_ns
    since = f"since {duration(gone_ns)}" if gone_ns >= 0 else f"at a stamp {_ago(gone_ns)}"
    return f"{seen}; it is gone {since}."


def _ago(age_ns: int) -> str:
    """Clocks go back; a time that is still to come is said as that."""
    return f"{duration(age_ns)} ago" if age_ns >= 0 else f"{duration(-age_ns)} ahead of this clock"


def duration(age_ns: int) -> str:
    """Whole units: "42 s", "5 min", "3 h", "4 days"; what is over is cut off."""
    age_s = age_ns // NS
    for unit_s, name, limit in _STEPS:
        if limit is None or age_s < limit * unit_s:
            return f"{age_s // unit_s} {name}"
    raise AssertionError("the last step has no limit")
