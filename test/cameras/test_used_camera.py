"""The camera of a result as a message, and back."""

from types import SimpleNamespace

import pytest

from n3d_ros.cameras.used_camera import fill_used_camera, used_camera
from n3d_ros.geometry import Distortion, Intrinsics

PLAIN = Intrinsics(500.0, 502.0, 320.0, 240.0, 640, 480)
BENT = Intrinsics(
    500.0, 502.0, 320.0, 240.0, 640, 480, Distortion("plumb_bob", (-0.1, 0.02, 0.001, -0.001, 0.0))
)
CUT = PLAIN.cropped(300, 0, 200, 100)


@pytest.mark.parametrize("camera", [PLAIN, BENT, CUT])
def test_a_camera_comes_back_as_it_was(camera):
    assert used_camera(fill_used_camera(SimpleNamespace(), camera, is_overridden=False)) == camera


def test_all_zero_is_no_camera():
    assert used_camera(SimpleNamespace(width=0)) is None


def test_what_no_camera_has_is_refused():
    message = fill_used_camera(SimpleNamespace(), PLAIN, is_overridden=True)
    message.fx = 0.0
    with pytest.raises(ValueError, match="fx must be positive"):
        used_camera(message)
