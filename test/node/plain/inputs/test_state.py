"""Levels, remedies and reasons name the topic that is at fault."""

from dataclasses import replace

import pytest

from n3d_ros.errors import ResultCode
from n3d_ros.node.plain.inputs.state import (
    AHEAD_S,
    DEAD_S,
    FIRST_MESSAGE_S,
    STALE_S,
    FrameState,
    InputState,
    Level,
    Watch,
    verdict,
    why_no_frame,
)


def fine(name):
    topic = {"rgb": "rgb/image", "depth": "depth/image", "camera_info": "rgb/camera_info"}[name]
    return InputState(name, f"/{topic}", topic, num=90, rate_hz=30.0, silent_s=0.02, num_publishers=1)


RGB, DEPTH, INFO = (fine(name) for name in ("rgb", "depth", "camera_info"))


def late(one, silent_s=2.0):
    return replace(one, silent_s=silent_s, is_late=True)


def never(one, silent_s=2.0):
    return replace(one, num=0, rate_hz=0.0, silent_s=silent_s, num_publishers=0)


def why(*inputs, newest=None):
    return why_no_frame(inputs, newest, pairing="colour and depth come apart", max_age_s=2.0, waited_s=3.0)


@pytest.mark.parametrize(
    ("one", "level"),
    [
        (DEPTH, Level.OK),
        (late(DEPTH, DEAD_S - 0.1), Level.WARN),
        (late(DEPTH, DEAD_S), Level.ERROR),
        (late(DEPTH, STALE_S), Level.STALE),
        (never(DEPTH, FIRST_MESSAGE_S), Level.WARN),
        (never(DEPTH, FIRST_MESSAGE_S + 0.1), Level.ERROR),
        (replace(DEPTH, ahead_s=AHEAD_S), Level.OK),
        (replace(DEPTH, ahead_s=AHEAD_S + 0.1), Level.WARN),
        (replace(DEPTH, incompatible="QoS of /depth/image"), Level.ERROR),
    ],
)
def test_each_level_has_its_condition_and_names_the_topic(one, level):
    got, message = verdict(one)
    assert got == level
    assert level == Level.OK or "/depth/image" in message


def test_the_remedy_depends_on_whether_somebody_publishes():
    assert "remap depth/image" in verdict(never(DEPTH))[1]
    assert "ros2 topic hz /depth/image" in verdict(late(DEPTH))[1]


def test_the_input_that_fell_silent_is_named_and_not_the_clock():
    newest = FrameState(age_s=5.0, arrived_s=5.0, is_fresh=False)
    code, message = why(RGB, INFO, late(DEPTH, 5.0), newest=newest)
    assert code == ResultCode.NO_DEPTH
    assert "nothing on /depth/image for 5.0 s" in message
    assert "/rgb/image" not in message and "use_sim_time" not in message


def test_colour_that_fell_silent_with_depth_is_no_frame_and_both_are_named():
    code, message = why(late(RGB), INFO, late(DEPTH), newest=FrameState(2.0, 2.0, is_fresh=False))
    assert code == ResultCode.NO_FRAME
    assert "/rgb/image" in message and "/depth/image" in message


def test_what_never_came_goes_before_what_fell_silent():
    assert why(late(RGB), never(INFO), DEPTH)[0] == ResultCode.NO_CAMERA_INFO


def test_the_clock_is_blamed_only_where_frames_arrive():
    arrives = FrameState(age_s=5.0, arrived_s=0.03, is_fresh=False)
    code, message = why(RGB, INFO, DEPTH, newest=arrives)
    assert code == ResultCode.STALE
    assert "clocks differ" in message
    slow = replace(DEPTH, silent_s=5.0)
    code, message = why(RGB, INFO, slow, newest=FrameState(5.0, 5.0, is_fresh=False))
    assert code == ResultCode.STALE
    assert "clocks" not in message and "/depth/image is silent for 5.0 s" in message


def test_images_that_never_pair_and_a_stamp_that_never_came():
    assert "come apart" in why(RGB, INFO, DEPTH)[1]
    code, message = why(RGB, INFO, DEPTH, newest=FrameState(0.1, 0.1, is_fresh=True))
    assert (code, "no newer frame came within 3 s" in message) == (ResultCode.NO_FRAME, True)


def test_each_change_is_said_once():
    watch = Watch()
    assert watch.changes([RGB, never(DEPTH)]) == []
    assert watch.changes([RGB, DEPTH]) == []
    (lost,) = watch.changes([RGB, late(DEPTH, 1.1)])
    assert lost == verdict(late(DEPTH, 1.1))
    assert watch.changes([RGB, late(DEPTH, DEAD_S)]) == []
    assert watch.changes([RGB, late(DEPTH, STALE_S)]) == []
    assert watch.changes([RGB, DEPTH]) == [(Level.OK, "/depth/image: all right again")]
    assert watch.changes([RGB, DEPTH]) == []
    ((level, message),) = watch.changes([replace(RGB, ahead_s=9.0), DEPTH])
    assert level == Level.WARN and "9.0 s ahead" in message


def test_what_is_not_needed_and_never_came_is_neither_missed_nor_blamed():
    absent = replace(never(INFO, FIRST_MESSAGE_S + 1), is_optional=True)
    assert verdict(absent) == (
        Level.OK, "no message on /rgb/camera_info, and none is needed with intrinsics.override"
    )  # fmt: skip
    assert Watch().changes([RGB, DEPTH, absent]) == []
    assert why(RGB, late(DEPTH), absent)[0] == ResultCode.NO_DEPTH
    assert verdict(replace(INFO, is_optional=True)) == verdict(INFO)
