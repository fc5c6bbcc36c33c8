"""The node's services.

Each callback that asks the engine is a coroutine that awaits a ticket, so the executor goes on with images,
feedback and cancel requests meanwhile. They share a reentrant group with the actions: in an exclusive one the
first waiting request would block all others.
"""

from __future__ import annotations

import platform
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from n3d_ros.node import optional_packages
from n3d_ros.node.desk.continuous import standing_words
from n3d_ros.node.desk.desk import Desk
from n3d_ros.node.desk.queries import AskQuery
from n3d_ros.node.desk.tickets import Tickets
from n3d_ros.node.engine import describe
from n3d_ros.node.inputs.frame import frame_of_request
from n3d_ros.node.memory.remembering import Remembering
from n3d_ros.node.servers.exchange import REQUESTS, fill_ask, fill_ground, ground_query
from n3d_ros.srv import Ask, AskImage, GetInfo, Ground, GroundImage, SetPrompt
from n3d_ros.version import __version__


class Services:
    """Creates them."""

    def __init__(
        self, node: Node, group: CallbackGroup, desk: Desk, tickets: Tickets, memory: Remembering
    ) -> None:
        self._desk, self._tickets, self._memory = desk, tickets, memory
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
            node.create_service(kind, name, callback, qos_profile=REQUESTS, callback_group=group)

    async def _ground(self, request: Ground.Request, response: Ground.Response) -> Ground.Response:
        ticket = self._tickets.about_camera(ground_query(request))
        return fill_ground(response, await self._tickets.outcome(ticket))

    async def _ask(self, request: Ask.Request, response: Ask.Response) -> Ask.Response:
        ticket = self._tickets.about_camera(AskQuery(request.question))
        return fill_ask(response, await self._tickets.outcome(ticket))

    async def _ground_image(
        self, request: GroundImage.Request, response: GroundImage.Response
    ) -> GroundImage.Response:
        ticket = self._tickets.about_pictures(ground_query(request), frame_of_request(request))
        return fill_ground(response, await self._tickets.outcome(ticket))

    async def _ask_image(self, request: AskImage.Request, response: AskImage.Response) -> AskImage.Response:
        ticket = self._tickets.about_pictures(AskQuery(request.question), frame_of_request(request))
        return fill_ask(response, await self._tickets.outcome(ticket))

    def _set_prompt(self, request: SetPrompt.Request, response: SetPrompt.Response) -> SetPrompt.Response:
        """Look for this from the next frame on."""
        result = self._desk.parameters.set("continuous.prompt", request.prompt)
        return _changed(response, result, self._looking())

    def _enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Switch the continuous query on or off."""
        result = self._desk.parameters.set("continuous.enabled", request.data)
        return _changed(response, result, self._looking())

    def _looking(self) -> str:
        """What the continuous query does now."""
        wanted = self._desk.parameters.now
        if not wanted.continuous_enabled:
            return "the continuous query is off (continuous.enabled); ~/enable switches it on"
        names = ", ".join(f"'{name}'" for name in standing_words(wanted))
        return (
            f"looking for {names}"
            if names
            else "the continuous query is off: continuous.prompt names nothing"
        )

    def _clear(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._desk.results.forget()
        response.success, response.message = True, "markers deleted, ids begin anew"
        return response

    def _get_info(self, request: GetInfo.Request, response: GetInfo.Response) -> GetInfo.Response:
        worker = self._desk.worker
        described = describe(worker.engine) if worker.engine is not None else {}
        response.version, response.board, response.state = __version__, platform.machine(), worker.state
        for name in ("model", "model_path", "backend", "precision"):
            setattr(response, name, described.get(name, ""))
        response.shared_with = worker.shared_with
        response.missing = optional_packages.missing()
        response.capabilities = optional_packages.capabilities() + ["memory"] * self._memory.is_on
        return self._memory.fill_info(response)


def _changed(response: Any, result: SetParametersResult, done: str) -> Any:
    """What setting a parameter gave: `done`, or the reason why not."""
    response.success, response.message = result.successful, result.reason or done
    return response
