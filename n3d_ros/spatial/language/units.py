"""Units of length: their words, and lengths written in them.

In: words, metres. Out: metres, text. Inch, foot and yard are exact by definition (NIST SP 811, appendix B.8).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """`metres` in one; `plural` is how sentences call it, `words` everything it is called."""

    key: str
    metres: float
    plural: str
    words: tuple[str, ...]


UNITS = (
    Unit("m", 1.0, "meters", ("m", "meter", "meters", "metre", "metres")),
    Unit("cm", 0.01, "centimeters", ("cm", "centimeter", "centimeters", "centimetre", "centimetres")),
    Unit("mm", 0.001, "millimeters", ("mm", "millimeter", "millimeters", "millimetre", "millimetres")),
    Unit("in", 0.0254, "inches", ("inch", "inches")),
    Unit("ft", 0.3048, "feet", ("ft", "foot", "feet")),
    Unit("yd", 0.9144, "yards", ("yd", "yard", "yards")),
)
BY_KEY = {unit.key: unit for unit in UNITS}
BY_WORD = {word: unit for unit in UNITS for word in unit.words}

WRITTEN_NUMBERS = dict(
    zip(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"],
        range(1, 11),
        strict=True,
    )
) | {"half": 0.5}


def length_text(metres: float, key: str = "m") -> str:
    """A length in a sentence: "0.51 meters"; in other units with the metres beside, "20.1 inches (0.51
    meters)".
    """
    in_metres = f"{metres:.2f} meters"
    if key == "m":
        return in_metres
    unit = BY_KEY[key]
    return f"{metres / unit.metres:.4g} {unit.plural} ({in_metres})"
