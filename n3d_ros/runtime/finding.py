"""The first stage: what words or a question are about, as objects in metres, after both looks and the fit.

In: an encoded observation, a request and its prompt. Out: `GroundResult`. It keeps nothing between two
calls; answers are the pipeline's affair.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from n3d_ros.runtime.answers import results
from n3d_ros.runtime.decoding.generate import CANCELED
from n3d_ros.runtime.frame import EncodedFrame
from n3d_ros.runtime.looks.box_fit import BoxFit
from n3d_ros.runtime.looks.looking import CLOSER, LEAST_DOUBT, Doubt, SecondLook, Wanted
from n3d_ros.runtime.objects import ObjectReader
from n3d_ros.runtime.replies import Replies, asking_for
from n3d_ros.runtime.request import Request, Stop
from n3d_ros.runtime.types import GroundedObject, GroundResult, Listener, OnBox
from n3d_ros.spatial import Query


@dataclass(frozen=True)
class Finder:
    """mode: the second look, 'off', 'mirrored' or 'closer'. box_fit: 'off' or 'depth'."""

    replies: Replies
    mode: str
    box_fit: str = "off"

    def find(
        self,
        frame: EncodedFrame,
        request: Request,
        text: str,
        query: Query | None = None,
        wanted: Wanted | None = None,
        is_new: bool = False,
    ) -> GroundResult:
        """What the reply to `text` finds. `query`: what the text asks, where it is spatial. `wanted`: how
        sure both looks must be of a thing; without it the first one decides. is_new: the time of encoding
        counts.

        `listener.on_box` hears of the boxes after the second look and the fit. Where that look was stopped
        the result is CANCELED, with the boxes as they were by then.
        """
        stop = Stop(request.listener.should_cancel)
        request = replace(request, listener=replace(request.listener, should_cancel=stop))
        once = self.mode == "off"
        fit = BoxFit(self.box_fit, frame.observation)
        on_box = fit.before(request.listener.on_box)
        reader = self.replies.reader(request.words, frame, on_box if once else None)
        generation, num_reused = self.replies.reply(
            frame, request, text, self.replies.boxes_of(request.words, query), reader.push
        )
        decoded = time.perf_counter()
        reader.finish()
        look = self._second_look(frame, request, on_box)
        decides = self.mode == CLOSER and generation.finish != CANCELED
        things, doubt = self._doubted(frame, request, text, reader, wanted if decides else None)
        objects = [fit.of(thing) for thing in (reader.objects if once else look.at(things, doubt))]
        timing = results.stage_timing(frame, is_new, generation, num_reused, request.began, decoded)
        return results.grounded(
            objects,
            reader.malformed(),
            generation,
            num_repeated=len(reader.repeated),
            unconfirmed=look.unconfirmed,
            is_stopped=stop.was_told,
            words=request.words,
            observation=frame.observation,
            valid_ratio=frame.inputs.valid_ratio,
            timing=timing,
        )

    def by_name(
        self, frame: EncodedFrame, request: Request, names: Sequence[str], is_new: bool = False
    ) -> list[GroundResult]:
        """Each name looked for by itself; nobody hears of it. is_new: the time of encoding counts, once."""
        parts: list[GroundResult] = []
        for known in [self.replies.known(name) for name in names]:
            asked = Request(known, Listener(should_cancel=request.listener.should_cancel), request.max_tokens)
            text, first = asking_for(known), is_new and not parts
            parts.append(self.find(frame, asked, text, wanted=Wanted.BY_NAME, is_new=first))
        return parts

    def _second_look(self, frame: EncodedFrame, request: Request, on_box: OnBox | None) -> SecondLook:
        return SecondLook(
            self.mode,
            frame.observation,
            replace(request.listener, on_box=on_box),
            encode=self.replies.encode,
            ask_for=lambda frame, label: self.replies.read(frame, request, label, asking_for(label)),
        )

    def _doubted(
        self, frame: EncodedFrame, request: Request, text: str, first: ObjectReader, wanted: Wanted | None
    ) -> tuple[Sequence[GroundedObject], Doubt | None]:
        """What to look at again after the `first` look, and what must be known to believe in it."""
        odds = first.log_odds
        if wanted is None or odds is None:
            return first.objects, None
        if wanted is Wanted.IN_QUESTION:
            return first.objects, Doubt(cache(lambda label: self._odds_of(frame, request, label)), wanted)
        if len(first.objects) == 1:
            return first.objects, Doubt(lambda label: odds, wanted)
        if first.objects or not LEAST_DOUBT < odds <= 0:
            return first.objects, None
        guess = self.replies.read(frame, request, request.words, text, must_find=True).objects[:1]
        named = [thing for thing in guess if thing.box.label.casefold() in request.words.casefold()]
        return named, Doubt(lambda label: odds, wanted, is_guess=True)

    def _odds_of(self, frame: EncodedFrame, request: Request, label: str) -> float | None:
        """Log-odds of the first look at the whole picture that there is a `label`."""
        return self.replies.read(frame, replace(request, max_tokens=1), label, asking_for(label)).log_odds
