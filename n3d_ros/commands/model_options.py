"""Which model folder a command loads: the one given, else the small one that ships."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path

from n3d_ros.model_folder.hub import local_folder

BACKENDS = ("auto", "ort", "torch", "trt")
PROOFS = ("manifest.json", "config.json")
"""An exported folder has both, one that training saved only the second."""


def add_model_options(parser: ArgumentParser) -> None:
    """--model and --backend."""
    parser.add_argument(
        "--model", type=Path, metavar="DIR",
        help="model folder, or hub:OWNER/NAME to download it (default: the n3d-nano that ships)",
    )  # fmt: skip
    parser.add_argument(
        "--backend", type=backend_name, default="auto", metavar="NAME",
        help="auto, ort, torch or trt; torch:cuda:bf16 sets device and type (default: auto)",
    )  # fmt: skip


def backend_name(text: str) -> str:
    """A backend's name; ArgumentTypeError for any other."""
    if text not in BACKENDS and not text.startswith("torch:"):
        raise ArgumentTypeError(f"expected one of {', '.join(BACKENDS)} or torch:DEVICE:TYPE, got '{text}'")
    return text


def model_folder(chosen: Path | None) -> Path:
    """The chosen or shipped folder; FileNotFoundError naming expected and got when it holds no model."""
    if chosen is None:
        from n3d_ros.runtime.backends.factory import default_model_dir

        chosen = default_model_dir()
    chosen = local_folder(chosen)
    if not any((chosen / name).is_file() for name in PROOFS):
        found = "a folder without them" if chosen.is_dir() else "nothing there"
        raise FileNotFoundError(
            f"model: expected a folder with {' or '.join(PROOFS)}, got '{chosen}' ({found})"
        )
    return chosen
