"""The node's life in its process: made, spun until told to stop, ended in order.

In: ROS arguments, and an event that says stop. Out: the exit code.
"""

from __future__ import annotations

import sys
import threading

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from n3d_ros.node import engine
from n3d_ros.node.node import N3DNode
from n3d_ros.node.transport import make_room_for_images


def run(arguments: list[str] | None, stop: threading.Event) -> int:
    """0: stopped; 2: a parameter was refused."""
    # rclpy's own handlers end the context under a publishing callback; this loop ends between two callbacks.
    make_room_for_images()
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = N3DNode(engine.load_pipeline)
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
