"""Cells -> aligned lines for a terminal.

In: rows of text. Out: one text, each column as wide as its widest cell. It does not know what the cells mean
and rounds no number.
"""

from __future__ import annotations

from collections.abc import Sequence

GAP = "  "


def text_table(rows: Sequence[Sequence[str]], align: str = "<>") -> str:
    """One line a row; an empty row is a blank line, a short one ends early.

    align: '<' (left) or '>' (right) for each column, the last one for all behind it.
    """
    num_columns = max((len(row) for row in rows), default=0)
    sides = align + align[-1] * num_columns
    widths = [max((len(row[i]) for row in rows if i < len(row)), default=0) for i in range(num_columns)]
    return "\n".join(
        GAP.join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=False)
        ).rstrip()
        for row in rows
    )
