"""The services of the memory: where was something last seen, and forget it all.

In: words. Out: what is remembered of them, or a code with the reason. Nothing is looked at for this.
"""

from __future__ import annotations

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from std_srvs.srv import Trigger

from n3d_ros.errors import BadInputError, N3DError, ResultCode
from n3d_ros.node.memory import shown
from n3d_ros.node.memory.remembering import Remembering
from n3d_ros.node.outputs.messages import header
from n3d_ros.node.plain.failure import failure
from n3d_ros.node.servers.exchange import REQUESTS
from n3d_ros.runtime.limits import Limits, check_words
from n3d_ros.srv import Recall


class MemoryServices:
    """Creates them, also where the memory is off: then they say so."""

    def __init__(self, node: Node, group: CallbackGroup, memory: Remembering, limits: Limits) -> None:
        self._memory, self._limits = memory, limits
        for kind, name, callback in (
            (Recall, "~/recall", self._recall),
            (Trigger, "~/clear_memory", self._clear),
        ):
            node.create_service(kind, name, callback, qos_profile=REQUESTS, callback_group=group)

    async def _recall(self, request: Recall.Request, response: Recall.Response) -> Recall.Response:
        now_ns = self._memory.now_ns()
        response.header = header(now_ns, "")
        try:
            self._check(request.words)
            reply = await self._memory.recall(request.words, now_ns)
        except (N3DError, ValueError) as error:
            code, response.message = failure(error)
            response.code = int(code)
            return response
        response.header.frame_id = reply.frame
        response.objects, response.answer = shown.messages(reply.things), reply.sentence
        response.code, response.message = int(ResultCode.OK), reply.note
        return response

    async def _clear(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            num = await self._memory.clear()
        except N3DError as error:
            response.success, response.message = False, error.message
            return response
        response.success, response.message = True, f"{num} things forgotten"
        return response

    def _check(self, words: str) -> None:
        check_words(words, self._limits)
        if not words.strip():
            raise BadInputError("words: expected a name such as 'the red mug', got nothing")
