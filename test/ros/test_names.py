"""Two nodes of one name answer each other's requests: the node says so."""

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fake_pipeline import FakePipeline
from graph import MUG
from graph_views import LOG, wait_for_level
from rcl_interfaces.msg import Log


def test_a_second_node_of_the_name_is_an_error_until_it_goes(make_graph):
    graph = make_graph(FakePipeline([MUG]), diagnostics__period_s=0.1)
    diagnostics, log = graph.collect(DiagnosticArray, "/diagnostics"), graph.collect(Log, "/rosout", LOG)
    wait_for_level(graph, diagnostics, "name", DiagnosticStatus.OK)
    double = rclpy.create_node("n3d", context=graph.context)
    status = wait_for_level(graph, diagnostics, "name", DiagnosticStatus.ERROR)
    assert "2 nodes are named /n3d" in status.message and "__node" in status.message
    graph.wait(lambda: any("2 nodes are named" in line.msg for line in log), "a line in the log")
    double.destroy_node()
    wait_for_level(graph, diagnostics, "name", DiagnosticStatus.OK)
    assert sum("nodes are named" in line.msg for line in log) == 1
