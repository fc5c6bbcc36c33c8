"""Point the ROS wheels' exported CMake files at this interpreter.

The wheels name the Python and NumPy include folders of the machine that built them (/opt/python/cp3xx-
cp3xx/...), and CMake refuses a folder that does not exist. Run with the virtual environment's python, once,
after installing.
"""

import re
import sys
import sysconfig
from pathlib import Path

import numpy

BUILD_PYTHON = re.compile(r"/opt/python/cp\d+-cp\d+/include/python3\.\d+")
BUILD_NUMPY = re.compile(
    r"/opt/python/cp\d+-cp\d+/lib/python3\.\d+/site-packages/numpy/(?:_core|core)/include"
)


def relocate(text: str, python_include: str, numpy_include: str) -> str:
    """`text` of a CMake file with both include folders replaced."""
    return BUILD_NUMPY.sub(numpy_include, BUILD_PYTHON.sub(python_include, text))


def main() -> None:
    """Rewrite every CMake file under the environment's share/ that names a build machine's folder."""
    changed = 0
    for path in Path(sys.prefix, "share").rglob("*.cmake"):
        text = path.read_text(encoding="utf-8")
        relocated = relocate(text, sysconfig.get_path("include"), numpy.get_include())
        if relocated != text:
            path.write_text(relocated, encoding="utf-8")
            changed += 1
    print(f"relocated {changed} CMake files of the ROS wheels")


if __name__ == "__main__":
    main()
