"""Which box a name means: its own, or none; of several that fit equally, none either."""

from dataclasses import replace

import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.spatial import Query, answer, find_boxes, parse_question
from n3d_ros.spatial.matching import fitting, plural_of


def box(label, x=0.0, z=1.0):
    return Box3D(label, (x, 0.0, z), (0.1, 0.1, 0.1))


MUG, BOWL, CAN = box("red mug"), box("blue bowl", 1.0), box("green can", 2.0)
SCENE = (MUG, BOWL, CAN)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Red Mug", "red mug"),
        ("bowl", "blue bowl"),
        ("big green can", "green can"),
        ("1_blue bowl", "blue bowl"),
    ],
)
def test_a_name_finds_its_label_a_longer_label_or_one_that_lacks_only_an_adjective(name, label):
    assert [found.label for found in find_boxes([name], SCENE)] == [label]


@pytest.mark.parametrize(
    "name",
    ["lamp", "mug handle", "blue mug", "mug's lid", "handle of red mug", "mug bowl", "red", "second mug"],
)
def test_a_name_that_says_another_thing_finds_none(name):
    with pytest.raises(ValueError, match=r"expected a box for '.*', got boxes for \["):
        find_boxes([name], SCENE)


def test_a_name_that_lacks_more_than_an_adjective_in_the_label_finds_none():
    with pytest.raises(ValueError, match="expected a box for 'coffee mug'"):
        find_boxes(["coffee mug"], [box("mug")])


def test_of_a_label_and_a_longer_one_the_name_means_its_own():
    plain = box("mug", z=2.0)
    assert find_boxes(["mug", "red mug"], [MUG, plain]) == [plain, MUG]


@pytest.mark.parametrize(
    ("name", "many"),
    [
        ("red mug", "red mugs"),
        ("box", "boxes"),
        ("cup of tea", "cups of tea"),
        ("shelf", "shelves"),
        ("candy", "candies"),
        ("toy", "toys"),
    ],
)
def test_the_plural_of_a_name_fits_the_same_label(name, many):
    assert plural_of(name) == many
    if "of" not in name:
        assert fitting(many, [box(name)], ["0"], plural=True) == [0]


def test_a_cup_of_tea_is_a_cup_and_no_tea():
    scene = [box("cup of tea"), box("box", 1.0)]
    assert find_boxes(["cup"], scene) == [scene[0]]
    with pytest.raises(ValueError, match="expected a box for 'tea'"):
        find_boxes(["tea"], scene)


def test_a_possessive_that_the_label_holds_is_part_of_the_name():
    assert find_boxes(["children's chair"], [box("children's chair")])[0].label == "children's chair"


def test_two_boxes_that_fit_equally_are_refused_and_both_ids_named():
    scene = [box("mug"), box("box", 1.0), box("mug", 2.0)]
    with pytest.raises(ValueError, match="'mug' is ambiguous: it could be 0_mug or 2_mug"):
        find_boxes(["mug"], scene)
    with pytest.raises(ValueError, match="it could be 4_mug or 9_mug"):
        answer(Query("height", ("mug",)), scene, ["4_mug", "5_box", "9_mug"])


@pytest.mark.parametrize("boxes", [(MUG,), ()])
def test_two_names_never_mean_one_box(boxes):
    with pytest.raises(ValueError, match="expected a box for"):
        answer(Query("distance", ("red mug", "mug")), boxes)


def test_the_two_mugs_are_exactly_two():
    scene = [box("mug"), box("red mug", 3.0), box("box", 1.0)]
    query = parse_question("How far apart are the two mugs?")
    assert answer(query, scene).value == 3.0
    with pytest.raises(ValueError, match="ambiguous: it could be 0_mug or 1_red mug or 3_mug"):
        answer(query, [*scene, box("mug", 9.0)])


def test_a_selector_picks_among_all_of_that_name():
    scene = [box("box", -1.0, 2.0), box("box", 1.0, 3.0), box("mug", 0.0, 1.0), box("blue box", 2.0, 4.0)]
    found = {
        "How far is the nearest box?": 5**0.5,
        "How far is the farthest box?": 20**0.5,
        "How far is the rightmost box from the mug?": 13**0.5,
        "How far is the second box from the left from the mug?": 5**0.5,
        "How far is the second leftmost box from the mug?": 5**0.5,
    }
    for question, value in found.items():
        assert answer(parse_question(question), scene).value == pytest.approx(value), question


def test_a_selector_between_equals_is_refused():
    scene = [box("box", -1.0), box("box", 1.0)]
    with pytest.raises(ValueError, match="two are equal"):
        answer(parse_question("How far is the nearest box?"), scene)


def test_what_rounding_leaves_between_equals_decides_nothing():
    """In floats 0.1 + 0.2 is not 0.3."""
    scene = [box("mug", 0.3), box("can", 0.1 + 0.2), box("pot", -0.3), box("box", 0.0)]
    assert answer(parse_question("Is the can right of the mug?"), scene).verdict is False
    assert answer(parse_question("Is the can left or right of the mug?"), scene).side == ""
    assert answer(parse_question("Is the pot closer to the box than the can?"), scene).verdict is False
    assert answer(parse_question("How much closer to the box is the pot than the can?"), scene).value is None
    with pytest.raises(ValueError, match="two are equal"):
        answer(parse_question("How far is the nearest mug?"), [box("mug", 0, 0.3), box("mug", 1, 0.1 + 0.2)])


def test_a_choice_among_all_of_a_name_names_them_by_id():
    scene = [box("mug", 0.0, 3.0), box("mug", 0.0, 2.0), box("box", 0.0, 1.0)]
    assert answer(parse_question("Which mug is closest to the box?"), scene).names == ("1_mug",)
    assert answer(parse_question("Which of the mugs is the farthest?"), scene).names == ("0_mug",)
    assert answer(parse_question("How many mugs are there?"), scene).value == 2.0


def test_a_camera_in_view_makes_the_word_ambiguous():
    scene = [box("mug"), box("security camera", 1.0)]
    with pytest.raises(ValueError, match="'camera' is ambiguous: it could be 1_security camera"):
        answer(parse_question("How far is the mug from the camera?"), scene)
    assert answer(parse_question("How far is the mug from me?"), scene).value == 1.0
    with pytest.raises(ValueError, match="'observer' is ambiguous: it could be 1_observer"):
        answer(parse_question("How far is the observer from the mug?"), [box("mug"), box("observer", 1.0)])


def test_many_of_a_colour_that_no_label_says_are_not_counted_and_none_of_them_is_picked():
    scene = [box("box", -1.0, 2.0), box("box", 1.0, 3.0), box("red box", 0.0, 1.0)]
    for question in (
        "How many blue boxes are there?",
        "How far is the nearest blue box?",
        "Which blue box is the nearest?",
        "How far apart are the two blue boxes?",
    ):
        with pytest.raises(ValueError, match="for 'blue box"):
            answer(parse_question(question), scene)
    assert answer(parse_question("How many red boxes are there?"), scene).value == 1.0
    assert answer(parse_question("How far is the nearest red box?"), scene).value == 1.0


def test_a_possessive_in_capitals_is_the_same_name():
    scene = [box("children's book"), box("mug", 1.0)]
    assert answer(parse_question("HOW FAR IS THE CHILDREN\u2019S BOOK FROM THE MUG?"), scene).value == 1.0


def test_there_is_no_direction_to_what_is_straight_above():
    scene = [box("lid", 0.0, 1.0), replace(box("pot", 0.0, 1.0), center=(0.0, 0.3, 1.0))]
    with pytest.raises(ValueError, match="lid and pot are above each other"):
        answer(parse_question("In which direction is the pot from the lid?"), scene)
