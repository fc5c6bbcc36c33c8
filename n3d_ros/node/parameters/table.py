"""The parameters as text: the table of docs/interface.md, and a check of an operator's file.

In: the declarations, a parsed YAML file. Out: Markdown; the file's `Parameters`. It knows no ROS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from n3d_ros.node.parameters.declared import DECLARATIONS, Declaration, Parameters

HEAD = ("name", "type", "default", "unit", "allowed", "while running", "meaning")


def markdown() -> str:
    """One row a parameter."""
    rows = [HEAD, ("---",) * len(HEAD), *(_row(one) for one in DECLARATIONS)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(one: Declaration) -> tuple[str, ...]:
    default = f'"{one.default}"' if isinstance(one.default, str) else str(one.default).lower()
    changes = "yes" if one.dynamic else "no"
    return f"`{one.name}`", one.type_name, default, one.unit, one.bounds, changes, one.description


def values_in(parsed: Mapping[str, Any]) -> dict[str, Any]:
    """{'depth.max_m': 20.0, ...} of a parameter file ('/**': ros__parameters: ...).

    ValueError that names what is no parameter of the node.
    """
    values = dict(_flat(parsed["/**"]["ros__parameters"]))
    unknown = sorted(set(values) - {one.name for one in DECLARATIONS})
    if unknown:
        raise ValueError(f"expected parameters of the node, got {', '.join(unknown)}")
    return values


def parameters_of(values: Mapping[str, Any]) -> Parameters:
    """The defaults with these set, checked."""
    return Parameters(**{name.replace(".", "_"): value for name, value in values.items()})


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
