"""All that was seen, look by look.

In: `Look`s, words to recall by. Out: `Remembered` things. A thing is

- seen again where a box of its name is within its gate. While it stands still, place and spread are averaged
  over the looks; farther off its place starts anew, so that no mean lies between where it was and is;
- moved where it is the only one of its name, its place was seen empty, and one of its name is found
  elsewhere: it keeps its id, and its place starts anew;
- gone where it was looked for and its place is empty, in `max_misses` pictures in a row where that is so far
  off that the thing may be seen beside it. Or where it was named in so many and nothing that may be it was
  found, although its place was in view and taken. These pictures are `MISS_APART_NS` apart, and not from too
  far off. It stays known as gone until it is forgotten by age.

Several looks may be of one picture, as several names are looked for in it. What one of them found in it, no
other misses or measures anew, and they miss a thing once.

A look that comes late, its stamp at most `MAX_LATE_NS` before the newest one's, changes nothing that was seen
after it. Stamps farther back mean that the clock was set back: then what comes later is newer. Who knows that
it was, by less too, says so (`begin_anew`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Array, Intrinsics, Vector3
from n3d_ros.memory.association import associate, still_m
from n3d_ros.memory.names import (
    check_understood,
    is_called,
    is_named,
    may_be_instead,
    names_asked_for,
    was_found_by,
)
from n3d_ros.memory.places import Place, Remembered, check_pose
from n3d_ros.memory.sight import Glance, Sight, SightConfig, look_at
from n3d_ros.spatial.matching import fitting

NS = 1_000_000_000
# A request may wait for a slow engine so long, while newer frames are looked at.
MAX_LATE_NS = 60 * NS
# A thing that is so much farther off than it was ever found from is too small to be missed.
MAX_FARTHER = 1.25
# Pictures of one moment err alike: by blur, by a pose that is a little off.
MISS_APART_NS = NS // 2
# What rounding leaves where depth has another size than its picture.
_MAX_SIDE_MISMATCH_PX = 1.0


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

    words: what was looked for, a name or a sentence each. boxes: what was found, optical frame.
    T_fixed_optical: (4, 4), the camera's pose at the stamp. depth: (h, w) metres, NaN where there is none,
    any size with the picture's field of view; None where nothing was measured. is_whole: boxes are all that
    was found, none left out by a limit or broken. depth_is_estimated: the boxes rest on guessed depth.
    """

    stamp_ns: int
    words: tuple[str, ...]
    boxes: tuple[Box3D, ...]
    T_fixed_optical: Array
    intrinsics: Intrinsics
    depth: NDArray[np.float32] | None = None
    is_whole: bool = True
    depth_is_estimated: bool = False

    def __post_init__(self) -> None:
        check_pose(self.T_fixed_optical)
        if self.depth is not None and not _has_view_of(self.depth, self.intrinsics):
            expected = (self.intrinsics.height, self.intrinsics.width)
            raise ValueError(
                f"depth: expected the field of view of {expected} (height, width), got {self.depth.shape}"
            )

    @property
    def camera(self) -> Array:
        """(3,) where it stood, fixed frame."""
        return self.T_fixed_optical[:3, 3]

    def distance_m(self, place: Place) -> float:
        """Of a place's centre from the camera, metres."""
        return float(np.linalg.norm(np.array(place.center) - self.camera))


@dataclass(frozen=True)
class Recalled:
    """What the words name, seen last first. unknown: those of several names that nothing known has."""

    things: tuple[Remembered, ...]
    unknown: tuple[str, ...] = ()

    @property
    def there(self) -> tuple[Remembered, ...]:
        """Those that may still be there."""
        return tuple(one for one in self.things if one.gone_ns is None)

    @property
    def gone(self) -> tuple[Remembered, ...]:
        """The others."""
        return tuple(one for one in self.things if one.gone_ns is not None)


class ObjectMemory:
    """Not for several threads at once. things: known from the start, by whatever clock. next_id: of the next
    new thing, at least.
    """

    def __init__(
        self, config: MemoryConfig | None = None, things: Sequence[Remembered] = (), next_id: int = 0
    ) -> None:
        self.config = config or MemoryConfig()
        self._things = {thing.id: thing for thing in things}
        self.next_id = max([next_id - 1, *self._things]) + 1
        # Not seen since the clock began anew.
        self._of_before = set(self._things)
        # Stamp of the picture in which a thing was missed last, by its id.
        self._missed_ns: dict[int, int] = {}

    @property
    def things(self) -> tuple[Remembered, ...]:
        """Everything known, by id."""
        return tuple(self._things[key] for key in sorted(self._things))

    def look(self, look: Look) -> tuple[int | None, ...]:
        """Take in one look. Out: for each of its boxes the id of the thing that it is; None for what a late
        look cannot tell from things seen since.
        """
        places = [Place.of_box(box, look.T_fixed_optical) for box in look.boxes]
        known = list(self.things)
        labels = [box.label for box in look.boxes]
        matches = associate(labels, places, known, look.camera)
        unseen = [thing for index, thing in enumerate(known) if index not in matches]
        missed = self._missed(unseen, look)
        ids = tuple(
            self._seen(box, place, None if match is None else known[match], missed, look)
            for box, place, match in zip(look.boxes, places, matches, strict=True)
        )
        for thing in missed.values():
            self._things[thing.id] = thing
        self._of_before -= set(ids)
        self.forget(look.stamp_ns)
        return ids

    def recall(self, words: str) -> Recalled:
        """Things that the words name, as questions name boxes ("the mug" is any mug that is known).

        ValueError for a question that does not ask where something is, and for a name that fits nothing but
        may mean something that is known.
        """
        things = self.things
        boxes = [Box3D(thing.label, thing.place.center, thing.place.size) for thing in things]
        called, chosen, unknown = [one.name for one in things], set(), []
        for name in names_asked_for(words):
            fit = fitting(name, boxes, called, plural=True)
            if not fit:
                check_understood(name, words, things)
                unknown.append(name)
            chosen.update(fit)
        found = sorted((things[i] for i in chosen), key=self._seen_last_first)
        return Recalled(tuple(found), tuple(dict.fromkeys(unknown)))

    def forget(self, now_ns: int) -> int:
        """Drop what is too old, and the oldest of too many. Out: how many were dropped."""
        oldest_ns = now_ns - round(self.config.max_age_s * NS)
        kept = [one for one in self._things.values() if one.last_ns >= oldest_ns]
        kept = sorted(kept, key=self._seen_last_first)[: self.config.max_things]
        dropped = len(self._things) - len(kept)
        self._things = {one.id: one for one in kept}
        self._missed_ns = {key: ns for key, ns in self._missed_ns.items() if key in self._things}
        return dropped

    def clear(self) -> None:
        """Forget everything; ids go on."""
        self._things = {}

    def begin_anew(self) -> None:
        """The clock was set back, or is another one: every look from now on is newer than what is known."""
        self._of_before, self._missed_ns = set(self._things), {}

    def _missed(self, unseen: Sequence[Remembered], look: Look) -> dict[int, Remembered]:
        """What was looked for and not found, with what the look says of its place; by id."""
        sought = [
            one
            for one in unseen
            if one.gone_ns is None
            and not self._is_late(look, one)
            and not self._is_judged(look, one)
            and (is_named(one, look.words) or was_found_by(one, look.words))
        ]
        return {one.id: self._after_miss(one, self._glance(one.place, look, one), look) for one in sought}

    def _glance(self, place: Place, look: Look, thing: Remembered | None = None) -> Glance:
        open_before = None if thing is None else thing.open_share
        # Guessed depth says nothing of what is really there.
        depth = None if look.depth_is_estimated else look.depth
        pose, config = look.T_fixed_optical, self.config.sight
        return look_at(place, pose, look.intrinsics, depth, config, open_before)

    def _after_miss(self, thing: Remembered, glance: Glance, look: Look) -> Remembered:
        is_empty = glance.sight is Sight.EMPTY
        if is_empty and still_m(thing.place, look.camera) <= max(thing.place.size):
            return replace(thing, gone_ns=look.stamp_ns)
        says_it = is_empty or (glance.sight is Sight.TAKEN and _had_to_find(look, thing))
        if not (says_it and _is_near(look, thing)) or self._was_just_missed(look, thing):
            return thing
        self._missed_ns[thing.id] = look.stamp_ns
        misses = thing.num_misses + 1
        gone_ns = look.stamp_ns if misses >= self.config.max_misses else None
        return replace(thing, num_misses=misses, gone_ns=gone_ns)

    def _seen(
        self, box: Box3D, place: Place, thing: Remembered | None, missed: dict[int, Remembered], look: Look
    ) -> int | None:
        """Remember one box; out: the id of its thing."""
        if thing is None:
            if any(self._is_late(look, one) for one in self._named(box.label)):
                return None
            thing = self._moved(box.label, missed, look)
            fresh = self._new(box, place, look) if thing is None else self._at(thing, box, place, look)
        elif self._is_late(look, thing):
            return thing.id
        elif self._is_seen(look, thing):
            fresh = replace(thing, words=self._words(thing, look))
        elif _stands_still(thing, place, look):
            fresh = self._averaged(thing, box, place, look)
        else:
            fresh = self._at(thing, box, place, look)
        self._things[fresh.id] = fresh
        missed.pop(fresh.id, None)
        return fresh.id

    def _seen_last_first(self, thing: Remembered) -> tuple[bool, int, int]:
        """A key to sort by."""
        return thing.id in self._of_before, -thing.last_ns, thing.id

    def _is_late(self, look: Look, thing: Remembered) -> bool:
        """Was the thing seen, or missed, after this look?"""
        newest_ns = max(thing.last_ns, thing.gone_ns or 0)
        is_comparable = thing.id not in self._of_before
        return is_comparable and newest_ns - MAX_LATE_NS <= look.stamp_ns < newest_ns

    def _is_seen(self, look: Look, thing: Remembered) -> bool:
        """Was the thing seen in the same picture already, by another name of it or asked for again?"""
        return thing.id not in self._of_before and thing.last_ns == look.stamp_ns

    def _is_judged(self, look: Look, thing: Remembered) -> bool:
        """Was the thing seen, or missed, in the same picture already?"""
        return self._is_seen(look, thing) or self._is_missed(look, thing)

    def _is_missed(self, look: Look, thing: Remembered) -> bool:
        """Was the thing missed in the same picture already?"""
        return self._missed_ns.get(thing.id) == look.stamp_ns

    def _was_just_missed(self, look: Look, thing: Remembered) -> bool:
        """Was the thing missed in a picture of the same moment?"""
        missed_ns = self._missed_ns.get(thing.id)
        return missed_ns is not None and abs(look.stamp_ns - missed_ns) < MISS_APART_NS

    def _named(self, label: str) -> list[Remembered]:
        return [one for one in self._things.values() if _same_name(one.label, label)]

    def _moved(self, label: str, missed: dict[int, Remembered], look: Look) -> Remembered | None:
        """The only thing of that name, if its place was just seen empty, by another name maybe."""
        named = self._named(label)
        if len(named) != 1 or sum(_same_name(box.label, label) for box in look.boxes) != 1:
            return None
        thing = named[0]
        after = missed.get(thing.id, thing)
        if after.gone_ns is not None:
            return thing
        is_missed = thing.id in missed or self._is_missed(look, thing)
        return thing if is_missed and self._glance(thing.place, look, thing).sight is Sight.EMPTY else None

    def _new(self, box: Box3D, place: Place, look: Look) -> Remembered:
        number, self.next_id = self.next_id, self.next_id + 1
        return Remembered(
            number,
            box.label,
            look.words[-self.config.max_words :],
            place,
            spread_m=(0.0, 0.0, 0.0),
            num_looks=1,
            first_ns=look.stamp_ns,
            last_ns=look.stamp_ns,
            score=box.score,
            open_share=self._glance(place, look).open_share,
            depth_is_estimated=look.depth_is_estimated,
            near_m=look.distance_m(place),
            far_m=look.distance_m(place),
        )

    def _at(self, thing: Remembered, box: Box3D, place: Place, look: Look) -> Remembered:
        """A known thing at a new place: what was averaged at the old one says nothing here."""
        new = self._new_look_of(thing, box, place, look)
        open_share, near_m = self._glance(place, look).open_share, look.distance_m(place)
        spread_m = (0.0, 0.0, 0.0)
        return replace(new, place=place, spread_m=spread_m, num_looks=1, open_share=open_share, near_m=near_m)

    def _averaged(self, thing: Remembered, box: Box3D, place: Place, look: Look) -> Remembered:
        """Running mean and standard deviation of the centre (Welford), the newest size and orientation."""
        before = min(thing.num_looks, self.config.max_looks - 1)
        count = before + 1
        old, new = np.array(thing.place.center), np.array(place.center)
        mean = old + (new - old) / count
        squares = np.array(thing.spread_m) ** 2 * max(before - 1, 0) + (new - old) * (new - mean)
        spread = np.sqrt(squares / max(count - 1, 1))
        mean_place = replace(place, center=_vector(mean))
        open_share = self._glance(mean_place, look).open_share
        return replace(
            self._new_look_of(thing, box, place, look),
            place=mean_place,
            spread_m=_vector(spread),
            num_looks=count,
            open_share=thing.open_share if open_share is None else open_share,
            depth_is_estimated=thing.depth_is_estimated or look.depth_is_estimated,
            near_m=min(thing.near_m, look.distance_m(place)),
        )

    def _new_look_of(self, thing: Remembered, box: Box3D, place: Place, look: Look) -> Remembered:
        """What every look at a thing says of it."""
        return replace(
            thing,
            words=self._words(thing, look),
            # Earlier than it was first seen by a clock that was set back since.
            first_ns=min(thing.first_ns, look.stamp_ns),
            last_ns=look.stamp_ns,
            score=box.score,
            num_misses=0,
            gone_ns=None,
            depth_is_estimated=look.depth_is_estimated,
            far_m=max(thing.far_m, look.distance_m(place)),
        )

    def _words(self, thing: Remembered, look: Look) -> tuple[str, ...]:
        """Those that found it, with the newest."""
        others = tuple(one for one in thing.words if one not in look.words)
        return (*others, *look.words)[-self.config.max_words :]


def _had_to_find(look: Look, thing: Remembered) -> bool:
    """Does not having found a thing that may be there say something? Not where another that its name asked
    for was found: who looks for "the mug" is content with one; unless that one stands in its very place. Nor
    where everything was looked for.
    """
    found = any(may_be_instead(box.label, thing, look.words) for box in look.boxes)
    is_content = found and not any(_fills(box, thing, look) for box in look.boxes)
    return look.is_whole and is_called(thing, look.words) and not is_content


def _is_near(look: Look, thing: Remembered) -> bool:
    """Is it no farther off than it may be found? What a file does not say keeps nothing from being missed."""
    return not thing.far_m or look.distance_m(thing.place) <= MAX_FARTHER * thing.far_m


def _fills(box: Box3D, thing: Remembered, look: Look) -> bool:
    """Is a box, which is another thing of its name, where the thing would be? Two cannot be there."""
    is_alike = _same_name(box.label, thing.label)
    return is_alike and thing.place.is_filled_by(Place.of_box(box, look.T_fixed_optical))


def _stands_still(thing: Remembered, place: Place, look: Look) -> bool:
    shift = np.array(place.center) - np.array(thing.place.center)
    return float(np.linalg.norm(shift)) <= still_m(thing.place, look.camera)


def _same_name(a: str, b: str) -> bool:
    return a.casefold() == b.casefold()


def _has_view_of(depth: NDArray[np.float32], intrinsics: Intrinsics) -> bool:
    if depth.ndim != 2 or 0 in depth.shape:
        return False
    (height, width), view = depth.shape, (intrinsics.height, intrinsics.width)
    return bool(abs(height - width * view[0] / view[1]) <= _MAX_SIDE_MISMATCH_PX)


def _vector(values: Array) -> Vector3:
    x, y, z = (float(one) for one in values)
    return x, y, z
