"""A template with names in it -> the text and the query that the robot understands.

In: a template of `templates` and names. Out: text, and the `Query` that `parse_question` reads in it, or
None. It does not know boxes.

Understanding a question takes about half a millisecond. What a template means does not depend on the names
in it as long as no word of them means anything else (`is_plain_name`), so it is read once, with stand-ins for
the names, and once more for each other name ("blue can") that is put into it.
"""

from __future__ import annotations

import string
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from n3d_ros.spatial import Query, parse_question
from n3d_ros.spatial.language.tokens import MAX_CHARS
from n3d_ros.spatial.questions import is_plain_name

# Names that are no words of any question, for the slots a, b, c, g and for lists.
_LETTERS = string.ascii_lowercase
_is_plain = lru_cache(maxsize=1 << 16)(is_plain_name)


@dataclass(frozen=True)
class Filling:
    """What stands in a template's slots for names. things: of a list. group, groups: a name, its plural."""

    names: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    group: str = ""
    groups: str = ""

    @property
    def all(self) -> tuple[str, ...]:
        """Every name, in this order."""
        return (*self.names, *self.things, self.group, self.groups)

    def replaced(self, names: Mapping[str, str]) -> Filling:
        """With other names."""
        names_, things = (tuple(names[one] for one in some) for some in (self.names, self.things))
        return Filling(names_, things, names[self.group], names[self.groups])

    def only(self, kept: Collection[str]) -> Filling:
        """The others are empty."""
        return self.replaced({name: name if name in kept else "" for name in self.all})


def written(template: str, filling: Filling) -> str:
    """The text. An id such as "0_mug" takes no article."""
    slots = dict(zip("abc", filling.names, strict=False))
    if filling.things:
        slots |= {"ands": _listed(filling.things, "and"), "ors": _listed(filling.things, "or")}
    text = template.format(**slots, g=filling.group, gs=filling.groups)
    return _without_articles(text, filling.all) if _has_ids(filling.all) else text


def read(template: str, filling: Filling) -> tuple[str, Query | None]:
    """The text and what the robot understands of it; None where that is not what was asked."""
    text, names = written(template, filling), filling.all
    stand_in = _stand_in(filling)
    meant = _read_once(template, stand_in)
    odd = tuple(name for name in names if name and not _is_plain(name))
    if (
        meant is None
        or len(text) > MAX_CHARS
        or (odd and not _is_read(template, stand_in, filling.only(odd)))
    ):
        return text, None
    return text, _renamed(meant, dict(zip(stand_in.all, names, strict=True)))


@lru_cache(maxsize=1 << 14)
def _read_once(template: str, stand_in: Filling) -> Query | None:
    return parse_question(written(template, stand_in))


@lru_cache(maxsize=1 << 17)
def _is_read(template: str, stand_in: Filling, odd: Filling) -> bool:
    """Whether the template means the same with names that are not plain, and stand-ins for the others."""
    meant = _read_once(template, stand_in)
    assert meant is not None
    names = {plain: name or plain for plain, name in zip(stand_in.all, odd.all, strict=True)}
    text = written(template, stand_in.replaced(names))
    return parse_question(text) == _renamed(meant, names)


def _stand_in(filling: Filling) -> Filling:
    return _stand_ins(len(filling.names), len(filling.things), bool(filling.group), bool(filling.groups))


@lru_cache(maxsize=256)
def _stand_ins(num_names: int, num_things: int, has_group: bool, has_groups: bool) -> Filling:
    return Filling(
        tuple(f"qq{_LETTERS[i]}" for i in range(num_names)),
        tuple(f"qx{_LETTERS[i]}" for i in range(num_things)),
        "qg" if has_group else "",
        "qgs" if has_groups else "",
    )


def _renamed(query: Query, names: Mapping[str, str]) -> Query:
    return replace(
        query,
        objects=tuple(names[one] for one in query.objects),
        viewer=names.get(query.viewer, ""),
        faced=names.get(query.faced, ""),
        parts=tuple(_renamed(part, names) for part in query.parts),
    )


def _listed(names: Sequence[str], joint: str) -> str:
    return f"{', '.join(f'the {name}' for name in names[:-1])} {joint} the {names[-1]}"


def _has_ids(names: Sequence[str]) -> bool:
    return any(name[:1].isdigit() and "_" in name for name in names)


def _without_articles(text: str, names: Sequence[str]) -> str:
    for name in names:
        if _has_ids([name]):
            text = text.replace(f"the {name}", name).replace(f"The {name}", name)
    return text
