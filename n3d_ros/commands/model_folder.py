"""Which model folder a command loads: the one given, else the small one that ships."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

BACKENDS = ("auto", "ort", "torch", "trt")
PROOFS = ("manifest.json", "config.json")
"""An exported folder has both, one that training saved only the second."""


def add_model_options(parser: ArgumentParser) -> None:
    """--model and --backend."""
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="model folder (default: the n3d-nano that ships)"
    )
    parser.add_argument(
        "--backend", choices=BACKENDS, default="auto", help="what runs the model (default: auto)"
    )


def model_folder(chosen: Path | None) -> Path:
    """The chosen or shipped folder; FileNotFoundError naming expected and got when it holds no model."""
    if chosen is None:
        from n3d_ros.runtime.factory import default_model_dir

        chosen = default_model_dir()
    if not any((chosen / name).is_file() for name in PROOFS):
        found = "a folder without them" if chosen.is_dir() else "nothing there"
        raise FileNotFoundError(
            f"model: expected a folder with {' or '.join(PROOFS)}, got '{chosen}' ({found})"
        )
    return chosen
