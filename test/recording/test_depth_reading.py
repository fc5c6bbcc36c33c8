"""Which recorded depth is the driver's, and which the node registered."""

from types import SimpleNamespace

import pytest

from n3d_ros.errors import BadInputError
from n3d_ros.recording.depth_reading import DepthReading


def image(frame):
    return SimpleNamespace(header=SimpleNamespace(frame_id=frame))


def test_depth_in_the_frame_of_its_colour_is_the_drivers_also_with_the_slash_of_ros_1():
    for depth_frame in ("camera", "/camera", ""):
        DepthReading().require_registered(image("/camera"), image(depth_frame))
    with pytest.raises(BadInputError, match="it is in '/depth', colour in '/camera'"):
        DepthReading().require_registered(image("/camera"), image("/depth"))
