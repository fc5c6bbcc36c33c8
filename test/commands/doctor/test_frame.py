"""A frame as doctor judges it: encodings, units, lens, pairing and tf."""

from types import SimpleNamespace

import numpy as np
from graphs_seen import PARAMETERS, frame, one
from image_messages import image

from n3d_ros.commands.doctor.checks.frame import check_frame
from n3d_ros.commands.doctor.seen import (
    FrameSeen,
)
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.inputs.state import Level


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
