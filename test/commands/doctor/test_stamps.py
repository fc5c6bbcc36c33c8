"""Stamps as doctor judges them: ages, clocks, and drivers that stamp nothing."""

from dataclasses import replace

import pytest
from graphs_seen import GRAPH, PARAMETERS, frame, one, topic

from n3d_ros.commands.doctor.checks.frame import check_frame
from n3d_ros.commands.doctor.checks.stamps import check_stamps
from n3d_ros.node.plain.inputs.state import Level
from n3d_ros.node.plain.inputs.sync import Synchroniser


@pytest.mark.parametrize(
    ("ahead_s", "level"),
    [(-0.01, Level.OK), (-1.9, Level.OK), (-2.1, Level.ERROR), (0.4, Level.OK), (0.6, Level.WARN)],
)
def test_stamps_are_judged_by_the_nodes_limits(ahead_s, level):
    graph = replace(GRAPH, topics=(topic("rgb"), topic(ahead_s=ahead_s)))
    assert check_stamps(graph).level == level


def test_old_stamps_with_a_clock_in_the_graph_ask_for_simulated_time():
    graph = replace(GRAPH, topics=(topic(ahead_s=-60.0),), num_clocks=1)
    assert check_stamps(graph).mend == "ros2 param set /n3d use_sim_time true"


def test_no_age_is_below_zero():
    found = check_stamps(replace(GRAPH, topics=(topic(ahead_s=0.0004),)))
    assert (found.level, found.what) == (Level.OK, "at most 0 ms old when they come")


def test_stamps_of_latched_camera_info_may_be_old():
    graph = replace(GRAPH, topics=(topic(), topic("camera_info", ahead_s=-60.0)))
    assert check_stamps(graph).level == Level.OK


STAMP = "have the driver stamp each image"


def test_stamps_of_zero_are_the_drivers_and_not_the_clocks():
    seen = topic(ahead_s=-1.8e9, seen={"stamp_ns": 0, "is_still": True})
    found = check_stamps(replace(GRAPH, topics=(topic("rgb"), seen)))
    assert (found.level, found.what, found.mend) == (Level.ERROR, "/depth/image: stamps are 0", STAMP)


def test_stamps_that_stand_still_are_the_drivers_as_the_nodes_synchroniser_says():
    sync = Synchroniser()
    sync.add_depth(5_000_000_000, "depth")
    for picture in ("a", "b"):
        sync.add_rgb(5_000_000_000, picture)
    still = topic("rgb", "/rgb/image", seen={"stamp_ns": 5_000_000_000, "is_still": True})
    both = frame(unpaired=sync.fault())
    found = check_stamps(replace(GRAPH, topics=(still,), frame=both))
    what = "each image has the same stamp: /rgb/image (5.000 s)"
    assert (found.level, found.what) == (Level.ERROR, what)
    assert found.mend == one(check_frame(both, PARAMETERS, "/n3d"), "pairing").mend == STAMP


def test_a_picture_that_comes_again_is_in_order_until_it_is_too_old():
    again = {"stamp_ns": 5, "is_still": True}
    assert check_stamps(replace(GRAPH, topics=(topic(seen=again),), frame=frame())).level == Level.OK
    old = check_stamps(replace(GRAPH, topics=(topic(seen=again, ahead_s=-2.1),), frame=frame()))
    assert (old.level, old.mend) == (Level.ERROR, STAMP)


def test_a_camera_by_the_machines_clock_before_a_node_in_simulated_time_is_not_led_there_again():
    seen = replace(GRAPH, topics=(topic(ahead_s=1.8e9),), num_clocks=1, use_sim_time=True)
    assert "ros2 param set /n3d use_sim_time false" in check_stamps(seen).mend


def test_no_stamps_are_judged_by_a_clock_that_stands_still():
    assert check_stamps(replace(GRAPH, topics=(topic(ahead_s=1e9),), use_sim_time=True)) is None
