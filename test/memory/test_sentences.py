from dataclasses import replace

import pytest

from n3d_ros.memory import Recalled
from n3d_ros.memory.places import Place, Remembered
from n3d_ros.memory.sentences import duration, told

S = 10**9
PLACE = Place((0.104, 0.2, 1.0), (0.1, 0.1, 0.1), (1, 0, 0, 0, 1, 0, 0, 0, 1))
MUG = Remembered(3, "red mug", ("mug",), PLACE, (0.0, 0.0, 0.0), 1, 0, last_ns=100 * S)


def test_when_and_where_it_was_last_seen():
    assert (
        told(Recalled((MUG,)), "mug", "map", 142 * S)
        == "The red mug was last seen 42 s ago at 0.10, 0.20, 1.00 m in map."
    )


def test_since_when_it_is_gone():
    gone = replace(MUG, gone_ns=132 * S)
    assert told(Recalled((gone,)), "mug", "map", 142 * S).endswith("1.00 m in map; it is gone since 10 s.")


def test_several_of_one_name_are_told_by_their_ids():
    text = told(
        Recalled(
            (
                MUG,
                replace(MUG, id=4),
            )
        ),
        "mug",
        "map",
        142 * S,
    )
    assert text.count("The 3_red mug was") == text.count("The 4_red mug was") == 1


def test_nothing_is_said_as_that_and_on_one_line():
    said = "Nothing that 'the mug' names is remembered, nor is anything else."
    assert told(Recalled(()), "the\nmug", "map", 0) == said


def test_what_is_known_is_said_where_the_words_name_none_of_it():
    known = [replace(MUG, id=i, label=label) for i, label in enumerate(["red mug", "box", "box"])]
    said = "Nothing that 'the mug on the box' names is remembered; what is: 'box', 'red mug'."
    assert told(Recalled(()), "the mug on the box", "map", 0, known) == said
    many = [replace(MUG, id=i, label=f"box {i:02}") for i in range(12)]
    assert told(Recalled(()), "mug", "map", 0, many).endswith("'box 08', 'box 09', 2 more.")


def test_of_several_names_that_which_nothing_has_is_said():
    text = told(Recalled((MUG,), ("the keys",)), "the mug and the keys", "map", 142 * S)
    assert text.endswith("1.00 m in map. Nothing that 'the keys' names is remembered.")


def test_many_are_counted():
    many = Recalled(tuple(replace(MUG, id=i) for i in range(12)))
    assert told(many, "mug", "map", 142 * S).endswith(" And 2 more.")


def test_a_clock_that_was_set_back_is_said():
    gone = replace(MUG, gone_ns=150 * S)
    text = told(Recalled((gone,)), "mug", "map", 90 * S)
    assert "last seen 10 s ahead of this clock at" in text
    assert text.endswith("it is gone at a stamp 60 s ahead of this clock.")


@pytest.mark.parametrize(
    ("age_s", "said"), [(0, "0 s"), (119.9, "119 s"), (120, "2 min"), (7200, "2 h"), (172800, "2 days")]
)
def test_ages_in_whole_units(age_s, said):
    assert duration(round(age_s * S)) == said
