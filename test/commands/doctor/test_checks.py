"""Each check with a healthy and a broken input: level, words, and a command that mends it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from image_messages import image
from places import CHECKOUT

from n3d_ros.commands.doctor import of_graph
from n3d_ros.commands.doctor.checks.command import nearest
from n3d_ros.commands.doctor.checks.frame import check_frame
from n3d_ros.commands.doctor.checks.machine import REQUIRED, check_machine
from n3d_ros.commands.doctor.checks.node import OF_RESULTS, check_graph, check_node
from n3d_ros.commands.doctor.checks.publishers import check_publishers
from n3d_ros.commands.doctor.checks.stamps import check_stamps
from n3d_ros.commands.doctor.checks.topics import check_topic
from n3d_ros.commands.doctor.seen import (
    FrameSeen,
    GraphSeen,
    MachineSeen,
    ModelSeen,
    PackageSeen,
    StatusSeen,
    TopicSeen,
)
from n3d_ros.errors import ResultCode
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.input_state import InputState, Level
from n3d_ros.node.plain.qos import Quality, mismatch, missed
from n3d_ros.node.plain.sync import Synchroniser

IMAGE = "sensor_msgs/msg/Image"
GRAPH = GraphSeen(
    "/n3d",
    True,
    "domain 0",
    life="active",
    parameters=Parameters(),
    info={"state": "ready"},
    statuses=(StatusSeen("name", Level.OK, ""),),
)
PARAMETERS = Parameters()


def topic(name="depth", topic="/depth/image", others=(), types=(IMAGE,), by_node=30, seen=None, **state):
    """An input at 10 Hz that node and doctor hear. seen: more fields of `TopicSeen`."""
    known = {"num": 30, "rate_hz": 10.0, "num_publishers": 1, "ahead_s": -0.01, **state}
    return TopicSeen(
        InputState(name, topic, "depth/image", **known),
        IMAGE,
        types=types,
        others=others,
        num_by_node=by_node,
        rate_by_node_hz=10.0 * bool(by_node),
        **(seen or {}),
    )


def silent(**more):
    return topic(num=0, rate_hz=0.0, silent_s=3.0, by_node=0, **more)


def test_an_input_that_comes_is_told_with_its_rate_and_quality():
    found = check_topic(topic(), GRAPH)
    assert (found.level, found.what, found.mend) == (Level.OK, "/depth/image: 10.0 Hz, best effort", "")


def in_graph(*topics, **more):
    """A graph with these inputs, and what is said of each."""
    graph = replace(GRAPH, topics=topics, **more)
    return [check_topic(one, graph) for one in topics]


def absent(**more):
    return silent(num_publishers=0, **more)


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


REALSENSE = {"realsense": ("/camera/color/image", "/camera/depth/image")}


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


def frame(**changes):
    """A frame that fits together; 4x4, depth 1 m."""
    rgb, depth = (
        image(np.zeros((4, 4, 3), np.uint8), "rgb8"),
        image(np.full((4, 4), 1000, np.uint16), "16UC1"),
    )
    info = SimpleNamespace(
        width=4, height=4, k=[4.0, 0, 1.5, 0, 4.0, 1.5, 0, 0, 1], d=[], distortion_model=""
    )
    known = {"rgb": rgb, "depth": depth, "camera_info": info, "num_pairs": 9, "slop_ms": 16.7, **changes}
    return FrameSeen(**known)


def one(found, name):
    [only] = [finding for finding in found if finding.name == name]
    return only


def test_a_frame_that_fits_is_told_with_its_figures():
    found = check_frame(frame(), PARAMETERS, "/n3d")
    assert {finding.level for finding in found} == {Level.OK}
    assert one(found, "colour").what == "rgb8 4x4 in 'optical'"
    assert one(found, "camera info").what == "K, fx 4.0 px, 53 degrees wide"
    assert one(found, "depth").what == "16UC1 4x4, 100% measured, median 1.00 m"
    assert one(found, "pairing").what == "9 pairs within 16.7 ms"


def test_an_encoding_that_the_node_refuses_is_refused_here():
    rgb = image(np.zeros((4, 4), np.uint8), "rgb7")
    found = one(check_frame(frame(rgb=rgb), PARAMETERS, "/n3d"), "colour")
    assert found.level == Level.ERROR and "got 'rgb7'" in found.what


def test_camera_info_of_zeros_is_refused():
    info = SimpleNamespace(width=4, height=4, k=[0.0] * 9, d=[], distortion_model="")
    found = one(check_frame(frame(camera_info=info), PARAMETERS, "/n3d"), "camera info")
    assert found.level == Level.ERROR and "got fx=0 fy=0" in found.what
    assert "camera_calibration" in found.mend


def test_the_lens_is_named():
    info = SimpleNamespace(
        width=4,
        height=4,
        k=[4.0, 0, 1.5, 0, 4.0, 1.5, 0, 0, 1],
        d=[0.01, 0, 0, 0, 0],
        distortion_model="plumb_bob",
    )
    found = one(check_frame(frame(camera_info=info), PARAMETERS, "/n3d"), "camera info")
    assert found.what.startswith("K with plumb_bob distortion")


def test_depth_in_another_unit_is_refused_with_the_parameter_that_mends_it():
    depth = image(np.full((4, 4), 1000.0, np.float32), "32FC1")
    found = one(check_frame(frame(depth=depth), PARAMETERS, "/robot/n3d"), "depth")
    assert found.level == Level.ERROR and "looks like millimetres" in found.what
    assert found.mend == "ros2 param set /robot/n3d depth.scale_m 0.001"
    scaled = check_frame(frame(depth=depth), Parameters(depth_scale_m=0.001), "/n3d")
    assert one(scaled, "depth").level == Level.OK


def depth_of(raw, encoding="16UC1", **parameters):
    return one(check_frame(frame(depth=image(raw, encoding)), Parameters(**parameters), "/n3d"), "depth").mend


def test_depth_that_no_scale_mends_asks_for_a_look_or_another_format():
    nothing = np.zeros((4, 4), np.uint16)
    assert depth_of(nothing).startswith("look at the picture")
    of_64_bits = image(np.full((4, 4), 1000, np.uint16), "16UC1")
    of_64_bits.encoding = "64FC1"
    found = one(check_frame(frame(depth=of_64_bits), PARAMETERS, "/n3d"), "depth")
    assert found.mend == "have the driver publish 16UC1 in millimetres or 32FC1 in metres"


def test_depth_beyond_the_nodes_limits_is_told_them():
    far = np.full((4, 4), 1250, np.uint16)
    assert (
        depth_of(far, depth_max_m=0.5) == "1.25 to 1.25 m were measured: ros2 param set /n3d depth.max_m 2.0"
    )
    assert depth_of(far, depth_min_m=2.0).endswith("ros2 param set /n3d depth.min_m 1.2")


def test_a_scale_that_is_given_wrongly_is_taken_back_and_several_are_offered_where_several_fit():
    metre = np.full((4, 4), 1000, np.uint16)
    assert depth_of(metre, depth_scale_m=1e-6).startswith("ros2 param set /n3d depth.scale_m 0.0")
    tenths = depth_of(np.full((4, 4), 12000, np.uint16))
    assert "depth.scale_m with one of 0.00025, 0.0002, 0.0001, 0.001: " in tenths


def test_depth_of_eight_bits_is_given_no_scale_that_nobody_knows():
    steps = np.arange(256 * 256, dtype=np.uint16).reshape(256, 256) // 256 * 257
    assert depth_of(steps).endswith("depth.scale_m with the metres per unit of its manual")


def test_colour_in_the_place_of_depth_is_a_matter_of_the_topic():
    assert depth_of(np.zeros((40, 40, 3), np.uint8), "rgb8").startswith(
        "it is a colour picture: remap depth/image"
    )
    assert depth_of(np.zeros((40, 40), np.uint8), "mono8").startswith("have the driver publish ")


def test_a_z_buffer_is_a_matter_of_the_format():
    shares = np.ones((40, 40), np.float32)
    shares[:20] = np.linspace(0.9, 0.99, 800, dtype=np.float32).reshape(20, 40)
    mend = depth_of(shares, "32FC1")
    assert mend.startswith("have the driver publish ") and "depth.scale_m 1" not in mend


def test_depth_that_cannot_be_registered_is_said_with_the_drivers_switches():
    found = one(check_frame(frame(alignment="depth is in 'a'"), PARAMETERS, "/n3d"), "alignment")
    assert (found.level, found.what) == (Level.ERROR, "depth is in 'a'")
    assert "align_depth.enable:=true" in found.mend and "depth_registration:=true" in found.mend


def test_parts_that_do_not_fit_each_other_are_said_once():
    found = check_frame(frame(refused="depth: expected the proportions of colour"), PARAMETERS, "/n3d")
    assert one(found, "together").what == "depth: expected the proportions of colour"
    unaligned = check_frame(frame(refused="the same", alignment="the same"), PARAMETERS, "/n3d")
    assert [finding.name for finding in unaligned if finding.is_wrong] == ["alignment"]


def test_images_that_never_pair_are_said():
    found = one(check_frame(frame(num_pairs=0), PARAMETERS, "/n3d"), "pairing")
    assert found.level == Level.ERROR and "never within 16.7 ms" in found.what


def test_an_unknown_place_in_tf_is_wrong_and_a_known_one_is_not():
    found = check_frame(frame(places={"map": "no transform"}), PARAMETERS, "/n3d")
    assert (one(found, "tf 'map'").level, one(found, "tf 'map'").mend) == (
        Level.ERROR,
        "ros2 run tf2_ros tf2_echo map optical",
    )
    assert one(check_frame(frame(places={"map": ""}), PARAMETERS, "/n3d"), "tf 'map'").level == Level.OK


def test_a_picture_without_frame_is_to_look_at():
    rgb = image(np.zeros((4, 4, 3), np.uint8), "rgb8")
    rgb.header.frame_id = ""
    assert one(check_frame(frame(rgb=rgb), PARAMETERS, "/n3d"), "frame_id").level == Level.WARN


def test_what_did_not_come_is_not_judged():
    assert check_frame(FrameSeen(), PARAMETERS, "/n3d") == []


def test_a_node_that_is_not_there_is_wrong_and_the_others_are_named():
    seen = replace(GRAPH, is_there=False)
    [found] = check_graph(seen)
    assert (found.level, found.mend) == (Level.ERROR, "ros2 launch n3d_ros n3d.launch.py")
    [found] = check_graph(replace(seen, node="/robot1/eyes", presets=REALSENSE))
    launch = "ros2 launch n3d_ros n3d.launch.py namespace:=/robot1 name:=eyes camera:=realsense"
    assert found.mend == launch
    [found] = check_graph(replace(seen, others=("/robot1/eyes",)))
    assert found.mend == "n3d doctor --node eyes --namespace /robot1"
    assert check_node(seen) == []


def test_simulated_time_needs_a_clock():
    found = one(check_graph(replace(GRAPH, use_sim_time=True)), "clock")
    assert found.level == Level.ERROR and "ros2 bag play --clock" in found.mend
    healthy = check_graph(replace(GRAPH, use_sim_time=True, num_clocks=1))
    assert one(healthy, "clock").level == Level.OK


@pytest.mark.parametrize(("off_s", "level"), [(0.1, Level.OK), (-7.0, Level.WARN)])
def test_two_machines_with_different_clocks_are_told(off_s, level):
    assert one(check_graph(replace(GRAPH, clock_off_s=off_s)), "clock").level == level


@pytest.mark.parametrize(
    ("life", "mend"),
    [
        ("unconfigured", "ros2 lifecycle set /n3d configure"),
        ("inactive", "ros2 lifecycle set /n3d activate"),
        ("", "look at its log; stop and start it"),
    ],
)
def test_a_node_that_is_not_active_is_wrong(life, mend):
    by_hand = Parameters(autostart=False)
    found = one(check_node(replace(GRAPH, life=life, parameters=by_hand)), "lifecycle")
    assert (found.level, found.mend) == (Level.ERROR, mend)
    assert one(check_node(GRAPH), "lifecycle").level == Level.OK


def test_what_fails_with_autostart_is_in_the_log():
    by_itself = replace(GRAPH, life="unconfigured")
    assert one(check_node(by_itself), "lifecycle").mend.startswith("its log says what failed; then ros2")
    by_hand = replace(by_itself, parameters=Parameters(autostart=False))
    assert one(check_node(by_hand), "lifecycle").mend == "ros2 lifecycle set /n3d configure"


def test_inputs_that_nobody_tells_of_are_not_called_right():
    silent = replace(GRAPH, statuses=())
    found = one(check_node(silent), "diagnostics")
    assert (found.level, found.why) == (Level.ERROR, "so its inputs were not looked at")
    for right in (replace(silent, life="unconfigured"), GRAPH):
        assert "diagnostics" not in [each.name for each in check_node(right)]


@pytest.mark.parametrize(
    ("state", "level"), [("ready", Level.OK), ("loading", Level.WARN), ("failed: no folder", Level.ERROR)]
)
def test_the_engines_state_is_told(state, level):
    found = one(check_node(replace(GRAPH, info={"state": state})), "engine")
    assert found.level == level


def test_another_release_of_the_node_is_told():
    found = check_node(replace(GRAPH, info={"state": "ready", "version": "0.0.1"}))
    assert one(found, "version").level == Level.WARN


def test_with_whom_the_engine_is_shared_is_told():
    info = {"state": "ready", "backend": "ort", "shared_with": "/left/n3d, /rear/n3d"}
    found = one(check_node(replace(GRAPH, info=info)), "engine")
    assert found.what == "ready, shared with /left/n3d, /rear/n3d: ort"


@pytest.mark.parametrize("level", [Level.WARN, Level.ERROR])
def test_an_engine_that_others_loaded_anew_is_told_with_what_brings_them_together(level):
    anew = StatusSeen("engine", level, "ready; /left/n3d loaded it anew", {"loaded_anew_by": "/left/n3d"})
    found = one(check_node(replace(GRAPH, statuses=(anew,))), "engine")
    assert (found.level, found.what) == (level, anew.message)
    assert found.mend == "ros2 lifecycle set /n3d: deactivate, cleanup, configure, activate"


def test_an_engine_that_hangs_is_wrong_though_it_is_loaded():
    hangs = StatusSeen("engine", Level.ERROR, "busy with a request that should have ended 9.0 s ago")
    found = one(check_node(replace(GRAPH, statuses=(hangs,))), "engine")
    assert (found.level, found.what) == (Level.ERROR, hangs.message)


def test_what_the_node_says_of_itself_is_passed_on_at_its_level():
    hole = StatusSeen("memory", Level.ERROR, "nothing is remembered: no tf")
    late = StatusSeen("depth", Level.ERROR, "nothing on /depth/image")
    found = check_node(replace(GRAPH, statuses=(hole, late)))
    assert (one(found, "memory").level, one(found, "memory").what) == (Level.ERROR, hole.message)
    assert "depth" not in [finding.name for finding in found]


@pytest.mark.parametrize(
    ("name", "message", "mend"),
    [
        ("results", "BAD_INPUT: 'zork': expected words that this model knows", "continuous.prompt"),
        ("results", "TF: no transform from 'a' to 'b'", "ros2 param set /n3d output_frame"),
        ("results", "NO_DEPTH: no valid depth", "inputs and frame, above"),
        ("results", "SUPERSEDED: a newer request came", "max_queued_goals"),
        ("results", "INTERNAL: RuntimeError", "log"),
        ("memory", "nothing is remembered: memory.file: 'm': expected a memory", "move that file away"),
        ("memory", "memory.file is not written: [Errno 13]", "permission"),
        ("memory", "the newest look was not remembered: TF: no transform", "tf2_echo"),
    ],
)
def test_what_the_node_says_of_itself_has_a_remedy_of_its_own(name, message, mend):
    said = StatusSeen(name, Level.WARN, message)
    found = one(check_node(replace(GRAPH, statuses=(said,))), name)
    assert mend in found.mend and "{" not in found.mend


def test_every_code_of_a_result_that_has_a_remedy_is_one():
    assert set(OF_RESULTS) <= set(ResultCode.__members__)


def test_two_nodes_of_one_name_are_told_what_to_do_and_not_where_to_read():
    diagnostics = pytest.importorskip("n3d_ros.node.outputs.diagnostics")
    two = StatusSeen("name", Level.ERROR, diagnostics.same_name("/n3d", 2))
    found = one(check_node(replace(GRAPH, statuses=(two,))), "name")
    assert found.what == "2 nodes are named /n3d: requests go to any of them and topics mix"
    assert found.mend.startswith("stop all but one, or start each with a name or namespace of its own")


MACHINE = MachineSeen(
    python=(3, 12, 1),
    executable="/usr/bin/python3",
    environment="system",
    ros_distro="jazzy",
    packages={
        **{name: PackageSeen("99.0") for name in (*REQUIRED, "onnxruntime", "rclpy")},
        "torch": PackageSeen(error="not installed"),
    },
    model=ModelSeen("/models/nano", "nano", 16 << 20, engine="no engine"),
    memory_bytes=8 << 30,
    receive_buffer_bytes=2147483647,
    shared_memory_bytes=1 << 30,
)


def packages(**changed):
    return replace(MACHINE, packages={**MACHINE.packages, **changed})


def test_a_machine_with_everything_is_right():
    assert {finding.level for finding in check_machine(MACHINE)} == {Level.OK}


@pytest.mark.parametrize(
    ("seen", "name", "level", "word", "mend"),
    [
        (replace(MACHINE, python=(3, 9, 0)), "python", Level.ERROR, "3.9.0", "newer Python"),
        (packages(numpy=PackageSeen("1.20.3")), "packages", Level.ERROR, "numpy is 1.20.3", "pip install"),
        (packages(cv2=PackageSeen(error="libGL")), "packages", Level.ERROR, "libGL", "pip install"),
        (packages(onnxruntime=PackageSeen(error="?")), "engines", Level.ERROR, "no engine", "onnxruntime"),
        (packages(rclpy=PackageSeen(error="?")), "ros", Level.ERROR, "rclpy does not import", "system-site"),
        (replace(MACHINE, memory_bytes=200 << 20), "memory", Level.ERROR, "0.2 GB free", "n3d quantize"),
        (replace(MACHINE, receive_buffer_bytes=212992), "rmem_max", Level.WARN, "212992", "sysctl -w"),
        (replace(MACHINE, shared_memory_bytes=16 << 20), "shared memory", Level.WARN, "16 MB", "--shm-size"),
        (replace(MACHINE, shared_memory_bytes=0), "shared memory", Level.WARN, "not writable", "--shm-size"),
        (
            replace(MACHINE, model=ModelSeen("/m", error="/m: none")),
            "model",
            Level.ERROR,
            "/m: none",
            "n3d export",
        ),
        (
            replace(MACHINE, model=ModelSeen("/m", engine_error="built for sm87")),
            "TensorRT",
            Level.WARN,
            "sm87",
            "n3d build --model /m",
        ),
    ],
)
def test_what_a_machine_lacks_is_named_with_its_remedy(seen, name, level, word, mend):
    found = one(check_machine(seen), name)
    assert found.level == level
    assert word in found.what and mend in found.mend


def test_without_ros_the_machine_is_still_right():
    seen = replace(packages(rclpy=PackageSeen(error="No module named 'rclpy'")), ros_distro="")
    assert one(check_machine(seen), "ros").level == Level.WARN


def test_the_least_versions_are_those_of_the_requirements():
    lines = (CHECKOUT / "requirements" / "robot.txt").read_text().splitlines()
    least = dict(line.partition(",")[0].split(">=") for line in lines if ">=" in line)
    names = {"cv2": "opencv-python-headless", "PIL": "pillow"}
    assert {name: least[names.get(name, name)] for name in REQUIRED} == REQUIRED


def test_a_graph_without_topics_is_judged_by_the_rest():
    assert {finding.area for finding in of_graph(GRAPH)} == {"graph", "node"}
