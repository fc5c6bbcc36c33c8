"""What `n3d parity` prints: one line per recorded quantity, with its largest error and its tolerance.

In: recorded and computed values. Out: `Deviation`s, in the order in which they were compared. It also knows
which recorded values nobody looked at: those are misses, because a set that is not checked proves nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

SMALLEST = np.finfo(np.float64).tiny
# A quantity that passes in more cases than this is printed as one line.
MOST_SHOWN = 4


@dataclass(frozen=True)
class Deviation:
    """One comparison. `error` and `tolerance` are in `unit`; NaN never passes. `note`: what is special."""

    quantity: str
    case: str
    error: float
    tolerance: float
    unit: str = ""
    note: str = ""

    @property
    def passed(self) -> bool:
        return bool(self.error <= self.tolerance)

    @property
    def cells(self) -> list[str]:
        """What a reader sees of it."""
        verdict, note = "pass" if self.passed else "FAIL", f"({self.note})" if self.note else ""
        limit = f"<= {self.tolerance:.2e}"
        return [verdict, self.quantity, self.case, f"{self.error:.2e}", limit, self.unit, note]


@dataclass
class ParityReport:
    """Collects lines; `lines` grows while checks run."""

    lines: list[Deviation] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Everything within its tolerance, and at least one thing compared."""
        return bool(self.lines) and all(line.passed for line in self.lines)

    def absolute(
        self,
        quantity: str,
        case: str,
        actual: ArrayLike,
        expected: ArrayLike,
        tolerance: float,
        note: str = "",
    ) -> None:
        """Largest absolute difference; infinite where shapes differ or one is NaN and the other is not."""
        self.lines.append(Deviation(quantity, case, largest(actual, expected), tolerance, "absolute", note))

    def relative(
        self,
        quantity: str,
        case: str,
        actual: ArrayLike,
        expected: ArrayLike,
        tolerance: float,
        note: str = "",
    ) -> None:
        """Largest difference as a share of the recorded number."""
        error = largest(actual, expected, relative=True)
        self.lines.append(Deviation(quantity, case, error, tolerance, "relative", note))

    def rms(
        self,
        quantity: str,
        case: str,
        actual: ArrayLike,
        expected: ArrayLike,
        tolerance: float,
        note: str = "",
    ) -> None:
        """Root of the mean squared difference."""
        a, b = np.asarray(actual, dtype=np.float64), np.asarray(expected, dtype=np.float64)
        error = float(np.sqrt(np.mean((a - b) ** 2))) if a.shape == b.shape else np.inf
        self.lines.append(Deviation(quantity, case, error, tolerance, "RMS", note))

    def exact(self, quantity: str, case: str, actual: Any, expected: Any, note: str = "") -> None:
        """Number of entries that differ; arrays by value, anything else as a whole."""
        if isinstance(expected, np.ndarray):
            a = np.asarray(actual)
            differ = np.count_nonzero(a != expected) if a.shape == expected.shape else np.inf
        else:
            differ = float(actual != expected)
        if differ and not isinstance(expected, np.ndarray) and not note:
            note = f"expected {_short(expected)}, got {_short(actual)}"
        self.lines.append(Deviation(quantity, case, float(differ), 0.0, "differing", note))

    def differing(self, quantity: str, case: str, count: int, note: str = "") -> None:
        """So many entries differ; none may."""
        self.lines.append(Deviation(quantity, case, float(count), 0.0, "differing", note))

    def fault(self, quantity: str, case: str, note: str) -> None:
        """Something that could not be compared at all."""
        self.lines.append(Deviation(quantity, case, np.inf, 0.0, "", note))

    @contextmanager
    def guarded(self, quantity: str, case: str) -> Iterator[None]:
        """A recorded value that breaks a check is a miss of that check, and the others still run."""
        try:
            yield
        except (ValueError, KeyError, IndexError, TypeError) as error:
            self.fault(quantity, case, f"{type(error).__name__}: {error}")


def merged(lines: list[Deviation]) -> list[Deviation]:
    """Lines to read: a quantity that passes in many cases becomes one with its worst error."""
    groups: dict[tuple[str, str, float, str], list[Deviation]] = {}
    for line in lines:
        groups.setdefault((line.quantity, line.unit, line.tolerance, line.note), []).append(line)
    shown = []
    for group in groups.values():
        passed = [line for line in group if line.passed]
        if len(passed) > MOST_SHOWN:
            worst = max(passed, key=lambda line: line.error)
            shown.append(replace(worst, case=f"{len(passed)} cases"))
            passed = []
        shown += [line for line in group if line in passed or not line.passed]
    return shown


class Record:
    """The named values of one recorded file. `unread` are those that no check took."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values
        self._unread = set(values)

    @classmethod
    def load(cls, path: Path) -> Record:
        """An .npz of plain arrays, or a .json object. ValueError when it is neither."""
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return cls({name: file[name] for name in file.files})
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError(f"{path}: expected a JSON object, got {type(values).__name__}")
        return cls(values)

    def __getitem__(self, name: str) -> Any:
        self._unread.discard(name)
        return self._values[name]

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or `default` where it was not recorded."""
        self._unread.discard(name)
        return self._values.get(name, default)

    def names(self) -> list[str]:
        """All names, in the file's order."""
        return list(self._values)

    @property
    def unread(self) -> list[str]:
        return sorted(self._unread)


def largest(actual: ArrayLike, expected: ArrayLike, relative: bool = False) -> float:
    """Largest absolute or relative difference of two arrays; equal infinities and NaNs count as equal."""
    a, b = np.asarray(actual, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if a.shape != b.shape:
        return float("inf")
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if same.all():
        return 0.0
    with np.errstate(invalid="ignore"):
        difference = np.abs(a[~same] - b[~same])
    if relative:
        difference /= np.maximum(np.abs(b[~same]), SMALLEST)
    return float(np.where(np.isnan(difference), np.inf, difference).max())


def sampled(rows: np.ndarray, count: int, step: int) -> np.ndarray:
    """`rows`, or every `step`-th of them where the recording holds no more."""
    return rows if len(rows) == count else rows[::step]


def sha256(array: np.ndarray) -> str:
    """Hex digest of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _short(value: Any, width: int = 160) -> str:
    text = repr(value)
    return text if len(text) <= width else f"...{text[-width:]}"
