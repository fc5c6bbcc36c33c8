"""Files that are written whole or not at all.

In: a path and what to write. Out: the file under its name when all of it is on the disk; before that, and
after a failure (a full disk, an interrupt), what was there before. It does not know what is written.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A hidden path beside `path`, with its suffix, to write to; takes that name when the block ends well.

    The folder is made when absent. What is no plain file, such as /dev/stdout, is written directly. OSError
    that names `path`.
    """
    with _naming(path):
        if path.exists() and not path.is_file():  # asked of the link: /dev/stdout of a pipe names no path
            yield path
            return
        target = Path(os.path.realpath(path))  # a link stays a link, and what it names is replaced
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
        try:
            yield part
            _flush(part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """What the system or a library says names the path that was asked for."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # of a library, with a message of its own: numpy's says only how many bytes
            raise OSError(f"{error} (writing '{path}')") from error
        raise OSError(error.errno, error.strerror, str(path)) from error


def check_can_write(*paths: Path | None) -> None:
    """OSError that names the first path under which no file can be written, for whoever works long before.
    None is no path. Only the writing itself finds a full disk.
    """
    for path in filter(None, paths):
        above = next(folder for folder in path.absolute().parents if folder.exists())
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not above.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        if not os.access(path if path.exists() else above, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def write_text(path: Path, text: str) -> None:
    """UTF-8 text as a whole file."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any, indent: int | None = 2, ensure_ascii: bool = True) -> None:
    """A value as JSON with a final newline. ValueError for NaN and infinities, which JSON lacks."""
    text = json.dumps(value, indent=indent, ensure_ascii=ensure_ascii, allow_nan=False)
    write_text(path, text + "\n")


def _flush(part: Path) -> None:
    """To the disk before the name changes: else a power cut can leave the name and no bytes."""
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
