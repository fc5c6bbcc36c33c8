"""YAML of camera_calibration, `ros2 topic echo` and OpenCV's FileStorage -> one mapping.

In: the text. Out: the mapping of its one document. Aliases and repeated keys are refused. Numbers that
YAML 1.1 reads as others than people do stay text. It does not know what the keys mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from n3d_ros.plain_text import one_line, shown

# YAML 1.1 reads 1e-05 as text, and every printer of Python or C++ writes it so.
DOTLESS_FLOAT = re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$")
# What FileStorage begins with; YAML has a blank where it has a colon.
OPENCV_FIRST_LINE = re.compile(r"^%YAML:1\.[0-9][^\n]*\n")
OPENCV_MATRIX = "tag:yaml.org,2002:opencv-matrix"
INTEGER, FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
# YAML 1.1 takes 0640 for octal and 8:30 for a number of base 60, YAML 1.2 does not.
OTHER_BASE = re.compile(r"^[-+]?0_*[0-9][0-9_]*$|:")


def parse_yaml(text: str) -> dict[str, Any]:
    """ValueError for what is no YAML, or not one mapping."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
        """Plain values only, each key once, no aliases (they multiply)."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("an alias")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            twice = [key for key in keys if keys.count(key) > 1]
            if twice:
                raise yaml.YAMLError(f"{shown(twice[0])} twice in one mapping")
            return super().construct_mapping(node, deep)

    Loader.add_constructor(OPENCV_MATRIX, lambda loader, node: loader.construct_mapping(node, deep=True))
    Loader.add_constructor(INTEGER, lambda loader, node: _plain(node, loader.construct_yaml_int))
    Loader.add_constructor(FLOAT, lambda loader, node: _plain(node, loader.construct_yaml_float))
    Loader.add_implicit_resolver(FLOAT, DOTLESS_FLOAT, list("-+0123456789"))
    try:
        documents = [one for one in yaml.load_all(OPENCV_FIRST_LINE.sub("", text), Loader) if one is not None]
    except RecursionError as error:
        raise ValueError("values nested too deep") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:  # numbers and dates that only look like some
        raise ValueError(one_line(str(error), 200)) from error
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ValueError(f"{len(documents)} documents, the first {shown(documents[:1])}")
    return documents[0]


def _plain(node: Any, construct: Callable[[Any], float]) -> float | str:
    """The number, or its text where other readers take it for another one: who needs a number refuses it."""
    return str(node.value) if OTHER_BASE.search(node.value) else construct(node)
