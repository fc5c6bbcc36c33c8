"""Observation and words in, objects in metres or an answer with its evidence out: the whole way, on any
backend.

In: `Observation`, words or a question, callbacks for what arrives early. Out: `GroundResult`, `AskResult`;
`N3DError` for what cannot be served. It knows no engine, no ROS and no files but the model folder's; one
caller at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from n3d_ros import prompts
from n3d_ros.preprocess import Observation
from n3d_ros.runtime import results
from n3d_ros.runtime.backend import AnyBackend
from n3d_ros.runtime.frame import Frame
from n3d_ros.runtime.generate import OnToken, ShouldCancel, generate
from n3d_ros.runtime.objects import ObjectReader, OnBox
from n3d_ros.runtime.sampling import GREEDY, Sampler, Sampling
from n3d_ros.runtime.text import TextCodec, TextStream
from n3d_ros.runtime.types import AskResult, BadInputError, GroundResult
from n3d_ros.spatial import Query, check_answer, parse_question

MAX_TOKENS = 512

OnText = Callable[[str], None]


@dataclass(frozen=True)
class _Request:
    """What a caller asked for and wants to hear of; `began` starts its clock."""

    words: str
    on_box: OnBox | None
    on_text: OnText | None
    should_cancel: ShouldCancel | None
    max_tokens: int
    began: float = field(default_factory=time.perf_counter)

    def stream(self, chunk: str, _probability: float) -> None:
        """Hand on a piece of text, if there is one."""
        if self.on_text is not None and chunk:
            self.on_text(chunk)


class Pipeline:
    """A loaded model. The last observation stays encoded: further questions on the same object start after
    the picture.
    """

    def __init__(self, backend: AnyBackend, sampling: Sampling = GREEDY) -> None:
        self.backend = backend
        self._codec = TextCodec(backend.tokenizer_path)
        self._sampling = sampling
        self._frame: Frame | None = None

    @classmethod
    def load(
        cls,
        model_dir: Path | str,
        backend: str = "auto",
        threads: int | None = None,
        sampling: Sampling = GREEDY,
    ) -> Pipeline:
        """Open a model folder. backend: 'auto', 'ort' or 'torch'. threads: None lets the backend choose.

        N3DError naming what is missing or differs: folder, file, checksum, library.
        """
        from n3d_ros.runtime.factory import create_backend

        return cls(create_backend(Path(model_dir), backend, threads), sampling)

    def ground(
        self,
        observation: Observation,
        words: str,
        *,
        on_box: OnBox | None = None,
        on_text: OnText | None = None,
        should_cancel: ShouldCancel | None = None,
        max_tokens: int = MAX_TOKENS,
    ) -> GroundResult:
        """Find everything that `words` name. Callbacks run in this thread, between tokens.

        BadInputError for words that are empty or unknown to the model, NoDepthError without depth.
        """
        request = _Request(words, on_box, on_text, should_cancel, _positive(max_tokens))
        known = self._known(words)
        text = _checked(lambda: prompts.ground_prompt(prompts.ground_question(known)))
        return self._locate(observation, request, text)[1]

    def ask(
        self,
        observation: Observation,
        question: str,
        *,
        on_box: OnBox | None = None,
        on_text: OnText | None = None,
        should_cancel: ShouldCancel | None = None,
        max_tokens: int = MAX_TOKENS,
    ) -> AskResult:
        """Answer a question in two stages: find its objects, then reason with their boxes as evidence.

        `on_text` streams the second stage. Where a spatial question's objects are not all found there is no
        second stage and no answer: the message says what is missing. Errors as in `ground`.
        """
        request = _Request(question, on_box, on_text, should_cancel, _positive(max_tokens))
        known = self._known(question)
        text = _checked(lambda: prompts.locate_prompt(known))
        frame, ground = self._locate(observation, replace(request, on_text=None), text)
        query = parse_question(known)
        missing = results.missing_evidence(ground, query)
        if missing:
            return results.unanswered(ground, query, missing)
        return self._answer(frame, request, known, query, ground)

    def _locate(self, observation: Observation, request: _Request, text: str) -> tuple[Frame, GroundResult]:
        """The first stage, and the encoded observation."""
        frame, is_new = self._frame_of(observation)
        reader = ObjectReader(request.words, frame.inputs, request.on_box)

        def on_token(chunk: str, probability: float) -> None:
            reader.push(chunk, probability)
            request.stream(chunk, probability)

        generation, num_reused = self._generate(frame, request, text, on_token)
        decoded = time.perf_counter()
        malformed = reader.malformed()
        timing = results.stage_timing(frame, is_new, generation, num_reused, request.began, decoded)
        valid_ratio = frame.inputs.valid_ratio
        return frame, results.grounded(
            reader.objects, malformed, generation, request.words, valid_ratio, timing
        )

    def _answer(
        self, frame: Frame, request: _Request, question: str, query: Query | None, ground: GroundResult
    ) -> AskResult:
        """The second stage: the question again, with the numbers of what was found."""
        boxes, numbers = [thing.box for thing in ground.objects], [thing.number for thing in ground.objects]
        evidence = prompts.evidence_from_boxes(boxes, frame.inputs.intrinsics, numbers)
        text = _checked(lambda: prompts.answer_prompt(question, evidence))
        generation, num_reused = self._generate(frame, request, text, request.stream)
        exact, problem = results.exact_answer(query, boxes)
        consistent = None if exact is None else check_answer(generation.text, exact)
        timing = results.total_timing(ground.timing, generation, num_reused, request.began)
        return results.answered(ground, generation, exact, consistent, problem, timing)

    def _generate(
        self, frame: Frame, request: _Request, text: str, on_token: OnToken
    ) -> tuple[results.Generation, int]:
        """One reply, and how many tokens of its prompt were already in the cache."""
        rows, num_reused, room = frame.prompt_rows(text)
        generation = generate(
            self.backend,
            frame.cache,
            rows,
            TextStream(self._codec),
            self.backend.config.stop_token_ids,
            min(request.max_tokens, room),
            Sampler(self._sampling),
            on_token,
            request.should_cancel,
        )
        frame.remember()
        return generation, num_reused

    def _frame_of(self, observation: Observation) -> tuple[Frame, bool]:
        """The encoded observation, and whether it had to be encoded now."""
        if self._frame is not None and self._frame.observation is observation:
            return self._frame, False
        self._frame = None
        self._frame = Frame(self.backend, self._codec, observation)
        return self._frame, True

    def _known(self, text: str) -> str:
        """`text` as the tokenizer knows it; BadInputError naming the words that it does not know."""
        known = self._codec.known_spelling(" ".join(text.split()))
        unknown = self._codec.unknown_words(known)
        if unknown:
            raise BadInputError(f"expected words that this model knows, got {', '.join(map(repr, unknown))}")
        return known


def _checked(make: Callable[[], str]) -> str:
    """A prompt; what the prompts refuse is bad input."""
    try:
        return make()
    except ValueError as error:
        raise BadInputError(str(error)) from error


def _positive(max_tokens: int) -> int:
    if max_tokens < 1:
        raise BadInputError(f"max_tokens: expected a positive number, got {max_tokens}")
    return max_tokens
