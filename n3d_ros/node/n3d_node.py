"""The ROS 2 node: wires inputs, worker, topics and servers together.

In: a camera's topics and requests. Out: results that carry the image's stamp and frame. All of ROS runs in
the executor's thread; the model runs in the worker's; `Outbox` carries results across. What a result contains
is decided elsewhere.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String

from n3d_ros.errors import ResultCode
from n3d_ros.node import diagnostics, parameters, transforms
from n3d_ros.node.conversions import stamp_ns
from n3d_ros.node.inputs import Inputs
from n3d_ros.node.outbox import Outbox
from n3d_ros.node.plain.early import EarlyStart
from n3d_ros.node.plain.latest_frame import LatestFrame
from n3d_ros.node.plain.sync import Frame
from n3d_ros.node.plain.worker import Job, Worker
from n3d_ros.node.publishing import Publishers
from n3d_ros.node.queries import CameraFrame, GroundQuery, Query, failure
from n3d_ros.node.results import Outcome, Results
from n3d_ros.node.servers import Servers
from n3d_ros.node.tickets import Tickets
from n3d_ros.node.transport import make_room_for_images

CONTINUOUS = "continuous"
HOUSEKEEPING_S = 0.1
MATCH_PUBLISHERS_S = 0.5


class N3DNode(Node):
    """`load` builds the engine in the worker's thread: an object with `Pipeline`'s start, ground
    and ask."""

    def __init__(self, load: Callable[[parameters.Parameters], Any], **node_arguments: Any) -> None:
        super().__init__("n3d", **node_arguments)
        self.parameters = parameters.declare(self)
        if self.parameters.output_frame and not transforms.available():
            super().destroy_node()
            raise ValueError(_no_tf(self.parameters.output_frame))
        self.codes: Counter[str] = Counter()
        self.last_error = ""
        self._last_continuous_s = float("-inf")
        self.outbox = Outbox(self)
        self.publishers_ = Publishers(self)
        self.results = Results(self, self.publishers_, transforms.Transforms(self))
        self.worker: Worker[Any] = Worker(lambda: load(self.parameters), self.parameters.max_queued_goals)
        self.worker.loaded.add_done_callback(lambda _: self.outbox.post(self._log_engine))
        self.latest: LatestFrame[CameraFrame] = LatestFrame()
        self.early = EarlyStart(self.worker)
        self.inputs = Inputs(self, self.parameters, self._on_frame, self._on_colour)
        self.tickets = Tickets(self)
        self.servers = Servers(self)
        self.create_subscription(String, "prompt", lambda message: self.set_prompt(message.data), 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # Steady: a simulation that stands still must stop neither timeouts nor diagnostics.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(HOUSEKEEPING_S, self._housekeeping, clock=steady)
        self.create_timer(MATCH_PUBLISHERS_S, self.inputs.match_publishers, clock=steady)
        self.create_timer(self.parameters.diagnostics_period_s, self._publish_diagnostics, clock=steady)
        self.add_on_set_parameters_callback(self._on_parameters)

    def now_ns(self) -> int:
        """ROS time (the simulation's when use_sim_time is set)."""
        return int(self.get_clock().now().nanoseconds)

    def set_prompt(self, prompt: str) -> SetParametersResult:
        """Look for this from the next frame on; what the old words showed is deleted."""
        return self.set_parameters([Parameter("continuous.prompt", value=prompt)])[0]

    def set_enabled(self, enabled: bool) -> SetParametersResult:
        """Switch the continuous query on or off."""
        return self.set_parameters([Parameter("continuous.enabled", value=enabled)])[0]

    def why_no_frame(self) -> tuple[ResultCode, str]:
        """Why a request waited in vain for a frame."""
        missing = self.inputs.missing()
        code = _code_of_missing(self.inputs.sync.missing())
        if code != ResultCode.OK:
            return (
                code,
                f"no message on {', '.join(missing)}; is the camera running, are the topics remapped?",
            )
        if self.latest.frame is None:
            return ResultCode.NO_FRAME, (
                "colour and depth come, but never within "
                f"{self.inputs.sync.slop_ns / 1e6:.1f} ms of each other"
            )
        age_s = (self.now_ns() - self.latest.frame.frame.stamp_ns) / 1e9
        if not self.is_fresh(self.latest.frame):
            return ResultCode.STALE, (
                f"the newest frame is {age_s:.1f} s old, max_frame_age_s is "
                f"{self.parameters.max_frame_age_s:g}; a recording needs use_sim_time"
            )
        return ResultCode.NO_FRAME, (
            f"no frame at or after the stamp asked for came within "
            f"{self.parameters.frame_timeout_s:g} s; the newest is {age_s:.1f} s old"
        )

    def count(self, code: ResultCode, message: str) -> None:
        """For diagnostics, and the log when it is an error."""
        self.codes[code.name] += 1
        self.last_error = "" if code == ResultCode.OK else f"{code.name}: {message}"
        if self.last_error:
            self.get_logger().warning(self.last_error, throttle_duration_sec=5.0)

    def is_fresh(self, frame: CameraFrame) -> bool:
        """Whether a frame is young enough to be answered about."""
        limit_s = self.parameters.max_frame_age_s
        return not limit_s or self.now_ns() - frame.frame.stamp_ns <= limit_s * 1e9

    def run(
        self, query: Query, frame: CameraFrame, slot: str, output_frame: str = ""
    ) -> tuple[Any, Callable[..., Any]]:
        """What to give the worker for a query, and how to make an `Outcome` of what comes back."""
        begun_ns: list[int] = []
        settings = self.parameters

        def work(engine: Any, job: Job) -> Any:
            begun_ns.append(self.now_ns())
            return query.run(engine, frame, settings, job)

        def outcome(job: Job) -> Outcome:
            age_ns = begun_ns[0] - frame.frame.stamp_ns if begun_ns else 0
            made = self.results.outcome(
                query,
                frame,
                job,
                queue_age_ms=age_ns / 1e6,
                output_frame=output_frame or self.parameters.output_frame,
                remember=bool(slot),
            )
            self.count(made.code, made.message)
            self._log_defect(job)
            if slot:
                self.results.publish(made, frame, slot, self.parameters)
            return made

        return work, outcome

    def _on_frame(self, frame: Frame[Any, Any]) -> None:
        self.early.frame_complete(frame.stamp_ns)
        camera_frame = CameraFrame(frame)
        self.latest.put(camera_frame)
        if self._is_look_due():
            self._last_continuous_s = time.monotonic()
            self._look(camera_frame, self.parameters.continuous_prompt)

    def _on_colour(self, rgb: Any) -> None:
        """Its depth is still to come: begin with the picture if somebody will ask about it."""
        coming = CameraFrame(Frame(rgb, None, None, stamp_ns(rgb.header.stamp), 0))
        if not self.parameters.early_start or not (self._is_look_due() or self.latest.is_awaited(coming)):
            return
        job = self.early.try_start(rgb)
        if job is not None:
            job.future.add_done_callback(lambda _: self.outbox.post(lambda: self._log_defect(job)))

    def _is_look_due(self) -> bool:
        wanted = self.parameters
        period_s = 1 / wanted.continuous_rate_hz if wanted.continuous_rate_hz else 0.0
        return (
            wanted.continuous_enabled
            and bool(wanted.continuous_prompt.strip())
            and time.monotonic() - self._last_continuous_s >= period_s
        )

    def _look(self, frame: CameraFrame, prompt: str) -> None:
        """Offer the continuous query; a newer frame takes its place until the worker is free."""
        work, outcome = self.run(GroundQuery((prompt,)), frame, CONTINUOUS)
        job = self.worker.offer(work, timeout_s=self.parameters.goal_timeout_s)
        job.future.add_done_callback(
            lambda _: self.outbox.post(lambda: self._continuous_done(job, prompt, outcome))
        )

    def _continuous_done(self, job: Job, prompt: str, outcome: Callable[..., Any]) -> None:
        error = job.future.exception()
        superseded = error is not None and failure(error)[0] == ResultCode.SUPERSEDED
        if (
            not superseded
            and self.parameters.continuous_prompt == prompt
            and self.parameters.continuous_enabled
        ):
            outcome(job)

    def _log_defect(self, job: Job) -> None:
        error = job.future.exception()
        if error is not None and failure(error)[0] == ResultCode.INTERNAL:
            self.get_logger().error("".join(traceback.format_exception(error)))

    def _on_parameters(self, changes: list[Parameter]) -> Any:
        before = self.parameters
        updated, result = parameters.changed(before, changes)
        if updated.output_frame and not transforms.available():
            result.successful, result.reason = False, _no_tf(updated.output_frame)
        if result.successful:
            self.parameters = updated
            looked = (before.continuous_prompt, before.continuous_enabled)
            if looked != (updated.continuous_prompt, updated.continuous_enabled):
                self.publishers_.clear_markers(CONTINUOUS)
        return result

    def _log_engine(self) -> None:
        log = self.get_logger()
        (log.info if self.worker.state == "ready" else log.error)(f"model: {self.worker.state}")
        for absent in self.servers.missing_packages():
            log.info(f"absent: {absent}")

    def _housekeeping(self) -> None:
        self.latest.expire(time.monotonic())

    def _publish_diagnostics(self) -> None:
        name = self.get_fully_qualified_name()
        now = self.get_clock().now()
        inputs = [
            diagnostics.input_status(name, self.inputs, one, now.nanoseconds) for one in self.inputs.topics
        ]
        missing = self.servers.missing_packages()
        self._diagnostics.publish(
            diagnostics.array(
                now.to_msg(),
                [
                    *inputs,
                    diagnostics.sync_status(name, self.inputs),
                    diagnostics.engine_status(name, self.worker.state, {"absent": "; ".join(missing)}),
                    diagnostics.result_status(
                        name,
                        self.codes,
                        self.last_error,
                        {"superseded": self.worker.num_superseded, **self.results.latency()},
                    ),
                ],
            )
        )

    def destroy_node(self) -> None:
        """Stop the worker first: nothing may arrive for a node that is gone."""
        self.worker.stop()
        self.servers.destroy()
        super().destroy_node()


def _code_of_missing(missing: Sequence[str]) -> ResultCode:
    """The code for inputs that never came: of 'rgb', 'depth', 'camera_info'."""
    codes = {
        "rgb": ResultCode.NO_FRAME,
        "camera_info": ResultCode.NO_CAMERA_INFO,
        "depth": ResultCode.NO_DEPTH,
    }
    return next((code for name, code in codes.items() if name in missing), ResultCode.OK)


def _no_tf(frame: str) -> str:
    return (
        f"output_frame '{frame}': tf2_ros does not import here, so results stay in the camera's optical "
        "frame; leave it empty or source a ROS distribution"
    )


def load_pipeline(wanted: parameters.Parameters) -> Any:
    """The engine of the model folder."""
    from n3d_ros.runtime.backends.factory import default_model_dir
    from n3d_ros.runtime.pipeline import Pipeline

    return Pipeline.load(
        Path(wanted.model_path or default_model_dir()),
        backend=wanted.backend,
        threads=wanted.model_threads or None,
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the node until it is interrupted. 0: stopped; 2: a parameter was refused."""
    # rclpy's own handlers end the context under a publishing callback; this loop ends between two callbacks.
    make_room_for_images()
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    stop = threading.Event()
    for how in (signal.SIGINT, signal.SIGTERM):
        signal.signal(how, lambda *_: stop.set())
    try:
        node = N3DNode(load_pipeline)
    except (ValueError, ParameterException) as error:
        print(f"n3d_node: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 2
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not stop.is_set():
            executor.spin_once()  # returns at the latest with the housekeeping timer
    finally:
        node.destroy_node()
        executor.shutdown()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
