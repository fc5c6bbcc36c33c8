"""How the node's actions are served.

In: what a goal does. Out: a server that sends each result as soon as there is one. It does not know what is
asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.task import Future

from n3d_ros.node.servers.exchange import REQUESTS

# A client asks for its goal's result in a request of its own, once it knows that the goal was accepted.
LINGER_S = 0.2
POLL_S = 0.005


def serve(
    node: Node,
    kind: type,
    name: str,
    execute: Callable[[ServerGoalHandle], Any],
    cancel: Callable[[ServerGoalHandle], CancelResponse],
    group: CallbackGroup,
) -> PromptServer:
    """An action of the node's. Node.destroy_node leaves action servers alone: destroy it before."""
    return PromptServer(
        node,
        kind,
        name,
        execute,
        callback_group=group,
        cancel_callback=cancel,
        goal_service_qos_profile=REQUESTS,
        result_service_qos_profile=REQUESTS,
        cancel_service_qos_profile=REQUESTS,
    )


class PromptServer(ActionServer):
    """Sends a result in the step in which its goal ends. rclpy's (7.1.6) gives its results' futures to the
    executor, which sends them later: a cleanup in between took the server away, and nobody was answered.
    And it is destroyed after a last answer, where rcl would drop what has come.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._asked_for: WeakSet[Future] = WeakSet()
        super().__init__(*args, **kwargs)

    @property
    def is_answering(self) -> bool:
        """Whether a goal was accepted, and has no result yet."""
        return not all(result.done() for result in self._result_futures.values())

    def destroy(self) -> None:
        """Refuse the goals that have come, and send each result to who asks for it now. Where the context has
        ended nobody is heard any more.
        """
        self.register_goal_callback(lambda _: GoalResponse.REJECT)
        end_s = time.monotonic() + LINGER_S
        while self._node.context.ok() and ((was_asked := self._answer()) or self._is_awaited()):
            if time.monotonic() >= end_s:
                break
            time.sleep(0 if was_asked else POLL_S)
        super().destroy()

    def _answer(self) -> bool:
        """One request of each kind that has come, in one step: nothing of it waits. Whether any had."""
        self._is_goal_request_ready = self._is_cancel_request_ready = self._is_result_request_ready = True
        self._is_goal_expired = False
        taken = self.take_data()
        with suppress(StopIteration):
            self.execute(taken).send(None)
        return bool(taken)

    def _is_awaited(self) -> bool:
        """Whether there is a result that nobody has asked for yet."""
        results = self._result_futures.values()
        return any(result.done() and result not in self._asked_for for result in results)

    async def _execute_get_result_request(self, request_header_and_message: Any) -> None:
        identity = bytes(request_header_and_message[1].goal_id.uuid)
        if identity in self._result_futures:
            self._asked_for.add(self._result_futures[identity])
        await super()._execute_get_result_request(request_header_and_message)

    def add_future(self, future: Future) -> None:
        """See `rclpy.waitable.Waitable`. What no executor has calls back at once."""

    def remove_future(self, future: Future) -> None:
        """See `add_future`."""
