"""Understood whole or not at all: what was understood can be said back, and no word is ignored."""

import random
from dataclasses import replace

import pytest
from peoples_questions import FURTHER, SHARED

from n3d_ros.spatial import QUESTIONS, parse_question, questions
from n3d_ros.spatial.grammar.rows import Row, all_rows
from n3d_ros.spatial.language.patterns import compiled, needed
from n3d_ros.spatial.language.units import length_text
from n3d_ros.spatial.restating import restated
from n3d_ros.spatial.types import Query

NAMES = {"a": "red mug", "b": "blue bowl", "c": "green can"}
TEMPLATES = [template.format(**NAMES) for templates in QUESTIONS.values() for template in templates]
UNDERSTOOD = [text for text in (*TEMPLATES, *FURTHER, *SHARED) if parse_question(text) is not None]
_STRANGE = """
not never no nor slightly nearly directly hardly twice half unless except without only handle edge lid top
side second last other two every all any some 2 3 m cm than from in on near inside behind left above taller
nearest us if when was lamp really wooden
"""
STRANGE = _STRANGE.split()
"""Words that change a question, or that the grammar does not know: none may be in it without a trace."""


@pytest.mark.parametrize("question", UNDERSTOOD)
def test_what_was_understood_said_back_is_understood_the_same(question):
    query = parse_question(question)
    assert parse_question(restated(query)) == query, restated(query)


def test_no_word_put_into_a_question_is_ignored():
    rng = random.Random(3)
    for _ in range(4000):
        question, strange = rng.choice(UNDERSTOOD), rng.choice(STRANGE)
        words = question.split()
        at = rng.randrange(len(words))
        changed = " ".join([*words[:at], strange, *words[at:]])
        is_same = parse_question(changed) == parse_question(question)
        assert not is_same or _is_harmless(words, at, strange), (question, changed)


@pytest.mark.parametrize("how", ["barely", "considerably", "clearly", "really", "probably", "always", "way"])
def test_a_word_that_weighs_a_comparison_is_no_part_of_a_name(how):
    assert parse_question(f"Is the red mug {how} taller than the blue bowl?") is None
    assert parse_question(f"Is the red mug {how} to the left of the blue bowl?") is None


def _is_harmless(words, at, strange):
    """A word that is there already, or one of a fixed phrase that says the same without it."""
    around = " ".join([*words[max(at - 3, 0) : at], strange, *words[at : at + 3]]).casefold()
    return any(phrase in around for phrase in HARMLESS)


HARMLESS = (
    "left side of",
    "right side of",
    "left side or",
    "right side or",
    "on left",
    "on right",
    "on the left",
    "on the right",
    "from me",
)


def test_questions_of_shuffled_words_are_understood_only_where_every_word_is_accounted_for():
    rng = random.Random(7)
    pool = sorted({word.strip("?.,!:").casefold() for text in UNDERSTOOD for word in text.split()})
    num_understood = 0
    for _ in range(4000):
        words = rng.choice(UNDERSTOOD).strip("?. ").casefold().split()
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(words))
            words[at : at + rng.randint(0, 2)] = rng.sample(pool, rng.randint(0, 2))
            words = words or ["mug"]
        question = " ".join(words)
        query = parse_question(question)
        if query is None:
            continue
        num_understood += 1
        assert parse_question(restated(query)) == query, question
        assert _content(restated(query)) >= _content(question), (question, restated(query))
    assert num_understood > 50, "the shuffling should now and then make a question"


def _content(question):
    """Names, numbers, negations and joints: what a restatement may not lose."""
    words = question.replace("?", " ").replace(",", " ").replace("'s", " ").replace("or not", " ").split()
    kept = {"mug", "bowl", "red", "blue", "green", "box", "table", "not", "opposite", "facing", "lamp"}
    return kept & set(words)


ODD = [
    "", "?", "mug", "is", "how far", "the the the", "how far is the from the", "is left of", "1.", "a", "'s",
    "of of of", "Is the mug left of the box? " * 20, "how far is the mug (the red one) from the box?",
    "How tall is the mug the box?",
    "how far is the mug from the box + 1 m?", "how far is the mug @ the box?", "\u0000", "how far is the",
]  # fmt: skip


@pytest.mark.parametrize("question", ODD)
def test_odd_text_is_not_understood(question):
    assert parse_question(question) is None


@pytest.mark.parametrize("pattern", ["(a", "a)", "a | (b"])
def test_a_pattern_that_does_not_close_is_refused(pattern):
    with pytest.raises(ValueError, match="pattern"):
        compiled(pattern, {})


def test_a_question_with_two_meanings_is_not_understood(monkeypatch):
    rows = [*all_rows(), Row("how tall is A", lambda found: Query("width", (found["A"].text,)))]
    monkeypatch.setattr(questions, "all_rows", lambda: rows)
    questions._grammar.cache_clear()
    try:
        assert parse_question("How tall is the mug?") is None
        assert parse_question("How wide is the mug?") == Query("width", ("mug",))
    finally:
        questions._grammar.cache_clear()


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("m", "1.00 meters"),
        ("cm", "100.0 centimeters (1.00 meters)"),
        ("mm", "1000 millimeters (1.00 meters)"),
        ("in", "39.4 inches (1.00 meters)"),
        ("ft", "3.28 feet (1.00 meters)"),
        ("yd", "1.094 yards (1.00 meters)"),
    ],
)
def test_a_length_in_other_units_has_its_metres_beside(unit, text):
    assert length_text(1.0, unit) == text


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("how far is A from B", {"how", "far", "is", "from"}),
        ("(what is)? A (of | of the) B , c?", {"of"}),
        ("(left | right) side? of", {"of"}),
        ("which (one | (one | two) x) LIST", {"which"}),
        ("A", set()),
    ],
)
def test_what_every_fit_of_a_pattern_needs(pattern, words):
    assert needed(pattern) == words


def test_every_viewpoint_is_seen_from_somewhere():
    assert all("from" in needed(pattern) for pattern in questions._VIEWS.values())


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("how far is A", {"how"}),
        ("(in | at)? (which | what) way", {"in", "at", "which", "what"}),
        ("please? , A", None),
        ("(left | A) of", None),
        ("please?", None),
        ("(a b | c)? (d | e?) f", {"a", "c", "d", "e", "f"}),
    ],
)
def test_the_words_that_a_pattern_can_begin_with(pattern, words):
    found = compiled(pattern, {"A": lambda words, at: iter(())})
    assert found.begins == words


def test_rows_by_their_first_word_leave_out_none_that_could_fit(monkeypatch):
    asked = [template.replace("red mug", "blue can") for template in TEMPLATES]
    known = [parse_question(text) for text in asked]
    grammar = questions._grammar()
    everything = tuple(dict.fromkeys(row for rows in grammar.rows.values() for row in rows))
    assert len(everything) > 100
    whole = replace(grammar, rows={}, others=everything)
    monkeypatch.setattr(questions, "_grammar", lambda: whole)
    assert [parse_question(text) for text in asked] == known


@pytest.mark.parametrize(
    "name", ["red mug", "hot air balloon", "0_mug", "12_potted plant", "Käse", "T-shirt"]
)
def test_plain_names_stand_for_each_other(name):
    assert questions.is_plain_name(name)
    for template in TEMPLATES:
        other = parse_question(template.replace("red mug", name))
        assert other is not None
        mine = parse_question(template)
        assert other == _renamed(mine, name), template


def _renamed(query, name):
    return replace(query, objects=tuple(name if one == "red mug" else one for one in query.objects))


@pytest.mark.parametrize(
    "name", ["blue can", "clock", "side table", "camera", "cup of tea", "the mug", "box 2", "4k tv", "m", ""]
)
def test_names_with_words_of_the_grammar_are_not_plain(name):
    assert not questions.is_plain_name(name)


def test_the_floor_is_no_thing_and_a_floor_lamp_is_one():
    assert parse_question("How high is the mug above the floor?") is None
    assert parse_question("How far is the mug from the floor lamp?").objects == ("mug", "floor lamp")
    assert questions.is_plain_name("floor lamp") and not questions.is_plain_name("floor")
