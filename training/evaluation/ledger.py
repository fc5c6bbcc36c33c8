"""A file that grows by one JSON object a line, and survives a kill.

In: a path, rows. Out: the rows that are whole. A line counts when its line break is there; what a killed
process left behind the last one is cut off when writing goes on. It does not know what rows mean.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from n3d_ros.storage.json_file import JsonError, parse_json


class Ledger:
    """Opens its file at the first row that is added."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every whole row. ValueError naming the line where one is damaged; OSError."""
        if not self.path.is_file():
            return
        with self.path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.endswith(b"\n"):
                    yield self._row(line, number)

    def add(self, row: dict[str, Any]) -> None:
        """On disk for other processes when this returns. ValueError for NaN, which JSON lacks."""
        line = json.dumps(row, allow_nan=False).encode() + b"\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("r+b" if self.path.exists() else "w+b") as stream:
            stream.seek(_end_of_whole_lines(self.path))
            stream.truncate()
            stream.write(line)

    def _row(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            row = parse_json(line)
            if not isinstance(row, dict):
                raise JsonError("no object")
        except JsonError as error:
            raise ValueError(f"'{self.path}', line {number}: expected a JSON object, got {error}") from error
        return row


def _end_of_whole_lines(path: Path) -> int:
    """Bytes up to and with the last line break."""
    with path.open("rb") as stream:
        end = stream.seek(0, 2)
        while end:
            start = max(0, end - (1 << 16))
            stream.seek(start)
            found = stream.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0
