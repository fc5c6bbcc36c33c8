"""Inputs as doctor judges them: what comes, what does not, and the command that mends it."""

from dataclasses import replace

import pytest
from graphs_seen import GRAPH, REALSENSE, absent, frame, in_graph, one, silent, topic

from n3d_ros.commands.doctor import of_graph
from n3d_ros.commands.doctor.checks.command import nearest
from n3d_ros.commands.doctor.checks.node import check_graph
from n3d_ros.commands.doctor.checks.publishers import check_publishers
from n3d_ros.commands.doctor.checks.topics import check_topic
from n3d_ros.commands.doctor.seen import (
    GraphSeen,
    StatusSeen,
)
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.inputs.qos import Quality, mismatch, missed
from n3d_ros.node.plain.inputs.state import Level


def test_an_input_that_comes_is_told_with_its_rate_and_quality():
    found = check_topic(topic(), GRAPH)
    assert (found.level, found.what, found.mend) == (Level.OK, "/depth/image: 10.0 Hz, best effort", "")


ANEW = "stop the node, then, with what else it was given: ros2 launch n3d_ros n3d.launch.py"


def test_a_topic_that_nobody_publishes_is_led_to_the_one_of_the_most_similar_name():
    [found] = in_graph(absent(others=("/camera/color/image", "/camera/depth/image", "/rear/depth_raw")))
    assert (found.level, found.what) == (Level.ERROR, "nobody publishes /depth/image")
    assert found.mend == f"{ANEW} depth_topic:=/camera/depth/image"


def test_one_command_mends_all_wrong_topics_and_keeps_the_right_ones():
    found = in_graph(
        absent(name="rgb", topic="/rgb/image", others=("/cam/color/image",)),
        topic("camera_info", "/cam/color/camera_info"),
        absent(others=("/cam/depth/image",)),
    )
    topics = "rgb_topic:=/cam/color/image info_topic:=/cam/color/camera_info depth_topic:=/cam/depth/image"
    assert [one.mend for one in found] == [f"{ANEW} {topics}", "", "the command at rgb mends it too"]


def test_a_node_is_started_anew_where_it_was_and_under_its_name():
    [found] = in_graph(absent(others=("/cam/depth/image",)), node="/robot1/eyes")
    assert found.mend == f"{ANEW} namespace:=/robot1 name:=eyes depth_topic:=/cam/depth/image"
    words = mismatch("/depth/image", [Quality()], Quality(reliable=True), "qos.depth")
    [found] = in_graph(topic(incompatible=words), node="/robot1/n3d")
    assert found.mend == f"{ANEW} namespace:=/robot1 depth_topic:=/depth/image qos:=auto"


def test_who_ends_with_the_process_of_a_node_is_said_before_that_is_stopped():
    shared = {"state": "ready", "shared_with": "/left/n3d"}
    [found] = in_graph(absent(others=("/cam/depth/image",)), node="/front/n3d", info=shared)
    assert found.mend.startswith(
        "stop the node (and with it /left/n3d, of the same process; n3d_node --camera"
    )
    assert found.mend.endswith("n3d.launch.py namespace:=/front depth_topic:=/cam/depth/image")


def test_what_comes_once_has_no_rate():
    assert check_topic(topic(num=1, rate_hz=0.0), GRAPH).what == "/depth/image: one message, best effort"


@pytest.mark.parametrize(
    ("num_clocks", "use_sim_time", "num", "is_simulated"),
    [(1, False, 0, True), (1, True, 30, True), (1, False, 30, False), (0, True, 0, False)],
)
def test_a_node_is_started_anew_with_the_clock_that_there_is(num_clocks, use_sim_time, num, is_simulated):
    absent = topic(num=0, num_publishers=0, others=("/cam/depth/image",))
    rgb = topic("rgb", "/rgb/image", num=num)
    graph = replace(GRAPH, topics=(rgb, absent), num_clocks=num_clocks, use_sim_time=use_sim_time)
    assert check_topic(absent, graph).mend.endswith("use_sim_time:=true") == is_simulated


def test_a_node_that_is_not_there_is_to_start_with_the_clock_of_a_simulation():
    (found,) = check_graph(GraphSeen("/n3d", False, "domain 0", num_clocks=1))
    assert found.mend == "ros2 launch n3d_ros n3d.launch.py use_sim_time:=true"


def test_a_complete_preset_mends_all_its_topics_at_once():
    [found] = in_graph(absent(), presets=REALSENSE, node="/robot1/n3d")
    assert found.mend == f"{ANEW} namespace:=/robot1 camera:=realsense"


def test_the_preset_of_another_camera_than_that_which_comes_is_not_taken():
    depth = absent(others=("/front/depth/image",))
    _, found = in_graph(topic("rgb", "/front/color/image"), depth, presets=REALSENSE)
    assert found.mend == f"{ANEW} rgb_topic:=/front/color/image depth_topic:=/front/depth/image"
    _, found = in_graph(topic("rgb", "/camera/color/image"), depth, presets=REALSENSE)
    assert found.mend == f"{ANEW} camera:=realsense"


def test_a_preset_without_the_input_that_is_absent_does_not_mend_it():
    there = topic("rgb", "/camera/color/image"), topic("depth", "/camera/depth/image")
    *_, found = in_graph(*there, absent(name="depth_info", topic="/depth/camera_info"), presets=REALSENSE)
    assert "camera:=" not in found.mend


def test_a_compressed_form_is_taken_by_the_transport_argument():
    [found] = in_graph(absent(seen={"compressed": "/depth/image/compressedDepth"}))
    assert found.mend == f"{ANEW} depth_topic:=/depth/image depth_transport:=compressed"


def test_a_topic_of_another_name_that_is_only_compressed_is_taken_in_that_form():
    form = "/oak/rgb/image_rect/compressed"
    rgb = topic("rgb", "/rgb/image", num=0, num_publishers=0, seen={"packed": (form,)})
    found = check_topic(rgb, replace(GRAPH, topics=(rgb,)))
    assert found.why == f"{form} is"
    assert found.mend.endswith("rgb_topic:=/oak/rgb/image_rect rgb_transport:=compressed")
    raw = replace(rgb, others=("/cam/rgb/image",))
    assert check_topic(raw, replace(GRAPH, topics=(raw,))).mend.endswith("rgb_topic:=/cam/rgb/image")


def test_a_compressed_topic_is_named_without_the_ending_that_the_node_adds():
    others = ("/cam/depth/image/compressedDepth",)
    [found] = in_graph(
        absent(topic="/depth/image/compressedDepth", others=others, seen={"suffix": "compressedDepth"})
    )
    assert found.mend == f"{ANEW} depth_topic:=/cam/depth/image"


def test_all_in_one_message_is_taken_by_the_executable():
    unheard = absent(name="rgbd", topic="/robot1/rgbd", others=("/cam/rgbd",))
    [found] = in_graph(unheard, node="/robot1/eyes", presets=REALSENSE)
    run = "ros2 run n3d_ros n3d_node --ros-args -r __ns:=/robot1 -r __node:=eyes -p rgbd.enabled:=true"
    assert found.mend.endswith(f": {run} -r rgbd:=/cam/rgbd")
    assert found.why == "/cam/rgbd is, and of the same type"
    [found] = in_graph(unheard, num_clocks=1, use_sim_time=True)
    assert found.mend.endswith(" -p rgbd.enabled:=true -r rgbd:=/cam/rgbd -p use_sim_time:=true")


def test_a_driver_that_sends_other_things_is_not_to_be_started():
    [found] = in_graph(absent())
    assert found.mend.startswith("start the camera's driver")
    _, found = in_graph(topic("rgb"), absent())
    assert found.mend.startswith("switch it on in the camera's driver, which runs")
    _, found = in_graph(topic("rgb"), absent(name="depth_info", topic="/depth/camera_info"))
    assert (found.level, "align_depth.enable:=true" in found.mend) == (Level.WARN, True)


def test_colour_is_never_offered_for_depth():
    assert nearest("/depth/image", ["/rgb/image"], is_depth=True) == ""
    assert nearest("/rgb/image", ["/depth/image", "/cam/rgb/image"], is_depth=False) == "/cam/rgb/image"
    assert nearest("/rgb/image", ["/oak/stereo/image_raw"], is_depth=False) == ""
    assert nearest("/depth/image", ["/oak/stereo/image_raw"], is_depth=True) == "/oak/stereo/image_raw"
    assert nearest("/rgb/image", ["/stereo/left/image_raw"], is_depth=False) == "/stereo/left/image_raw"


def test_another_type_under_the_name_is_said():
    found = check_topic(topic(types=("sensor_msgs/msg/CompressedImage",)), GRAPH)
    assert found.level == Level.ERROR
    assert found.what == "/depth/image is published as sensor_msgs/msg/CompressedImage"


def test_incompatible_quality_is_said_in_the_nodes_words():
    words = mismatch("/depth/image", [Quality()], Quality(reliable=True), "qos.depth")
    [found] = in_graph(topic(incompatible=words))
    assert (found.level, found.what) == (Level.ERROR, words)
    assert found.mend == f"{ANEW} depth_topic:=/depth/image qos:=auto"


def test_what_was_sent_once_and_the_node_did_not_ask_for_is_wrong_with_the_command():
    why = missed([Quality(reliable=True, latched=True)], Quality(reliable=True), "qos.info")
    seen = topic("camera_info", "/rgb/camera_info", num=1, rate_hz=0.0, by_node=0, missed=why)
    found = check_topic(seen, replace(GRAPH, topics=(seen,)))
    assert (found.level, found.what) == (Level.ERROR, "the node has nothing of /rgb/camera_info")
    assert (found.why, found.mend.endswith("qos:=auto")) == (why, True)
    for heard in (replace(seen, num_by_node=1), topic("camera_info", num=30, missed=why)):
        assert check_topic(heard, replace(GRAPH, topics=(heard,))).level == Level.OK


def test_a_publisher_that_sends_nothing_is_told_from_none():
    found = check_topic(silent(), GRAPH)
    assert (found.level, found.what) == (Level.ERROR, "nothing on /depth/image for 3.0 s")
    assert found.why == "1 publisher is there and sends nothing"
    assert found.mend.endswith("ros2 topic hz /depth/image")
    assert check_topic(silent(num_publishers=2), GRAPH).why == "2 publishers are there and send nothing"


def test_a_silent_raw_topic_beside_its_compressed_form_is_told_how_to_take_that():
    [found] = in_graph(silent(seen={"compressed": "/depth/image/compressedDepth"}))
    assert "where ros2 topic hz /depth/image/compressedDepth shows messages: " in found.mend
    assert found.mend.endswith("depth_topic:=/depth/image depth_transport:=compressed")


def test_a_camera_that_is_slower_than_requests_wait_is_to_look_at():
    slow = {"rate_hz": 0.25, "num": 2}
    found = check_topic(replace(topic(**slow), rate_by_node_hz=0.25), GRAPH)
    assert (found.level, found.what) == (Level.WARN, "/depth/image: a message every 4.0 s")
    assert found.mend.endswith("ros2 param set /n3d frame_timeout_s 6.0")
    patient = replace(GRAPH, parameters=Parameters(frame_timeout_s=6.0))
    assert check_topic(topic(**slow), patient).level == Level.OK
    assert (
        check_topic(replace(topic(name="camera_info", **slow), rate_by_node_hz=0.25), GRAPH).level == Level.OK
    )


def test_what_comes_seldom_is_not_silent_where_the_node_hears_it():
    seldom = replace(silent(), num_by_node=3, rate_by_node_hz=0.25)
    heard = replace(GRAPH, statuses=(StatusSeen("depth", Level.OK, "0.2 Hz"),))
    assert check_topic(seldom, heard).level == Level.WARN
    lost = replace(GRAPH, statuses=(StatusSeen("depth", Level.WARN, "nothing on /depth/image"),))
    assert check_topic(seldom, lost).level == Level.ERROR


@pytest.mark.parametrize("num", [0, 1])
def test_what_comes_seldom_and_requests_wait_for_is_right(num):
    """As doctor's own remedy for it leaves it; in three seconds it may hear nothing of it."""
    patient = Parameters(frame_timeout_s=7.5)
    heard = replace(GRAPH, parameters=patient, statuses=(StatusSeen("depth", Level.OK, "0.2 Hz"),))
    seldom = topic(num=num, rate_hz=0.0, silent_s=3.1, is_late=bool(num))
    found = check_topic(replace(seldom, num_by_node=3, rate_by_node_hz=0.2), heard)
    assert (found.level, found.what) == (Level.OK, "/depth/image: the node hears a message every 5.0 s")


def test_what_the_node_hears_and_doctor_does_not_is_not_the_publishers_silence():
    heard = replace(GRAPH, statuses=(StatusSeen("depth", Level.OK, "10.0 Hz"),))
    found = check_topic(replace(silent(), num_by_node=90, rate_by_node_hz=10.0), heard)
    assert found.level == Level.WARN
    assert found.what == "nothing on /depth/image here for 3.0 s, and the node hears 10.0 Hz"
    died = topic(num=20, rate_hz=0.5, silent_s=2.0, is_late=True)
    assert check_topic(died, heard).level == Level.ERROR


def shared(name, topic_name, *nodes, is_mixed=False):
    return topic(name, topic_name, seen={"publishers": nodes, "is_mixed": is_mixed})


def test_two_cameras_on_the_same_topics_are_wrong_and_the_frame_is_not_judged():
    two = ("/front", "/rear")
    rgb, depth = shared("rgb", "/rgb/image", *two), shared("depth", "/depth/image", *two)
    info = shared("camera_info", "/rgb/camera_info", *two, is_mixed=True)
    unneeded = absent(name="depth_info", topic="/depth/camera_info")
    cameras = frame(alignment="depth is in 'a'")
    found = of_graph(replace(GRAPH, topics=(rgb, info, depth, unneeded), frame=cameras))
    assert [finding.name for finding in found if finding.level > Level.OK] == ["publishers"]
    said = one(found, "publishers")
    what = "2 publishers on /rgb/image, /rgb/camera_info, /depth/image: /front, /rear"
    assert (said.level, said.what) == (Level.ERROR, what)
    assert "to and fro on /rgb/camera_info: " in said.why and "stop all but one of them" in said.mend
    assert "frame" not in {finding.area for finding in found}


def test_two_publishers_whose_messages_are_alike_are_to_look_at_and_one_is_not():
    found = of_graph(replace(GRAPH, topics=(shared("depth", "/depth/image", "/cam", "/cam"),), frame=frame()))
    said = one(found, "publishers")
    assert (said.level, said.what) == (Level.WARN, "2 publishers on /depth/image: /cam (2 times)")
    assert "frame" in {finding.area for finding in found}
    assert check_publishers(replace(GRAPH, topics=(shared("depth", "/depth/image", "/cam"),))) is None


def test_camera_info_that_the_node_heard_before_is_not_missed():
    seen = replace(silent(name="camera_info", topic="/rgb/camera_info"), num_by_node=1)
    assert check_topic(seen, GRAPH).level == Level.OK
    assert check_topic(replace(seen, num_by_node=0), GRAPH).level == Level.ERROR


def test_what_doctor_hears_and_the_node_does_not_is_lost_between_them():
    assert check_topic(topic(by_node=0), GRAPH).level == Level.ERROR
    found = check_topic(replace(topic(), rate_by_node_hz=4.0), GRAPH)
    assert (found.level, found.what) == (Level.WARN, "/depth/image: the node hears 4.0 of 10.0 Hz")
