"""Every fact has one place that a reader can open: citations, codes and links are checked against the pages.

Code cites `docs/specification/PAGE.md 2.1`, several sections as `2, 3.1` or `1 to 3`; the pages cite each
other as `PAGE.md 2.1`; rules, quirks and guards go by a code such as W1 (docs/specification/README.md 3).
"""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
from places import CHECKOUT

PAGES = {
    page.name: page.read_text(encoding="utf-8") for page in (CHECKOUT / "docs/specification").glob("*.md")
}
FOLDERS = (
    "n3d_ros",
    "engines",
    "training",
    "native",
    "test",
    "tools",
    "launch",
    "config",
    "msg",
    "srv",
    "action",
)
SUFFIXES = {".py", ".c", ".h", ".sh", ".yaml", ".msg", ".srv", ".action"}
TEXTS = [
    *CHECKOUT.glob("*.md"),
    *(page for page in (CHECKOUT / "docs").rglob("*.md") if page.parent.name != "specification"),
]
CODE = [
    path
    for folder in FOLDERS
    for path in (CHECKOUT / folder).rglob("*")
    if path.suffix in SUFFIXES and path != Path(__file__)
]
PYTHON = [path for path in CODE if path.suffix == ".py" and CHECKOUT / "test" not in path.parents]

SECTION = r"\d+(?:\.\d+)*"
SECTIONS = rf" ({SECTION}(?:(?:, | to | and ){SECTION})*)"
IN_CODE = re.compile(rf"docs/specification/(\w+\.md)(?:{SECTIONS})?")
IN_TEXT = re.compile(rf"docs/specification/(\w+\.md){SECTIONS}")
SHORT = re.compile(rf"(?<![\w/])(\w+\.md){SECTIONS}")
HEADING = re.compile(rf"^#+ ({SECTION})\.? ", re.MULTILINE)
CITED_CODE = re.compile(r"\b[RWG]\d{1,2}\b")
DEFINED_CODE = re.compile(r"^\| ([RWG]\d{1,2}) \|", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
OLD_FORM = re.compile(
    r"\bspec:? ?\d|\bspec \w+\.md|\bsections? \d|\b(?:n3d_vlm|ros_interface)\.md"
    r"|\bdata_and_evaluation\b|(?<!docs/specification/)\b(?:engines|performance)\.md \d"
)


def read(path):
    return path.read_text(encoding="utf-8")


def name_of(path):
    return str(path.relative_to(CHECKOUT))


def unresolved(text, pattern, pages):
    """What `text` cites and `pages` (name -> text) do not hold."""
    wrong = []
    for page, numbers in pattern.findall(text):
        known = HEADING.findall(pages.get(page, ""))
        cited = re.findall(SECTION, numbers)
        if not cited or not set(cited) <= set(known):
            wrong.append(f"{page} {numbers}")
    return wrong


def messages(source):
    """Every string of a module that is no docstring and no comment in quotes: what a user may get to read."""
    tree = ast.parse(source)
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent
    ]


def anchors(text):
    """The anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", [*CODE, *TEXTS], ids=name_of)
def test_what_a_file_cites_is_there(path):
    text = read(path)
    assert unresolved(text, IN_TEXT if path in TEXTS else IN_CODE, PAGES) == []
    assert OLD_FORM.findall(text) == []
    assert set(CITED_CODE.findall(text)) <= set(defined_codes())


@pytest.mark.parametrize("page", sorted(PAGES))
def test_the_pages_cite_each_other_rightly_and_number_each_section_once(page):
    assert unresolved(PAGES[page], IN_TEXT, PAGES) == []
    assert unresolved(PAGES[page], SHORT, PAGES) == []
    assert set(CITED_CODE.findall(PAGES[page])) <= set(defined_codes())
    numbers = Counter(HEADING.findall(PAGES[page]))
    assert set(re.findall(rf"\bsections? ({SECTION})", PAGES[page])) <= set(numbers)
    assert numbers and set(numbers.values()) == {1}


def defined_codes():
    return [code for text in PAGES.values() for code in DEFINED_CODE.findall(text)]


def test_each_code_is_defined_once():
    assert [code for code, count in Counter(defined_codes()).items() if count > 1] == []
    assert {code[0] for code in defined_codes()} == {"R", "W", "G"}


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_a_message_says_the_thing_and_not_its_code(path):
    assert [text for text in messages(read(path)) if CITED_CODE.search(text)] == []


@pytest.mark.parametrize("path", [*TEXTS, *(CHECKOUT / "docs/specification").glob("*.md")], ids=name_of)
def test_links_lead_to_files_and_headings(path):
    wrong = []
    for target, anchor in LINK.findall(read(path)):
        file = path.parent / target if target else path
        if not file.exists() or (anchor and anchor not in anchors(read(file))):
            wrong.append(f"{target}#{anchor}")
    assert wrong == []


PAGE = {"a.md": "# A\n## 1. One\n## 2. Two\n### 2.1 More\n"}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("(docs/specification/a.md 2.1).", []),
        ("docs/specification/a.md 1, 2 and docs/specification/a.md 1 to 2.1: 4 bits, 16 bytes", []),
        ("docs/specification/a.md 3", ["a.md 3"]),
        ("docs/specification/a.md 1, 2.2", ["a.md 1, 2.2"]),
        ("docs/specification/b.md 1", ["b.md 1"]),
        ("docs/specification/a.md", ["a.md "]),
    ],
)
def test_a_citation_needs_a_page_and_a_section_that_exist(text, wrong):
    assert unresolved(text, IN_CODE, PAGE) == wrong


@pytest.mark.parametrize(
    "text",
    [
        "(spec 7.1)",
        "(spec: 4.6)",
        "spec n3d_vlm.md 2.2",
        "engines.md section 9",
        "ros_interface.md",
        "(data_and_evaluation 3)",
        "(engines.md 8)",
    ],
)
def test_the_old_forms_are_recognised(text):
    assert OLD_FORM.search(text)


def test_messages_are_told_from_docstrings():
    source = (
        '"""Quirk W1."""\nA = 1\n"""Rule R2."""\ndef f(x):\n    """W3."""\n    log(f"no {x} (W4)", "G5")\n'
    )
    assert sorted(filter(CITED_CODE.search, messages(source))) == [" (W4)", "G5"]
