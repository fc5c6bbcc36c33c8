"""Stamps ahead of the node's clock: said, and no reason to take an old frame for a fresh one."""

import re

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fake_pipeline import FakePipeline
from graph import MUG
from graph_views import wait_for_level

from n3d_ros.errors import ResultCode
from n3d_ros.srv import Ground

HOUR_NS = 3600 * 10**9


def test_a_frame_from_the_future_is_served_and_ages_from_its_arrival(make_graph):
    graph = make_graph(
        FakePipeline([MUG]), max_frame_age_s=0.5, frame_timeout_s=0.1, diagnostics__period_s=0.1
    )
    diagnostics = graph.collect(DiagnosticArray, "/diagnostics")
    graph.connect_camera()
    stamp = graph.node.now_ns() + HOUR_NS

    def call_with_a_new_frame():
        graph.publish(graph.messages(stamp_ns=stamp))
        return graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))

    graph.wait(lambda: call_with_a_new_frame().code == ResultCode.OK, "an answer")

    def said():
        status = wait_for_level(graph, diagnostics, "rgb", DiagnosticStatus.WARN)
        # less what it took to arrive
        return re.search(r"(3600|359\d)\.\d s ahead", status.message) and "use_sim_time" in status.message

    graph.wait(said, "the warning")
    newest = graph.node.camera.frames.frame
    graph.wait(lambda: newest.arrived_ago_s() > 0.6, "the frame to age")
    late = graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))
    assert late.code in (ResultCode.STALE, ResultCode.NO_FRAME)
    assert late.timing.end_to_end_ms == 0.0


def test_ages_in_a_result_are_never_below_zero(make_graph):
    graph = make_graph(FakePipeline([MUG]))
    graph.connect_camera()
    stamp = graph.publish(graph.messages(stamp_ns=graph.node.now_ns() + HOUR_NS))
    graph.wait(lambda: graph.newest_ns() == stamp, "frame")
    timing = graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).timing
    assert 0.0 < timing.queue_age_ms <= timing.end_to_end_ms < 60_000.0
