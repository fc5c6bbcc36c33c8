"""package.xml names what the code imports and apt has, and nothing else."""

import ast
import re
import sys

from places import CHECKOUT

DECLARED = re.findall(r"<(?:exec_)?depend>(.+)</", (CHECKOUT / "package.xml").read_text(encoding="utf-8"))
# What one imports by another name than rosdep's.
KEYS = {
    "PIL": "python3-pil",
    "cv2": "python3-opencv",
    "numpy": "python3-numpy",
    "tqdm": "python3-tqdm",
    "yaml": "python3-yaml",
    "tf2_ros": "tf2_ros_py",
}
# No distribution has them, and a key that apt lacks blocks a release: they come with pip.
FROM_PIP = {
    "tokenizers",
    "onnxruntime",
    "torch",
    "transformers",
    "moge",
    "huggingface_hub",
    "mcp",
    "exceptiongroup",  # of anyio, which mcp brings
    "rerun",
    "rosbags",
}
# Of the interfaces that CMake generates, and not of Python.
GENERATED = {"rosidl_default_runtime"}
# They import the library and are no part of what runs on a robot.
TOOLS = {"engines", "training", "model", "sim"}


def imported(path):
    """First names of all modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


def test_it_declares_what_is_imported_and_nothing_else():
    package = CHECKOUT / "n3d_ros"
    files = [path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in TOOLS]
    files += (CHECKOUT / "launch").glob("*.py")
    names = {name for path in files for name in imported(path)} - set(sys.stdlib_module_names) - {"n3d_ros"}
    assert names >= FROM_PIP, "what nobody imports need not be excepted"
    assert {KEYS.get(name, name) for name in names - FROM_PIP} == set(DECLARED) - GENERATED


def test_nothing_is_declared_that_only_pip_has():
    keys = set(DECLARED)
    assert len(keys) == len(DECLARED), "twice"
    assert [key for key in keys if key in FROM_PIP or key.endswith("-pip")] == []
