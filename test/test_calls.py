"""No call hides what its arguments are: at most six of them go by position, the others by name."""

import ast

import numpy as np
import pytest
from places import CHECKOUT

MOST = 6
FOLDERS = ("n3d_ros", "engines", "training")
FILES = [path for folder in FOLDERS for path in sorted((CHECKOUT / folder).rglob("*.py"))]
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def defined(source):
    """Names of all functions, methods and classes."""
    return {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, DEFINITIONS)}


def long_calls(source, names):
    """Lines that call one of `names` with more arguments by position than `MOST`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and len(node.args) > MOST:
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called in names:
                yield f"line {node.lineno}: {called} with {len(node.args)}"


OURS = set().union(*(defined(path.read_text()) for path in FILES)) - {*dir(np.ndarray), "__init__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_a_call_of_ours_has_few_arguments_by_position(path):
    assert list(long_calls(path.read_text(), OURS)) == []


def test_long_calls_are_found_by_name_and_as_a_method():
    source = (
        "f(1, 2, 3, 4, 5, 6)\nf(1, 2, 3, 4, 5, 6, 7)\na.g(*x, 2, 3, 4, 5, 6, 7, k=8)\nh(1, 2, 3, 4, 5, 6, 7)"
    )
    assert list(long_calls(source, {"f", "g"})) == ["line 2: f with 7", "line 3: g with 7"]
