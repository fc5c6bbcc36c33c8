"""What is asked is what the robot understands: every wording, as the relation that it is listed under."""

import pytest

from n3d_ros.spatial.types import ORDER, SIDE, VALUE, WHICH, YES_NO
from n3d_ros.training.qa.making import templates as t
from n3d_ros.training.qa.making.reading import Filling, read

ONE, TWO, THREE = Filling(("mug",)), Filling(("red mug", "book")), Filling(("mug", "book", "tv"))
LIST, LONG = Filling(things=("mug", "book")), Filling(things=("mug", "book", "tv", "red hat"))
GROUP = Filling(group="mug", groups="mugs")
PLACES = (t.LEFT_RIGHT, t.FRONT_BEHIND, t.ABOVE_BELOW)
SIZES = (t.WIDE_THIN, t.TALL_SHORT, t.BIG_SMALL)


def wrong(templates, filling, relation, **wanted):
    """Those that are not read so."""
    found = []
    for template in templates:
        text, query = read(template, filling)
        meant = query is not None and query.relation == relation
        if not meant or any(getattr(query, name) != value for name, value in wanted.items()):
            found.append((text, query))
    return found


def turned(templates):
    """From the opposite side, in every way."""
    for one in templates:
        yield from (one[:-1] + words + one[-1] for words in t.OPPOSITE_BEHIND)
        if not one.startswith(t.POLITE):
            yield from (words + one[0].lower() + one[1:] for words in t.OPPOSITE_BEFORE)


def put(slot, words, templates):
    """Every word in every template."""
    return [one.replace(slot, word) for one in templates for word in words]


@pytest.mark.parametrize("comparison", [*PLACES, *SIZES], ids=lambda one: one.relation)
def test_comparisons_are_read_as_their_side(comparison):
    name, is_place = comparison.relation, comparison in PLACES
    for asks, words in comparison.sides.items():
        statements = put("{p}", words.predicates, (*t.YES_NO, *t.NOT, *(t.PLACED if is_place else ())))
        assert wrong(statements, TWO, name, asks=asks, form=YES_NO) == []
        choices = put("{m}", words.comparatives, (*t.WHICH_OF_TWO, *t.WHICH_NOT))
        assert wrong(choices, LIST, name, asks=asks, form=WHICH) == []
        superlatives = put("{s}", words.superlatives, t.WHICH_OF_MANY)
        assert wrong(superlatives, LONG, name, asks=asks, form=WHICH) == []
        of_group = put("{s}", words.superlatives, t.WHICH_OF_GROUP)
        assert wrong(of_group, GROUP, name, asks=asks, form=WHICH, many=True) == []
        how_much = put("{p}", words.predicates, t.HOW_FAR) if is_place else ()
        how_much = how_much or put("{m}", words.comparatives, t.HOW_MUCH)
        assert wrong(how_much, TWO, name, asks=asks, form=VALUE) == []
    assert wrong(put("{p}", comparison.either, t.EITHER), TWO, name, form=SIDE) == []


@pytest.mark.parametrize("comparison", [*PLACES, *SIZES], ids=lambda one: one.relation)
def test_orders_run_from_end_to_end(comparison):
    ends = [side.end for side in comparison.sides.values()]
    name = "depth_order" if comparison is t.FRONT_BEHIND else comparison.relation
    for first, second in (ends, ends[::-1]):
        assert wrong(put("{e}", [f"{first} to {second}"], t.ORDER), LONG, name, form=ORDER) == []


@pytest.mark.parametrize("comparison", [t.LEFT_RIGHT, t.FRONT_BEHIND], ids=lambda one: one.relation)
def test_the_opposite_viewpoint_is_understood_before_and_behind_a_question(comparison):
    for asks, words in comparison.sides.items():
        statements = put("{p}", words.predicates, (*t.YES_NO, *t.NOT, *t.PLACED))
        found = wrong(turned(statements), TWO, comparison.relation, asks=asks, facing="opposite")
        assert found == []
    assert wrong(turned(t.DIRECTION), TWO, "direction", facing="opposite") == []


def test_relative_distances_name_the_reference_first():
    for asks in ("closer", "farther"):
        reference = Filling(("mug",), ("book", "tv"))
        assert wrong(t.CLOSER_WHICH[asks], reference, "closer", asks=asks, form=WHICH) == []
        several = Filling(("mug",), ("book", "tv", "hat"))
        assert wrong(t.CLOSEST_WHICH[asks], several, "closer", objects=("mug", "book", "tv", "hat")) == []
        group = Filling(("mug",), group="car", groups="cars")
        assert wrong(t.CLOSEST_OF_GROUP[asks], group, "closer", asks=asks, many=True) == []
        names = ("mug", "book", "tv")
        assert wrong(t.CLOSER_YES_NO[asks], THREE, "closer", asks=asks, form=YES_NO, objects=names) == []
        assert wrong(t.CLOSER_HOW_MUCH[asks], THREE, "closer", asks=asks, form=VALUE, objects=names) == []


@pytest.mark.parametrize(
    ("templates", "filling", "relation"),
    [
        (t.WIDTH, ONE, "width"),
        (t.HEIGHT, ONE, "height"),
        (t.DISTANCE, TWO, "distance"),
        (t.DISTANCE_TO_CAMERA, ONE, "distance"),
        (t.DISTANCE_OF_PAIR, Filling(groups="mugs"), "distance"),
        (t.HORIZONTAL, TWO, "horizontal_distance"),
        (t.VERTICAL, TWO, "vertical_distance"),
    ],
)
def test_lengths_are_read_in_every_unit(templates, filling, relation):
    in_units = [f"{one[:-1]}, in {unit}{one[-1]}" for one in templates for unit in t.UNITS]
    assert wrong([*templates, *in_units], filling, relation, form=VALUE) == []


def test_limits_are_yes_no_questions():
    for templates, filling, relation in (
        (t.WIDTH_LIMIT, ONE, "width"),
        (t.HEIGHT_LIMIT, ONE, "height"),
        (t.DISTANCE_LIMIT, TWO, "distance"),
    ):
        lengths = (
            "more than 0.5 meters",
            "at least 50 cm",
            "over 2.5 meters",
            "less than 50 cm",
            "at most 7 cm",
        )
        found = put("{limit}", (*lengths, "under 1.0 meters"), templates)
        assert wrong(found, filling, relation, form=YES_NO) == []


def test_directions_name_viewer_and_facing():
    assert wrong(t.DIRECTION, TWO, "direction", objects=("red mug", "book")) == []
    assert wrong(t.DIRECTION_FACING, THREE, "direction", viewer="mug", faced="tv", facing="object") == []
    for way in t.WAYS:
        found = put("{way}", [way], t.DIRECTION_TURNED)
        assert wrong(found, TWO, "direction", viewer="red mug", facing=way.split()[-1]) == []


def test_counts_and_combined_statements_are_read():
    assert wrong(t.COUNT, Filling(groups="mugs"), "count") == []
    for join, templates in t.COMBINED.items():
        for p, q in (("left of", "behind"), ("on the right side of", "in front of"), ("above", "in back of")):
            found = [one.replace("{p}", p).replace("{q}", q) for one in templates]
            assert wrong(found, THREE, "combined", join=join) == []
