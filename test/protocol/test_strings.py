"""What the checkpoint reads and writes is spelled in `n3d_ros/protocol` alone."""

import ast
import re

import pytest
from places import CHECKOUT

PROTOCOL = re.compile(
    r"<\|(?!reserved_)|bbox_(?!2d|3d)|Bbox\(|<image>|</?think>|<code_template>|First locate the"
)
# Writes the release's side of a comparison in its own words: no mistake can stand on both sides.
ORACLE = CHECKOUT / "engines" / "parity" / "write"
FILES = [
    path
    for folder in ("n3d_ros", "engines", "training")
    for path in sorted((CHECKOUT / folder).rglob("*.py"))
    if not {CHECKOUT / "n3d_ros" / "protocol", ORACLE} & {*path.parents}
]


def spelled(source):
    """Protocol strings in the literals of a module, docstrings aside."""
    tree = ast.parse(source)
    notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in notes and isinstance(node.value, (str, bytes)):
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            yield from (f"line {node.lineno}: {text!r}" for _ in PROTOCOL.findall(text)[:1])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_a_module_outside_spells_no_protocol_string(path):
    assert list(spelled(path.read_text())) == []


def test_literals_are_found_in_formats_and_bytes_and_not_in_docstrings():
    source = '"""Reads <image>."""\nx = f"bbox_{n}=Bbox("\ny = b"</think>"\nz = "box_2d bbox_2d"\n'
    assert sorted(spelled(source)) == ["line 2: '=Bbox('", "line 2: 'bbox_'", "line 3: '</think>'"]
