"""What every command says about its model: the folder given, else the small one that ships, and a backend."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING

from n3d_ros.model_folder.hub import local_folder
from n3d_ros.runtime.backends.factory import BACKEND_FORMS, BackendChoice, default_model_dir

if TYPE_CHECKING:
    from argparse import _ActionsContainer  # a parser or a group of its options

# An exported folder has both, one that training saved only the second.
PROOFS = ("manifest.json", "config.json")


def add_model_option(parser: _ActionsContainer) -> None:
    """--model."""
    parser.add_argument(
        "--model", type=Path, metavar="DIR",
        help="model folder or hub:OWNER/NAME (default: n3d-nano)",
    )  # fmt: skip


def add_model_options(parser: _ActionsContainer) -> None:
    """--model and --backend."""
    add_model_option(parser)
    parser.add_argument(
        "--backend",
        type=backend_name,
        default="auto",
        metavar="NAME",
        help=f"{BACKEND_FORMS} (default: auto)",
    )


def backend_name(text: str) -> str:
    """A backend's name; ArgumentTypeError for any other."""
    try:
        BackendChoice.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
    return text


def model_folder(chosen: Path | None) -> Path:
    """The chosen or shipped folder; FileNotFoundError naming expected and got when it holds no model."""
    chosen = default_model_dir() if chosen is None else local_folder(chosen)
    if not any((chosen / name).is_file() for name in PROOFS):
        found = "a folder without them" if chosen.is_dir() else "nothing there"
        raise FileNotFoundError(
            f"model: expected a folder with {' or '.join(PROOFS)}, got '{chosen}' ({found})"
        )
    return chosen
