"""What is asked of a frame, and how the engine answers it. Runs in the worker's thread.

In: an `Observation` and a query. Out: the runtime's `GroundResult` or `AskResult`. It knows no topic, no
queue and no message.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from n3d_ros.errors import BadInputError
from n3d_ros.node.desk.names import JoinedResult, look_for_each
from n3d_ros.node.engine import Engine
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.engine.job import Job
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.limits import Limits, check_words
from n3d_ros.runtime.types import SILENT, AskResult, GroundResult, Listener


@dataclass(frozen=True)
class GroundQuery:
    """Find what the words name. max_boxes: 0 = no limit."""

    words: tuple[str, ...]
    max_boxes: int = 0
    listener: Listener = SILENT

    def check(self, limits: Limits) -> None:
        """BAD_INPUT unless there is something to look for, in no more words than that, all names together."""
        check_words(", ".join(self.words), limits)
        if not any(words.strip() for words in self.words):
            raise BadInputError("prompt: expected words such as 'the red mug', got an empty prompt")
        if self.max_boxes < 0:
            raise BadInputError(f"max_boxes: expected 0 or more, got {self.max_boxes}")

    def run(self, engine: Engine, seen: Observation, parameters: Parameters, job: Job) -> JoinedResult:
        """One pass per name; the results joined in the order of the names."""
        self.check(parameters.limits)
        listener = replace(self.listener, should_cancel=job.should_stop)

        def look(words: str) -> GroundResult:
            if not words.strip():
                raise BadInputError("expected words such as 'the red mug', got an empty name")
            return engine.ground(seen, words, listener=listener, max_tokens=parameters.generation_max_tokens)

        return look_for_each(self.words, look, self.max_boxes)


@dataclass(frozen=True)
class AskQuery:
    """Answer a question."""

    question: str
    listener: Listener = SILENT

    def check(self, limits: Limits) -> None:
        """BAD_INPUT unless something is asked, in no more words than that."""
        check_words(self.question, limits)
        if not self.question.strip():
            raise BadInputError(
                "question: expected a sentence such as 'How far is the red mug?', got an empty question"
            )

    def run(self, engine: Engine, seen: Observation, parameters: Parameters, job: Job) -> AskResult:
        """Locate, then answer."""
        self.check(parameters.limits)
        result: AskResult = engine.ask(
            seen,
            self.question,
            listener=replace(self.listener, should_cancel=job.should_stop),
            max_tokens=parameters.generation_max_tokens,
        )
        return result


Query: TypeAlias = GroundQuery | AskQuery
