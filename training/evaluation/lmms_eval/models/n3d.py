"""A model folder of this package as a model of lmms-eval.

In: requests of the tasks beside it. Out: sentences, or boxes as the tasks' JSON. The harness hands pictures
over without depth, so this model reads picture and depth itself, by the question's row; tasks of others,
which have no depth, it cannot answer and says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmms_eval.api.model import lmms

from n3d_ros.runtime.backends.factory import default_model_dir
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.training.evaluation.asking.ask import ask
from n3d_ros.training.evaluation.asking.observe import Observer
from n3d_ros.training.evaluation.asking.reply import Reply
from n3d_ros.training.evaluation.lmms_eval.tasks.utils import PICTURES_VARIABLE
from n3d_ros.training.qa.records import SPATIAL, Question


class N3D(lmms):  # type: ignore[misc, unused-ignore]  # Any where lmms-eval is not installed
    """pretrained: model folder, the one that ships when empty. Other arguments of the harness are ignored."""

    is_simple = True

    def __init__(self, pretrained: str = "", backend: str = "auto", **kwargs: Any) -> None:
        super().__init__()
        self._pipeline = Pipeline.load(pretrained or default_model_dir(), backend=backend)
        self._observer = Observer(Path(os.environ.get(PICTURES_VARIABLE, "")))

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """One text for each request. ValueError for a document that is no question of ours."""
        return [self._answer(*request.args) for request in requests]

    def _answer(self, context: str, options: Any, to_visual: Any, doc_id: int, task: str, split: str) -> str:
        doc = self.task_dict[task][split][doc_id]
        try:
            question = Question.from_row(doc)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"task '{task}': expected rows of a set of questions, got {error!r}") from error
        return as_text(question, ask(self._pipeline, self._observer.observe(question), question))

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """NotImplementedError: the pipeline writes and does not score."""
        raise NotImplementedError("n3d: expected tasks of type generate_until, got loglikelihood")

    def generate_until_multi_round(self, requests: Sequence[Any]) -> list[str]:
        """NotImplementedError."""
        raise NotImplementedError("n3d: expected tasks of one round, got several")


def as_text(question: Question, reply: Reply) -> str:
    """The sentence, or the boxes as the tasks read them."""
    if question.kind == SPATIAL:
        return reply.answer
    return json.dumps(
        [
            {"label": box.label, "center_m": box.center, "size_m": box.size, "score": min(box.score, 1.0)}
            for box in reply.boxes
        ]
    )
