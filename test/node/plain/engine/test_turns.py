"""The most urgent is served first, and of equals who was served longest ago."""

from n3d_ros.node.plain.engine.turns import Turns


def turns_of(waiting, *members):
    """waiting: urgency by member, as it is when somebody looks."""
    made = Turns(waiting.get)
    for member in members:
        made.join(member)
    return made


def test_nobody_is_served_where_nobody_waits():
    turns = turns_of({"a": None}, "a", "b")
    assert turns.next() is None and not turns.is_anybody_waiting()


def test_equals_are_served_one_after_the_other_however_often_one_asks():
    turns = turns_of({"a": 0, "b": 0, "c": 0}, "a", "b", "c")
    assert [turns.next() for _ in range(6)] == ["a", "b", "c", "a", "b", "c"]


def test_the_most_urgent_is_served_first_and_then_stands_behind_its_equals():
    waiting = {"a": 0, "b": 2}
    turns = turns_of(waiting, "a", "b")
    assert turns.next() == "b"
    waiting["b"] = 0
    assert [turns.next(), turns.next()] == ["a", "b"]


def test_who_was_not_served_for_long_comes_first_when_it_waits_again():
    waiting = {"a": 0, "b": None}
    turns = turns_of(waiting, "a", "b")
    assert [turns.next(), turns.next()] == ["a", "a"]
    waiting["b"] = 0
    assert [turns.next(), turns.next()] == ["b", "a"]


def test_who_joins_stands_behind_all_others_and_who_left_is_not_served():
    turns = turns_of({"a": 0, "b": 0, "c": 0}, "a", "b")
    turns.join("c")
    turns.leave("a")
    turns.leave("a")
    assert [turns.next(), turns.next(), turns.next()] == ["b", "c", "b"]
