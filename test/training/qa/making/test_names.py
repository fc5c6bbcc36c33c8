"""Class names of data sets as words of people."""

import pytest

from n3d_ros.training.qa.making.names import Name, Vocabulary, could_be, fits, is_understood, names_of


@pytest.mark.parametrize(
    ("label", "singulars"),
    [
        ("Person", ["person"]),
        ("Cabinet/shelf", ["cabinet", "shelf"]),
        ("Hotair ballon", ["hot air balloon"]),
        ("Moniter/TV", ["monitor", "TV"]),
        ("Tape Measur/ Ruler", ["tape measure", "ruler"]),
        ("Cutting/chopping Board", ["cutting board", "chopping board"]),
        (" Formula 1 ", ["race car"]),
        ("red mug", ["red mug"]),
        ("night_stand", ["night stand"]),
        ("002_master_chef_can", ["master chef can"]),
        ("065-a_cups", ["cups"]),
    ],
)
def test_labels_are_said_as_people_say_them(label, singulars):
    assert [name.singular for name in names_of(label)] == singulars


def test_labels_that_no_prompt_can_hold_have_no_name():
    for label in ("", "box, small", "mug (red)", "the 'thing'", "<image>", "12", "0_mug", "002_1"):
        assert names_of(label) == (), label


@pytest.mark.parametrize(
    ("singular", "plural"),
    [("knife", "knives"), ("box", "boxes"), ("cherry", "cherries"), ("toy", "toys"), ("person", "people")]
    + [("glasses", "glasses"), ("wine glass", "wine glasses"), ("bus", "buses"), ("cup of tea", "")],
)
def test_plurals_are_those_that_the_robot_understands(singular, plural):
    assert names_of(singular) == (Name(singular, plural),)


def test_what_a_name_could_mean_beside_its_own_things():
    assert fits("chair", "chair", "folding chair")
    assert not fits("folding chair", "folding chair", "chair")
    assert could_be("table", "dining table")
    assert could_be("dining table", "table")
    assert not could_be("tennis ball", "tennis racket")


def test_words_of_the_grammar_are_no_names_in_questions():
    assert is_understood("blue can")
    assert not is_understood("side table")
    assert not is_understood("camera")


def test_a_vocabulary_finds_names_by_their_words():
    found = Vocabulary.of_labels(["Tennis Racket", "Tennis", "Cup", "Cup"])
    assert found.names == ("cup", "tennis ball", "tennis racket")
    assert found.sharing("tennis") == ("tennis ball", "tennis racket")
    assert found.sharing("mug") == ()
