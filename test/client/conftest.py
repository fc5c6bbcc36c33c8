"""A node with a fake pipeline on a graph of its own, and a client of it."""

import importlib.util
import threading

import pytest

AVAILABLE = (
    importlib.util.find_spec("rclpy") is not None and importlib.util.find_spec("n3d_ros.msg") is not None
)
collect_ignore_glob = [] if AVAILABLE else ["test_*.py"]


@pytest.fixture
def make_robot():
    """Start a node whose camera publishes until the test ends; pipeline, then parameters with __ for the
    dot.
    """
    from graph import Graph

    robots = []

    def make(pipeline, **parameters):
        robots.append(Robot(Graph(pipeline, None, **parameters)))
        return robots[-1]

    yield make
    for robot in robots:
        robot.close()


class Robot:
    """A graph with one frame in the node."""

    def __init__(self, graph):
        self.graph, self.domain_id = graph, graph.context.get_domain_id()
        graph.one_frame()
        graph.wait_for_engine()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._see)
        self._thread.start()

    def close(self):
        self._ended.set()
        self._thread.join()
        self.graph.close()

    def _see(self):
        while not self._ended.wait(0.1):
            self.graph.publish()
