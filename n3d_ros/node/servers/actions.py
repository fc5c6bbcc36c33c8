"""The node's actions: feedback while the model writes, cancel, an end that tells OK from everything else."""

from __future__ import annotations

from contextlib import ExitStack

from rclpy.action import CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node

from n3d_ros.action import Ask, Ground
from n3d_ros.errors import ResultCode
from n3d_ros.node.conversions import stamp_ns
from n3d_ros.node.desk.desk import Desk
from n3d_ros.node.desk.errand import Wish
from n3d_ros.node.desk.outcome import Outcome
from n3d_ros.node.desk.queries import AskQuery, Query
from n3d_ros.node.desk.tickets import Ticket, Tickets
from n3d_ros.node.servers.action_server import PromptServer, serve
from n3d_ros.node.servers.exchange import fill_ask, fill_ground, ground_query
from n3d_ros.node.servers.feedback import Feedback


class Actions:
    """Creates them, and knows which ticket is which goal's."""

    def __init__(self, node: Node, group: CallbackGroup, desk: Desk, tickets: Tickets) -> None:
        self._desk, self._tickets = desk, tickets
        self._open: dict[bytes, Ticket] = {}
        self._servers: list[PromptServer] = []
        with ExitStack() as made:  # the first of them is destroyed where the second one cannot be made
            for kind, name, execute in ((Ground, "~/ground", self._ground), (Ask, "~/ask", self._ask)):
                self._servers.append(serve(node, kind, name, execute, self._cancel, group))
                made.callback(self._servers[-1].destroy)
            self._made = made.pop_all()

    @property
    def is_answering(self) -> bool:
        """Whether a goal was accepted, and has no result yet."""
        return any(server.is_answering for server in self._servers)

    def destroy(self) -> None:
        """Serve nothing more."""
        self._made.close()

    async def _ground(self, goal: ServerGoalHandle) -> Ground.Result:
        feedback = Feedback(self._desk, goal, Ground.Feedback, Ground.Feedback.LOCATE)
        outcome = await self._serve(goal, ground_query(goal.request, feedback.listener()))
        return fill_ground(Ground.Result(), outcome)

    async def _ask(self, goal: ServerGoalHandle) -> Ask.Result:
        feedback = Feedback(self._desk, goal, Ask.Feedback, Ask.Feedback.REASON)
        outcome = await self._serve(goal, AskQuery(goal.request.question, feedback.listener()))
        return fill_ask(Ask.Result(), outcome)

    async def _serve(self, goal: ServerGoalHandle, query: Query) -> Outcome:
        """Await the goal's ticket and set the goal's state; only OK succeeds."""
        request, identity = goal.request, bytes(goal.goal_id.uuid)
        wish = Wish(
            request.frame,
            request.priority,
            request.publish_tf,
            stamp_ns=stamp_ns(request.stamp),
            frame_policy=request.frame_policy,
        )
        ticket = self._tickets.about_camera(query, wish)
        self._open[identity] = ticket
        if goal.is_cancel_requested:
            ticket.cancel()
        outcome = await self._tickets.outcome(ticket)
        del self._open[identity]
        if outcome.code == ResultCode.OK:
            goal.succeed()
        elif outcome.code == ResultCode.CANCELED and goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        return outcome

    def _cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        ticket = self._open.get(bytes(goal.goal_id.uuid))
        if ticket is not None:
            ticket.cancel()
        return CancelResponse.ACCEPT
