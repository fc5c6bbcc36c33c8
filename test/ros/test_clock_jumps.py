"""A simulation that starts anew: nothing of before is taken for now."""

import threading
from dataclasses import replace

import pytest
import stand_in_tf
from builtin_interfaces.msg import Time
from fake_pipeline import FakePipeline
from graph import FRAME, MUG
from graph_views import LATCHED, LOG, scene
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Log
from rosgraph_msgs.msg import Clock
from visualization_msgs.msg import MarkerArray

from n3d_ros.action import Ground as GroundAction
from n3d_ros.errors import ResultCode
from n3d_ros.msg import Box3DArray
from n3d_ros.node.conversions import stamp_ns
from n3d_ros.srv import Recall

S = 10**9


class Simulation:
    """A graph whose time is set by hand."""

    def __init__(self, graph):
        self.graph = graph
        self._clock = graph.client.create_publisher(Clock, "/clock", 10)
        graph.connect_camera()
        graph.wait_for_engine()

    def set(self, at_s):
        at_ns = round(at_s * S)

        def is_set():
            message = Clock(clock=Time(sec=at_ns // S, nanosec=at_ns % S))
            self._clock.publish(message)
            return self.graph.node.now_ns() == at_ns

        self.graph.wait(is_set, f"{at_s} s on the node's clock")

    def see(self, at_s):
        stamp = self.graph.publish(self.graph.messages(stamp_ns=round(at_s * S)))
        self.graph.wait(lambda: self.graph.newest_ns() == stamp, f"the frame of {at_s} s")

    def ground(self, **wanted):
        handle = self.graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt="red mug", **wanted))
        return self.graph.result(handle).result


@pytest.fixture
def simulate(make_graph):
    def start(pipeline=None, **parameters):
        parameters = {"use_sim_time": True, "frame_timeout_s": 0.3, "max_frame_age_s": 0.0, **parameters}
        return Simulation(make_graph(pipeline or FakePipeline([MUG]), **parameters))

    return start


def test_a_clock_that_stands_at_zero_serves_frames_and_its_start_forgets_none(simulate):
    simulation = simulate()
    simulation.see(3.0)
    assert simulation.ground().code == ResultCode.OK
    simulation.set(3.1)
    result = simulation.ground()
    assert (result.code, result.boxes.header.stamp.sec) == (ResultCode.OK, 3)


def test_a_stamp_after_a_restart_is_not_answered_with_a_frame_of_before_it(simulate):
    simulation = simulate()
    log = simulation.graph.collect(Log, "/rosout", LOG)
    simulation.set(1000.0)
    simulation.see(1000.0)
    simulation.set(5.0)
    graph = simulation.graph
    graph.wait(lambda: any("jumped by -995.0 s" in one.msg for one in log), "a line in the log")
    assert simulation.ground(stamp=Time(sec=6)).code == ResultCode.NO_FRAME
    assert simulation.ground().code == ResultCode.NO_FRAME, "nor is it the newest frame"
    simulation.see(6.5)
    result = simulation.ground(stamp=Time(sec=6))
    assert (result.code, stamp_ns(result.boxes.header.stamp)) == (ResultCode.OK, 6_500_000_000)


def test_a_goal_that_waits_while_the_clock_goes_back_gets_the_next_frame_that_it_asked_for(simulate):
    simulation = simulate(frame_timeout_s=60.0)
    graph = simulation.graph
    simulation.set(1000.0)
    goal = GroundAction.Goal(prompt="red mug", stamp=Time(sec=6), frame_policy=GroundAction.Goal.NEXT)
    handle = graph.goal(GroundAction, "n3d/ground", goal)
    simulation.set(5.0)
    simulation.see(5.5)
    simulation.see(6.5)
    result = graph.result(handle).result
    assert (result.code, stamp_ns(result.boxes.header.stamp)) == (ResultCode.OK, 6_500_000_000)


def test_a_clock_before_zero_is_left_out_and_said(simulate):
    simulation = simulate()
    log = simulation.graph.collect(Log, "/rosout", LOG)
    simulation.set(100.0)
    before_zero = simulation.graph.client.create_publisher(Clock, "/clock", 10)

    def is_said():
        before_zero.publish(Clock(clock=Time(sec=-5)))
        return any("expected a time from 0 on, got -5 s" in line.msg for line in log)

    simulation.graph.wait(is_said, "a line in the log")
    simulation.set(101.0)


def test_the_disorder_of_a_moment_forgets_nothing(simulate):
    simulation = simulate()
    simulation.set(1000.0)
    simulation.see(1000.0)
    simulation.set(999.5)
    assert simulation.ground().code == ResultCode.OK


def test_tf_ids_and_markers_begin_anew(simulate, monkeypatch):
    world = stand_in_tf.install(monkeypatch)
    world.poses["map", FRAME] = stand_in_tf.Still(x=5.0)
    simulation = simulate(output_frame="map")
    graph = simulation.graph
    markers = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    simulation.set(1000.0)
    simulation.see(1000.0)
    assert simulation.ground().code == ResultCode.OK
    graph.wait(lambda: scene(markers), "markers")
    simulation.set(5.0)
    graph.wait(lambda: not scene(markers), "them to go")
    assert world.num_cleared == 1


def test_what_the_standing_words_find_in_a_frame_of_before_is_not_shown(simulate):
    gate = threading.Semaphore(0)
    simulation = simulate(FakePipeline([MUG], gate), continuous__prompt="red mug")
    graph = simulation.graph
    markers = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    simulation.set(1000.0)
    simulation.see(1000.0)
    graph.wait(lambda: graph.pipeline.stamps, "the engine to begin")
    simulation.set(5.0)
    gate.release(10)
    simulation.see(5.1)
    graph.wait(lambda: boxes and scene(markers), "what is found now")
    assert [stamp_ns(one.header.stamp) for one in boxes] == [5.1 * S]


def test_who_asked_before_a_restart_alone_hears_what_was_found(simulate):
    """Its stamp lies ahead of the new time: markers would stay without a place, ids and tf would be taken."""
    gate = threading.Semaphore(0)
    simulation = simulate(FakePipeline([MUG], gate))
    graph = simulation.graph
    markers = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    simulation.set(1000.0)
    simulation.see(1000.0)
    handle = graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt="red mug"))
    graph.wait(lambda: graph.pipeline.stamps, "the engine to begin")
    simulation.set(5.0)
    gate.release(2)
    result = graph.result(handle).result
    assert (result.code, stamp_ns(result.boxes.header.stamp)) == (ResultCode.OK, 1000 * S)
    gate.release(2)
    simulation.see(5.0)
    assert simulation.ground().boxes.boxes[0].id == "red mug/0"
    graph.wait(lambda: markers, "markers")
    assert [one.header.stamp.sec for array in markers for one in array.markers] == [5, 5]


def test_a_picture_of_before_that_comes_after_the_jump_is_left_out(simulate):
    """Nothing orders /clock and pictures: a goal for the new time would be answered about it, and shown."""
    simulation = simulate(continuous__prompt="red mug", frame_timeout_s=60.0)
    graph = simulation.graph
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    simulation.set(1000.0)
    simulation.set(5.0)
    goal = GroundAction.Goal(prompt="red mug", stamp=Time(sec=6))
    handle = graph.goal(GroundAction, "n3d/ground", goal)
    graph.publish(graph.messages(stamp_ns=round(1000.1 * S)))
    simulation.see(6.5)
    result = graph.result(handle).result
    assert (result.code, stamp_ns(result.boxes.header.stamp)) == (ResultCode.OK, 6_500_000_000)
    graph.wait(lambda: len(boxes) == 2, "both results")
    assert {one.header.stamp.sec for one in boxes} == {6}


def test_two_clocks_that_contradict_each_other_are_said(simulate):
    simulation = simulate()
    graph = simulation.graph
    log = graph.collect(Log, "/rosout", LOG)
    simulation.set(1000.0)
    graph.client.create_publisher(Clock, "/clock", 10)
    graph.wait(lambda: graph.node.count_publishers("/clock") == 2, "the other clock")
    simulation.set(5.0)
    graph.wait(lambda: any("/clock has 2 publishers: stop all but one" in one.msg for one in log), "a line")


def test_a_camera_with_another_clock_is_heard_after_the_jump(simulate):
    simulation = simulate()
    simulation.set(1000.0)
    simulation.set(5.0)
    simulation.see(1_700_000_000.0)
    assert simulation.ground().code == ResultCode.OK


def test_what_is_found_after_a_restart_is_newer_than_what_is_remembered(simulate, monkeypatch):
    world = stand_in_tf.install(monkeypatch)
    world.poses["map", FRAME] = stand_in_tf.Still(x=5.0)
    pipeline = FakePipeline([MUG])
    simulation = simulate(pipeline, memory__enabled=True, memory__frame="map")
    for at_s, x in ((30.0, 0.1), (5.0, -0.6)):
        pipeline.boxes = [replace(MUG, center=(x, 0.2, 1.0))]
        simulation.set(at_s)
        simulation.see(at_s)
        assert simulation.ground().code == ResultCode.OK
        response = simulation.graph.call(Recall, "n3d/recall", Recall.Request(words="the mug"))
        assert any(one.pose.position.x == pytest.approx(5 + x) for one in response.objects)


def test_things_not_seen_for_too_long_are_forgotten(simulate, monkeypatch):
    world = stand_in_tf.install(monkeypatch)
    world.poses["map", FRAME] = stand_in_tf.Still(x=5.0)
    simulation = simulate(memory__enabled=True, memory__frame="map", memory__max_age_s=100.0)
    simulation.set(1000.0)
    simulation.see(1000.0)
    assert simulation.ground().code == ResultCode.OK
    for at_s, number in ((1099.0, 1), (1101.0, 0)):
        simulation.set(at_s)
        response = simulation.graph.call(Recall, "n3d/recall", Recall.Request(words="the mug"))
        assert (response.code, len(response.objects)) == (ResultCode.OK, number)


def test_a_jump_is_heard_once_however_often_the_node_was_configured(simulate):
    simulation = simulate()
    log = simulation.graph.collect(Log, "/rosout", LOG)
    simulation.set(1000.0)
    for one in ("DEACTIVATE", "CLEANUP", "CONFIGURE", "ACTIVATE"):
        transition = Transition(id=getattr(Transition, f"TRANSITION_{one}"))
        request = ChangeState.Request(transition=transition)
        assert simulation.graph.call(ChangeState, "n3d/change_state", request).success
    simulation.set(5.0)
    simulation.set(1000.0)
    simulation.set(500.0)
    simulation.graph.wait(lambda: any("by -500.0 s" in one.msg for one in log), "the second jump")
    assert sum("jumped" in one.msg for one in log) == 2


def test_a_picture_of_before_is_not_placed_by_tf_of_the_new_time(simulate, monkeypatch):
    world = stand_in_tf.install(monkeypatch)
    world.poses["map", FRAME] = stand_in_tf.Still(x=5.0)
    gate = threading.Semaphore(0)
    simulation = simulate(FakePipeline([MUG], gate), output_frame="map", tf_timeout_s=0.0)
    graph = simulation.graph
    goals = []
    for at_s in (1000.0, 1000.1):
        simulation.set(at_s)
        simulation.see(at_s)
        goals.append(graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt="red mug")))
        graph.wait(lambda: len(graph.node.tickets.open) == len(goals), "the goal")
    graph.wait(lambda: graph.pipeline.stamps, "the engine")
    simulation.set(5.0)
    gate.release(4)
    placed, late = (graph.result(goal).result for goal in goals)
    assert (placed.code, placed.boxes.header.frame_id) == (ResultCode.OK, "map"), "tf was asked before"
    assert (late.code, late.boxes.header.frame_id) == (ResultCode.TF, FRAME)
    assert "the clock went back" in late.message
