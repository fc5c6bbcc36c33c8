"""The node's life in its process: made, spun until told to stop, ended in order.

In: ROS arguments, and an event that says stop. Out: the exit code.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor
from rclpy.signals import SignalHandlerOptions

from n3d_ros.node import engine
from n3d_ros.node.executor import OneThreadExecutor
from n3d_ros.node.node import N3DNode
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.transport import make_room_for_images

# For answers to those who wait when the node is stopped, and then for their way: a client asks for a goal's
# result in a request of its own, and a message dies with its publisher.
ANSWER_S = 3.0
LINGER_S = 0.5
# An unconfigured node has no timer that would end a wait.
STOP_IS_SEEN_S = 0.5


def run(arguments: list[str] | None, stop: threading.Event) -> int:
    """0: stopped; 2: a parameter was refused."""
    if stop.is_set():
        return 0
    # rclpy's own handlers end the context under a publishing callback; this loop ends between two callbacks.
    make_room_for_images()
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = N3DNode(_load, should_stop=stop.is_set)
    except (ValueError, ParameterException) as error:
        print(f"n3d_node: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 2
    executor = OneThreadExecutor()
    executor.add_node(node)
    try:
        while not stop.is_set():
            # A configured node's housekeeping timer ends the wait. One that is not configured has none, and
            # no signal ends it: Python's handler runs when it is over. A limit costs a timer each time.
            executor.spin_once(timeout_sec=None if node.is_configured else STOP_IS_SEEN_S)
        _answer_who_waits(node, executor)
    finally:
        node.destroy_node()
        executor.shutdown()
        rclpy.try_shutdown()
    if node.is_engine_running:
        _leave_without_the_engine()
    return 0


def _load(wanted: Parameters) -> engine.Engine:
    """The engine. What is there once it is loaded stays, and Python's collector need not look at it again:
    that takes long, in the middle of some frame.
    """
    gc.unfreeze()
    loaded = engine.load_pipeline(wanted)
    gc.collect()
    gc.freeze()
    return loaded


def _answer_who_waits(node: N3DNode, executor: Executor) -> None:
    if not node.is_answering:
        return
    node.begin_stop()
    _spin(executor, ANSWER_S, until=lambda: not node.is_answering)
    _spin(executor, LINGER_S)


def _spin(executor: Executor, duration_s: float, until: Callable[[], bool] = lambda: False) -> None:
    end_s = time.monotonic() + duration_s
    while time.monotonic() < end_s and not until():
        executor.spin_once(timeout_sec=0.1)


def _leave_without_the_engine() -> None:
    """Python would wait for the engine's thread for ever."""
    print("n3d_node: the engine does not stop; leaving without it", file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(0)
