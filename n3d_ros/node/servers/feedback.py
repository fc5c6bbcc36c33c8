"""A goal's progress: text and boxes as the model writes them, sent from the executor's thread.

In: the engine's callbacks, in the worker's thread. Out: feedback messages, in the order in which they were
written.
"""

from __future__ import annotations

from typing import Any

from rclpy.action.server import ServerGoalHandle

from n3d_ros.node.desk.desk import Desk
from n3d_ros.node.outputs.messages import grounded_object
from n3d_ros.runtime.types import SILENT, GroundedObject, Listener


class Feedback:
    """Collects what one goal's query has produced so far. stage_of_text: the stage whose text is streamed."""

    def __init__(self, desk: Desk, goal: ServerGoalHandle, feedback_type: Any, stage_of_text: int) -> None:
        self._outbox, self._goal, self._feedback_type = desk.outbox, goal, feedback_type
        self._max_tokens = desk.parameters.now.generation_max_tokens
        self._stage_of_text = stage_of_text
        self._stage = feedback_type.LOCATE
        self._text = ""
        self._num_texts = 0
        self._boxes: list[Any] = []

    def listener(self) -> Listener:
        """Callbacks for the query; none when the goal wants no stream."""
        return Listener(self._on_text, self._on_box) if self._goal.request.stream else SILENT

    def _on_box(self, found: GroundedObject) -> None:
        self._boxes.append(grounded_object(found, ""))
        self._send()

    def _on_text(self, text: str) -> None:
        self._text += text
        self._num_texts += 1
        self._stage = self._stage_of_text
        self._send()

    def _send(self) -> None:
        message = self._feedback_type(
            partial_text=self._text,
            partial=list(self._boxes),
            stage=self._stage,
            progress=min(1.0, self._num_texts / self._max_tokens),
        )
        self._outbox.post(lambda: self._goal.publish_feedback(message))
