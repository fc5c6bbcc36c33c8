"""The ROS 2 node: puts camera, desk, servers and topics together.

In: a camera's topics and requests. Out: results that carry the image's stamp and frame. All of ROS runs in
the executor's thread; the model runs in the worker's; `Outbox` carries results across. What happens to an
errand is decided by the parts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Header, String

from n3d_ros.errors import ResultCode
from n3d_ros.node.conversions import rgb_array, stamp_ns
from n3d_ros.node.desk.continuous import CONTINUOUS, Continuous, standing_words
from n3d_ros.node.desk.desk import Desk
from n3d_ros.node.desk.outbox import Outbox
from n3d_ros.node.desk.queries import GroundQuery
from n3d_ros.node.desk.results import Results
from n3d_ros.node.desk.tickets import Tickets
from n3d_ros.node.engine import Engine
from n3d_ros.node.health import Health
from n3d_ros.node.inputs.camera import Camera
from n3d_ros.node.inputs.frame import CameraFrame
from n3d_ros.node.outputs import optional_packages
from n3d_ros.node.outputs.publishers import Publishers
from n3d_ros.node.outputs.transforms import Transforms
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.parameters.live import LiveParameters
from n3d_ros.node.plain.early import EarlyStart
from n3d_ros.node.plain.worker import Worker
from n3d_ros.node.servers.actions import Actions
from n3d_ros.node.servers.services import Services

HOUSEKEEPING_S = 0.1
LOOK_S = 0.5
# For an engine that was told to stop.
STOP_S = 5.0


class N3DNode(Node):
    """`load` builds the engine, in the worker's thread."""

    def __init__(self, load: Callable[[Parameters], Engine], **node_arguments: Any) -> None:
        """ValueError, and no node, where a parameter is refused."""
        super().__init__("n3d", **node_arguments)
        try:
            self.live = LiveParameters(self, _check_machine, self._on_change)
        except ValueError:
            super().destroy_node()
            raise
        outbox = Outbox(self)
        self._topics = Publishers(self)
        results = Results(self._topics, Transforms(self), self.now_ns)
        worker: Worker[Engine] = Worker(lambda: load(self.live.now), self.live.now.max_queued_goals)
        self.desk = Desk(self, self.live, worker, outbox, results)
        self._early = EarlyStart(worker)
        self.camera = Camera(self, self.live, self._on_frame, self._on_colour)
        self._continuous = Continuous(self.desk, self.camera)
        self.tickets, group = Tickets(self.desk, self.camera), ReentrantCallbackGroup()
        Services(self, group, self.desk, self.tickets)
        self._actions = Actions(self, group, self.desk, self.tickets)
        self._health = Health(self, self.desk, self.camera)
        self.create_subscription(String, "prompt", self._on_prompt, 10)
        worker.loaded.add_done_callback(lambda _: outbox.post(self._health.log_engine))
        self._start_timers()

    def now_ns(self) -> int:
        """ROS time (the simulation's when use_sim_time is set)."""
        return int(self.get_clock().now().nanoseconds)

    def _start_timers(self) -> None:
        """On a steady clock: a simulation that stands still must stop neither timeouts nor diagnostics."""
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(HOUSEKEEPING_S, self._housekeeping, clock=steady)
        self.create_timer(LOOK_S, self.camera.topics.match_publishers, clock=steady)
        self.create_timer(LOOK_S, self._health.look, clock=steady)
        self.create_timer(self.live.now.diagnostics_period_s, self._health.publish, clock=steady)

    def _on_frame(self, frame: CameraFrame) -> None:
        self._early.frame_complete(frame.stamp_ns)
        self._continuous.look(frame)

    def _on_colour(self, rgb: Any) -> None:
        """Its depth is still to come: begin with the picture if somebody will ask about it."""
        is_wanted = self._continuous.is_due() or self.camera.is_awaited(rgb)
        if not (self.live.now.early_start and is_wanted):
            return
        picture = partial(rgb_array, rgb, self.live.now.limits_max_picture_megapixels)
        job = self._early.try_start(stamp_ns(rgb.header.stamp), picture)
        if job is not None:
            self.desk.watch(job)

    def _on_prompt(self, message: String) -> None:
        """Nobody hears how a topic's message was taken: what is refused is counted, logged and published."""
        result = self.live.set("continuous.prompt", message.data)
        if not result.successful:
            refused = GroundQuery((message.data,))
            self.desk.give_up(refused, CONTINUOUS, Header(), (ResultCode.BAD_INPUT, result.reason))

    def _on_change(self, before: Parameters, after: Parameters) -> None:
        """What the old words showed is deleted."""
        if standing_words(before) != standing_words(after):
            self._topics.clear_markers(CONTINUOUS)

    def _housekeeping(self) -> None:
        now_s = time.monotonic()
        self.camera.frames.expire(now_s)
        self.desk.worker.expire(now_s)
        self._continuous.check()

    def begin_stop(self) -> None:
        """Everybody who waits gets an answer as the executor goes on; `tickets.open`: who still waits."""
        self.tickets.close()
        self.desk.worker.begin_stop()

    def destroy_node(self) -> None:
        """Stop the worker first: nothing may arrive for a node that is gone."""
        self.desk.worker.stop(STOP_S)
        self._actions.destroy()
        super().destroy_node()


def _check_machine(wanted: Parameters) -> None:
    optional_packages.refuse_frame_without_tf(wanted.output_frame)
