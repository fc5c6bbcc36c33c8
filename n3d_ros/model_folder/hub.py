"""`hub:owner/name` -> a local folder, for callers who ask for a download in so many words.

In: what a user wrote for a model. Out: a folder. Nothing else in this package downloads; without the prefix
the text is a path and stays one.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from n3d_ros.errors import MissingLibraryError, ModelFolderError

PREFIX = "hub:"
# What a model needs; pickled weights and pictures stay on the hub.
PATTERNS = ("*.json", "*.safetensors", "*.txt", "*.jinja")
# Folders of a repository hold other checkpoints, as training saves them on its way.
NOT_IN_FOLDERS = ("*/*",)

_log = logging.getLogger(__name__)


def is_hub_name(model: str | os.PathLike[str]) -> bool:
    """Whether `model` asks for a download."""
    return os.fspath(model).startswith(PREFIX)


def local_folder(model: str | os.PathLike[str]) -> Path:
    """The folder of `model`: a path as it is, or the download of `hub:owner/name[@revision]`.

    What was downloaded before is not fetched again, and serves without a network. MissingLibraryError without
    huggingface_hub, ModelFolderError when the hub does not give the model.
    """
    if not is_hub_name(model):
        return Path(model)
    repository, _, revision = os.fspath(model).removeprefix(PREFIX).partition("@")
    owner, _, name = repository.partition("/")
    if not owner or not name or "/" in name:
        raise ModelFolderError(f"model: expected {PREFIX}owner/name[@revision], got {os.fspath(model)}")
    return _download(repository, revision or None)


def _download(repository: str, revision: str | None) -> Path:
    try:
        from huggingface_hub import errors, snapshot_download
    except ImportError as error:
        raise MissingLibraryError(
            f"hub:{repository}: expected huggingface_hub to import; pip install huggingface_hub"
        ) from error
    _log.info("downloading %s (revision %s) from the hub", repository, revision or "newest")
    allow, ignore = list(PATTERNS), list(NOT_IN_FOLDERS)
    broken_off: type[Exception] = errors.HfHubHTTPError.__bases__[0]  # of its HTTP library
    try:
        return Path(
            snapshot_download(repository, revision=revision, allow_patterns=allow, ignore_patterns=ignore)
        )
    except (OSError, ValueError, broken_off) as error:
        name = f"{PREFIX}{repository}" + (f"@{revision}" if revision else "")
        got = " ".join(str(error).split())
        raise ModelFolderError(f"{name}: expected a model on the hub, got {got}") from error
