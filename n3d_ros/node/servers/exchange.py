"""Requests -> queries, outcomes -> responses: what services and actions have in common.

In: any request or goal with the fields of Ground or Ask. Out: the same for responses and results.
"""

from __future__ import annotations

import inspect
from collections.abc import Coroutine
from typing import Any

from rclpy.qos import QoSProfile
from rclpy.service import Service

from n3d_ros.node.desk.outcome import Outcome
from n3d_ros.node.desk.queries import GroundQuery
from n3d_ros.runtime.types import SILENT, Listener

# rclpy's services keep ten requests; an eleventh that comes before the executor has looked is lost without a
# word, and its caller waits for ever.
REQUESTS = QoSProfile(depth=1000)


def answer_what_came(service: Service) -> None:
    """Before it is destroyed: rcl would drop what has come, and who asked would wait for ever. By then each
    answer is a refusal, or given at once.
    """
    while True:
        request, header = service.handle.service_take_request(service.srv_type.Request)
        if header is None:
            return
        response = service.callback(request, service.srv_type.Response())
        if inspect.iscoroutine(response):
            response = _of_one_step(response)
        service.send_response(response, header)


def _of_one_step(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("expected an answer at once, got one that waits")


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
