import pytest

from n3d_ros.memory.names import check_understood, is_named, names_asked_for, names_in
from n3d_ros.memory.places import Place, Remembered

PLACE = Place((0.0, 0.0, 1.0), (0.1, 0.1, 0.1), (1, 0, 0, 0, 1, 0, 0, 0, 1))


def thing(label):
    return Remembered(0, label, (), PLACE, (0.0, 0.0, 0.0), 1, 0, 0)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("the red mug, all boxes and 2 cans", ["the red mug", "boxes", "cans"]),
        ("two boxes and three of the cans", ["boxes", "the cans"]),
        ("a couple of mugs, several boxes, a few cans", ["mugs", "boxes", "cans"]),
        ("red mug; ball", ["red mug", "ball"]),
        ("the blue, small box", ["the blue, small box"]),
        ("the red and blue mugs", ["the red and blue mugs"]),
        ("  ", []),
    ],
)
def test_a_list_of_names_is_taken_apart_and_adjectives_are_no_names(words, names):
    assert names_in(words) == names


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("where did you last see the mug?", ["the mug"]),
        ("Where is the red mug?", ["the red mug"]),
        ("where are the mug and the keys now?", ["the mug", "the keys"]),
        ("When was the mug last seen?", ["the mug"]),
        ("Where have you seen my mug", ["the mug"]),
        ("Where's the mug?", ["the mug"]),
        ("where\u2019s our red mug", ["the red mug"]),
        ("where did you see the red mug last?", ["the red mug"]),
        ("where is the mug, please?", ["the mug"]),
        ("where did you last see the mug and when?", ["the mug"]),
        ("have you seen the mug anywhere lately?", ["the mug"]),
        ("where is the last mug?", ["the last mug"]),
        ("mug?", ["mug"]),
        ("the small red mug or my cup?", ["the small red mug", "the cup"]),
        ("where is the red or blue mug?", ["the red mug", "blue mug"]),
        ("the red and the small blue mugs", ["the red mugs", "the small blue mugs"]),
        ("the blue, small box", ["the blue, small box"]),
        ("everything", ["things"]),
        ("where are all the objects?", ["things"]),
        ("my things", ["things"]),
        ("\u676f\u5b50\uff1f", ["\u676f\u5b50"]),
        ("\u676f\u5b50\u3001\u4e66", ["\u676f\u5b50", "\u4e66"]),
        ("\u0643\u0648\u0628\u061f", ["\u0643\u0648\u0628"]),
        ("the mug", ["the mug"]),
        ("the mug or the cup", ["the mug", "the cup"]),
        ("where is the mug or the cup?", ["the mug", "the cup"]),
        ("is the mug still there?", ["the mug"]),
        ("Are the red mugs still in their place", ["the red mugs"]),
        ("is the mug gone?", ["the mug"]),
        ("have you seen the mug and the ball?", ["the mug", "the ball"]),
        ("did you ever see my keys?", ["the keys"]),
        ("the red mug, please", ["the red mug"]),
        ("mug last seen?", ["mug"]),
        ("a 7up", ["a 7up"]),
    ],
)
def test_a_question_where_something_is_names_it(question, names):
    assert names_asked_for(question) == names


@pytest.mark.parametrize(
    "question",
    [
        "what is on the table?",
        "is the mug on the table?",
        "How many mugs",
        "can you see the mug?",
        "wo ist die Tasse?",
        "where is ?",
        "where is the ?",
        "where is it?",
        "where is the red one?",
        "where are you?",
        "where is the other?",
        "where are both?",
        "7",
        "#0",
        "what?",
        ",",
        "\u200b",
    ],
)
def test_a_question_that_is_not_understood_is_refused_and_not_answered(question):
    with pytest.raises(ValueError, match="expected names, or a question such as .* got"):
        names_asked_for(question)


@pytest.mark.parametrize("words", ["is BLANKS still there x", "BLANKSmug", "the mug BLANKS seen x"])
def test_a_run_of_blanks_is_one(words):
    """Read blank by blank the first of these took minutes, in which nothing else of the process ran."""
    long, short = words.replace("BLANKS", " \t" * 900), words.replace("BLANKS", " ")
    assert names_in(long) == names_in(short)
    assert _asked_or_refused(long) == _asked_or_refused(short)


def _asked_or_refused(words):
    try:
        return names_asked_for(words)
    except ValueError:
        return None


@pytest.mark.parametrize(
    ("words", "is_it"),
    [
        (("the mug",), True),
        (("ball", "mugs"), True),
        (("0_red mug",), True),
        (("the blue, small box",), False),
        (("the nearest mug",), False),
        (("what is on the table",), False),
        (("the blue mug",), False),
    ],
)
def test_only_a_name_names_it(words, is_it):
    assert is_named(thing("red mug"), words) is is_it


def test_half_of_a_name_is_no_name():
    """Two adjectives with a comma: who looks for a blue one does not look for every small one."""
    assert not is_named(thing("small box"), ("blue, small box",))


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("the other mug", "where is the other mug?", "'other' of 'the other mug' is not understood"),
        (
            "the mugs on the table",
            "the mugs on the table",
            "'on table' of .* remembered as 'blue mug', 'red mug'",
        ),
        ("the mug upstairs", "is the mug upstairs still there?", "'upstairs' of"),
        ("large red mug", "large red mug", "'large' of .* remembered as 'red mug'$"),
        ("small mug", "small mug", "'small' of .* remembered as 'blue mug', 'red mug'$"),
        ("mug of tea", "mug of tea", "'of tea' of"),
        ("red things", "red things", "'red things' of .* remembered as 'ball', 'blue mug', 'red mug'$"),
        ("everything else", "where is everything else?", "'everything else' of"),
        ("the location of the ball", "the location of the ball", "'location of' of .* as 'ball'$"),
        ("red_mug", "red_mug", "'red mug' of 'red_mug'"),
        ("red mug/0", "red mug/0", "'red mug' of 'red mug/0'"),
        ("mug/ball", "mug/ball", "'mug' of 'mug/ball' .* remembered as 'ball'"),
        ("the red thing", "the red thing", "'the red thing' of .* as 'ball', 'blue mug', 'red mug'$"),
        ("red", "red", "'red' of 'red' .* remembered as 'red mug'$"),
        ("mug red", "mug red", "'red' of 'mug red' .* remembered as 'blue mug', 'red mug'$"),
        ("mug full of tea", "mug full of tea", "'full of tea' of"),
        ("mug 2", "mug 2", "'2' of 'mug 2' .* remembered as 'blue mug', 'red mug'$"),
        ("[red mug]", "[red mug]", "'red mug' of .* remembered as 'red mug'$"),
        ("**red mug**", "**red mug**", "'red mug' of .* remembered as 'red mug'$"),
    ],
)
def test_a_name_that_may_mean_what_is_known_is_refused_with_the_words_that_are_unclear(name, words, message):
    with pytest.raises(ValueError, match=message):
        check_understood(name, words, [thing("red mug"), thing("blue mug"), thing("ball")])


def test_one_of_what_is_called_in_the_plural_is_not_understood():
    with pytest.raises(ValueError, match="'key' of 'the key' .* remembered as 'keys'"):
        check_understood("the key", "the key", [thing("keys")])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("green mug", "where is the green mug?"),
        ("the mug handle", "the mug handle"),
        ("the cup", "where is the cup?"),
        ("florble", "florble"),
        ("green", "green"),
    ],
)
def test_a_name_of_something_else_is_understood(name, words):
    check_understood(name, words, [thing("red mug"), thing("blue mug"), thing("ball")])
