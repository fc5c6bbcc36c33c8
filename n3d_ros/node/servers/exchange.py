"""Requests -> queries, outcomes -> responses: what services and actions have in common.

In: any request or goal with the fields of Ground or Ask. Out: the same for responses and results.
"""

from __future__ import annotations

from typing import Any

from rclpy.qos import QoSProfile

from n3d_ros.node.desk.outcome import Outcome
from n3d_ros.node.desk.queries import GroundQuery
from n3d_ros.runtime.types import SILENT, Listener

# rclpy's services keep ten requests; an eleventh that comes before the executor has looked is lost without a
# word, and its caller waits for ever.
REQUESTS = QoSProfile(depth=1000)


def ground_query(request: Any, listener: Listener = SILENT) -> GroundQuery:
    """`prompt`, or `labels` in turn where it is empty."""
    words = (request.prompt,) if request.prompt.strip() else tuple(request.labels)
    return GroundQuery(words, request.max_boxes, listener)


def fill_ground(response: Any, outcome: Outcome) -> Any:
    """Boxes, timing, text, code."""
    response.boxes, response.timing, response.raw_text = outcome.boxes, outcome.timing, outcome.raw_text
    response.code, response.message = int(outcome.code), outcome.message
    return response


def fill_ask(response: Any, outcome: Outcome) -> Any:
    """The answer with its evidence, text, code."""
    response.answer, response.raw_text = outcome.answer, outcome.raw_text
    response.code, response.message = int(outcome.code), outcome.message
    return response
