"""cv_bridge is not needed: what it converts is read here, with the same result where it imports."""

from types import SimpleNamespace

import numpy as np
import pytest

from n3d_ros.errors import BadInputError
from n3d_ros.node.conversions import rgb_array
from n3d_ros.node.conversions.colour import ENCODINGS

# Colour encodings of cv_bridge: `getEncoding` of its cv_bridge.cpp (ros-perception/vision_opencv, rolling of
# 2026, whose older releases have no more of them). Channels and bytes of a pixel's channel.
CONVERTED = {
    **{
        f"{name}{bits}": (len(name), bits // 8) for name in ("rgb", "bgr", "rgba", "bgra") for bits in (8, 16)
    },
    **{f"mono{bits}": (1, bits // 8) for bits in (8, 16)},
    **{
        f"bayer_{tile}{bits}": (1, bits // 8) for tile in ("rggb", "bggr", "gbrg", "grbg") for bits in (8, 16)
    },
    "yuv422": (2, 1),
    "yuv422_yuy2": (2, 1),
}


def picture(encoding, height=8, width=12):
    """Any pixels."""
    channels, num_bytes = CONVERTED[encoding]
    size = height * width * channels * num_bytes
    data = np.random.default_rng(size).integers(0, 256, size, np.uint8)
    return SimpleNamespace(
        encoding=encoding,
        height=height,
        width=width,
        is_bigendian=0,
        step=size // height,
        data=data.tobytes(),
    )


def test_every_encoding_that_it_converts_is_read_here():
    assert set(CONVERTED) <= set(ENCODINGS)


@pytest.mark.parametrize("encoding", CONVERTED)
def test_both_make_the_same_of_a_picture(encoding):
    """A Bayer pattern of 16 bits is filled in before it becomes 8 bits there, and after here: one step."""
    pytest.importorskip("cv_bridge.boost.cv_bridge_boost", exc_type=ImportError)
    from cv_bridge import CvBridge

    theirs = np.asarray(CvBridge().imgmsg_to_cv2(picture(encoding), "rgb8"))
    difference = np.abs(theirs.astype(int) - rgb_array(picture(encoding)))
    assert difference.max() <= (1 if encoding.startswith("bayer") and encoding.endswith("16") else 0)


def test_an_encoding_that_is_not_read_is_named():
    unknown = SimpleNamespace(encoding="nv42", height=2, width=2, step=2, is_bigendian=0, data=b"1234")
    with pytest.raises(BadInputError, match="colour encoding: expected one of rgb8, bgr8, .* got 'nv42'"):
        rgb_array(unknown)
