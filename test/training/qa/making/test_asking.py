"""One question: answered by the robot's own rules, or left out with a reason."""

import pytest
from qa_sets import maker, thing

from n3d_ros.spatial import answer, parse_question
from n3d_ros.training.qa.config import QaConfig
from n3d_ros.training.qa.making.asking import LeftOut, ask, is_true_of, pointed_at
from n3d_ros.training.qa.making.reading import Filling

MUG = thing("Mug", (0.304, 0.0, 1.0), (0.10, 0.12, 0.10))
BOTTLE = thing("Bottle", (-0.2, 0.1, 1.5), (0.08, 0.30, 0.08))
NAMES = Filling(("mug", "bottle"))
PLAIN = QaConfig(plain_share=0.0)


def asked(template, filling=NAMES, things=(MUG, BOTTLE), config=PLAIN, wanted=None):
    made = maker(*things, config=config)
    if wanted is not None:
        made.tally.verdicts[f"left_right/{'no' if wanted else 'yes'}"] += 1
    by_name = {one.name.singular: one for one in made.scene.things}
    order = [by_name[name] for name in (*filling.names, *filling.things)]
    templates = [template] if isinstance(template, str) else template
    return ask(made, "left_right", "form", [(one, filling) for one in templates], order)


def test_value_is_of_the_boxes_and_the_sentence_of_the_rounded_ones():
    question = asked("How far apart are the {a} and the {b} horizontally?")
    assert question.value == pytest.approx(0.504, abs=1e-6)
    assert question.unit == "m"
    assert question.answer == "The horizontal distance between mug and bottle is 0.50 meters."
    assert "|-0.30 - 0.20| = 0.50" in question.reasoning
    assert [(box.label, box.center_m) for box in question.boxes] == [
        ("mug", (0.304, 0.0, 1.0)),
        ("bottle", (-0.2, 0.1, 1.5)),
    ]


@pytest.mark.parametrize("wanted", [True, False])
def test_of_two_wordings_the_one_with_the_wanted_verdict_is_asked(wanted):
    sides = ["Is the {a} left of the {b}?", "Is the {a} right of the {b}?"]
    question = asked(sides, wanted=wanted)
    assert question.verdict is wanted
    assert question.text == f"Is the mug {'right' if wanted else 'left'} of the bottle?"


def test_close_answers_are_left_out():
    near = thing("Bottle", (0.28, 0.1, 1.5), (0.08, 0.121, 0.08))
    for template in (["Is the {a} left of the {b}?", "Is the {a} right of the {b}?"],):
        with pytest.raises(LeftOut, match="margin_narrow"):
            asked(template, things=(MUG, near))
    with pytest.raises(LeftOut, match="margin_narrow"):
        asked("Which is taller, {ors}?", Filling(things=("mug", "bottle")), (MUG, near))
    with pytest.raises(LeftOut, match="value_small"):
        asked("How far apart are the {a} and the {b} horizontally?", things=(MUG, near))


def test_an_hour_near_its_end_is_left_out():
    a, b = thing("Mug", (0.0, 0.0, 1.0)), thing("Bottle", (-0.01, 0.0, 2.0))
    with pytest.raises(LeftOut, match="margin_narrow"):
        asked("In which clock direction is the {b} from the {a}?", things=(a, b))
    b = thing("Bottle", (-0.3, 0.0, 2.0))
    question = asked("In which clock direction is the {b} from the {a}?", things=(a, b))
    assert (question.value, question.unit) == (12.0, "o'clock")


def test_what_rounding_decides_otherwise_is_left_out():
    """0.104 and 0.095 m wide differ by a tenth, and both are 0.10 m in the evidence."""
    a, b = thing("Mug", (0.3, 0, 1), (0.1049, 0.1, 0.1)), thing("Bottle", (-0.3, 0, 1), (0.0951, 0.1, 0.1))
    with pytest.raises(LeftOut, match="margin_narrow"):
        asked(
            "Which is wider, {ors}?",
            Filling(things=("mug", "bottle")),
            (a, b),
            QaConfig(min_margin_share=0.05),
        )


def test_an_hour_that_rounding_changes_is_left_out():
    """26.8 degrees by the boxes and 38.7 by the evidence: each is clear, and they are different hours."""
    a, b = thing("Mug", (-0.0049, 0.0, 0.9951)), thing("Bottle", (-0.0351, 0.0, 1.0549))
    with pytest.raises(LeftOut, match="margin_narrow"):
        asked("In which clock direction is the {b} from the {a}?", things=(a, b))


def test_choices_sides_and_orders_are_for_machines_too():
    cup = thing("Cup", (0.0, 0.0, 2.0), (0.1, 0.2, 0.1))
    listed = Filling(things=("mug", "bottle", "cup"))
    which = asked("Which is the tallest, {ors}?", listed, (MUG, BOTTLE, cup))
    assert (which.choices, which.choice) == (("mug", "bottle", "cup"), "bottle")
    order = asked("Order {ands} from near to far.", listed, (MUG, BOTTLE, cup))
    assert order.choices == ("mug", "bottle", "cup")
    assert order.choice == "mug, bottle, cup"
    side = asked("Is the {a} left or right of the {b}?")
    assert (side.choices, side.choice) == (("left", "right"), "right")


def test_the_opposite_viewpoint_is_recorded_and_names_the_form():
    question = asked("From the opposite side of the camera, is the {a} left or right of the {b}?")
    assert (question.viewpoint, question.form, question.choice) == ("opposite", "form_inverse", "left")


def test_styles_change_the_text_alone():
    lower = asked("How far is the {a} from the {b}?", config=QaConfig(plain_share=1.0))
    assert lower.text in ("how far is the mug from the bottle", "HOW FAR IS THE MUG FROM THE BOTTLE?")
    found = answer(parse_question(lower.text), [box.box for box in lower.boxes])
    assert found.value == pytest.approx(lower.value)


def test_what_is_pointed_at_among_things_of_one_name():
    left, right = thing("Mug", (-0.3, 0, 1), annotation="l"), thing("Mug", (0.3, 0, 1), annotation="r")
    made = maker(left, right, BOTTLE)
    group = made.scene.many[0]
    filling = Filling(group="mug", groups="mugs")
    found = pointed_at(made, "Which {g} is the rightmost?", filling, group.members)
    assert [one.annotation for one in found] == ["r"]
    bottle = next(one for one in made.scene.things if one.name.singular == "bottle")
    truths = [is_true_of(made, "Is the {a} left of the {b}?", one, bottle) for one in group.members]
    assert truths == [True, False]
