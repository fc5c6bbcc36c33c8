"""Where recorded reference data lies; tests that need it are skipped in a checkout without it."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _folder(variable: str, default: Path, proof: str) -> Path:
    folder = Path(os.environ.get(variable, default))
    if not (folder / proof).exists():
        pytest.skip(f"{variable} names no folder with {proof} (looked in {folder})")
    return folder


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """Reference vectors of the released N3D-VLM."""
    return _folder("N3D_GOLDEN", SHARED / "golden", "codec.json")


@pytest.fixture(scope="session")
def cases_dir() -> Path:
    """One simulated frame in other people's conventions."""
    return _folder("N3D_CASES", SHARED / "cases", "README.md")


@pytest.fixture(scope="session")
def rgbd_dir() -> Path:
    """Real RGB-D frames, one folder each."""
    return _folder("N3D_RGBD", SHARED / "rgbd", "README.md")
