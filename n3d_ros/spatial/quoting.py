"""How a trace quotes boxes: the seven numbers of an object, and the words around them.

In: boxes in the optical frame. Out: numbers and text in the checkpoint frame (x left, y up, z forward),
rounded as the prompt's evidence is, every number with two decimals so that a small model can copy it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from n3d_ros.boxes import Box3D
from n3d_ros.protocol.evidence import box_3d
from n3d_ros.spatial.types import NANOMETRE

X, Y, Z, WIDTH, HEIGHT, DEPTH, LITRES = range(7)


@dataclass(frozen=True)
class NamedBox:
    """A box, its name, and seven numbers: centre in the checkpoint frame, size, volume in litres."""

    name: str
    box: Box3D

    @cached_property
    def exact(self) -> tuple[float, ...]:
        """The seven numbers in full precision, by the indices X to LITRES."""
        x, y, z = self.box.center
        return (-x, -y, z, *self.box.size, self.box.volume * 1000.0)

    @cached_property
    def quoted(self) -> tuple[float, ...]:
        """The same rounded: the six numbers that the prompt's evidence gives, and the volume."""
        return (*box_3d(self.box), round(self.exact[LITRES], 2))


def center_text(thing: NamedBox) -> str:
    """The sentence that quotes a centre."""
    return f"The center of {thing.name} is {_list(thing.quoted[:3])}."


def size_text(thing: NamedBox) -> str:
    """The sentence that quotes a size."""
    return f"The size of {thing.name} is {_list(thing.quoted[3:6])}."


def deltas_text(a: NamedBox, b: NamedBox) -> str:
    """How far the quoted centres lie apart on each axis."""
    return ", ".join(f"d{axis} = {abs(a.quoted[i] - b.quoted[i]):.2f}" for i, axis in enumerate("xyz")) + "."


def along_z(a: NamedBox, b: NamedBox) -> float:
    """Metres between two centres along the optical axis."""
    return abs(a.exact[Z] - b.exact[Z])


def apart(a: NamedBox, b: NamedBox) -> float:
    """Metres between two centres."""
    return math.dist(a.box.center, b.box.center)


def settled(difference: float) -> float:
    """0 where it is what rounding leaves of two equal things, else as it is."""
    return 0.0 if abs(difference) < NANOMETRE else difference


def root_text(a: NamedBox, b: NamedBox) -> str:
    """The Euclidean distance of the quoted centres, written out."""
    squares = ((a.quoted[i] - b.quoted[i]) ** 2 for i in range(3))
    return f"sqrt({' + '.join(f'{square:.2f}' for square in squares)})"


def boxes_of(objects: list[NamedBox]) -> tuple[Box3D, ...]:
    """The boxes alone."""
    return tuple(thing.box for thing in objects)


def _list(values: Sequence[float]) -> str:
    return f"[{', '.join(f'{value:.2f}' for value in values)}]"


def listed(parts: Sequence[str]) -> str:
    """One or more parts as "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def of_each(things: Sequence[NamedBox], values: Sequence[float], unit: str = "") -> str:
    """Every value with its owner, as "0.10 for red mug and 0.20 for blue bowl": a model that has written
    which value is the largest finds the name behind it.
    """
    return listed(
        [f"{value:.2f}{unit} for {thing.name}" for thing, value in zip(things, values, strict=True)]
    )


def bracketed(value: float) -> str:
    """A number that may stand behind a minus sign."""
    return f"({value:.2f})" if value < 0 else f"{value:.2f}"
