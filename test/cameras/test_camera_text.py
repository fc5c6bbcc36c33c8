"""A camera typed as one line."""

import re

import pytest

from n3d_ros.cameras.camera_text import EXAMPLE, camera_of_text, text_of_camera
from n3d_ros.geometry import Intrinsics

CAMERA = Intrinsics(615.2, 615.4, 320.1, 238.9, 640, 480)


@pytest.mark.parametrize(
    "text", [EXAMPLE, "size=640x480,cy=238.9, cx=320.1 fy=615.4,fx=615.2", f"  {EXAMPLE.replace(' ', '  ')} "]
)
def test_parts_may_come_in_any_order(text):
    assert camera_of_text(text) == CAMERA


def test_what_is_written_is_read_back_to_the_last_bit():
    odd = Intrinsics(600.1 / 3, 1e3 / 7, 60.000000000000007, 45.0, 120, 90)
    assert camera_of_text(text_of_camera(odd)) == odd
    assert text_of_camera(CAMERA) == EXAMPLE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fx=615 fy=615 cx=320 cy=240", "size missing"),
        ("fx=615 size=640x480", "fy, cx, cy missing"),
        ("615 615 320 240 640 480", "got '615' in it"),
        (f"{EXAMPLE} skew=0", "got 'skew=0' in it"),
        (f"{EXAMPLE} fx=615", "expected fx once"),
        (EXAMPLE.replace("fx=615.2", "fx=0"), "fx must be positive, got 0.0"),
        (EXAMPLE.replace("fx=615.2", "fx=-615.2"), "fx must be positive, got -615.2"),
        (EXAMPLE.replace("fy=615.4", "fy=nan"), "fy must be finite, got nan"),
        (EXAMPLE.replace("cx=320.1", "cx=inf"), "cx must be finite, got inf"),
        (EXAMPLE.replace("cx=320.1", "cx=wide"), "cx: expected a number of pixels, got 'wide'"),
        (EXAMPLE.replace("640x480", "640"), "expected a size in pixels such as 640x480, got '640'"),
        (EXAMPLE.replace("640x480", "0x480"), "width must be positive, got 0"),
        (EXAMPLE.replace("640x480", "1280x960"), "the middle of a picture 0.5 times as large"),
    ],
)
def test_what_cannot_be_a_camera_is_refused_by_name(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        camera_of_text(text)
