"""The node knows a rectified picture by its topic, or as the operator says."""

from types import SimpleNamespace

import numpy as np
import pytest

from n3d_ros.node.conversions import fill_image
from n3d_ros.node.inputs.frame import CameraFrame
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.inputs.sync import Frame

HEADER = SimpleNamespace(stamp=SimpleNamespace(sec=1, nanosec=0), frame_id="optical")
INFO = SimpleNamespace(
    width=64,
    height=48,
    distortion_model="plumb_bob",
    d=[-0.1, 0.02, 0.0, 0.0, 0.0],
    k=[60.0, 0.0, 31.5, 0.0, 60.0, 23.5, 0.0, 0.0, 1.0],
    p=[66.0, 0.0, 32.0, 0.0, 0.0, 66.0, 24.0, 0.0, 0.0, 0.0, 1.0, 0.0],
)


def seen(topic, **parameters):
    rgb = fill_image(SimpleNamespace(header=HEADER), np.zeros((48, 64, 3), np.uint8), "rgb8")
    depth = fill_image(SimpleNamespace(header=HEADER), np.full((48, 64), 1000, np.uint16), "16UC1")
    frame = CameraFrame(Frame(rgb, depth, INFO, 1_000_000_000, 0), rgb_topic=topic)
    return frame.observe(Parameters(**parameters)).intrinsics


@pytest.mark.parametrize(
    ("topic", "said", "focal_px", "has_lens"),
    [
        ("/camera/color/image_raw", "auto", 60.0, True),
        ("/camera/rgb/image_rect_color", "auto", 66.0, False),
        ("/rgb/image", "auto", 60.0, True),
        ("", "auto", 60.0, True),
        ("/rgb/image", "rectified", 66.0, False),
        ("/camera/rgb/image_rect_color", "raw", 60.0, True),
    ],
)
def test_a_rectified_picture_is_seen_through_p(topic, said, focal_px, has_lens):
    camera = seen(topic, rgb_picture=said)
    assert camera.fx == focal_px
    assert (camera.distortion is not None) == has_lens
