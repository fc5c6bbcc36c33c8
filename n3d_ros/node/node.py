"""The ROS 2 node and its life: unconfigured, inactive, active.

In: parameters, transitions of ROS 2's lifecycle, or `autostart`. Out: `Parts`, made when it is configured,
listening while it is active, gone after cleanup. What it does with a camera's frames is the parts' affair.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.subscription import Subscription
from rosgraph_msgs.msg import Clock

from n3d_ros.node import heap, optional_packages
from n3d_ros.node.desk.desk import Desk
from n3d_ros.node.desk.tickets import Tickets
from n3d_ros.node.engine import NodeEngines
from n3d_ros.node.inputs.camera import Camera
from n3d_ros.node.parameters.asked import answer_by_name
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.parameters.live import LiveParameters
from n3d_ros.node.parts import Parts
from n3d_ros.node.plain.transitions import SHUT_DOWN, way_to_set

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class N3DNode(LifecycleNode):
    """`engines` are those of the process: nodes that want the same share one. should_stop: asked while a
    transition waits.
    """

    def __init__(
        self,
        engines: NodeEngines,
        should_stop: Callable[[], bool] = lambda: False,
        **node_arguments: Any,
    ) -> None:
        """ValueError, and no node, where a parameter is refused."""
        super().__init__("n3d", **node_arguments)
        self._change_state = self._service_change_state.callback
        self._service_change_state.callback = self._change_state_in_turn
        self._engines, self._should_stop = engines, should_stop
        self._parts: Parts | None = None
        self._is_left_running = self._is_starting = False
        try:
            self.live = LiveParameters(self, _check_machine, self._on_change, self._way_to_set)
        except ValueError:
            self._destroy()
            raise
        answer_by_name(self)
        if self.live.now.autostart:
            self._start()

    def create_subscription(
        self, msg_type: Any, topic: str, callback: Callable[[Any], None], *args: Any, **options: Any
    ) -> Subscription:
        """As rclpy's. Its clock raises through the executor, and so ends the process, at a time before 0."""
        if msg_type is Clock:
            callback = partial(self._take_clock, callback)
        return super().create_subscription(msg_type, topic, callback, *args, **options)

    def _take_clock(self, take: Callable[[Any], None], message: Clock) -> None:
        if message.clock.sec >= 0:
            take(message)
            return
        self.get_logger().error(
            f"/clock: expected a time from 0 on, got {message.clock.sec} s; it is left out",
            throttle_duration_sec=5.0,
        )

    @property
    def life(self) -> str:
        """Its lifecycle's state: 'unconfigured', 'inactive', 'active', 'finalized', or a transition's."""
        return str(self._state_machine.current_state[1])

    @property
    def is_configured(self) -> bool:
        """Whether it has parts."""
        return self._parts is not None

    @property
    def parts(self) -> Parts:
        """What a configured node has; RuntimeError before."""
        if self._parts is None:
            raise RuntimeError("the node is not configured")
        return self._parts

    @property
    def desk(self) -> Desk:
        """Of a configured node."""
        return self.parts.desk

    @property
    def camera(self) -> Camera:
        """Of a configured node."""
        return self.parts.camera

    @property
    def tickets(self) -> Tickets:
        """Of a configured node."""
        return self.parts.tickets

    @property
    def is_answering(self) -> bool:
        """Whether somebody waits for an answer, or for an engine that is being built."""
        parts = self._parts
        if parts is None:
            return False
        waiting = (parts.tickets.open, parts.actions.is_answering, parts.memory.is_answering)
        return any(waiting) or parts.builds.is_running

    @property
    def is_engine_running(self) -> bool:
        """Whether an engine goes on although it was told to stop."""
        return self._parts is not None and self._parts.desk.worker.is_running or self._is_left_running

    def now_ns(self) -> int:
        """ROS time (the simulation's when use_sim_time is set)."""
        return int(self.get_clock().now().nanoseconds)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Make everything and load the engine. Who configures it by hand is told whether that worked; where
        it starts by itself the node is there at once, and requests wait for the engine.
        """
        self.live.is_fixed = True
        with self._told():
            self._parts = Parts(self, self.live, self._engines)
        if self._is_starting or self._parts.is_loaded(self._should_stop):
            return SUCCESS
        self._dismantle()
        return FAILURE

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Listen to the camera, take requests."""
        with self._told():
            self.parts.activate()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Cancel every request, show nothing, hear nothing; the engine stays loaded."""
        self.parts.deactivate("the node is inactive")
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give back the engine's memory. Fails while requests are still being answered, or an engine is being
        built.
        """
        if self.is_answering:
            what = (
                "an engine is being built" if self.parts.builds.is_running else "requests are being answered"
            )
            self.get_logger().error(f"{what}: clean up once that is done, or canceled")
            return FAILURE
        self._dismantle()
        heap.give_back()
        return SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Cancel every request; whoever still asks is answered until the node is destroyed."""
        self.begin_stop()
        return SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to unconfigured: it may be configured again once the cause is gone."""
        self._dismantle()
        return SUCCESS

    def begin_stop(self) -> None:
        """Everybody who waits gets an answer as the executor goes on; `tickets.open`: who still waits."""
        if self._parts is not None:
            self._parts.deactivate("the node shuts down", SHUT_DOWN)
            self._parts.builds.stop()
            self._parts.memory.begin_stop()
            self._parts.desk.worker.begin_stop()

    def destroy_node(self) -> None:
        """Stop the worker first: nothing may arrive for a node that is gone."""
        self._dismantle()
        self._destroy()

    def _start(self) -> None:
        """What fails is in the log, and a node that is not configured waits for a manager."""
        self._is_starting = True
        if self.trigger_configure() == SUCCESS:
            self.trigger_activate()
        self._is_starting = False

    def _destroy(self) -> None:
        """rclpy's lifecycle nodes leave their state machine alone, and that keeps the node in the graph."""
        self._state_machine.destroy_when_not_in_use()
        super().destroy_node()

    def _change_state_in_turn(
        self, request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        """rclpy raises through the executor, and so ends the process, when a transition comes out of turn."""
        wanted = request.transition
        known = {one[0]: one[1] for one in self._state_machine.available_transitions}
        if wanted.id in known or wanted.label in known.values():
            return self._change_state(request, response)
        expected = f"one of {', '.join(known.values())}" if known else "no transition any more"
        self.get_logger().error(
            f"lifecycle: expected {expected} while {self.life}, got {wanted.label or wanted.id}"
        )
        response.success = False
        return response

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What fails in a transition is logged: rclpy would swallow it."""
        try:
            yield
        except Exception:
            self.get_logger().error(traceback.format_exc())
            raise

    def _dismantle(self) -> None:
        parts, self._parts = self._parts, None
        self.live.is_fixed = False
        if parts is not None:
            parts.close()
            self._is_left_running |= parts.desk.worker.is_running

    def _way_to_set(self) -> str:
        return way_to_set(self.get_fully_qualified_name(), self.life)

    def _on_change(self, before: Parameters, after: Parameters) -> None:
        if self._parts is not None:
            self._parts.change(before, after)


def _check_machine(wanted: Parameters) -> None:
    for parameter in ("output_frame", "tracking_frame"):
        optional_packages.refuse_frame_without_tf(parameter, getattr(wanted, parameter))
    if wanted.memory_enabled:
        optional_packages.refuse_frame_without_tf("memory.frame", wanted.memory_frame)
    optional_packages.refuse_tf_without_messages("continuous.publish_tf", wanted.continuous_publish_tf)
    optional_packages.refuse_rgbd_without_its_type(wanted.rgbd_enabled)
