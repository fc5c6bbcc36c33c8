"""What a configured node consists of: camera, desk, memory, servers and topics, put together.

In: a camera's topics and requests. Out: results that carry the image's stamp and frame. All of ROS runs in
the executor's thread; the model runs in the worker's; `Outbox` carries results across. What happens to an
errand is decided by the parts; when they live, by the node.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType, JumpThreshold, TimeJump
from rclpy.duration import Duration
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
from n3d_ros.node.engine import Engine, NodeEngines
from n3d_ros.node.health import Health
from n3d_ros.node.inputs.camera import Camera
from n3d_ros.node.inputs.frame import CameraFrame
from n3d_ros.node.inputs.sealed import opened
from n3d_ros.node.memory.remembering import Remembering
from n3d_ros.node.outputs.publishers import Publishers
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.parameters.live import LiveParameters
from n3d_ros.node.plain.engine.early import EarlyStart
from n3d_ros.node.plain.engine.worker import Worker
from n3d_ros.node.plain.transitions import ACTIVE, INACTIVE
from n3d_ros.node.servers.actions import Actions
from n3d_ros.node.servers.builds import Builds
from n3d_ros.node.servers.exchange import answer_what_came
from n3d_ros.node.servers.recall import MemoryServices
from n3d_ros.node.servers.services import Services
from n3d_ros.node.transforms import Transforms

HOUSEKEEPING_S = 0.1
LOOK_S = 0.5
# For an engine that was told to stop.
STOP_S = 5.0
# A simulation or recording that starts anew; less is the disorder of messages on their way.
RESTART = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1), on_clock_change=True)


class Parts:
    """The engine is of `engines`, loaded from now on where nobody has loaded it yet."""

    def __init__(self, node: Node, live: LiveParameters, engines: NodeEngines) -> None:
        self._node, self._live = node, live
        self._is_active = False
        with ExitStack() as made:  # what is made when something fails is destroyed again
            self._make(engines, made.callback)
            self._made = made.pop_all()

    def _make(self, engines: NodeEngines, at_end: Callable[..., Any]) -> None:
        """at_end: takes what destroys a part, and is to be called in the reverse order."""
        node, live = self._node, self._live
        at_end(self._destroy_entities, _entities(node))
        outbox = Outbox(node)
        self._topics, self._transforms = Publishers(node), Transforms(node)
        at_end(self._transforms.close)
        results = Results(self._topics, self._transforms, self.now_ns)
        worker = self._worker(engines)
        at_end(worker.stop, STOP_S)
        self.memory = Remembering(node, live, self._transforms, outbox)
        at_end(self.memory.close)
        self.desk = Desk(node, live, worker, outbox, results, self.memory.witness)
        self._early = EarlyStart(worker)
        self.camera = Camera(node, live, self._transforms, self._on_frame, self._on_colour)
        at_end(self.camera.close)
        self._continuous = Continuous(self.desk, self.camera)
        self.tickets, group = Tickets(self.desk, self.camera), ReentrantCallbackGroup()
        Services(node, group, self.desk, self.tickets, self.memory)
        self.actions = Actions(node, group, self.desk, self.tickets)
        at_end(self.actions.destroy)
        self.builds = Builds(node, group, self.desk)
        at_end(self.builds.destroy)
        MemoryServices(node, group, self.memory, live.now.limits)
        self._health = Health(node, self.desk, self.camera, self.memory)
        if live.now.override is not None:
            self._health.log_override()
        node.create_subscription(String, "prompt", self._on_prompt, 10)
        worker.loaded.add_done_callback(lambda _: outbox.post(self._health.log_engine))
        jumps = node.get_clock().create_jump_callback(RESTART, post_callback=self._on_jump)
        at_end(jumps.unregister)
        self._start_timers()

    def now_ns(self) -> int:
        """ROS time (the simulation's when use_sim_time is set)."""
        return int(self._node.get_clock().now().nanoseconds)

    def is_loaded(self, should_stop: Callable[[], bool]) -> bool:
        """Wait for the engine, no longer than it may take to load; whether it is there."""
        worker = self.desk.worker
        loaded = worker.loaded
        while not (loaded.done() or should_stop() or worker.loads_late(time.monotonic())):
            try:
                loaded.exception(timeout=HOUSEKEEPING_S)
            except FutureTimeoutError:
                continue
        is_ready = worker.state == "ready"
        if not is_ready:
            self._health.log_engine()
        return is_ready

    def activate(self) -> None:
        """Listen to the camera, take requests."""
        self.camera.open()
        self.tickets.admit()
        self._continuous.begin_anew()
        self._is_active = self._continuous.is_on = True
        self._health.life = ACTIVE

    def deactivate(self, why: str, life: str = INACTIVE) -> None:
        """Cancel every request, show nothing, hear nothing. life: what /diagnostics say from then on."""
        self._is_active = self._continuous.is_on = False
        self._health.life = life
        self.tickets.close(why)
        self.desk.worker.forget_continuous()
        self.desk.outlive()
        self.camera.close()
        self._topics.clear_markers()

    def close(self) -> None:
        """Save the memory: who stops the node may not wait as long as an engine or a build that hangs. Then
        destroy what was made.
        """
        self.memory.close()
        self._made.close()

    def change(self, before: Parameters, after: Parameters) -> None:
        """The old words are looked for no longer, and what they showed is deleted; markers are shown as they
        now should be; a change of K is said.
        """
        if standing_words(before) != standing_words(after):
            self._continuous.begin_anew()
            self._topics.clear_markers(CONTINUOUS)
        self._topics.restyle(before, after)
        if before.override != after.override:
            self.camera.follow_override()
            self._health.log_override()

    def _destroy_entities(self, others: dict[str, set[Any]]) -> None:
        """All that the node has but those."""
        for kind, entities in _entities(self._node).items():
            for one in entities - others[kind]:
                if kind == "service" and self._node.context.ok():
                    answer_what_came(one)
                getattr(self._node, f"destroy_{kind}")(one)

    def _worker(self, engines: NodeEngines) -> Worker[Engine]:
        """This camera's queue before the engine."""
        wanted, log = self._live.now, self._node.get_logger()
        worker: Worker[Engine] = Worker(
            partial(engines.join, wanted),
            lambda engine: engine.beside(wanted.limits),
            wanted.max_queued_goals,
            self._node.get_fully_qualified_name(),
            wanted.model_load_timeout_s,
        )
        if worker.shared_with:
            log.info(f"engine: shared with {', '.join(worker.shared_with)}")
        if given_up := engines.given_up(wanted, worker):
            log.warning(
                f"engine: loaded anew, with memory of its own: that of {', '.join(given_up)} hangs, "
                "loads for too long or did not load; clean them up and configure them, and they share this "
                "one"
            )
        if others := engines.others(wanted):
            log.warning(
                f"engine: one more in this process, with memory of its own: model.path, backend, "
                f"model.threads or model.box_fit differ from those of {', '.join(others)}"
            )
        return worker

    def _start_timers(self) -> None:
        """On a steady clock: a simulation that stands still must stop neither timeouts nor diagnostics."""
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        for period_s, callback in (
            (HOUSEKEEPING_S, self._housekeeping),
            (LOOK_S, self._look),
            (self._live.now.diagnostics_period_s, self._health.publish),
            *self.memory.timers(),
        ):
            self._node.create_timer(period_s, callback, clock=steady)

    def _on_frame(self, frame: CameraFrame) -> None:
        self._early.frame_complete(frame.stamp_ns)
        self._continuous.look(frame)

    def _on_colour(self, rgb: Any) -> None:
        """Its depth is still to come: begin with the picture if somebody will ask about it."""
        is_wanted = self._continuous.is_due() or self.camera.is_awaited(rgb)
        settings = self._live.now
        if not (settings.early_start and is_wanted):
            return
        picture = partial(_picture, rgb, settings.limits_max_picture_megapixels)
        job = self._early.try_start(stamp_ns(rgb.header.stamp), picture, settings.goal_timeout_s)
        if job is not None:
            self.desk.watch(job)

    def _on_prompt(self, message: String) -> None:
        """Nobody hears how a topic's message was taken: what is refused is counted, logged and published."""
        result = self._live.set("continuous.prompt", message.data)
        if not result.successful:
            refused = GroundQuery((message.data,))
            self.desk.give_up(refused, CONTINUOUS, Header(), (ResultCode.BAD_INPUT, result.reason))

    def _on_jump(self, jump: TimeJump) -> None:
        """The clock was set back, or another one is used: what was seen before is of another time, and a
        question about a stamp of now must not be answered with it. What is remembered stays, until something
        newer is known.
        """
        num_clocks = self._node.count_publishers("/clock")
        many = f"; /clock has {num_clocks} publishers: stop all but one" if num_clocks > 1 else ""
        self._node.get_logger().warning(
            f"the clock jumped by {jump.delta.nanoseconds / 1e9:+.1f} s: frames, tf, ids and markers of "
            f"before are forgotten{many}"
        )
        self._continuous.begin_anew()
        back_ns = -jump.delta.nanoseconds
        self.camera.forget(back_ns)
        self._transforms.forget(back_ns)
        self.desk.outlive()
        self.desk.results.forget()
        self.memory.begin_anew()

    def _housekeeping(self) -> None:
        now_s = time.monotonic()
        self.camera.frames.expire(now_s)
        self.desk.worker.expire(now_s)
        self._continuous.check()

    def _look(self) -> None:
        if self._is_active:
            self.camera.topics.match_publishers()
        self._health.look()


def _picture(rgb: Any, max_megapixels: float) -> npt.NDArray[np.uint8]:
    """In the worker's thread."""
    return rgb_array(opened(rgb), max_megapixels)


def _entities(node: Node) -> dict[str, set[Any]]:
    """What a node has, by the word in the name of what destroys it."""
    return {
        "subscription": set(node.subscriptions),
        "publisher": set(node.publishers),
        "service": set(node.services),
        "timer": set(node.timers),
        "guard_condition": set(node.guards),
    }
