"""Other Python processes of this package: commands start them with `python -m n3d_ros...`."""

import os
from pathlib import Path

import n3d_ros


def package_environment() -> dict[str, str]:
    """This process's environment, in which a new Python imports the very package that this one runs from."""
    parent = Path(n3d_ros.__file__).resolve().parents[1]
    search = [str(parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(search)}
