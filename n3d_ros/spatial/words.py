"""The words of spatial questions: both sides of every comparison, and the question templates.

Shared by training-data generation, by the parser (`spatial_questions`) and by the answers (`spatial`), so the
three cannot drift apart. Only data; knows nothing of boxes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Side:
    """One side of a comparison and the words for it.

    `predicate` goes between two names ("A is <predicate> B"), `comparative` behind one ("A is
    <comparative>"). The two patterns accept what people write.
    """

    relation: str
    asks: str
    predicate: str
    comparative: str
    predicate_pattern: str
    comparative_pattern: str


CAMERA = r"(?:the camera|the viewer|the robot|the observer|me|us|you|here)"
_LEFT_RIGHT = r"(?:to |on |at |towards )?(?:the )?{0}(?:[ -]hand)?(?: side)? of"
_FURTHER = r"(?:(?:farther|further|more)(?: to)?(?: the)? {0}|farthest {0}|furthest {0}|{0}most)"

SIDES = (
    Side(
        "left_right",
        "left",
        "to the left of",
        "further left",
        _LEFT_RIGHT.format("left"),
        _FURTHER.format("left"),
    ),
    Side(
        "left_right",
        "right",
        "to the right of",
        "further right",
        _LEFT_RIGHT.format("right"),
        _FURTHER.format("right"),
    ),
    Side("above_below", "above", "above", "higher", r"above|over|on top of", r"higher(?: up)?|highest"),
    Side(
        "above_below", "below", "below", "lower", r"below|under|underneath|beneath", r"lower(?: down)?|lowest"
    ),
    Side(
        "front_behind",
        "front",
        "in front of",
        "closer to the camera",
        r"in front of",
        rf"(?:closer|nearer|closest|nearest) to {CAMERA}",
    ),
    Side(
        "front_behind",
        "behind",
        "behind",
        "farther from the camera",
        r"behind|in back of",
        rf"(?:farther|further|farthest|furthest)(?: away)? from {CAMERA}",
    ),
    Side("bigger_smaller", "bigger", "bigger than", "bigger", "", r"bigger|larger|biggest|largest"),
    Side("bigger_smaller", "smaller", "smaller than", "smaller", "", r"smaller|smallest"),
    Side("taller_shorter", "taller", "taller than", "taller", "", r"taller|tallest"),
    Side("taller_shorter", "shorter", "shorter than", "shorter", "", r"shorter|shortest"),
    Side("wider_thinner", "wider", "wider than", "wider", "", r"wider|widest"),
    Side("wider_thinner", "thinner", "thinner than", "thinner", "", r"thinner|narrower|thinnest|narrowest"),
)

QUESTIONS: dict[str, tuple[str, ...]] = {
    "distance": (
        "What is the distance between the {a} and the {b}?",
        "How far is the {a} from the {b}?",
        "How far apart are the {a} and the {b}?",
    ),
    "horizontal_distance": (
        "What is the horizontal distance between the {a} and the {b}?",
        "How far apart are the {a} and the {b} horizontally?",
    ),
    "vertical_distance": (
        "What is the vertical distance between the {a} and the {b}?",
        "How far apart are the {a} and the {b} vertically?",
    ),
    "width": ("How wide is the {a}?", "What is the width of the {a}?"),
    "height": ("How tall is the {a}?", "What is the height of the {a}?"),
    "left_right": (
        "Is the {a} to the left of the {b}?",
        "Is the {a} to the right of the {b}?",
        "Which is further left, the {a} or the {b}?",
        "Which is further right, the {a} or the {b}?",
    ),
    "above_below": (
        "Is the {a} above the {b}?",
        "Is the {a} below the {b}?",
        "Which is higher, the {a} or the {b}?",
        "Which is lower, the {a} or the {b}?",
    ),
    "front_behind": (
        "Is the {a} in front of the {b}?",
        "Is the {a} behind the {b}?",
        "Which is closer to the camera, the {a} or the {b}?",
        "Which is farther from the camera, the {a} or the {b}?",
    ),
    "closer": (
        "Which is closer to the {a}, the {b} or the {c}?",
        "Which is farther from the {a}, the {b} or the {c}?",
        "Is the {b} or the {c} closer to the {a}?",
    ),
    "bigger_smaller": (
        "Is the {a} bigger than the {b}?",
        "Is the {a} smaller than the {b}?",
        "Which is bigger, the {a} or the {b}?",
        "Which is smaller, the {a} or the {b}?",
    ),
    "taller_shorter": (
        "Is the {a} taller than the {b}?",
        "Is the {a} shorter than the {b}?",
        "Which is taller, the {a} or the {b}?",
        "Which is shorter, the {a} or the {b}?",
    ),
    "wider_thinner": (
        "Is the {a} wider than the {b}?",
        "Is the {a} thinner than the {b}?",
        "Which is wider, the {a} or the {b}?",
        "Which is thinner, the {a} or the {b}?",
    ),
    "direction": (
        "If you are at the {a}, where will you find the {b}?",
        "In which clock direction is the {b} from the {a}?",
    ),
    "depth_order": (
        "Order the {a}, the {b} and the {c} from near to far.",
        "Order the {a}, the {b} and the {c} from far to near.",
    ),
}
"""Templates per relation, shared by training-data generation and the tests.

{a}, {b}, {c} are names without article.
"""
