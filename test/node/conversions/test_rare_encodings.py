"""Rare colour encodings go through cv_bridge where it is installed, and are named where it is not."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from n3d_ros.errors import BadInputError
from n3d_ros.node.conversions import rgb_array

RARE = SimpleNamespace(encoding="nv42", height=2, width=2, step=2, is_bigendian=0, data=b"\x01\x02\x03\x04")


@pytest.fixture
def cv_bridge(monkeypatch) -> ModuleType:
    """A module with cv_bridge's names: converts nv42 to a picture of sevens, refuses everything else."""
    module = ModuleType("cv_bridge")

    class CvBridgeError(TypeError):
        pass

    class CvBridge:
        def imgmsg_to_cv2(self, message, desired_encoding):
            if message.encoding != "nv42":
                raise CvBridgeError("Unrecognized image encoding")
            assert desired_encoding == "rgb8"
            return np.full((message.height, message.width, 3), 7, np.uint8)

    module.CvBridge, module.CvBridgeError = CvBridge, CvBridgeError
    monkeypatch.setitem(sys.modules, "cv_bridge", module)
    return module


def test_what_is_not_read_here_is_converted_by_cv_bridge(cv_bridge):
    assert rgb_array(RARE).tolist() == [[[7] * 3] * 2] * 2


def test_what_cv_bridge_refuses_is_named(cv_bridge):
    with pytest.raises(BadInputError, match="got 'sonar9': Unrecognized image encoding"):
        rgb_array(SimpleNamespace(**{**vars(RARE), "encoding": "sonar9"}))


def test_without_cv_bridge_the_message_says_what_would_help(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    with pytest.raises(BadInputError, match="more with cv_bridge, which does not import.*nv42"):
        rgb_array(RARE)
