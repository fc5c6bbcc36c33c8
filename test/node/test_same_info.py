"""A camera info that comes again is read as rclpy reads it, whatever changed."""

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (make ros)")

from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, RegionOfInterest

from n3d_ros.node.inputs.same_info import SameInfo

pytestmark = pytest.mark.ros
CHANGES = [
    {},
    {"width": 1280},
    {"distortion_model": "rational_polynomial"},
    {"d": [0.1, 0.2]},
    {"d": []},
    {"k": [float(number) for number in range(9)]},
    {"p": [float(number) for number in range(12)]},
    {"binning_y": 2},
    {"roi": RegionOfInterest(x_offset=3, do_rectify=True)},
]


def info(sec, frame="camera", **fields):
    message = CameraInfo(width=640, height=480, distortion_model="plumb_bob", d=[0.1] * 5)
    for name, value in fields.items():
        setattr(message, name, value)
    message.header.stamp.sec, message.header.stamp.nanosec = sec, sec * 10
    message.header.frame_id = frame
    return message


@pytest.mark.parametrize("held_as", [bytes, memoryview])
@pytest.mark.parametrize("change", CHANGES)
def test_each_is_the_message_that_came(change, held_as):
    infos = SameInfo()
    came = [info(1), info(2), info(3, **change), info(4, **change), info(5), info(6, "other"), info(7)]
    assert [infos.read(held_as(serialize_message(one))) for one in came] == came


def test_the_same_is_read_once():
    infos = SameInfo()
    first, second = (infos.read(serialize_message(info(sec))) for sec in (1, 2))
    assert second.k is first.k
    assert (first.header.stamp.sec, second.header.stamp.sec) == (1, 2)


def test_a_name_that_is_no_utf8_is_read_the_same_each_time():
    infos = SameInfo()
    came = [serialize_message(info(sec)).replace(b"camera", b"cam\xe9ra") for sec in (1, 2)]
    assert [infos.read(one).header.frame_id for one in came] == ["cam\ufffdra"] * 2


def test_bytes_in_another_order_are_another_message():
    """The same bytes mean something else there."""
    little = bytearray(serialize_message(info(1)))
    infos = SameInfo()
    infos.read(bytes(little))
    little[1] = 0
    with pytest.raises(ValueError, match="expected a CameraInfo"):
        infos.read(bytes(little))


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("size", [0, 3, 4, 12, 40, 300])
def test_bytes_that_end_too_early_are_refused_and_the_next_is_read(size, is_first):
    infos = SameInfo()
    whole = serialize_message(info(1))
    if not is_first:
        infos.read(whole)
    with pytest.raises(ValueError, match=f"expected a CameraInfo, got {size} bytes"):
        infos.read(whole[:size])
    assert infos.read(serialize_message(info(2))) == info(2)
