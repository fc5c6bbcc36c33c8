"""Services and actions: requests in, outcomes out.

Each callback is a coroutine that awaits a ticket, so the executor goes on with images, feedback and cancel
requests meanwhile. They share a reentrant group: in an exclusive one the first waiting request would block
all others.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from std_srvs.srv import SetBool, Trigger

from n3d_ros.action import Ask as AskAction
from n3d_ros.action import Ground as GroundAction
from n3d_ros.errors import ResultCode
from n3d_ros.node import publishing, transforms
from n3d_ros.node.conversions import stamp_ns
from n3d_ros.node.facts import describe
from n3d_ros.node.feedback import Progress
from n3d_ros.node.plain.sync import Frame
from n3d_ros.node.queries import AskQuery, CameraFrame, GroundQuery, Query
from n3d_ros.node.results import Outcome
from n3d_ros.node.tickets import Ticket
from n3d_ros.runtime.types import SILENT, Listener
from n3d_ros.srv import Ask, AskImage, GetInfo, Ground, GroundImage, SetPrompt
from n3d_ros.version import __version__

if TYPE_CHECKING:
    from n3d_ros.node.n3d_node import N3DNode


class Servers:
    """Creates the node's services and actions."""

    def __init__(self, node: N3DNode) -> None:
        self._node = node
        self._open: dict[bytes, Ticket] = {}
        group = ReentrantCallbackGroup()
        for kind, name, callback in (
            (Ground, "~/ground", self._ground),
            (Ask, "~/ask", self._ask),
            (GroundImage, "~/ground_image", self._ground_image),
            (AskImage, "~/ask_image", self._ask_image),
            (SetPrompt, "~/set_prompt", self._set_prompt),
            (SetBool, "~/enable", self._enable),
            (Trigger, "~/clear", self._clear),
            (GetInfo, "~/get_info", self._get_info),
        ):
            node.create_service(kind, name, callback, callback_group=group)
        self._actions = [
            ActionServer(
                node,
                GroundAction,
                "~/ground",
                self._execute_ground,
                callback_group=group,
                cancel_callback=self._cancel,
            ),
            ActionServer(
                node,
                AskAction,
                "~/ask",
                self._execute_ask,
                callback_group=group,
                cancel_callback=self._cancel,
            ),
        ]

    def destroy(self) -> None:
        """Node.destroy_node leaves action servers alone."""
        for action in self._actions:
            action.destroy()

    def missing_packages(self) -> list[str]:
        """Optional packages that do not import, each with what is absent because of it."""
        absent = []
        if not publishing.detections_available():
            absent.append("vision_msgs: no ~/detections")
        if not transforms.available():
            absent.append("tf2_ros: no output_frame")
        return absent

    async def _ground(self, request: Ground.Request, response: Ground.Response) -> Ground.Response:
        ticket = self._node.tickets.camera(_ground_query(request))
        return _fill_ground(response, await ticket.future)

    async def _ask(self, request: Ask.Request, response: Ask.Response) -> Ask.Response:
        ticket = self._node.tickets.camera(AskQuery(request.question))
        return _fill_ask(response, await ticket.future)

    async def _ground_image(
        self, request: GroundImage.Request, response: GroundImage.Response
    ) -> GroundImage.Response:
        ticket = self._node.tickets.images(_ground_query(request), _frame_of(request))
        return _fill_ground(response, await ticket.future)

    async def _ask_image(self, request: AskImage.Request, response: AskImage.Response) -> AskImage.Response:
        ticket = self._node.tickets.images(AskQuery(request.question), _frame_of(request))
        return _fill_ask(response, await ticket.future)

    async def _execute_ground(self, goal: ServerGoalHandle) -> GroundAction.Result:
        progress = Progress(self._node, goal, GroundAction.Feedback, GroundAction.Feedback.LOCATE)
        outcome = await self._serve(goal, _ground_query(goal.request, progress.listener()))
        return _fill_ground(GroundAction.Result(), outcome)

    async def _execute_ask(self, goal: ServerGoalHandle) -> AskAction.Result:
        progress = Progress(self._node, goal, AskAction.Feedback, AskAction.Feedback.REASON)
        outcome = await self._serve(goal, AskQuery(goal.request.question, progress.listener()))
        return _fill_ask(AskAction.Result(), outcome)

    async def _serve(self, goal: ServerGoalHandle, query: Query) -> Outcome:
        """Await the goal's ticket and set the goal's state; only OK succeeds."""
        request, identity = goal.request, bytes(goal.goal_id.uuid)
        ticket = self._node.tickets.camera(
            query, stamp_ns(request.stamp), request.frame_policy == request.NEXT, request.frame
        )
        self._open[identity] = ticket
        if goal.is_cancel_requested:
            ticket.cancel()
        outcome: Outcome = await ticket.future
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

    def _set_prompt(self, request: SetPrompt.Request, response: SetPrompt.Response) -> SetPrompt.Response:
        result = self._node.set_prompt(request.prompt)
        response.success = result.successful
        response.message = result.reason or (
            f"looking for '{request.prompt}'" if request.prompt.strip() else "the continuous query is off"
        )
        return response

    def _enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        result = self._node.set_enabled(request.data)
        response.success, response.message = (
            result.successful,
            result.reason or f"continuous query: {request.data}",
        )
        return response

    def _clear(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._node.results.forget()
        response.success, response.message = True, "markers deleted, ids begin anew"
        return response

    def _get_info(self, request: GetInfo.Request, response: GetInfo.Response) -> GetInfo.Response:
        engine: Any = self._node.worker.engine
        facts = describe(engine) if engine is not None else {}
        response.version, response.board, response.state = (
            __version__,
            platform.machine(),
            self._node.worker.state,
        )
        for name in ("model", "model_path", "backend", "precision"):
            setattr(response, name, str(facts.get(name, "")))
        response.missing = self.missing_packages()
        response.capabilities = [
            "ground",
            "ask",
            *(["detections"] if publishing.detections_available() else []),
            *(["output_frame"] if transforms.available() else []),
        ]
        return response


def _ground_query(request: Any, listener: Listener = SILENT) -> GroundQuery:
    words = (request.prompt,) if request.prompt.strip() else tuple(request.labels)
    return GroundQuery(words, request.max_boxes, listener)


def _frame_of(request: Any) -> CameraFrame:
    """The request's pictures, as if they had come from a camera."""
    return CameraFrame(
        Frame(
            request.rgb,
            request.depth,
            request.camera_info,
            stamp_ns(request.rgb.header.stamp),
            stamp_ns(request.depth.header.stamp) - stamp_ns(request.rgb.header.stamp),
        )
    )


def _fill_ground(response: Any, outcome: Outcome) -> Any:
    response.boxes, response.timing, response.raw_text = outcome.boxes, outcome.timing, outcome.raw_text
    response.code, response.message = int(outcome.code), outcome.message
    return response


def _fill_ask(response: Any, outcome: Outcome) -> Any:
    response.answer, response.raw_text = outcome.answer, outcome.raw_text
    response.code, response.message = int(outcome.code), outcome.message
    return response
