"""Which model folder a command loads: the one given, else the small one that ships."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

MANIFEST = "manifest.json"
BACKENDS = ("auto", "ort", "torch", "trt")


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
    folder = _shipped() if chosen is None else chosen
    if not (folder / MANIFEST).is_file():
        found = "a folder without it" if folder.is_dir() else "nothing there"
        raise FileNotFoundError(f"model: expected a folder with {MANIFEST}, got '{folder}' ({found})")
    return folder


def _shipped() -> Path:
    from n3d_ros.runtime.factory import default_model_dir

    return Path(default_model_dir())
