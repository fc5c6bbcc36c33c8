"""Wordings of spatial questions, with slots for names.

In: nothing. Out: templates by what they ask. Slots: {a} {b} {c} names; {ands} {ors} lists of names with their
articles; {g} {gs} a name and its plural; {p} a predicate between two names, {m} a comparative, {s} a
superlative, {e} "left to right"; {limit} a length with its bound, {unit} "centimeters". The grammar of
`n3d_ros.spatial` reads every one of them as the relation that it is listed under, which a test holds.
"""

from __future__ import annotations

from dataclasses import dataclass

Words = tuple[str, ...]


@dataclass(frozen=True)
class SideWords:
    """How one side of a comparison is said; `end` is what an order runs from or to."""

    predicates: Words
    comparatives: Words
    superlatives: Words
    end: str


@dataclass(frozen=True)
class Comparison:
    """Both sides of a relation, the first of larger numbers, and "left or right of" in both orders."""

    relation: str
    sides: dict[str, SideWords]
    either: Words


_LEFT = SideWords(
    ("to the left of", "left of", "on the left of", "on the left side of"),
    ("further left", "farther left", "more to the left"),
    ("leftmost", "furthest left"),
    "left",
)
_RIGHT = SideWords(
    ("to the right of", "right of", "on the right of", "on the right side of"),
    ("further right", "farther right", "more to the right"),
    ("rightmost", "furthest right"),
    "right",
)
_BEHIND = SideWords(
    ("behind", "in back of"),
    ("farther from the camera", "further away from the camera", "farther away", "farther from the viewer"),
    ("farthest from the camera", "furthest away", "farthest"),
    "far",
)
_FRONT = SideWords(
    ("in front of",),
    ("closer to the camera", "nearer to the camera", "closer to me", "closer to the viewer"),
    ("closest to the camera", "nearest to the camera", "nearest"),
    "near",
)
_ABOVE = SideWords(("above", "over"), ("higher", "higher up"), ("highest",), "top")
_BELOW = SideWords(
    ("below", "under", "beneath", "underneath"), ("lower", "lower down"), ("lowest",), "bottom"
)
_WIDER = SideWords(("wider than", "broader than"), ("wider", "broader"), ("widest", "broadest"), "widest")
_THINNER = SideWords(
    ("thinner than", "narrower than"), ("thinner", "narrower"), ("thinnest", "narrowest"), "thinnest"
)
_TALLER = SideWords(("taller than",), ("taller",), ("tallest",), "tallest")
_SHORTER = SideWords(("shorter than",), ("shorter",), ("shortest",), "shortest")
_BIGGER = SideWords(("bigger than", "larger than"), ("bigger", "larger"), ("biggest", "largest"), "biggest")
_SMALLER = SideWords(("smaller than",), ("smaller",), ("smallest",), "smallest")

LEFT_RIGHT = Comparison(
    "left_right",
    {"left": _LEFT, "right": _RIGHT},
    ("to the left or to the right of", "left or right of", "on the right or on the left of"),
)
FRONT_BEHIND = Comparison(
    "front_behind", {"behind": _BEHIND, "front": _FRONT}, ("in front of or behind", "behind or in front of")
)
ABOVE_BELOW = Comparison(
    "above_below", {"above": _ABOVE, "below": _BELOW}, ("above or below", "below or above")
)
WIDE_THIN = Comparison(
    "wider_thinner",
    {"wider": _WIDER, "thinner": _THINNER},
    ("wider or thinner than", "narrower or wider than"),
)
TALL_SHORT = Comparison(
    "taller_shorter", {"taller": _TALLER, "shorter": _SHORTER}, ("taller or shorter than",)
)
BIG_SMALL = Comparison(
    "bigger_smaller",
    {"bigger": _BIGGER, "smaller": _SMALLER},
    ("bigger or smaller than", "smaller or larger than"),
)

YES_NO: Words = (
    "Is the {a} {p} the {b}?",
    "In this scene, is the {a} {p} the {b}?",
    "Can you tell me if the {a} is {p} the {b}?",
    "Tell me whether the {a} is {p} the {b}.",
    "Please check if the {a} is {p} the {b}.",
    "Could you please verify that the {a} is {p} the {b}?",
)
PLACED: Words = (
    "Is the {a} located {p} the {b}?",
    "Is the {a} positioned {p} the {b}?",
    "Does the {a} appear {p} the {b}?",
    "Does the {a} lie {p} the {b}?",
)
NOT: Words = ("Is the {a} not {p} the {b}?", "Tell me whether the {a} is not {p} the {b}.")
EITHER: Words = ("Is the {a} {p} the {b}?", "Can you tell me if the {a} is {p} the {b}?")
WHICH_OF_TWO: Words = (
    "Which is {m}, {ors}?",
    "Which one is {m}, {ors}?",
    "Which object is {m}, {ors}?",
    "What is {m}, {ors}?",
    "Between {ands}, which one is {m}?",
    "Which of {ands} is {m}?",
    "Of {ands}, which object is {m}?",
    "Is {ors} {m}?",
)
WHICH_OF_MANY: Words = (
    "Which is the {s}, {ors}?",
    "Which one is the {s}, {ors}?",
    "Which of {ands} is the {s}?",
    "Among {ands}, which object is the {s}?",
    "Out of {ands}, which one is the {s}?",
)
WHICH_NOT: Words = ("Which is not {m}, {ors}?", "Which one is not {m}, {ors}?")
WHICH_OF_GROUP: Words = (
    "Which {g} is the {s}?",
    "Which of the {gs} is the {s}?",
    "Which one of the {gs} is the {s}?",
    "Tell me which {g} is the {s}.",
)
ORDER: Words = (
    "Order {ands} from {e}.",
    "Sort {ands} from {e}.",
    "Rank {ands} from {e}.",
    "List {ands} in order from {e}.",
    "Arrange {ands} from {e}.",
    "Please put {ands} in order, from {e}.",
)
HOW_FAR: Words = ("How far is the {a} {p} the {b}?", "Tell me how far the {a} is {p} the {b}.")
HOW_MUCH: Words = ("How much {m} is the {a} than the {b}?", "By how much is the {a} {m} than the {b}?")

# Before a question, and behind one (before its last mark), which is understood of polite ones too.
OPPOSITE_BEFORE: Words = (
    "From the opposite side of the camera, ",
    "Seen from the opposite side of the camera, ",
    "When viewed from the opposite side, ",
    "From the other side of the scene, ",
    "Viewed from the opposite side of the scene, ",
)
OPPOSITE_BEHIND: Words = (
    ", seen from the opposite side of the camera",
    ", viewed from the opposite side",
    " from the opposite side of the camera",
)
POLITE: Words = ("In this scene", "Can you", "Could you", "Tell me", "Please", "Give me")

CLOSER_WHICH: dict[str, Words] = {
    "closer": (
        "Which is closer to the {a}, {ors}?",
        "Which one is nearer to the {a}, {ors}?",
        "Which object is closer to the {a}, {ors}?",
        "Which of {ands} is closer to the {a}?",
        "Between {ands}, which is closer to the {a}?",
        "Is {ors} closer to the {a}?",
        "Is the {a} closer to {ors}?",
    ),
    "farther": (
        "Which is farther from the {a}, {ors}?",
        "Which one is further away from the {a}, {ors}?",
        "Which object is farther away from the {a}, {ors}?",
        "Which of {ands} is farther from the {a}?",
        "Between {ands}, which is farther from the {a}?",
        "Is {ors} farther from the {a}?",
        "Is the {a} farther from {ors}?",
    ),
}
CLOSEST_WHICH: dict[str, Words] = {
    "closer": (
        "Which is closest to the {a}, {ors}?",
        "Which one is nearest to the {a}, {ors}?",
        "Which of {ands} is closest to the {a}?",
        "Of {ands}, which object is nearest to the {a}?",
    ),
    "farther": (
        "Which is farthest from the {a}, {ors}?",
        "Which one is furthest away from the {a}, {ors}?",
        "Which of {ands} is farthest from the {a}?",
        "Of {ands}, which object is furthest from the {a}?",
    ),
}
CLOSEST_OF_GROUP: dict[str, Words] = {
    "closer": ("Which {g} is closest to the {a}?", "Which {g} is nearest to the {a}?"),
    "farther": ("Which {g} is farthest from the {a}?", "Which {g} is furthest away from the {a}?"),
}
CLOSER_YES_NO: dict[str, Words] = {
    "closer": (
        "Is the {b} closer to the {a} than the {c}?",
        "Is the {b} nearer to the {a} than the {c}?",
        "Can you tell me whether the {b} is closer to the {a} than the {c}?",
    ),
    "farther": (
        "Is the {b} farther from the {a} than the {c}?",
        "Is the {b} further away from the {a} than the {c}?",
        "Tell me if the {b} is farther from the {a} than the {c}.",
    ),
}
CLOSER_HOW_MUCH: dict[str, Words] = {
    "closer": ("How much closer to the {a} is the {b} than the {c}?",),
    "farther": ("How much farther from the {a} is the {b} than the {c}?",),
}

WIDTH: Words = (
    "How wide is the {a}?",
    "What is the width of the {a}?",
    "What's the {a}'s width?",
    "Can you tell me how wide the {a} is?",
    "Please estimate the width of the {a}.",
    "Give me the approximate width of the {a}.",
    "How broad is the {a}?",
)
HEIGHT: Words = (
    "How tall is the {a}?",
    "What is the height of the {a}?",
    "What's the {a}'s height?",
    "Can you tell me how tall the {a} is?",
    "Please estimate the height of the {a}.",
    "Give me the approximate height of the {a}.",
    "How high is the {a}?",
)
WIDTH_LIMIT: Words = ("Is the {a} {limit} wide?", "Is the width of the {a} {limit}?")
HEIGHT_LIMIT: Words = ("Is the {a} {limit} tall?", "Is the height of the {a} {limit}?")
DISTANCE: Words = (
    "What is the distance between the {a} and the {b}?",
    "How far is the {a} from the {b}?",
    "How far apart are the {a} and the {b}?",
    "How far away is the {a} from the {b}?",
    "How far is it from the {a} to the {b}?",
    "What is the distance from the {a} to the {b}?",
    "How close is the {a} to the {b}?",
    "How much distance is there between the {a} and the {b}?",
    "Please measure the distance between the {a} and the {b}.",
    "Can you tell me how far the {a} is from the {b}?",
    "What is the straight-line distance between the {a} and the {b}?",
)
DISTANCE_TO_CAMERA: Words = (
    "How far away is the {a}?",
    "How far is the {a} from the camera?",
    "What is the distance to the {a}?",
    "What is the distance from the camera to the {a}?",
    "How far is the {a} from me?",
)
DISTANCE_OF_PAIR: Words = (
    "How far apart are the two {gs}?",
    "What is the distance between the two {gs}?",
    "How far are the two {gs} from each other?",
)
DISTANCE_LIMIT: Words = (
    "Is the {a} {limit} away from the {b}?",
    "Are the {a} and the {b} {limit} apart?",
    "Is the distance between the {a} and the {b} {limit}?",
)
HORIZONTAL: Words = (
    "What is the horizontal distance between the {a} and the {b}?",
    "How far apart are the {a} and the {b} horizontally?",
    "How far horizontally is the {a} from the {b}?",
    "What is the horizontal separation between the {a} and the {b}?",
    "Can you measure the horizontal distance from the {a} to the {b}?",
)
VERTICAL: Words = (
    "What is the vertical distance between the {a} and the {b}?",
    "How far apart are the {a} and the {b} vertically?",
    "How far vertically is the {a} from the {b}?",
    "What is the vertical separation between the {a} and the {b}?",
    "Can you measure the vertical distance from the {a} to the {b}?",
)
UNITS: Words = ("centimeters", "inches", "feet", "millimeters", "cm")

DIRECTION: Words = (
    "If you are at the {a}, where will you find the {b}?",
    "In which clock direction is the {b} from the {a}?",
    "When you are standing at the {a}, in which direction is the {b}?",
    "At which clock position is the {b} relative to the {a}?",
    "If I am at the {a}, where can I find the {b}?",
    "In what direction is the {b} from the {a}?",
)
DIRECTION_FACING: Words = (
    "If you are at the {a}, facing the {c}, where will you find the {b}?",
    "Standing at the {a} and facing the {c}, in which clock direction is the {b}?",
    "If I am at the {a}, looking at the {c}, where is the {b}?",
)
DIRECTION_TURNED: Words = (
    "If you are at the {a}, facing {way}, where will you find the {b}?",
    "Standing at the {a} and facing {way}, in which clock direction is the {b}?",
)
WAYS: Words = ("left", "right", "the camera")

COUNT: Words = (
    "How many {gs} are there?",
    "How many {gs} can you see?",
    "Count the {gs}.",
    "What is the number of {gs}?",
    "How many {gs} are there in this scene?",
    "Can you tell me the number of {gs}?",
)
COMBINED: dict[str, Words] = {
    "and": ("Is the {a} {p} the {b} and {q} the {c}?", "Is the {a} both {p} the {b} and {q} the {c}?"),
    "or": ("Is the {a} {p} the {b} or {q} the {c}?",),
}

DETECT: Words = (
    "Detect boxes.",
    "Detect all the objects in the image.",
    "Detect all 3D boxes in the image.",
    "Find the 3D boxes of all objects in this scene.",
    "Locate every object that you can see.",
    "List the 3D bounding boxes of everything in the picture.",
)
