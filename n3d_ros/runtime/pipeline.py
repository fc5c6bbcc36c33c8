"""Observation and words in, objects in metres or an answer with its evidence out: the whole way, on any
backend.

In: `Observation`, words or a question, a `Listener` for what arrives early. Out: `GroundResult`, `AskResult`;
`N3DError` for what cannot be served. It knows no engine, no ROS and no files but the model folder's; one
caller at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from n3d_ros.errors import BadInputError, ResultCode
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.protocol import prompts
from n3d_ros.runtime.answers import results
from n3d_ros.runtime.answers.likely_text import likely_text
from n3d_ros.runtime.answers.topic import Topic, located, mentioned_topic, named_in, spatial_query
from n3d_ros.runtime.backends.base import AnyBackend, EarlyVision
from n3d_ros.runtime.decoding.sampling import Sampling, sampling_for
from n3d_ros.runtime.decoding.text import TextCodec
from n3d_ros.runtime.finding import Finder
from n3d_ros.runtime.frame import EarlyPicture, EncodedFrame
from n3d_ros.runtime.limits import DEFAULT, Limits, check_words
from n3d_ros.runtime.looks.looking import Wanted
from n3d_ros.runtime.options import RIGHT, Options
from n3d_ros.runtime.replies import Replies, asking_for
from n3d_ros.runtime.request import Request, check_same_observation, checked, known_text
from n3d_ros.runtime.steps import LOSSLESS, Steps
from n3d_ros.runtime.types import SILENT, AskResult, GroundResult, Listener, Timing
from n3d_ros.spatial import Query, check_answer
from n3d_ros.spatial.matching import ANYTHING, fitting, has_same_noun, plural_of
from n3d_ros.spatial.relations.counting import OF_ONE_NAME

MAX_TOKENS = 512
NOT_ASKABLE = (
    "question: expected one about places, sizes or numbers of things (how far, how tall, which is closer, is "
    "there, how many, where) that is understood whole, since this model learned to answer no other"
)

_log = logging.getLogger(__name__)


class Pipeline:
    """A loaded model. The last observation stays encoded: further questions on the same object start after
    the picture.
    """

    def __init__(
        self,
        backend: AnyBackend,
        sampling: Sampling | None = None,
        steps: Steps = LOSSLESS,
        options: Options = RIGHT,
        limits: Limits = DEFAULT,
    ) -> None:
        """sampling: None takes the one that `options` name, with the model folder's own settings."""
        codec = TextCodec(backend.tokenizer_path)
        codec.check_fits(backend.config.text.vocab)
        chosen = sampling or sampling_for(options.sampling, backend.tokenizer_path.parent)
        self._options = options
        self._ask_with(Replies(backend, codec, chosen, steps, options, limits))
        self._frame: EncodedFrame | None = None
        self._early: EarlyPicture | None = None

    @property
    def backend(self) -> AnyBackend:
        """The loaded model."""
        return self._replies.backend

    @classmethod
    def load(
        cls,
        model_dir: Path | str,
        backend: str = "auto",
        threads: int | None = None,
        sampling: Sampling | None = None,
        steps: Steps = LOSSLESS,
        options: Options = RIGHT,
        limits: Limits = DEFAULT,
    ) -> Pipeline:
        """Open a model folder. backend: 'auto', 'trt', 'ort', 'torch' or 'torch:DEVICE:TYPE'
        (`backends.factory`). threads: None lets the backend choose.

        N3DError naming what is missing or differs: folder, file, checksum, library.
        """
        from n3d_ros.runtime.backends.factory import create_backend

        return cls(create_backend(Path(model_dir), backend, threads), sampling, steps, options, limits)

    def beside(self, limits: Limits) -> Pipeline:
        """A pipeline on the same loaded model that keeps an observation of its own: one for each of several
        cameras. They run one at a time.
        """
        other = copy(self)
        other._ask_with(replace(self._replies, limits=limits))
        other._frame = other._early = None
        return other

    def _ask_with(self, replies: Replies) -> None:
        self._replies = replies
        config, look, fit = replies.backend.config, self._options.second_look, self._options.box_fit
        self._finder = Finder(
            replies,
            config.second_look if look == "model" else look,
            config.box_fit if fit == "model" else fit,
        )

    def start(self, rgb: npt.NDArray[np.uint8]) -> bool:
        """Begin with a picture, (H, W, 3) uint8, whose depth is still to come: the next observation with
        these pixels starts behind the vision blocks. False where the backend or `steps` do not do so.

        BadInputError for a picture that cannot be used.
        """
        self._early = None
        backend = self.backend
        if self._replies.steps.early_start and isinstance(backend, EarlyVision) and backend.has_early_vision:
            self._early = EarlyPicture(backend, rgb, backend.config.preprocess())
        return self._early is not None

    def ground(
        self,
        observation: Observation,
        words: str,
        *,
        listener: Listener = SILENT,
        max_tokens: int = MAX_TOKENS,
    ) -> GroundResult:
        """Find everything that `words` name.

        BadInputError for words that are empty or unknown to the model, NoDepthError without depth.
        """
        request = Request(words, listener, max_tokens)
        known = self._replies.known(words)
        text = asking_for(known)
        frame, is_new = self._frame_of(observation, request)
        return self._finder.find(frame, request, text, wanted=Wanted.BY_NAME, is_new=is_new)

    def ask(
        self,
        observation: Observation,
        question: str,
        *,
        listener: Listener = SILENT,
        max_tokens: int = MAX_TOKENS,
    ) -> AskResult:
        """Answer a question in two stages: find its objects, then reason with their boxes as evidence.

        Whether there is a thing, how many and where follows from what is found by its name. So do the answers
        to spatial questions with words that the model does not know, and things that the first stage missed
        are looked for by their names, too. Where they are still not all found there is no answer: the message
        says what is missing. `listener.on_text` hears the second stage alone. Errors as in `ground`.
        """
        request = Request(question, listener, max_tokens)
        known, query = self._understood(question)
        if known is None and query is not None:
            return self._answer_by_names(observation, request, query)
        text = checked(lambda: prompts.locate_prompt(known or question))
        frame, is_new = self._frame_of(observation, request)
        ground = self._finder.find(frame, request.without_text(), text, query, Wanted.IN_QUESTION, is_new)
        if query is not None:
            ground = self._completed(frame, request, query, ground)
        missing = self._missing(ground, query)
        if missing:
            return results.unanswered(ground, query, missing)
        topic = located(known or question, ground.objects, frame.inputs.intrinsics, query)
        return self._answer(frame, request, topic, ground, ground.timing)

    def ask_about(
        self,
        observation: Observation,
        question: str,
        ground: GroundResult,
        *,
        listener: Listener = SILENT,
        max_tokens: int = MAX_TOKENS,
    ) -> AskResult:
        """Answer a follow-up question about objects found earlier on the same observation ("How tall is
        4_mug?"). The result's objects are those that the question mentions, its timing this answer's alone.

        BadInputError for a `ground` of another observation and where the question mentions none of its
        objects; other errors as in `ground`.
        """
        request = Request(question, listener, max_tokens)
        known = self._replies.known(question)
        check_same_observation(ground, observation)
        rule, query = self._options.mention_rule, self._askable(spatial_query(known))
        topic = mentioned_topic(known, ground.objects, observation.intrinsics, rule, query)
        missing = self._missing(replace(ground, objects=topic.objects, code=ResultCode.OK), topic.query)
        if missing:
            return replace(results.unanswered(ground, topic.query, missing), timing=Timing())
        frame, is_new = self._frame_of(observation, request)
        encoding = Timing(frame.preprocess_ms, frame.vision_ms) if is_new else Timing()
        return self._answer(frame, request, topic, ground, encoding)

    def detect(
        self,
        observation: Observation,
        question: str,
        *,
        listener: Listener = SILENT,
        max_tokens: int = MAX_TOKENS,
    ) -> GroundResult:
        """The first stage alone, with a question asked as it is ("Detect boxes."). Errors as in `ground`."""
        request = Request(question, listener, max_tokens)
        known = self._replies.known(question)
        text = checked(lambda: prompts.ground_prompt(known))
        frame, is_new = self._frame_of(observation, request)
        return self._finder.find(frame, request, text, is_new=is_new)

    def _understood(self, question: str) -> tuple[str | None, Query | None]:
        """The question as the tokenizer knows it, None where its answer follows from things that are found by
        name alone; and what it asks. BadInputError where it cannot be asked either way.
        """
        check_words(question, self._replies.limits)
        is_strict = self._options.answer_rule == "upstream"
        try:
            known = known_text(self._replies.codec, question)
        except BadInputError:
            query = None if is_strict else spatial_query(question)
            if query is None or not can_be_found(query):
                raise
            return None, query
        query = self._askable(spatial_query(known))
        by_name = query is not None and query.relation in OF_ONE_NAME and can_be_found(query)
        return None if by_name and not is_strict else known, query

    def _askable(self, query: Query | None) -> Query | None:
        """BadInputError for a question that is not understood, where the model can answer no other."""
        if query is None and self._is_spatial_alone:
            raise BadInputError(NOT_ASKABLE)
        return query

    @property
    def _is_spatial_alone(self) -> bool:
        """Whether the model's words mean nothing where geometry has no answer to compare them with."""
        return self.backend.config.questions == "spatial" and self._options.answer_rule != "upstream"

    def _answer_by_names(self, observation: Observation, request: Request, query: Query) -> AskResult:
        """The answer that follows from what is found by the query's names."""
        frame, is_new = self._frame_of(observation, request)
        ground = results.merged(self._by_name(frame, request, query, query.names, is_new), request)
        request.tell(ground.objects)
        boxes, ids = [thing.box for thing in ground.objects], [thing.id for thing in ground.objects]
        exact, problem = results.exact_answer(query, boxes, ids, "not computed")
        if ground.code != ResultCode.OK or exact is None:
            why = problem if boxes and ground.code == ResultCode.OK else ground.message
            return results.unanswered(ground, query, results.missing_evidence(ground, query) or why)
        return results.computed(ground, exact)

    def _completed(
        self, frame: EncodedFrame, request: Request, query: Query, ground: GroundResult
    ) -> GroundResult:
        """The first stage, where it did not find all that the query names, with the rest of it looked for by
        name. Then what it found under other names goes, unless the rest has other names, too.
        """
        places, is_strict = named_in(query, ground.objects), self._options.answer_rule == "upstream"
        if all(places.values()) or ground.code != ResultCode.OK or is_strict or not can_be_found(query):
            return ground
        kept = sorted({place for some in places.values() for place in some})
        first = replace(ground, objects=tuple(ground.objects[place] for place in kept), message="")
        lacking = [name for name, some in places.items() if not some]
        parts = self._by_name(frame, request, query, lacking)
        found = results.merged([first, *parts], request)
        if all(part.objects for part in parts) and not all(named_in(query, found.objects).values()):
            return replace(found, objects=ground.objects)
        request.tell(found.objects[len(kept) :])
        return found

    def _by_name(
        self,
        frame: EncodedFrame,
        request: Request,
        query: Query,
        names: Sequence[str],
        is_new: bool = False,
    ) -> list[GroundResult]:
        """Each name looked for by itself. Of "the farthest mug" a model that is asked for "mug" may find one
        of several: then they are asked for as "mugs".
        """
        parts = self._finder.by_name(frame, request, names, is_new)
        several = ranked_names(query)
        return [
            self._with_others(frame, request, name, part) if name in several else part
            for name, part in zip(names, parts, strict=True)
        ]

    def _with_others(
        self, frame: EncodedFrame, request: Request, name: str, part: GroundResult
    ) -> GroundResult:
        """What was found by the plural, where that is more of the name than the one thing of `part`."""
        if len(part.objects) != 1 or not has_same_noun(name, part.objects[0].box.label):
            return part
        try:
            (other,) = self._finder.by_name(frame, request, [plural_of(name)])
        except BadInputError:  # a plural that the model does not know
            return part
        boxes, ids = [thing.box for thing in other.objects], [thing.id for thing in other.objects]
        things = tuple(other.objects[place] for place in fitting(name, boxes, ids, plural=True))
        if other.code != ResultCode.OK or len(things) < 2:
            return part
        return replace(other, objects=things, timing=results.sum_of([part.timing, other.timing]))

    def _missing(self, ground: GroundResult, query: Query | None) -> str:
        """Why there is no second stage, empty where there is one. The release always reasons (quirk W4)."""
        if self._options.answer_rule == "upstream" and ground.code != ResultCode.CANCELED:
            return ""
        return results.missing_evidence(ground, query)

    def _answer(
        self, frame: EncodedFrame, request: Request, topic: Topic, ground: GroundResult, before: Timing
    ) -> AskResult:
        """The second stage: the question again, with the numbers of what it is about."""
        if not topic.evidence:
            _log.warning("no object found or mentioned: %r is answered without numbers", topic.question)
        rule = self._options.sentence_rule
        text = checked(lambda: prompts.answer_prompt(topic.question, topic.evidence, rule))
        ids = [thing.id for thing in topic.objects]
        why_not = "not computed" if self._is_spatial_alone else results.NOT_COMPUTED
        exact, problem = results.exact_answer(topic.query, topic.boxes, ids, why_not)
        if exact is None and self._is_spatial_alone:
            made = results.unanswered(ground, topic.query, problem)
            return replace(made, objects=topic.objects, timing=before)
        guide = self._replies.steps.for_answer(self._replies.codec, text, likely_text(topic))
        generation, num_reused = self._replies.reply(frame, request, text, guide)
        consistent = None if exact is None else check_answer(generation.text, exact)
        timing = results.total_timing(before, generation, num_reused, request.began)
        result = results.answered(
            ground,
            topic.objects,
            generation,
            exact=exact,
            consistent=consistent,
            problem=problem,
            timing=timing,
        )
        return result if self._options.answer_rule == "upstream" else results.confirmed(result, exact)

    def _frame_of(self, observation: Observation, request: Request) -> tuple[EncodedFrame, bool]:
        """The encoded observation, and whether it had to be encoded now."""
        if self._frame is not None and self._frame.observation is observation:
            return self._frame, False
        early = self._early if self._early is not None and self._early.shows(observation.rgb) else None
        self._frame = self._early = None
        should_cancel = request.listener.should_cancel
        self._frame = self._replies.encode(observation, early, should_cancel)
        return self._frame, True


def can_be_found(query: Query) -> bool:
    """Whether each name is that of something; "how many things" names nothing."""
    return not any(name.casefold() in ANYTHING for name in query.names)


def ranked_names(query: Query) -> set[str]:
    """The names that stand for several things, of which one is meant."""
    compared = query.objects[-1:] if query.many and query.relation not in OF_ONE_NAME else ()
    return {*compared, *(query.objects[pick.object] for pick in query.picks)}
