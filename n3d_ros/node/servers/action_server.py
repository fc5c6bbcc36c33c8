"""How the node's actions are served.

In: what a goal does. Out: a server that sends each result as soon as there is one. It does not know what is
asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.task import Future

from n3d_ros.node.servers.exchange import REQUESTS


def serve(
    node: Node,
    kind: type,
    name: str,
    execute: Callable[[ServerGoalHandle], Any],
    cancel: Callable[[ServerGoalHandle], CancelResponse],
    group: CallbackGroup,
) -> ActionServer:
    """An action of the node's. Node.destroy_node leaves action servers alone: destroy it before."""
    return _PromptServer(
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


class _PromptServer(ActionServer):
    """Sends a result in the step in which its goal ends. rclpy's (7.1.6) gives its results' futures to the
    executor, which sends them later: a cleanup in between took the server away, and nobody was answered.
    """

    def add_future(self, future: Future) -> None:
        """See `rclpy.waitable.Waitable`. What no executor has calls back at once."""

    def remove_future(self, future: Future) -> None:
        """See `add_future`."""
