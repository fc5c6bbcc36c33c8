"""pip's view of the package: the library, with `engines/` and `training/` as subpackages. ROS builds with
CMakeLists.txt.
"""

import re
from pathlib import Path

from setuptools import Extension, find_packages, setup

HERE = Path(__file__).parent
EXTRAS = ("demo", "train", "ray", "tensorrt", "mcp", "view", "test", "check")


def requirements(name: str) -> list[str]:
    """Requirement lines of requirements/<name>.txt and of the files that it includes, without comments."""
    lines = (HERE / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    included = [line.split()[1].removesuffix(".txt") for line in lines if line.startswith("-r ")]
    own = [line for line in lines if line and not line.startswith(("#", "-r "))]
    return [line for other in included for line in requirements(other)] + own


def version() -> str:
    """The one version number of the project."""
    text = (HERE / "n3d_ros" / "version.py").read_text(encoding="utf-8")
    [found] = re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    return str(found)


def kernels() -> Extension:
    """The kernels that n3d_ros/preprocess/kernels.py loads; optional: numpy can do the work."""
    flags = (HERE / "native" / "flags").read_text(encoding="utf-8").split()
    sources = sorted(path.relative_to(HERE).as_posix() for path in (HERE / "native").glob("*.c"))
    headers = sorted(path.relative_to(HERE).as_posix() for path in (HERE / "native").glob("*.h"))
    return Extension(
        "n3d_ros.preprocess._native",
        sources,
        depends=[*headers, "native/flags"],
        extra_compile_args=flags,
        optional=True,
    )


setup(
    name="n3d_ros",
    version=version(),
    description="Language-grounded 3D perception for robots: words and an RGB-D frame in, metric boxes out",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["n3d_ros", "n3d_ros.*"]),
    package_data={
        "n3d_ros.node": ["fastdds.xml"],
        "n3d_ros.engines": ["n3d-nano/*"],
        "n3d_ros.training.evaluation.lmms_eval.tasks": ["*.yaml"],
    },
    ext_modules=[kernels()],
    install_requires=requirements("robot"),
    extras_require={name: requirements(name) for name in EXTRAS},
    entry_points={
        "console_scripts": ["n3d = n3d_ros.cli:main"],
        "lmms_eval.models": ["n3d = n3d_ros.training.evaluation.lmms_eval.models:manifests"],
    },
)
