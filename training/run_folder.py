"""A folder that is made piece by piece: what is made there, which pieces are whole, what a kill left behind.

In: a folder, JSON that says what is made, entries of pieces. Out: the same again after a stop, ValueError
where the folder holds something else. `run.json` says what is made; a piece counts when
`ledger/shard-NNNNN.json`, written after it, is there. It does not know what the pieces are.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Protocol, TypeVar

from n3d_ros.storage.json_file import JsonError, read_object
from n3d_ros.storage.whole_file import write_json

RUN_FILE, LEDGER = "run.json", "ledger"


class HasSize(Protocol):
    """What an entry says of its piece: bytes on disk."""

    @property
    def size(self) -> int: ...


Entry = TypeVar("Entry", bound=HasSize)


def begin(out: Path, description: dict[str, Any]) -> None:
    """Say in the folder what is made there. ValueError where something else is."""
    path = out / RUN_FILE
    stated = json.loads(json.dumps(description))  # tuples become lists, as in the file
    if not path.is_file():
        write_json(path, stated)
        return
    try:
        before = read_object(path)
    except JsonError as error:
        raise ValueError(f"'{path}': expected what an earlier run wrote, got {error}") from error
    changed = sorted(key for key in {*stated, *before} if before.get(key) != stated.get(key))
    if changed:
        raise ValueError(
            f"'{out}': expected what is begun there, got another {', '.join(changed)} "
            f"(compare '{path}'); choose another --out"
        )


def entry_file(out: Path, number: int) -> Path:
    """Where the entry of a piece lies."""
    return out / LEDGER / f"shard-{number:05d}.json"


def read_entry(out: Path, number: int, piece: Path, kind: type[Entry]) -> Entry | None:
    """The entry of a piece that is whole, None where it has to be made (again).

    ValueError where the ledger is damaged, or the piece is not what it says: somebody changed it.
    """
    path = entry_file(out, number)
    if not path.is_file():
        return None
    try:
        entry = kind(**read_object(path))
    except (JsonError, TypeError) as error:
        raise ValueError(
            f"'{path}': expected a ledger entry, got {error}; remove it to make it again"
        ) from error
    if not piece.is_file() or piece.stat().st_size != entry.size:
        found = piece.stat().st_size if piece.is_file() else "no"
        raise ValueError(
            f"'{piece}': expected {entry.size} bytes as the ledger says, got {found}; "
            f"remove '{path}' to make it again"
        )
    return entry


def remove_parts(out: Path, number: int) -> None:
    """What a process that was killed while it wrote this piece left behind."""
    for folder in (out, out / LEDGER):
        for left in folder.glob(f".shard-{number:05d}.*.part*"):
            left.unlink(missing_ok=True)


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
