"""The interface files agree with the library and document every field. Reads text: needs no ROS."""

import re

import pytest
from places import CHECKOUT

from n3d_ros.errors import ResultCode
from n3d_ros.version import __version__

FILES = sorted([*CHECKOUT.glob("msg/*.msg"), *CHECKOUT.glob("srv/*.srv"), *CHECKOUT.glob("action/*.action")])
CODES = {code.name: int(code) for code in ResultCode}


def constants(path):
    return {name: int(value) for name, value in re.findall(r"^uint8 ([A-Z_]+)=(\d+)", path.read_text(), re.M)}


@pytest.mark.parametrize("name", ["msg/ResultCode.msg", "action/Ground.action", "action/Ask.action"])
def test_result_codes_are_those_of_the_library(name):
    found = {name: value for name, value in constants(CHECKOUT / name).items() if name in CODES}
    assert found == CODES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_field_has_a_comment(path):
    bare = [line for line in path.read_text().splitlines() if re.match(r"^[a-zA-Z]\S* [a-z0-9_]+\s*$", line)]
    assert bare == []


def test_one_version_everywhere():
    assert f"<version>{__version__}</version>" in (CHECKOUT / "package.xml").read_text()
