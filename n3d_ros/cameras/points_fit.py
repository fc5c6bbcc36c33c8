"""Do points belong to the pixels they stand at?

In: the points of a picture in the checkpoint frame (x left, y up, z forward) and its camera in shares of the
picture. Out: nothing, or a ValueError that names the likeliest mistake: the one change of matrix, axes or
order after which the points fit. It does not know files. Size in metres cannot be seen here, for projection
divides it away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Files of the release are off by what float16 rounds away: below half a pixel at 1920 px.
MAX_MEDIAN_PX = 1.0
MAX_MOST_PX, MOST = 2.0, 0.75
# Holes that somebody filled with zeros and called valid lie anywhere: more of them move boxes.
FAR_SHARE_OF_SIDE, MAX_FAR_SHARE = 0.05, 0.02
MAX_SAMPLES = 1000
MAX_CAUSES = 2
SAME_SIZE = 0.1
# Where the checkpoint frame's x, y and z point, and the opposite.
SIDES = (("left", "right"), ("up", "down"), ("forward", "backward"))
KNOWN_AXES = {
    ("right", "down", "forward"): "the optical frame's axes",
    ("right", "up", "backward"): "OpenGL's axes",
    ("forward", "left", "up"): "the axes of a ROS body frame",
    ("right", "up", "forward"): "Unity's axes",
}


@dataclass(frozen=True)
class _Sample:
    """points: (N, 3). column, row: (N,) of the map. matrix: (3, 3) in shares. size: (width, height)."""

    points: Floats
    column: Floats
    row: Floats
    matrix: Floats
    size: tuple[int, int]

    def median_px(self) -> float:
        """How far half of the points project from their own pixels; inf where most are behind the camera."""
        return float(np.median(self.off_px()))

    def off_px(self) -> Floats:
        """How far each point projects from its own pixel, inf behind the camera."""
        x, y, z = -self.points[:, 0], -self.points[:, 1], self.points[:, 2]
        with np.errstate(all="ignore"):
            u = (self.matrix[0, 0] * x / z + self.matrix[0, 2]) * self.size[0] - 0.5
            v = (self.matrix[1, 1] * y / z + self.matrix[1, 2]) * self.size[1] - 0.5
            off = np.hypot(u - self.column, v - self.row)
        off[~((z > 0) & np.isfinite(off))] = np.inf
        return np.asarray(off, np.float64)


def check_fit(points: npt.NDArray[Any], valid: npt.NDArray[np.bool_], matrix: Floats) -> None:
    """points: (H, W, 3), valid: (H, W). ValueError where the median valid point is off by more than a pixel;
    nothing without a valid point.
    """
    if not valid.any():
        return
    sample = _sample(points, valid, matrix)
    off = sample.median_px()
    if off <= MAX_MEDIAN_PX:
        _check_most(sample)
        return
    cause = " or ".join(_causes(sample))
    found = f"{off:.1f} px away" if np.isfinite(off) else "behind the camera"
    looks = (
        f"it looks like {cause}" if cause else "no usual mistake explains it; they belong to other pictures?"
    )
    raise ValueError(
        f"expected points (x left, y up, z forward) that project onto their own pixels with intr (in shares "
        f"of the picture), got half of them {found}; {looks}"
    )


def _check_most(sample: _Sample) -> None:
    """Where half of the points fit, the next quarter must nearly do so, and of the rest few may lie
    anywhere.
    """
    offs = np.sort(sample.off_px())
    off = float(offs[int(MOST * (len(offs) - 1))])
    if off > MAX_MOST_PX:
        found = f"{off:.1f} px away" if np.isfinite(off) else "behind the camera"
        raise ValueError(
            f"expected points that project onto their own pixels with intr, got a quarter of them {found} "
            "while the others fit; a part belongs to another picture or lies in another order?"
        )
    share = float(np.mean(offs > FAR_SHARE_OF_SIDE * max(sample.size)))
    if share > MAX_FAR_SHARE:
        raise ValueError(
            f"expected points that project onto their own pixels with intr, got {share:.0%} of them far away "
            "or behind the camera while the others fit; where these are holes, pcd has to call them invalid "
            "(0 in its fourth number)"
        )


def _sample(points: npt.NDArray[Any], valid: npt.NDArray[np.bool_], matrix: Floats) -> _Sample:
    row, column = np.nonzero(valid)
    some = slice(None, None, max(1, len(row) // MAX_SAMPLES))
    row, column = row[some], column[some]
    size = (valid.shape[1], valid.shape[0])
    where = column.astype(np.float64), row.astype(np.float64)
    return _Sample(points[row, column].astype(np.float64), *where, matrix, size)


def _causes(sample: _Sample) -> list[str]:
    """The likeliest explanations, at most two, of as few mistakes as it takes."""
    found: list[str] = []
    least = 0
    for count, words, changed in _changes(sample):
        if found and (count > least or len(found) == MAX_CAUSES):
            break
        if changed.median_px() <= MAX_MEDIAN_PX:
            found.append(words)
            least = count
    return found


def _changes(sample: _Sample) -> Iterator[tuple[int, str, _Sample]]:
    """The sample with one, two or three mistakes undone, likely first: their number and names with it."""
    matrices, axes, orders = list(_matrices(sample)), list(_axes()), list(_orders(sample))
    every = product(range(len(matrices)), range(len(axes)), range(len(orders)))
    for chosen in sorted(every, key=_unlikeliness):
        matrix_words, matrix = matrices[chosen[0]]
        axes_words, mend = axes[chosen[1]]
        order_words, (column, row, size) = orders[chosen[2]]
        words = " and ".join(word for word in (matrix_words, axes_words, order_words) if word)
        mended = _Sample(sample.points @ mend.T, column, row, matrix, size)
        yield _num_mistakes(chosen), words, mended


def _unlikeliness(chosen: tuple[int, ...]) -> tuple[int, ...]:
    """Few mistakes before many; a wrong matrix or wrong axes before pixels in another order."""
    return (_num_mistakes(chosen), chosen[2], chosen[1], chosen[0])


def _num_mistakes(chosen: tuple[int, ...]) -> int:
    return sum(index > 0 for index in chosen)


def _matrices(sample: _Sample) -> Iterator[tuple[str, Floats]]:
    """Ways to read intr; the first is as it should be."""
    for turned, matrix in (("", sample.matrix), (" written column by column", sample.matrix.T)):
        yield (f"intr{turned}" if turned else ""), matrix
        yield f"intr in pixels{turned}", _in_shares(matrix, *sample.size)
        if matrix[0, 2] > 1 and matrix[1, 2] > 1:
            width, height = 2 * matrix[0, 2] + 1, 2 * matrix[1, 2] + 1
            if max(abs(width / sample.size[0] - 1), abs(height / sample.size[1] - 1)) > SAME_SIZE:
                words = f"intr in pixels{turned} of a picture of about {width:.0f}x{height:.0f}"
                yield words, _in_shares(matrix, width, height)


def _in_shares(matrix: Floats, width: float, height: float) -> Floats:
    """A matrix in pixels, whose centres are at whole numbers, as the one that the file should hold."""
    corner = matrix.copy()
    corner[:2, 2] += 0.5
    shares: Floats = corner / np.array([[width], [height], [1.0]])
    return shares


def _axes() -> Iterator[tuple[str, Floats]]:
    """Rotations and mirrorings of the axes: words for what a file has, and the (3, 3) that mends it."""
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            mend = np.zeros((3, 3))
            names = []
            for axis, (goal, sign) in enumerate(zip(order, signs, strict=True)):
                mend[goal, axis] = sign
                names.append(SIDES[goal][sign < 0])
            if order == (0, 1, 2) and signs == (1, 1, 1):
                yield "", mend
                continue
            x, y, z = names
            known = KNOWN_AXES.get((x, y, z))
            yield (f"{known or 'other axes'} (x {x}, y {y}, z {z})"), mend


def _orders(sample: _Sample) -> Iterator[tuple[str, tuple[Floats, Floats, tuple[int, int]]]]:
    """Orders in which the rows and columns may lie."""
    column, row, (width, height) = sample.column, sample.row, sample.size
    last_column, last_row = width - 1.0, height - 1.0
    yield "", (column, row, sample.size)
    yield "rows from the bottom to the top", (column, last_row - row, sample.size)
    yield "columns from the right to the left", (last_column - column, row, sample.size)
    yield "rows and columns exchanged", (row, column, (height, width))
    yield "a picture turned by a half", (last_column - column, last_row - row, sample.size)
    yield "a picture turned by a quarter", (row, last_column - column, (height, width))
    yield "a picture turned back by a quarter", (last_row - row, column, (height, width))
