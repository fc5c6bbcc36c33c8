import importlib.util

import pytest

AVAILABLE = (
    importlib.util.find_spec("rclpy") is not None and importlib.util.find_spec("n3d_ros.msg") is not None
)


@pytest.fixture
def make_graph():
    """A graph with the node, as in test/ros."""
    if not AVAILABLE:
        pytest.skip("needs rclpy and the built interfaces (make ros)")
    from graph import Graph

    graphs = []

    def make(pipeline, **parameters):
        graphs.append(Graph(pipeline, None, **parameters))
        return graphs[-1]

    yield make
    for graph in graphs:
        graph.close()
