"""The second look of one request: better boxes, and whether each thing is there at all.

In: what the first look found, and a way to ask for a name in a picture. Out: the objects after the second
look, and the names of those that it did not confirm. How a picture is shown again and what the mean of two
boxes is are `second_look`'s affair; this knows no backend and no prompt.

Whether there is anything is decided by a reply's first token, so each look has its log-odds. The sum of both
tells what is there from what is not better than either (docs/log/training.md). Only the closer look counts:
in a mirror a model errs again where it erred before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from n3d_ros.boxes import Box3D
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.frame import EncodedFrame, has_depth
from n3d_ros.runtime.looks.second_look import Look, confirmed, looks
from n3d_ros.runtime.objects import ObjectReader
from n3d_ros.runtime.types import GroundedObject, Listener

CLOSER = "closer"
# A first look that is surer than this that nothing is there is believed.
LEAST_DOUBT = -3.0


class Wanted(Enum):
    """Why a thing is looked for, and the log-odds of both looks together above which it is there. What was
    asked for by name is not there by a hair; what a question takes for granted is missing only where both
    looks say so.
    """

    BY_NAME = 1.0
    IN_QUESTION = -4.0


# Asks for a label in an encoded picture, and what it read.
AskFor = Callable[[EncodedFrame, str], ObjectReader]


@dataclass(frozen=True)
class Doubt:
    """What must be known of a thing to believe in it. first_odds: the first look's log-odds of a label, None
    where it has none. is_guess: nothing but the second look speaks for the thing.
    """

    first_odds: Callable[[str], float | None]
    wanted: Wanted
    is_guess: bool = False

    def allows(self, label: str, again: float | None) -> bool:
        """Whether there is a `label`, with the second look's log-odds, None where there was none. Of what a
        question takes for granted the first look is asked only where the second one says no.
        """
        if again is None:
            return not self.is_guess
        if self.wanted is Wanted.IN_QUESTION and again > 0:
            return True
        first = self.first_odds(label)
        return first is None or first + again > self.wanted.value


class SecondLook:
    """mode: 'off', 'mirrored' or 'closer'. listener: of the request. encode: for an observation made of the
    first one. `unconfirmed`: labels of the objects that `at` took away.
    """

    def __init__(
        self,
        mode: str,
        observation: Observation,
        listener: Listener,
        encode: Callable[[Observation], EncodedFrame],
        ask_for: AskFor,
    ) -> None:
        self.unconfirmed: list[str] = []
        self._mode, self._observation, self._listener = mode, observation, listener
        self._encode, self._ask_for = encode, ask_for

    def at(self, objects: Sequence[GroundedObject], doubt: Doubt | None = None) -> list[GroundedObject]:
        """`objects` after a look at each; without `doubt` all of them. The listener hears of each as soon as
        no look at it or at one before it is left.
        """
        views = looks(self._mode, self._observation, objects)
        waiting = {thing.id for look in views for thing in look.objects}
        known = {thing.id: self._kept(thing, None, doubt) for thing in objects if thing.id not in waiting}
        untold = [thing.id for thing in objects]
        self._tell(untold, known)
        for look in views:
            seen, odds = self._seen_in(look)
            known |= {thing.id: self._kept(thing, odds.get(thing.box.label), doubt) for thing in seen}
            self._tell(untold, known)
        kept = [known[thing.id] for thing in objects]
        return [thing for thing in kept if thing is not None]

    def _kept(self, thing: GroundedObject, again: float | None, doubt: Doubt | None) -> GroundedObject | None:
        if doubt is None or doubt.allows(thing.box.label, again):
            return thing
        if not doubt.is_guess:
            self.unconfirmed.append(thing.box.label)
        return None

    def _tell(self, untold: list[str], known: Mapping[str, GroundedObject | None]) -> None:
        while untold and untold[0] in known:
            thing = known[untold.pop(0)]
            if thing is not None and self._listener.on_box is not None:
                self._listener.on_box(thing)

    def _seen_in(self, look: Look) -> tuple[tuple[GroundedObject, ...], dict[str, float | None]]:
        """The look's objects as they are after it, each asked for by name, and the log-odds of each name.
        Where it is canceled, or this part of the picture has no depth, they stay as they are.
        """
        should_cancel = self._listener.should_cancel
        if (should_cancel is not None and should_cancel()) or not has_depth(look.observation):
            return look.objects, {}
        frame, seen = self._encode(look.observation), list[Box3D]()
        odds: dict[str, float | None] = {}
        for label in dict.fromkeys(thing.box.label for thing in look.objects):
            reader = self._ask_for(frame, label)
            seen += [thing.box for thing in reader.objects]
            odds[label] = reader.log_odds
        return confirmed(look, seen, self._observation.intrinsics), odds
