"""Entries of pictures, annotations and categories in an SQLite file that is asked for one picture at a time.

In: entries in any order, as their file has them. Out: `Entries` by picture, in the file's order. Memory does
not grow with the set. It does not know what an entry means, only ids.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from n3d_ros.storage.whole_file import whole_file

TABLES = """
CREATE TABLE categories (key TEXT PRIMARY KEY, name TEXT);
CREATE TABLE pictures (number INTEGER PRIMARY KEY, key TEXT, entry TEXT, is_repeated INTEGER DEFAULT 0);
CREATE TABLE annotations (
  number INTEGER PRIMARY KEY, key TEXT, picture TEXT, entry TEXT, is_repeated INTEGER DEFAULT 0
);
"""
# Annotations of no picture come as pictures without an entry, behind the others, so that they are counted
# too.
FINISH = """
CREATE INDEX by_picture ON annotations (picture);
UPDATE pictures SET is_repeated = 1 WHERE number NOT IN (SELECT MIN(number) FROM pictures GROUP BY key);
UPDATE annotations SET is_repeated = 1 WHERE number NOT IN (SELECT MIN(number) FROM annotations GROUP BY key);
INSERT INTO pictures (key, entry) SELECT DISTINCT picture, NULL FROM annotations
  WHERE picture NOT IN (SELECT key FROM pictures) ORDER BY picture;
"""
# Insertions before they are written: some MB.
BATCH = 10_000


@dataclass(frozen=True)
class Row:
    """key: the id as text. entry: parsed, None for a picture that only annotations name."""

    key: str
    entry: Any
    is_repeated: bool


class IndexWriter:
    """Takes entries while a file is read."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection, self._number = connection, 0

    def category(self, identity: Any, name: str) -> None:
        """An id with two names has none: nobody says which one an annotation means."""
        self._insert(
            "INSERT INTO categories VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET name = NULL WHERE name IS NOT excluded.name",
            (key_of(identity), name),
        )

    def picture(self, identity: Any, entry: Any) -> None:
        """The next picture."""
        self._insert("INSERT INTO pictures (key, entry) VALUES (?, ?)", (key_of(identity), json.dumps(entry)))

    def annotation(self, identity: Any, picture: Any, entry: Any) -> None:
        """The next annotation, of a picture before or behind it."""
        row = (key_of(identity), key_of(picture), json.dumps(entry))
        self._insert("INSERT INTO annotations (key, picture, entry) VALUES (?, ?, ?)", row)

    def pictures_of_annotations(self) -> None:
        """For files that list no pictures: those of the annotations, as they come; an entry is the id."""
        self._connection.execute(
            "INSERT INTO pictures (key, entry) "
            "SELECT picture, picture FROM annotations GROUP BY picture ORDER BY MIN(number)"
        )

    def _insert(self, statement: str, row: tuple[str, ...]) -> None:
        self._connection.execute(statement, row)
        self._number += 1
        if self._number % BATCH == 0:
            self._connection.commit()


@dataclass(frozen=True)
class Index:
    """What `write_index` wrote, by its path: it is sent to other processes and holds no handle."""

    path: Path

    def __len__(self) -> int:
        [(number,)] = _connection(self.path).execute("SELECT COUNT(*) FROM pictures")
        return int(number)

    def picture(self, number: int) -> Row:
        """The picture of a number from 0 on; behind the last one, those that only annotations name."""
        [(key, entry, is_repeated)] = _connection(self.path).execute(
            "SELECT key, entry, is_repeated FROM pictures WHERE number = ?", (number + 1,)
        )
        return Row(key, None if entry is None else json.loads(entry), bool(is_repeated))

    def annotations(self, picture: str) -> list[Row]:
        """Of the picture of a key, in the file's order."""
        rows = _connection(self.path).execute(
            "SELECT key, entry, is_repeated FROM annotations WHERE picture = ? ORDER BY number", (picture,)
        )
        return [Row(key, json.loads(entry), bool(is_repeated)) for key, entry, is_repeated in rows]

    def category(self, identity: Any) -> str | None:
        """The name of a category's id; None for an unknown one, and for one with several names."""
        rows = _connection(self.path).execute(
            "SELECT name FROM categories WHERE key = ?", (key_of(identity),)
        )
        return next((name if name is None else str(name) for (name,) in rows), None)


def write_index(files: Iterable[Path], folder: Path, fill: Callable[[IndexWriter], None]) -> Index:
    """Entries of the files in an index in `folder`, named by their checksum; kept where it is there already.

    fill: reads the files; what it raises leaves no index.
    """
    path = folder / f"{_checksum(files)}.sqlite"
    if not path.is_file():
        with whole_file(path) as part, closing(sqlite3.connect(part)) as connection:
            connection.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {TABLES}")
            fill(IndexWriter(connection))
            connection.executescript(FINISH)
            connection.commit()
    return Index(path)


def key_of(identity: Any) -> str:
    """An id as text that tells 1 from "1"."""
    return json.dumps(identity)


@lru_cache(maxsize=4)
def _connection(path: Path) -> sqlite3.Connection:
    """One a process; the file no longer changes, so nobody locks it, not even on a network's disk."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def _checksum(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
