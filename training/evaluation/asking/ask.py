"""One question put to a pipeline.

In: a pipeline, an observation, a question. Out: a `Reply`. A question about space goes both stages, as on the
robot; words that name something go into the robot's own sentence; what asks for everything is asked as it is.
It knows no right answers.
"""

from __future__ import annotations

from typing import Protocol

from n3d_ros.errors import BadInputError, NoDepthError
from n3d_ros.geometry import Intrinsics
from n3d_ros.plain_text import one_line
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.types import AskResult, GroundResult
from n3d_ros.training.evaluation.asking.reply import Reply
from n3d_ros.training.qa.records import GROUND, SPATIAL, Question


class Answers(Protocol):
    """What of a `Pipeline` is used."""

    def ask(self, observation: Observation, question: str) -> AskResult: ...

    def ground(self, observation: Observation, words: str) -> GroundResult: ...

    def detect(self, observation: Observation, question: str) -> GroundResult: ...


def ask(pipeline: Answers, observation: Observation, question: Question) -> Reply:
    """What it answers. A question or picture that it refuses is a reply with a fault; other errors pass."""
    try:
        if question.kind == SPATIAL:
            return _answered(pipeline.ask(observation, question.text), observation.intrinsics)
        find = pipeline.ground if question.kind == GROUND else pipeline.detect
        return _found(find(observation, question.text), observation.intrinsics)
    except (BadInputError, NoDepthError) as error:
        return Reply(fault=one_line(str(error), 300), camera=observation.intrinsics)


def _answered(result: AskResult, camera: Intrinsics) -> Reply:
    return Reply(
        result.answer,
        result.own_answer,
        result.is_computed,
        tuple(thing.box for thing in result.ground.objects),
        len(result.ground.malformed),
        result.message,
        total_ms=result.timing.total_ms,
        camera=camera,
    )


def _found(result: GroundResult, camera: Intrinsics) -> Reply:
    return Reply(
        boxes=tuple(thing.box for thing in result.objects),
        num_malformed=len(result.malformed),
        message=result.message,
        total_ms=result.timing.total_ms,
        camera=camera,
    )
