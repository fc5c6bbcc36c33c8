"""A camera as one line that a person types: "fx=615.2 fy=615.4 cx=320.1 cy=238.9 size=640x480".

In: text. Out: `Intrinsics` of a picture without a lens, and back. It knows no messages and no files.
"""

from __future__ import annotations

import re

from n3d_ros.geometry import Intrinsics
from n3d_ros.plain_text import shown

NUMBERS = ("fx", "fy", "cx", "cy")
NAMES = (*NUMBERS, "size")
EXAMPLE = "fx=615.2 fy=615.4 cx=320.1 cy=238.9 size=640x480"
_SIZE = re.compile(r"(\d{1,6})x(\d{1,6})")


def camera_of_text(text: str) -> Intrinsics:
    """The camera of a line; parts in any order, apart by spaces or commas. ValueError with expected and got
    where one is missing, said twice, unknown or no number, and where no camera has such numbers.
    """
    values = _parts(text)
    missing = [name for name in NAMES if name not in values]
    if missing:
        raise ValueError(f"expected '{EXAMPLE}', {', '.join(missing)} missing in {shown(text)}")
    size = _SIZE.fullmatch(values["size"])
    if size is None:
        raise ValueError(f"expected a size in pixels such as 640x480, got {shown(values['size'])}")
    fx, fy, cx, cy = (_number(name, values[name]) for name in NUMBERS)
    return Intrinsics(fx, fy, cx, cy, int(size[1]), int(size[2]))


def text_of_camera(camera: Intrinsics) -> str:
    """What `camera_of_text` reads, to the last bit."""
    numbers = " ".join(f"{name}={getattr(camera, name)!r}" for name in NUMBERS)
    return f"{numbers} size={camera.width}x{camera.height}"


def _parts(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in text.replace(",", " ").split():
        name, equals, value = part.partition("=")
        if not equals or name not in NAMES:
            raise ValueError(f"expected '{EXAMPLE}', got {shown(part)} in it")
        if name in values:
            raise ValueError(f"expected {name} once, got it twice in {shown(text)}")
        values[name] = value
    return values


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}: expected a number of pixels, got {shown(text)}") from None
