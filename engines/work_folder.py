"""Hidden folders to work in, and new folders that appear whole or not at all.

In: where. Out: a folder that is gone, or has got its name, when the block ends. A process that is killed
leaves its hidden folder behind; the next one that works beside it removes it. Whether its owner lives is told
by a lock that the system gives up with the owner, never by age or a process number, which may be another's.
"""

import errno
import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from n3d_ros.errors import ModelFolderError

logger = logging.getLogger(__name__)

LOCK = "n3d_ros.lock"
# No space, no more of it for this user, or a file that may not be larger.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def work_folder(name: str, parent: Path) -> Iterator[Path]:
    """A hidden folder in `parent`, removed when the block ends. Those of dead processes go first."""
    remove_abandoned(parent)
    naming = _naming_the_full(parent)
    with naming, ExitStack() as held, TemporaryDirectory(prefix=f".{name}.", dir=parent) as path:
        held.callback(os.close, _own(Path(path)))  # outlives the folder, so nobody else removes it meanwhile
        yield Path(path)


@contextmanager
def _naming_the_full(folder: Path) -> Iterator[None]:
    """OSError that names the folder where its disk is full: what writes to an open file says no path."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(error.errno, error.strerror, str(folder)) from error


@contextmanager
def new_folder(out_dir: Path, proof: str) -> Iterator[Path]:
    """A folder to fill beside `out_dir`; it takes that name when the block ends well, else vanishes.

    Only a folder with the file `proof`, or an empty one, is replaced; ModelFolderError for others.
    """
    known = out_dir.is_dir() and (not any(out_dir.iterdir()) or (out_dir / proof).is_file())
    if out_dir.exists() and not known:
        raise ModelFolderError(
            f"{out_dir}: expected a new name or an exported model folder, found something else"
        )
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with work_folder(out_dir.name, out_dir.parent) as parent:
        folder = parent / "new"
        folder.mkdir(mode=0o755)
        yield folder
        if out_dir.exists():
            out_dir.rename(parent / "old")
        folder.rename(out_dir)


def remove_abandoned(parent: Path) -> None:
    """Remove the hidden work folders in `parent` whose process is dead; others stay untouched."""
    for lock in sorted(parent.glob(f".*/{LOCK}")):
        descriptor = _open_if_there(lock)
        if descriptor is None:
            continue
        try:
            if _lock(descriptor) and not _kept(lock.parent):
                logger.info("%s: removed, its process is dead", lock.parent)
                shutil.rmtree(lock.parent, ignore_errors=True)  # another may be at it as well
        finally:
            os.close(descriptor)


def _kept(folder: Path) -> bool:
    """Whether its process died between taking the old folder away and putting the new one there."""
    both = (folder / "old").is_dir() and (folder / "new").is_dir()
    if both:
        logger.warning("%s: holds an old and a new folder that had to change places; move one out", folder)
    return both


def _own(folder: Path) -> int:
    """Lock the folder for as long as the returned descriptor is open, at most as long as this process lives.

    The lock file gets its name when it is locked already: nobody finds it unlocked.
    """
    unnamed = folder / f"{LOCK}.new"
    descriptor = os.open(unnamed, os.O_CREAT | os.O_RDWR, 0o644)
    if _lock(descriptor):
        unnamed.rename(folder / LOCK)
    return descriptor


def _open_if_there(lock: Path) -> int | None:
    try:
        return os.open(lock, os.O_RDWR)
    except OSError:  # gone meanwhile, or somebody else's
        return None


def _lock(descriptor: int) -> bool:
    """Whether the lock was free and is ours now; False too on file systems without locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
