"""What is read of a template once is what the robot reads in the text itself."""

import pytest
from qa_sets import LABELS

from n3d_ros.spatial import parse_question
from n3d_ros.training.qa.making.names import names_of
from n3d_ros.training.qa.making.reading import Filling, read

TEMPLATES = (
    "How far is the {a} from the {b}?",
    "Is the {a} not to the left of the {b}?",
    "If you are at the {a}, where will you find the {b}?",
    "From the opposite side of the camera, is the {a} behind the {b}?",
)


@pytest.mark.parametrize("template", TEMPLATES)
def test_any_two_names_give_what_the_text_gives(template):
    names = [name.singular for label in LABELS for name in names_of(label)] + [
        "blue can",
        "0_mug",
        "2_red can",
    ]
    for a in names:
        for b in ("mug", "clock", "1_mug"):
            text, query = read(template, Filling((a, b)))
            parsed = parse_question(text)
            assert query is None or query == parsed, text
            assert query is not None or parsed is None or set(parsed.objects) != {a, b}, text


def test_names_that_mean_something_else_are_not_asked_about():
    assert read(TEMPLATES[0], Filling(("camera", "mug")))[1] is None
    assert read(TEMPLATES[0], Filling(("left shoe", "mug")))[1] is None


def test_a_text_beyond_the_grammars_length_is_not_read():
    assert read("Which is bigger, {ors}?", Filling(things=tuple(f"{'long ' * 4}name{c}" for c in "ab")))[1]
    many = tuple(f"{'long ' * 4}name{c}" for c in "abcdefghijklmnop")
    assert read("Which is bigger, {ors}?", Filling(things=many))[1] is None


def test_ids_take_no_article():
    text, query = read("Is the {a} above the {b}?", Filling(("0_mug", "10_mug")))
    assert text == "Is 0_mug above 10_mug?"
    assert query.objects == ("0_mug", "10_mug")


def test_lists_and_groups_stand_in_their_slots():
    text, query = read("Which of {ands} is closest to the {a}?", Filling(("mug",), ("box", "hat", "tv")))
    assert text == "Which of the box, the hat and the tv is closest to the mug?"
    assert query.objects == ("mug", "box", "hat", "tv")
    assert read("How many {gs} are there?", Filling(groups="knives"))[1].objects == ("knives",)
