"""A node with a fake pipeline, whose camera publishes until the test ends."""

import threading

import pytest


@pytest.fixture
def make_robot(make_graph):
    """Start a node; pipeline, then parameters with __ for the dot."""
    robots = []

    def make(pipeline, **parameters):
        # A busy machine delivers frames late, and these tests are about other things.
        robots.append(Robot(make_graph(pipeline, **{"max_frame_age_s": 60.0, **parameters})))
        return robots[-1]

    yield make
    for robot in robots:
        robot.close()


@pytest.fixture
def empty_domain():
    """The id of a ROS domain in which nobody is."""
    from n3d_ros.commands.graph.isolation import take_domain

    with take_domain() as domain:
        yield domain.id


class Robot:
    """A graph with one frame in the node, and more to come."""

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

    def _see(self):
        while not self._ended.wait(0.1):
            self.graph.publish()
