"""Text of others, fit to be shown: no control characters, on one line, cut to a length.

In: whatever a file, a caller or a model wrote. Out: text for terminals, logs and messages. It does not know
what the text is about, and nothing that is computed goes through here.
"""

from __future__ import annotations

import re
from typing import Any

MAX_SHOWN_CHARS = 120
MAX_LINE_CHARS = 4000
CUT = "..."
# C0 and C1 controls (escape sequences begin with one), line separators, characters that turn the direction of
# what follows (Unicode Standard Annex 9), and halves of surrogate pairs, which no encoding can write.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Control characters that a question may hold.
LINE_BREAKS = re.compile(r"[\n\r\t]")


def without_controls(text: str) -> str:
    """`text` with a blank for every control character, line breaks included."""
    return CONTROLS.sub(" ", text)


def one_line(text: str, max_chars: int = MAX_LINE_CHARS) -> str:
    """`text` on one line, blanks joined, cut to `max_chars`."""
    return cut(" ".join(without_controls(text).split()), max_chars)


def shown(value: Any, max_chars: int = MAX_SHOWN_CHARS) -> str:
    """What `repr` writes, cut: control characters stand escaped in it, and a megabyte is named by its start.

    A long text is cut before it is written out.
    """
    if isinstance(value, (str, bytes)) and len(value) > max_chars:
        return f"{value[:max_chars]!r}{CUT} ({len(value)} characters)"
    return cut(repr(value), max_chars)


def cut(text: str, max_chars: int) -> str:
    """At most `max_chars` of `text`; what is cut off is said by '...'."""
    return text if len(text) <= max_chars else text[: max(max_chars - len(CUT), 0)] + CUT
