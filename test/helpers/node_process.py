"""The node as a process of its own, and a client in its graph, as fixtures."""

import os
import subprocess
import sys
import time

import pytest
import rclpy
from places import CHECKOUT
from rclpy.executors import SingleThreadedExecutor

from n3d_ros.commands.graph.isolation import take_domain

DEADLINE_S = 60.0
# One for all: a test's processes have ended before the next begins.
DOMAIN = take_domain()
COMMAND = [sys.executable, "-m", "n3d_ros.node.n3d_node", "--ros-args"]
# A program: a node whose engine never loads.
HANGING_ENGINE = """
import sys, threading
from n3d_ros.node import n3d_node

def load(_):
    print("loading", file=sys.stderr, flush=True)
    threading.Event().wait()

sys.exit(n3d_node.main(load=load))
"""


@pytest.fixture
def start():
    """Start the node with ROS arguments; killed at the end when it still runs."""
    environment = {**os.environ, "ROS_DOMAIN_ID": str(DOMAIN.id), "PYTHONUNBUFFERED": "1"}
    processes = []

    def begin(*arguments, command=COMMAND):
        processes.append(
            subprocess.Popen(
                [*command, *arguments], cwd=CHECKOUT, env=environment, stderr=subprocess.PIPE, text=True
            )
        )
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def client():
    """A node of this process in the graph of the started one, and how it waits."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=DOMAIN.id)
    node = rclpy.create_node("client", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def wait(condition):
        end_s = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < end_s
            executor.spin_once(timeout_sec=0.02)

    yield node, wait
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown(context=context)
