"""What a loaded model writes about an encoded observation, and the boxes in it.

In: a backend and how it is asked: sampling, steps, options, limits. Out: encoded observations, replies,
`ObjectReader`s. It keeps nothing between two calls and decides nothing about what was found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from n3d_ros.preprocess.prepare import Observation
from n3d_ros.protocol import prompts
from n3d_ros.runtime.backends.base import AnyBackend
from n3d_ros.runtime.decoding.generate import Generation, OnToken, generate
from n3d_ros.runtime.decoding.sampling import Sampler, Sampling
from n3d_ros.runtime.decoding.text import TextCodec, TextStream
from n3d_ros.runtime.frame import EarlyPicture, EncodedFrame
from n3d_ros.runtime.limits import Limits, check_words
from n3d_ros.runtime.objects import ObjectReader
from n3d_ros.runtime.options import Options
from n3d_ros.runtime.request import Request, checked, known_text
from n3d_ros.runtime.steps import Guide, Steps
from n3d_ros.runtime.types import Listener, OnBox
from n3d_ros.spatial import Query


@dataclass(frozen=True)
class Replies:
    """A model and how it is asked."""

    backend: AnyBackend
    codec: TextCodec
    sampling: Sampling
    steps: Steps
    options: Options
    limits: Limits

    def known(self, words: str) -> str:
        """Words as the tokenizer knows them; BadInputError for what is no text or too much of it."""
        check_words(words, self.limits)
        return known_text(self.codec, words)

    def encode(
        self,
        observation: Observation,
        early: EarlyPicture | None = None,
        should_cancel: Callable[[], bool] | None = None,
    ) -> EncodedFrame:
        """The observation, ready to be asked about."""
        return EncodedFrame(
            self.backend, self.codec, observation, self.options, early, should_cancel=should_cancel
        )

    def reader(self, words: str, frame: EncodedFrame, on_box: OnBox | None = None) -> ObjectReader:
        """Reads the boxes of a reply about `words`."""
        return ObjectReader(words, frame.inputs, on_box, self.options, self.limits)

    def boxes_of(self, words: str, query: Query | None = None, must_find: bool = False) -> Guide:
        """What goes with a reply that lists boxes."""
        stop_ids = self.backend.config.stop_token_ids
        return self.steps.for_boxes(self.codec, words, stop_ids, query, must_find)

    def read(
        self, frame: EncodedFrame, request: Request, words: str, text: str, must_find: bool = False
    ) -> ObjectReader:
        """The reply to `text`, of which nobody hears."""
        silent = replace(request, listener=Listener(should_cancel=request.listener.should_cancel))
        reader = self.reader(words, frame)
        self.reply(frame, silent, text, self.boxes_of(words, must_find=must_find), reader.push)
        reader.finish()
        return reader

    def reply(
        self, frame: EncodedFrame, request: Request, text: str, guide: Guide, on_token: OnToken | None = None
    ) -> tuple[Generation, int]:
        """One reply, and how many tokens of its prompt were already in the cache."""
        if not self.steps.frame_reuse:
            frame.forget()
        rows, num_reused, room = frame.prompt_rows(text)
        generation = generate(
            self.backend,
            frame.cache,
            rows,
            stream=TextStream(self.codec),
            stop_ids=self.backend.config.stop_token_ids,
            max_tokens=min(request.max_tokens, room),
            sampler=Sampler(self.sampling, frame.prompt),
            drafter=guide.drafter,
            constraint=guide.constraint,
            on_token=on_token,
            listener=request.listener,
        )
        frame.remember()
        return generation, num_reused


def asking_for(words: str) -> str:
    """The prompt that asks for what `words` name; BadInputError for what it refuses."""
    return checked(lambda: prompts.ground_prompt(prompts.ground_question(words)))
