"""The patterns of every question, and what each of them means.

In: the relations' own words. Out: `Row`s: a pattern and a builder from what its slots hold to a `Query`, None
where the parts do not make one. The patterns here are those that all relations share: quantities as nouns,
comparisons by their sides, thresholds, viewpoints, several statements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from n3d_ros.spatial.language.nouns import CAMERA, Named
from n3d_ros.spatial.language.patterns import Found
from n3d_ros.spatial.relations import BY_NAME
from n3d_ros.spatial.relations.base import LOCATED, Relation
from n3d_ros.spatial.types import ORDER, SIDE, VALUE, WHICH, YES_NO, Limit, Pick, Query

Builder = Callable[[Found], Query | None]


@dataclass(frozen=True)
class Row:
    """`turns`: may a viewpoint stand beside it?"""

    pattern: str
    build: Builder
    turns: bool = False


_IN = f"{LOCATED}?"
_WHICH = (
    "(which | what | who) (one | object | thing | item)? (of them | of these | of two | of three)? is NOT?"
)
_ONE = "(one | of them | of two)?"
_ASKED_OF = "(which | what | who) (one | object | thing | item)? is NOT?"
_SCALES = {
    "depth": "front_behind",
    "distance": "front_behind",
    "height": "taller_shorter",
    "width": "wider_thinner",
    "size": "bigger_smaller",
    "volume": "bigger_smaller",
}
_CLOCK = "(in | at)? (which | what) (clock direction | clock position | direction | o'clock direction?)"
# Who is imagined somewhere, whose sides are asked for. "If you are at the mug, is the box behind me?" mixes
# two, and "at the mug facing me, is the box on your left?" is of one, whom another sees.
_AT = {
    "you": "(if | when)? (you are | you stand)? (standing | located)? at A , FACE ,",
    "me": "(if | when)? (i am | i stand)? (standing | located)? at A , MYFACE ,",
}
_WHOSE = {"you": "your?", "me": "my?"}
_HERE = {
    "left": "(to | on | at) {who} (left | left-hand) (side | hand side)?",
    "right": "(to | on | at) {who} (right | right-hand) (side | hand side)?",
    "front": "in front (of {me})?",
    "behind": "behind {me}",
}
_NAMED = "(camera | me | viewer | observer)"
_FROM_CAMERA = {
    "front": f"how much (closer | nearer) is[A] to {_NAMED} than B",
    "behind": f"how much (farther | further) away? is[A] away? from {_NAMED} than B",
}
_OPPOSITES = (("left", "right"), ("right", "left"), ("front", "behind"), ("behind", "front"))


def all_rows() -> list[Row]:
    """Every row; patterns with `is[...]` in both word orders."""
    rows = [
        *_of_relations(),
        *_statements(),
        *_choices(),
        *_differences(),
        *_orders(),
        *_several(),
        *_viewers(),
    ]
    return [replace(row, pattern=pattern) for row in rows for pattern in inverted(row.pattern)]


def inverted(pattern: str) -> list[str]:
    """ "how far is[A] from B" as a question, "how far is A from B", and behind "tell me", "how far A is from
    B".

    A question that begins with the verb follows "whether" there.
    """
    found = re.search(r"\b(is|are)\[", pattern)
    if found is None:
        return [pattern]
    end = pattern.index("]", found.end())
    before, subject, after = pattern[: found.start()], pattern[found.end() : end], pattern[end + 1 :]
    verb = "(is | are)"
    lead = before if before.strip() else "(if | whether (or not)? | that) "
    return [f"{before}{verb} {subject}{after}", f"{lead}{subject} {verb}{after}"]


def _of_relations() -> Iterator[Row]:
    for relation in BY_NAME.values():
        for wording in relation.wordings:
            turns = relation.turns and wording.form == VALUE
            yield Row(wording.pattern, _measure(relation, wording.asks, wording.form), turns)
        for noun in relation.nouns:
            yield Row(f"(what is | what are | what would be)? {noun}", _measure(relation))
            yield Row(f"what {noun} is", _measure(relation))
            yield Row(f"is[{noun}] NOT? BOUND LIMIT", _measure(relation, form=YES_NO))
        for pattern, bound in relation.limits:
            yield Row(pattern.replace("]", "] NOT?", 1), _measure(relation, form=YES_NO, bound=bound))


def _measure(relation: Relation, asks: str = "", form: str = VALUE, bound: str = "") -> Builder:
    def build(found: Found) -> Query | None:
        if form == YES_NO and "LIMIT" in found:
            limit = Limit(bound or found["BOUND"], found["LIMIT"])
            return query_of(relation.name, found, asks, YES_NO, limit)
        return query_of(relation.name, found, asks, form)

    return build


def query_of(
    relation: str, found: Found, asks: str = "", form: str = VALUE, limit: Limit | None = None
) -> Query | None:
    """The query of a relation about the names that were found, in the order A, B, C, lists; None where their
    number is wrong, one is there twice, or the camera stands where it has no meaning. None, too, where a
    verdict or a choice is about "a mug": it may hold for another one than the one that is found.
    """
    entry = BY_NAME[relation]
    names = [found[letter] for letter in "ABC" if letter in found]
    names += [name for key in found if key.endswith("LIST") for name in found[key].names]
    if "PAIR" in found:
        names = [found["PAIR"]] * 2
    elif len({(name.text.casefold(), name.pick) for name in names}) < len(names):
        return None
    if form != VALUE and any(name.is_any for name in names):
        return None
    named = [name for name in names if name is not CAMERA]
    if len(named) < len(names) and (
        not entry.takes_camera or (relation == "direction" and names[-1] is CAMERA)
    ):
        return None
    many = "MANY" in found
    named += [found["MANY"]] if many else []
    if not many and not entry.fewest - entry.takes_camera <= len(named) <= entry.most:
        return None
    if len(named) > 1 and any(name.pick is not None and name.pick[0] == "front_behind" for name in named):
        return None  # "the nearest box from the mug": nearest to whom?
    picks = tuple(Pick(i, *name.pick) for i, name in enumerate(named) if name.pick is not None)
    objects = tuple(name.text for name in named)
    negated = bool(found.get("NOT"))
    return Query(relation, objects, asks, form, negated, limit, picks=picks, many=many)


def _statements() -> Iterator[Row]:
    """Is A on one side of B? On which of two? By so much?"""
    yield Row(f"is[A] NOT? {_IN} PRED B", _side("PRED", YES_NO), turns=True)
    yield Row("does A (appear | lie | stand | sit) PRED B", _side("PRED", YES_NO), turns=True)
    yield Row("is[A] NOT? THAN B (is | are)?", _side("THAN", YES_NO))
    yield Row(f"is[A] {_IN} EITHER B", _side("EITHER", SIDE), turns=True)
    yield Row("is[A] NOT? BOUND LIMIT PRED B", _limited_side("PRED"), turns=True)
    yield Row("is[A] NOT? BOUND LIMIT THAN B", _limited_side("THAN"))


def _side(slot: str, form: str) -> Builder:
    def build(found: Found) -> Query | None:
        relation, asks = found[slot]
        if found.get("B") is CAMERA:
            knows = any(side.asks == asks for side in BY_NAME["viewer_side"].sides)
            if slot not in ("PRED", "EITHER") or not knows or form not in (YES_NO, SIDE):
                return None
            return query_of("viewer_side", {k: v for k, v in found.items() if k != "B"}, asks, form)
        return query_of(relation, found, asks, form)

    return build


def _limited_side(slot: str) -> Builder:
    def build(found: Found) -> Query | None:
        relation, asks = found[slot]
        limit = Limit(found["BOUND"], found["LIMIT"])
        return query_of(relation, found, asks, YES_NO, limit) if BY_NAME[relation].unit == "m" else None

    return build


def _choices() -> Iterator[Row]:
    """Which of several is the most so?"""
    to_camera = f"(closer | nearer | closest | nearest) to {_NAMED}"
    yield Row(f"{_WHICH} {to_camera} {_ONE} , LIST", _measure(BY_NAME["front_behind"], "front", WHICH))
    for slot in ("COMP", "STEM"):
        yield Row(f"{_WHICH} {slot} {_ONE} COMMA? LIST", _choice_behind(slot), turns=True)
        yield Row(f"which one? of LIST is NOT? {slot} {_ONE}", _choice(slot), turns=True)
        yield Row(
            f"(between | of | among | out of)? LIST , {_ASKED_OF} {slot} {_ONE}", _choice(slot), turns=True
        )
    yield Row(f"{_ASKED_OF} COMP {_ONE} , (of | among | between | out of) LIST", _choice("COMP"), turns=True)
    yield Row(f"is[either? ORLIST] NOT? COMP {_ONE}", _choice("COMP"), turns=True)
    yield Row(f"which ORLIST is NOT? COMP {_ONE}", _choice("COMP"))
    yield Row(f"(which | what) MANY is NOT? MOST {_ONE}", _choice("MOST"))
    yield Row(f"(which | what) one? of MANY is NOT? MOST {_ONE}", _choice("MOST"))
    yield Row("(which | what) is MOST BARE MANY", _choice("MOST"))
    for asks, words, to in (
        ("front", "(closest | nearest)", "to"),
        ("behind", "(farthest | furthest) away?", "from"),
    ):
        for thing in (f"{words} BARE MANY {to}", f"MANY {words} {to}"):
            yield Row(f"(which | what) is {thing} {_NAMED}", _measure(BY_NAME["front_behind"], asks, WHICH))


def _choice(slot: str) -> Builder:
    def build(found: Found) -> Query | None:
        relation, asks = found[slot]
        return query_of(relation, found, asks, WHICH)

    return build


def _choice_behind(slot: str) -> Builder:
    """As `_choice`, with the names behind the word that asks. Without a comma "behind the mug or the box" are
    no choices, and "nearest the mug, the box or the table" may be the ones near the mug.
    """
    choose = _choice(slot)

    def build(found: Found) -> Query | None:
        relation, asks = found[slot]
        side = BY_NAME[relation].side(asks)
        is_near = (relation, asks) == ("front_behind", "front") and len(found["LIST"].names) > 2
        may_belong = not side.tail if slot == "STEM" else is_near
        return None if "COMMA" not in found and may_belong else choose(found)

    return build


def _differences() -> Iterator[Row]:
    """By how much is A on that side of B?"""
    for pattern in ("how far is[A] PRED B", "how far PRED B is[A]", "by how much is[A] PRED B"):
        yield Row(pattern, _side("PRED", VALUE), turns=True)
    for pattern in ("how high is[A] PRED B", "how high PRED B is[A]", "(what is)? height of A PRED B"):
        yield Row(pattern, _upwards)
    for pattern in (
        "how much MORE is[A] (than | compared to | compared with) B",
        "how much MORE than B is[A]",
        "(by)? how much is[A] MORE than B",
    ):
        yield Row(pattern, _side("MORE", VALUE))
    for asks, words in _FROM_CAMERA.items():
        yield Row(words, _measure(BY_NAME["front_behind"], asks))


def _upwards(found: Found) -> Query | None:
    """ "How high" goes with "above" alone."""
    return _side("PRED", VALUE)(found) if found["PRED"] == ("above_below", "above") else None


def _orders() -> Iterator[Row]:
    sort = "(order | sort | rank | list | arrange | put)"
    yield Row(f"{sort} ANYLIST , (in order)? , from END1 to END2", _order(""), turns=True)
    yield Row(f"{sort} (in order)? from END1 to END2 , ANYLIST", _order(""), turns=True)
    yield Row(f"from END1 to END2 , {sort} ANYLIST", _order(""), turns=True)
    for word, relation in _SCALES.items():
        yield Row(f"{sort} ANYLIST , (by | in order of) {word} , from END1 to END2", _order(relation))
        yield Row(f"{sort} by {word} , from END1 to END2 , ANYLIST", _order(relation))
    yield Row("what is (closest | nearest) to " + _NAMED, _nearest_of_all)


def _nearest_of_all(found: Found) -> Query | None:
    return query_of("front_behind", {**found, "MANY": Named("object")}, "front", WHICH)


def _order(scale: str) -> Builder:
    """ "From far to near" is the depth order's far; both ends must lie on one scale, the one said where one
    is.
    """

    def build(found: Found) -> Query | None:
        (relation, start), (other, end) = found["END1"], found["END2"]
        if relation != other or start == end or scale not in ("", relation):
            return None
        if relation == "front_behind":
            relation, start = "depth_order", "near" if start == "front" else "far"
        return query_of(relation, found, start, ORDER)

    return build


def _several() -> Iterator[Row]:
    """Several statements in one question."""
    for join in ("and", "or"):
        word = "(and | but)" if join == "and" else join
        yield Row(f"is[A] both? REL1 B , {word} NOT2? REL2 C", _two_statements(join))
        yield Row(f"is[A] both? REL1 {join} REL2 B", _two_statements(join))
    yield Row("is[A] REL1 both? ANDLIST", _one_about_many)
    yield Row("are[both? ANDLIST] both? REL1 B", _many_about_one)


def _two_statements(join: str) -> Builder:
    def build(found: Found) -> Query | None:
        if found["REL1"][0] == found["REL2"][0] and "C" not in found:
            return None
        a, b, c = found["A"], found["B"], found.get("C", found["B"])
        second = {"A": a, "B": c, "NOT": found.get("NOT2")}
        return _combined(join, [(found["REL1"], {"A": a, "B": b}), (found["REL2"], second)])

    return build


def _one_about_many(found: Found) -> Query | None:
    return _combined("and", [(found["REL1"], {"A": found["A"], "B": b}) for b in found["ANDLIST"].names])


def _many_about_one(found: Found) -> Query | None:
    return _combined("and", [(found["REL1"], {"A": a, "B": found["B"]}) for a in found["ANDLIST"].names])


def _combined(join: str, statements: list[tuple[tuple[str, str], Found]]) -> Query | None:
    parts = [query_of(relation, found, asks, YES_NO) for (relation, asks), found in statements]
    known = tuple(part for part in parts if part is not None and not part.picks)
    if len(known) < len(parts):
        return None
    objects = tuple(dict.fromkeys(name for part in known for name in part.objects))
    return Query("combined", objects, form=YES_NO, parts=known, join=join)


def _viewers() -> Iterator[Row]:
    """Where things are for who looks, and for somebody else who stands and faces somewhere."""
    for asks, words in _HERE.items():
        mine = words.format(who="(my | camera 's)", me="me")
        if asks in ("left", "right"):
            yield Row(f"is[A] NOT? {_IN} {mine}", _viewer_side(asks, YES_NO, ""))
        for me, at in _AT.items():
            theirs = words.format(who=_WHOSE[me], me=me)
            yield Row(f"{at} is B NOT? {_IN} {theirs}", _viewer_side(asks, YES_NO, "A"))
    for asks, other in _OPPOSITES:
        for who, me, at, subject in (
            ("(my | camera 's)?", "me?", "", "is[A]"),
            *((_WHOSE[me], f"{me}?", at, "is B") for me, at in _AT.items()),
        ):
            first, second = (_HERE[one].format(who=who, me=me) for one in (asks, other))
            if asks in ("left", "right") and not at:
                first = _HERE[asks].format(who="(my | camera 's)", me=me)
            if at or asks in ("left", "right"):
                second = second.replace("(to | on | at)", "(to | on | at)?")
                yield Row(f"{at} {subject} {first} or {second}", _viewer_side(asks, SIDE, "A" if at else ""))
    for where in ("where (will | can | would | do | should) (you | i) find B", f"(where | {_CLOCK}) is[B]"):
        for at in _AT.values():
            yield Row(f"{at} {where}".replace("is[B]", "is B"), _direction_facing)


def _viewer_side(asks: str, form: str, viewer: str) -> Builder:
    def build(found: Found) -> Query | None:
        if not viewer:
            return query_of("viewer_side", found, asks, form)
        query = query_of("viewer_side", {k: v for k, v in found.items() if k != viewer}, asks, form)
        return None if query is None else facing(query, _face(found), found[viewer])

    return build


def _direction_facing(found: Found) -> Query | None:
    query = query_of("direction", found)
    return None if query is None or len(query.objects) < 2 else facing(query, _face(found), found["A"])


def _face(found: Found) -> tuple[str, Named | None]:
    way, faced = found["FACE"] if "FACE" in found else found["MYFACE"]
    return way, faced


def facing(query: Query, face: tuple[str, Named | None], viewer: Named) -> Query | None:
    """The same question for somebody at `viewer`, None where it is no thing or faces itself."""
    way, faced = face
    if viewer is CAMERA or viewer.pick is not None or query.picks:
        return None
    if faced is not None and faced.text.casefold() == viewer.text.casefold():
        return None
    return replace(query, facing=way, viewer=viewer.text, faced="" if faced is None else faced.text)
