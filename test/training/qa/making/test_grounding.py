"""What asks for boxes, and what must find none."""

import pytest
from qa_sets import maker, questions, thing

from n3d_ros.spatial import answer_in_order, parse_question
from n3d_ros.training.qa.config import QaConfig
from n3d_ros.training.qa.making.asking import LeftOut
from n3d_ros.training.qa.making.grounding import detect, ground
from n3d_ros.training.qa.making.names import could_be
from n3d_ros.training.qa.records import DETECT, GROUND

LEFT, RIGHT = thing("Book", (-0.4, 0.0, 1.0), annotation="l"), thing("Book", (0.4, 0.0, 1.0), annotation="r")
BOTTLE = thing("Bottle", (0.0, 0.1, 1.5))
ONLY_GROUNDING = QaConfig(shares={"grounding": 1.0})


def only(**shares):
    """One form of grounding alone."""
    none = dict.fromkeys(("absent_share", "drawn_share", "relation_share", "several_share"), 0.0)
    return QaConfig(**{**none, **shares})


def found(form, objects=(LEFT, RIGHT, BOTTLE), config=None, num_seeds=60, **values):
    """Questions of one form, of many seeds."""
    made = []
    for seed in range(num_seeds):
        try:
            made.append(ground(maker(*objects, seed=seed, config=config, **values)))
        except LeftOut:
            continue
    return [one for one in made if one.form == form]


def test_detection_lists_everything_from_left_to_right():
    question = detect(maker(RIGHT, BOTTLE, LEFT))
    assert (question.kind, question.category) == (DETECT, "detection")
    assert [box.annotation for box in question.boxes] == ["l", "Bottle", "r"]


def test_nobody_is_asked_to_detect_what_has_no_box():
    with pytest.raises(LeftOut, match="hidden_things"):
        detect(maker(BOTTLE, LEFT, hidden=["Cup"]))
    with pytest.raises(LeftOut, match="too_many_boxes"):
        detect(maker(RIGHT, BOTTLE, LEFT, config=QaConfig(max_boxes=2)))


def test_a_name_means_all_of_it_from_left_to_right():
    texts = set()
    for question in found("all_of_name", config=only()):
        assert [box.annotation for box in question.boxes] == ["l", "r"]
        texts.add(question.text)
    assert texts == {"book", "books", "all books"}
    assert {one.text for one in found("one_of_name", config=only())} == {"bottle"}


def test_a_name_of_which_something_has_no_box_is_not_asked_for():
    made = found("all_of_name", config=only(), hidden=["Book"]) + found(
        "one_of_name", config=only(), hidden=["Book"]
    )
    assert {one.text for one in made} == {"bottle"}


def test_absent_names_fit_nothing_in_view():
    made = [one for one in questions(40, ONLY_GROUNDING) if one.form.startswith("absent")]
    assert len(made) > 40
    present = {}
    for one in questions(40, QaConfig(shares={"detection": 1.0}, max_hidden_share=1.0)):
        present[one.picture.key] = [box.label for box in one.boxes]
    for one in made:
        assert one.boxes == ()
        assert not any(could_be(one.text, name) for name in present.get(one.picture.key, ())), one.text


def test_near_misses_share_a_word_with_something_in_view():
    table = thing("Coffee Table", (0.0, 0.3, 1.5))
    made = found("absent_near_miss", (table,), only(absent_share=1.0, near_miss_share=1.0))
    assert made
    assert {one.text for one in made} <= {"dining table", "side table"}


def test_a_place_names_those_of_which_it_is_true():
    made = found("beside", config=only(relation_share=1.0), num_seeds=200)
    assert len(made) > 20
    for question in made:
        name, words = question.text.split(" ", 1)
        statement = parse_question(f"Is the {name.removesuffix('s')} {words}?")
        boxes = {"l": LEFT, "r": RIGHT}
        for key, one in boxes.items():
            expected = next((box for box in question.boxes if box.annotation == key), None)
            made_box = maker(one).scene.things[0].box
            bottle = maker(BOTTLE).scene.things[0].box
            verdict = answer_in_order(statement, [made_box, bottle]).verdict
            assert verdict == (expected is not None), question.text


def test_a_place_where_nothing_is_finds_nothing():
    behind = found("beside_none", config=only(relation_share=1.0), num_seeds=200)
    assert {one.text.split(" the ")[0] for one in behind} <= {
        "book behind",
        "book in back of",
        "book below",
    } | {f"book {word}" for word in ("under", "beneath", "underneath")}
    assert all(one.boxes == () for one in behind)


def test_ranks_pick_one():
    for question in found("ranked", config=only(relation_share=1.0), num_seeds=200):
        (box,) = question.boxes
        expected = {"leftmost book": "l", "rightmost book": "r"}
        assert expected.get(question.text, box.annotation) == box.annotation
    third = thing("Book", (0.0, 0.0, 1.0), annotation="m")
    made = found("ranked_second", (LEFT, RIGHT, third, BOTTLE), only(relation_share=1.0), 200)
    assert made
    assert {box.annotation for one in made for box in one.boxes} == {"m"}


def test_drawn_things_are_marked_where_they_are():
    for number in (1, 2, 3):
        made = found(f"drawn_{number}", config=only(drawn_share=1.0))
        assert made
        for question in made:
            assert question.kind == GROUND
            assert len(question.drawn_px) == len(question.boxes) == number
            for box, (left, _, right, _) in zip(question.boxes, question.drawn_px, strict=True):
                middle = 319.5 + 600.0 * box.center_m[0] / box.center_m[2]
                assert (left + right) / 2 == pytest.approx(middle)
