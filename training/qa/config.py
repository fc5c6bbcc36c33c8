"""How many questions of what kind, and what is too narrow to ask.

In: nothing. Out: `QaConfig`, the one configuration of `n3d make-qa`. It does not know how a question is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from n3d_ros.training.qa.records import CATEGORIES

# Of the spatial ones about as N3D-Bench has them (arXiv 2512.16561, supplement C), beside what grounds first.
SHARES = {
    "detection": 0.04,
    "grounding": 0.26,
    "left_right": 0.08,
    "front_behind": 0.08,
    "wide_thin": 0.05,
    "tall_short": 0.05,
    "big_small": 0.05,
    "relative_distance": 0.06,
    "depth_order": 0.06,
    "size": 0.06,
    "distance": 0.06,
    "axis_distance": 0.05,
    "direction": 0.05,
    "above_below": 0.03,
    "counting": 0.01,
    "combined": 0.01,
}


@dataclass(frozen=True)
class QaConfig:
    """Everything that decides which questions are made. The paper names no share and no threshold.

    shares: of the questions, by category; 0 leaves one out. num_a_picture: questions tried for each picture.
    absent_share: of the grounding questions, those about what is not there; near_miss_share: of these, names
    that share a word with something in view. drawn_share, relation_share, several_share: of the other
    grounding ones. opposite_share: of the questions that turn with the viewer, those from the opposite side.
    ids_share: names such as "0_mug", where a class is there several times; pick_share: "the leftmost mug".
    many_share: of the choices and orders, those of three things or more; max_listed: the most. limit_share:
    of the lengths, those asked as yes or no. unit_share: of the lengths, those asked in another unit.
    negated_share: questions with "not". plain_share: texts without capitals and question mark.

    min_margin_m, min_margin_deg: what decides an answer is at least that. min_margin_share: of the larger
    one, where sizes or volumes are compared. min_value_m: shorter lengths are not asked for, because two
    decimals are too coarse for them. max_boxes: of one answer. max_hidden_share: of a picture's annotations
    without a box, above which nobody is asked to detect everything in it.
    """

    shares: Mapping[str, float] = field(default_factory=lambda: dict(SHARES))
    num_a_picture: int = 24
    absent_share: float = 0.25
    near_miss_share: float = 0.5
    drawn_share: float = 0.15
    relation_share: float = 0.3
    several_share: float = 0.15
    opposite_share: float = 0.2
    ids_share: float = 0.1
    pick_share: float = 0.1
    many_share: float = 0.4
    max_listed: int = 6
    limit_share: float = 0.15
    unit_share: float = 0.1
    negated_share: float = 0.03
    plain_share: float = 0.05
    min_margin_m: float = 0.03
    min_margin_deg: float = 3.0
    min_margin_share: float = 0.1
    min_value_m: float = 0.05
    max_boxes: int = 24
    max_hidden_share: float = 0.2

    def __post_init__(self) -> None:
        for one in fields(self):
            if one.name != "shares":
                _check_number(one.name, getattr(self, one.name), isinstance(one.default, int))
        if self.max_listed < 3:
            raise ValueError(f"qa config: max_listed must be at least 3, got {self.max_listed}")
        _check_shares(self.shares)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> QaConfig:
        """ValueError, naming them, for keys that are none. `shares` may name some categories; the others are
        then 0.
        """
        known = [one.name for one in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(f"qa config: expected some of {', '.join(known)}, got {unknown}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Every field by name."""
        return asdict(self)


def _check_number(name: str, value: Any, is_whole: bool) -> None:
    if isinstance(value, bool) or not isinstance(value, int if is_whole else (int, float)):
        wanted = "a whole number" if is_whole else "a number"
        raise ValueError(f"qa config: {name} must be {wanted}, got {value!r}")
    if not 0 <= value < float("inf"):
        raise ValueError(f"qa config: {name} must be finite and not negative, got {value}")
    if name.endswith("_share") and value > 1:
        raise ValueError(f"qa config: {name} must be a share within 0..1, got {value}")


def _check_shares(shares: Any) -> None:
    if not isinstance(shares, Mapping):
        raise ValueError(f"qa config: shares must be an object of category and share, got {shares!r}")
    unknown = sorted(set(shares) - set(CATEGORIES))
    if unknown:
        raise ValueError(f"qa config: shares must be of {', '.join(CATEGORIES)}, got {unknown}")
    for name, share in shares.items():
        _check_number(f"shares.{name}", share, is_whole=False)
    if not any(shares.values()):
        raise ValueError("qa config: shares must not all be 0")
