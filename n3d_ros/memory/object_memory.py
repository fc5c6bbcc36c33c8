"""All that was seen, look by look.

In: `Look`s in any order of stamps, words to recall by. Out: `Remembered` things. A thing is

- seen again where a box of its name is within its gate: place and spread are averaged over the looks;
- moved where it is the only one of its name, its place was seen empty, and one of its name is found
  elsewhere: it keeps its id, and its place starts anew;
- gone where it was looked for and its place is empty, or where it was not found `max_misses` times in a row
  although its place was in view and taken. It stays known as gone until it is forgotten by age.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Array, Intrinsics, Vector3
from n3d_ros.memory.association import associate
from n3d_ros.memory.places import Place, Remembered, check_pose
from n3d_ros.memory.sight import Sight, SightConfig, look_at
from n3d_ros.spatial.matching import fitting

NS = 1_000_000_000
_BETWEEN = re.compile(r"\s*(?:[,;.\n]|\band\b)\s*", re.IGNORECASE)
_QUANTITY = re.compile(r"^(?:all|every|each|both|any|some|\d+)\s+(?:of\s+)?", re.IGNORECASE)


@dataclass(frozen=True)
class MemoryConfig:
    """max_age_s: things last seen longer ago are forgotten. max_things: the longest unseen goes first.
    max_misses: see above. max_looks: the mean is over about so many. max_words: kept of a thing.
    """

    max_age_s: float = 3600.0
    max_things: int = 500
    max_misses: int = 3
    max_looks: int = 50
    max_words: int = 8
    sight: SightConfig = field(default_factory=SightConfig)

    def __post_init__(self) -> None:
        for name in ("max_age_s", "max_things", "max_misses", "max_looks", "max_words"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected more than 0, got {getattr(self, name)}")


@dataclass(frozen=True)
class Look:
    """One picture in which something was looked for.

    words: what was looked for. boxes: what was found, optical frame. T_fixed_optical: (4, 4), the camera's
    pose at the stamp. depth: (H, W) metres, NaN where there is none; None where nothing was measured.
    """

    stamp_ns: int
    words: str
    boxes: tuple[Box3D, ...]
    T_fixed_optical: Array
    intrinsics: Intrinsics
    depth: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        check_pose(self.T_fixed_optical)
        expected = (self.intrinsics.height, self.intrinsics.width)
        if self.depth is not None and self.depth.shape != expected:
            raise ValueError(f"depth: expected shape {expected} as the camera, got {self.depth.shape}")


@dataclass(frozen=True)
class Recalled:
    """What the words name: things that may still be there, newest first, and those that are gone."""

    there: tuple[Remembered, ...]
    gone: tuple[Remembered, ...]


class ObjectMemory:
    """Not for several threads at once."""

    def __init__(self, config: MemoryConfig | None = None, things: Sequence[Remembered] = ()) -> None:
        self.config = config or MemoryConfig()
        self._things = {thing.id: thing for thing in things}
        self._next_id = max(self._things, default=-1) + 1

    @property
    def things(self) -> tuple[Remembered, ...]:
        """Everything known, by id."""
        return tuple(self._things[key] for key in sorted(self._things))

    def look(self, look: Look) -> tuple[int, ...]:
        """Take in one look. Out: for each of its boxes the id of the thing that it is."""
        places = [Place.of_box(box, look.T_fixed_optical) for box in look.boxes]
        known = list(self.things)
        labels = [box.label for box in look.boxes]
        matches = associate(labels, places, known)
        unseen = [thing for index, thing in enumerate(known) if index not in matches]
        missed = self._missed(unseen, look)
        ids = tuple(
            self._seen(box, place, None if match is None else known[match], missed, look)
            for box, place, match in zip(look.boxes, places, matches, strict=True)
        )
        for thing in missed.values():
            self._things[thing.id] = thing
        self.forget(look.stamp_ns)
        return ids

    def recall(self, words: str) -> Recalled:
        """Things that the words name, as questions name boxes ("the mug" is any mug that is known)."""
        things = self.things
        boxes = [Box3D(thing.label, thing.place.center, thing.place.size) for thing in things]
        called = [one.name for one in things]
        chosen = {i for name in names_in(words) for i in fitting(name, boxes, called, plural=True)}
        newest = sorted((things[i] for i in chosen), key=lambda one: (-one.last_ns, one.id))
        there = tuple(one for one in newest if one.gone_ns is None)
        return Recalled(there, tuple(one for one in newest if one.gone_ns is not None))

    def forget(self, now_ns: int) -> int:
        """Drop what is too old, and the oldest of too many. Out: how many were dropped."""
        oldest_ns = now_ns - round(self.config.max_age_s * NS)
        kept = [one for one in self._things.values() if one.last_ns >= oldest_ns]
        kept = sorted(kept, key=lambda one: (-one.last_ns, one.id))[: self.config.max_things]
        dropped = len(self._things) - len(kept)
        self._things = {one.id: one for one in kept}
        return dropped

    def clear(self) -> None:
        """Forget everything; ids go on."""
        self._things = {}

    def _missed(self, unseen: Sequence[Remembered], look: Look) -> dict[int, Remembered]:
        """What was looked for and not found, with what the look says of its place; by id."""
        sought = [one for one in unseen if one.gone_ns is None and is_sought(one, look.words)]
        looked = {one.id: (one, self._sight(one, look)) for one in sought if one.last_ns <= look.stamp_ns}
        return {key: self._after_miss(one, sight, look) for key, (one, sight) in looked.items()}

    def _sight(self, thing: Remembered, look: Look) -> Sight:
        return look_at(thing.place, look.T_fixed_optical, look.intrinsics, look.depth, self.config.sight)

    def _after_miss(self, thing: Remembered, sight: Sight, look: Look) -> Remembered:
        if sight is Sight.EMPTY:
            return replace(thing, gone_ns=look.stamp_ns)
        if sight is not Sight.TAKEN:
            return thing
        misses = thing.num_misses + 1
        gone_ns = look.stamp_ns if misses >= self.config.max_misses else None
        return replace(thing, num_misses=misses, gone_ns=gone_ns)

    def _seen(
        self, box: Box3D, place: Place, thing: Remembered | None, missed: dict[int, Remembered], look: Look
    ) -> int:
        """Remember one box; out: the id of its thing."""
        if thing is None:
            thing = self._moved(box.label, missed, look)
            fresh = self._new(box, place, look) if thing is None else self._at(thing, box, place, look)
        elif look.stamp_ns < thing.last_ns:
            return thing.id  # a late result says nothing new of where it is
        else:
            fresh = self._averaged(thing, box, place, look)
        self._things[fresh.id] = fresh
        missed.pop(fresh.id, None)
        return fresh.id

    def _moved(self, label: str, missed: dict[int, Remembered], look: Look) -> Remembered | None:
        """The only thing of that name, if its place was just seen empty."""
        named = [one for one in self._things.values() if one.label.casefold() == label.casefold()]
        if len(named) != 1 or sum(box.label.casefold() == label.casefold() for box in look.boxes) != 1:
            return None
        after = missed.get(named[0].id, named[0])
        return named[0] if after.gone_ns is not None else None

    def _new(self, box: Box3D, place: Place, look: Look) -> Remembered:
        number, self._next_id = self._next_id, self._next_id + 1
        return Remembered(
            number, box.label, (look.words,), place, spread_m=(0.0, 0.0, 0.0), num_looks=1,
            first_ns=look.stamp_ns, last_ns=look.stamp_ns, score=box.score,
        )  # fmt: skip

    def _at(self, thing: Remembered, box: Box3D, place: Place, look: Look) -> Remembered:
        """A known thing at a new place: what was averaged at the old one says nothing here."""
        return replace(
            thing, place=place, spread_m=(0.0, 0.0, 0.0), num_looks=1, last_ns=look.stamp_ns, score=box.score,
            words=self._words(thing, look), num_misses=0, gone_ns=None,
        )  # fmt: skip

    def _averaged(self, thing: Remembered, box: Box3D, place: Place, look: Look) -> Remembered:
        """Running mean and standard deviation of the centre (Welford), the newest size and orientation."""
        before = min(thing.num_looks, self.config.max_looks - 1)
        count = before + 1
        old, new = np.array(thing.place.center), np.array(place.center)
        mean = old + (new - old) / count
        squares = np.array(thing.spread_m) ** 2 * max(before - 1, 0) + (new - old) * (new - mean)
        spread = np.sqrt(squares / max(count - 1, 1))
        return replace(
            thing, place=replace(place, center=_vector(mean)), spread_m=_vector(spread), num_looks=count,
            last_ns=look.stamp_ns, score=box.score, words=self._words(thing, look), num_misses=0,
        gone_ns=None, )  # fmt: skip

    def _words(self, thing: Remembered, look: Look) -> tuple[str, ...]:
        others = tuple(one for one in thing.words if one != look.words)
        return (*others, look.words)[-self.config.max_words :]


def is_sought(thing: Remembered, words: str) -> bool:
    """Would a search for the words have to find the thing, as it was found before or as it is called?

    Words that are no list of names ("what is on the table") seek nothing, so that nothing is held missing
    because a sentence was not understood.
    """
    box = Box3D(thing.label, thing.place.center, thing.place.size)
    return words in thing.words or any(
        fitting(name, [box], [thing.name], plural=True) for name in names_in(words)
    )


def names_in(words: str) -> list[str]:
    """ "the red mug, all boxes and 2 cans" -> "the red mug", "boxes", "cans"."""
    return [_QUANTITY.sub("", part.strip()) for part in _BETWEEN.split(words) if part.strip()]


def _vector(values: Array) -> Vector3:
    x, y, z = (float(one) for one in values)
    return x, y, z
