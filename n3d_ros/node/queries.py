"""What is asked of a frame, and how the engine answers it. Runs in the worker's thread.

In: a `CameraFrame` and a query. Out: the runtime's `GroundResult` or `AskResult`. The engine is anything with
the `ground` and `ask` of n3d_ros.runtime.pipeline.Pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from n3d_ros.errors import BadInputError, N3DError, ResultCode
from n3d_ros.node.conversions import observation
from n3d_ros.node.parameters import Parameters
from n3d_ros.node.plain.sync import Frame
from n3d_ros.node.plain.worker import Job
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.types import SILENT, AskResult, GroundResult, Listener


@dataclass
class CameraFrame:
    """Messages of one instant; converted once, so the engine can reuse what it encoded."""

    frame: Frame[Any, Any]
    observation: Observation | None = None

    def observe(self, parameters: Parameters) -> Observation:
        """The `Observation`; BAD_INPUT or NO_DEPTH when the messages cannot be used."""
        if self.observation is None:
            self.observation = observation(
                self.frame.rgb,
                self.frame.depth,
                self.frame.camera_info,
                scale_m=parameters.depth_scale_m or None,
                min_m=parameters.depth_min_m,
                max_m=parameters.depth_max_m,
                is_estimated=parameters.depth_is_estimated,
            )
        return self.observation


@dataclass(frozen=True)
class GroundQuery:
    """Find what the words name. max_boxes: 0 = no limit."""

    words: tuple[str, ...]
    max_boxes: int = 0
    listener: Listener = SILENT

    def check(self) -> None:
        """BAD_INPUT unless there is something to look for."""
        if not self.words or not all(words.strip() for words in self.words):
            raise BadInputError("prompt: expected words such as 'the red mug', got an empty prompt")
        if self.max_boxes < 0:
            raise BadInputError(f"max_boxes: expected 0 or more, got {self.max_boxes}")

    def run(self, engine: Any, frame: CameraFrame, parameters: Parameters, job: Job) -> GroundResult:
        """One pass per name; the results joined in the order of the names."""
        self.check()
        seen = frame.observe(parameters)
        results = []
        for words in self.words:
            results.append(
                engine.ground(
                    seen,
                    words,
                    listener=replace(self.listener, should_cancel=job.should_stop),
                    max_tokens=parameters.generation_max_tokens,
                )
            )
            if results[-1].code != ResultCode.OK:
                break
        joined = _join(results)
        return replace(joined, objects=joined.objects[: self.max_boxes or None])


@dataclass(frozen=True)
class AskQuery:
    """Answer a question."""

    question: str
    listener: Listener = SILENT

    def check(self) -> None:
        """BAD_INPUT unless something is asked."""
        if not self.question.strip():
            raise BadInputError(
                "question: expected a sentence such as 'How far is the red mug?', got an empty question"
            )

    def run(self, engine: Any, frame: CameraFrame, parameters: Parameters, job: Job) -> AskResult:
        """Locate, then answer."""
        self.check()
        result: AskResult = engine.ask(
            frame.observe(parameters),
            self.question,
            listener=replace(self.listener, should_cancel=job.should_stop),
            max_tokens=parameters.generation_max_tokens,
        )
        return result


Query = GroundQuery | AskQuery


def _join(results: list[GroundResult]) -> GroundResult:
    """One result of several: lists appended, times and counts added; code and message are the last one's."""
    first, last = results[0], results[-1]
    if len(results) == 1:
        return first
    measures = vars(first.timing)
    timing = replace(
        first.timing, **{name: sum(getattr(one.timing, name) for one in results) for name in measures}
    )
    return replace(
        last,
        timing=timing,
        words=", ".join(one.words for one in results),
        objects=type(first.objects)(found for one in results for found in one.objects),
        malformed=type(first.malformed)(text for one in results for text in one.malformed),
        token_ids=type(first.token_ids)(token for one in results for token in one.token_ids),
        raw_text="\n".join(one.raw_text for one in results),
    )


def stopped(code: ResultCode, job: Job) -> ResultCode:
    """The engine says CANCELED for every stop; the job knows whether time was up."""
    return job.stop_code if code == ResultCode.CANCELED and job.stop_code != ResultCode.OK else code


def failure(error: BaseException) -> tuple[ResultCode, str]:
    """Typed code and message of an exception that ended a job."""
    if isinstance(error, N3DError):
        return ResultCode(error.code), error.message
    if isinstance(error, MemoryError):
        return ResultCode.OOM, "out of memory"
    if isinstance(error, ValueError):
        return ResultCode.BAD_INPUT, str(error)
    return ResultCode.INTERNAL, f"{type(error).__name__}: {error}"
