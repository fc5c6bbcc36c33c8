"""~/build_engine: a TensorRT engine of the node's model, built beside the node and followed.

In: a goal. Out: feedback as the builder tells it, a result with the engine's folder or the reason why there
is none. One build at a time; it goes on while the node is inactive, and ends with it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from rclpy.action import CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.task import Future

from n3d_ros.action import BuildEngine
from n3d_ros.errors import ResultCode
from n3d_ros.node.desk.desk import Desk
from n3d_ros.node.plain.engine.build import BuildEnd, BuildReport, EngineBuild
from n3d_ros.node.servers.action_server import serve
from n3d_ros.plain_text import one_line

# How a goal may end, as the action says; any other code of a build is a defect.
ENDS = (ResultCode.OK, ResultCode.BAD_INPUT, ResultCode.OOM, ResultCode.CANCELED, ResultCode.INTERNAL)


class Builds:
    """Creates the action, and knows the build that is running."""

    def __init__(self, node: Node, group: CallbackGroup, desk: Desk) -> None:
        self._desk, self._log = desk, node.get_logger()
        self._running: EngineBuild | None = None
        self._goal: bytes = b""
        self._is_closed = False
        self._server = serve(node, BuildEngine, "~/build_engine", self._execute, self._cancel, group)

    @property
    def is_running(self) -> bool:
        """Whether something is being built."""
        return self._running is not None

    def stop(self) -> None:
        """End a build, and begin none any more; its goal gets its result as the executor goes on."""
        self._is_closed = True
        if self._running is not None:
            self._running.cancel()

    def destroy(self) -> None:
        """Wait for the end of a build, serve nothing more."""
        self.stop()
        if self._running is not None:
            self._running.wait()
        self._server.destroy()

    async def _execute(self, goal: ServerGoalHandle) -> BuildEngine.Result:
        end = self._refused() or await self._built(goal)
        if end.code == ResultCode.OK:
            goal.succeed()
        elif end.code == ResultCode.CANCELED and goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        code = end.code if end.code in ENDS else ResultCode.INTERNAL
        return BuildEngine.Result(
            engine_path=end.path, is_new=end.is_new, code=int(code), message=one_line(end.message)
        )

    def _refused(self) -> BuildEnd | None:
        if self._is_closed:
            return BuildEnd(ResultCode.CANCELED, "the node shuts down")
        if self._running is not None:
            return BuildEnd(ResultCode.BAD_INPUT, "an engine is being built; wait for its end, or cancel it")
        return None

    async def _built(self, goal: ServerGoalHandle) -> BuildEnd:
        future, outbox = Future(), self._desk.outbox
        self._goal = bytes(goal.goal_id.uuid)
        try:
            self._running = EngineBuild(
                self._arguments(goal.request),
                on_report=lambda report: outbox.post(partial(self._report, goal, report)),
                on_end=lambda end: outbox.post(partial(future.set_result, end)),
            )
        except (OSError, ValueError) as error:
            return BuildEnd(ResultCode.BAD_INPUT, f"n3d build cannot be started: {error}")
        if goal.is_cancel_requested:
            self._running.cancel()
        end: BuildEnd = await future
        self._running, self._goal = None, b""
        said = end.path if end.code == ResultCode.OK else f"{end.code.name}: {end.message}"
        self._log.info(f"build_engine: {one_line(said)}")
        return end

    def _arguments(self, request: BuildEngine.Goal) -> list[str]:
        """Of `n3d build`. Each is one word after an equals sign, so that none can be taken for an option."""
        engine = self._desk.worker.engine
        folder = self._desk.parameters.now.model_path
        if engine is not None:
            folder = str(Path(engine.backend.tokenizer_path).parent)
        given = {"model": folder, "target": request.target, "precision": request.precision}
        options = [f"--{name}={value}" for name, value in given.items() if value]
        return [*options, *(["--rebuild"] if request.rebuild else [])]

    def _report(self, goal: ServerGoalHandle, report: BuildReport) -> None:
        goal.publish_feedback(
            BuildEngine.Feedback(
                engine=report.engine,
                num_built=report.num_built,
                phase=one_line(report.phase),
                progress=report.progress,
                elapsed_s=report.elapsed_s,
                eta_s=report.eta_s,
            )
        )

    def _cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        if self._running is not None and bytes(goal.goal_id.uuid) == self._goal:
            self._running.cancel()
        return CancelResponse.ACCEPT
