"""Documents that name a file or a folder name one that is there; the tree in CONTRIBUTING leaves none out.
Commands have the options that documents show them with.
"""

import argparse
import importlib
import re

import pytest
from places import CHECKOUT

from n3d_ros.cli import COMMANDS

CONTRIBUTING = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# What was true when it was written stays in the log and the changelog.
DOCUMENTS = [
    path for path in (*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")) if path.parent.name != "log"
]
TOP_FOLDERS = "n3d_ros engines training test docs native msg srv action config launch tools requirements"
NAMED_PATH = re.compile(rf"`((?:{'|'.join(TOP_FOLDERS.split())})/[\w./-]*)[ `]")
# Names that stand for a file that somebody may add, or that must never be added.
NOT_THERE = re.compile(r"NAME|n3d_ros/(msg|srv|action)\.py")
DRAWN_MODULE = re.compile(r"(?<![\w/])[a-z]\w*(?:/[a-z]\w*)+")
DRAWINGS = re.findall(r"^```\n(.*?)^```", CONTRIBUTING, re.MULTILINE | re.DOTALL)

CALL = re.compile(r"(?<![\w./-])(?:\.venv/bin/)?(?:n3d|python -m n3d_ros\.cli) ([a-z][a-z-]*)([^`\n#|;]*)")


def in_package(name):
    """Whether `preprocess/depth` is a module or folder of the package."""
    path = CHECKOUT / "n3d_ros" / name
    return path.is_dir() or path.with_name(f"{path.name}.py").is_file()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_path_that_a_document_names_is_there(path):
    named = NAMED_PATH.findall(path.read_text(encoding="utf-8"))
    assert [name for name in named if not NOT_THERE.search(name) and not (CHECKOUT / name).exists()] == []


def test_the_drawings_cross_modules_that_are_there():
    names = [name for drawing in DRAWINGS for name in DRAWN_MODULE.findall(drawing)]
    assert len(names) > 20
    assert [name for name in names if not in_package(name)] == []


def test_the_tree_names_every_folder_of_the_package_and_of_the_tools():
    folders = [path for path in (CHECKOUT / "n3d_ros").iterdir() if path.is_dir() and not path.is_symlink()]
    names = [f"n3d_ros/{path.name}/" for path in folders if (path / "__init__.py").is_file()]
    for tool in ("engines", "training"):
        names += [f"{path.parent.name}/" for path in (CHECKOUT / tool).glob("*/__init__.py")]
    assert len(names) > 15
    assert [name for name in names if f"`{name}`" not in CONTRIBUTING] == []


def options_of(parser):
    """Those of a parser and of its parts, such as `n3d bench host`."""
    parts = [one.choices.values() for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return set(parser._option_string_actions).union(*(options_of(part) for many in parts for part in many))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_command_that_a_document_shows_is_there_with_its_options(path):
    unknown = []
    for command, rest in CALL.findall(path.read_text(encoding="utf-8").replace("\\\n", " ")):
        if command not in COMMANDS:
            unknown.append(command)
            continue
        parser, name = argparse.ArgumentParser(), command.replace("-", "_")
        getattr(importlib.import_module(f"n3d_ros.commands.{name}"), f"add_{name}")(parser)
        known = options_of(parser)
        unknown += [f"{command} {option}" for option in re.findall(r"\s(--?[a-z][a-z0-9-]*)", rest)
                    if option not in known]  # fmt: skip
    assert unknown == []
