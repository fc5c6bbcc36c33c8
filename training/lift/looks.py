"""What a picture looks like in 64 bits, so that the same picture is known again in another set.

In: RGB. Out: its difference hash as 16 hexadecimal digits. Storing a picture otherwise (scaled, compressed)
changes few bits; other pictures differ in about half of them. It does not know files or sets.

The method is Neal Krawetz's dHash (https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html).
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

COLUMNS, ROWS = 9, 8


def look_of(rgb: npt.NDArray[np.uint8]) -> str:
    """(H, W, 3) uint8 -> 16 hexadecimal digits; bits row by row, the first is the highest: 1 where the cell
    is darker than its right neighbour, in grey of 9 x 8 cells.
    """
    small = cv2.resize(rgb, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    return np.packbits(grey[:, :-1] < grey[:, 1:]).tobytes().hex()
