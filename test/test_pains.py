"""Each complaint in docs/pains.md has a proof that is there."""

import ast
import re

from places import CHECKOUT

PAGE = (CHECKOUT / "docs" / "pains.md").read_text(encoding="utf-8")
ROWS = [line.split(" | ") for line in PAGE.splitlines() if re.match(r"\| \d+ \|", line)]
TEST = re.compile(r"`(test/[\w/]+\.py)::(\w+)`")
SECTION = re.compile(r"\]\((\w+\.md)#([\w-]+)\)")


def is_test(path, name):
    """Whether a file has a test of that name."""
    tree = ast.parse((CHECKOUT / path).read_text(encoding="utf-8"))
    return name in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}


def sections(page):
    """The names by which a page's headings are linked to."""
    text = (CHECKOUT / "docs" / page).read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_thirty_complaints_are_numbered_and_say_where_they_were_seen():
    assert [row[0].strip("| ") for row in ROWS] == [str(number) for number in range(1, 31)]
    assert [row[1] for row in ROWS if "](https://github.com/" not in row[2]] == []


def test_every_proof_is_there():
    for row in ROWS:
        tests, named = TEST.findall(row[4]), SECTION.findall(row[4])
        assert len(tests) + len(named) == row[4].count("; ") + 1, f"{row[1]}: a proof that is none"
        assert [test for test in tests if not is_test(*test)] == [], row[1]
        assert [one for one in named if one[1] not in sections(one[0])] == [], row[1]


def test_most_complaints_have_a_test():
    assert sum(bool(TEST.search(row[4])) for row in ROWS) >= 25
