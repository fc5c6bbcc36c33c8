"""Disparity and inverse depth are told from depth by the flat parts of a scene."""

import numpy as np
import pytest

from n3d_ros.errors import BadInputError
from n3d_ros.files.frames import read_frame
from n3d_ros.preprocess.inverse_depth import is_inverse
from n3d_ros.preprocess.metres import measured_depth

HEIGHT, WIDTH = 240, 320
V, U = np.mgrid[:HEIGHT, :WIDTH]
X, Y = (U - 159.5) / 240, (V - 119.5) / 240


def room():
    """(H, W) metres: a floor 1 m below the camera, walls at the side and 4 m ahead, a ball."""
    with np.errstate(divide="ignore"):
        walls = [np.where(Y > 0, 1 / Y, np.inf), np.where(X < 0, -1.5 / X, np.inf)]
    far = np.minimum.reduce([*walls, np.full((HEIGHT, WIDTH), 4.0)])
    bulge = 0.3**2 - (X - 0.3) ** 2 - Y**2
    return np.where(bulge > 0, 1.5 - np.sqrt(np.maximum(bulge, 0)), far).astype(np.float32)


def test_a_room_is_depth_and_its_inverse_is_not():
    assert not is_inverse(room())
    assert is_inverse(1 / room())


@pytest.mark.parametrize("share", [0.0, 0.002])
def test_noise_and_holes_change_nothing(share):
    rng = np.random.default_rng(0)
    noisy = room() * rng.normal(1, 0.003, (HEIGHT, WIDTH)).astype(np.float32)
    noisy[rng.random((HEIGHT, WIDTH)) < share] = np.nan
    assert not is_inverse(noisy)
    assert is_inverse(1 / noisy)


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (1 / room(), "32FC1"),
        (np.uint16(240 * 0.05 / room() * 256), "16UC1"),
        (np.uint16(1000 / room()), "16UC1"),
    ],
)
def test_disparity_and_inverse_depth_are_refused_unless_a_scale_says_that_they_are_distances(raw, encoding):
    with pytest.raises(BadInputError, match="disparity or inverse depth"):
        measured_depth(raw, encoding)
    assert np.isfinite(measured_depth(raw, encoding, 0.001 if encoding == "16UC1" else 1.0)).any()


@pytest.mark.parametrize(
    "drawn",
    [
        np.broadcast_to(np.linspace(0.5, 5, WIDTH), (HEIGHT, WIDTH)),
        np.full((HEIGHT, WIDTH), 1.0),
        1 + U / 100 + V / 100,
        np.where(V < 200, 5 - V / 50, 8),
        np.full((4, 4), 2.0),
        np.random.default_rng(0).uniform(0.3, 5, (HEIGHT, WIDTH)),
    ],
)
def test_what_was_drawn_by_hand_is_left_alone(drawn):
    assert not is_inverse(drawn.astype(np.float32))


@pytest.mark.parametrize("radius", [0.12, 0.15, 0.25])
@pytest.mark.parametrize("bent", ["bowl", "trough"])
def test_what_is_hollow_and_seen_from_above_is_depth(bent, radius):
    """A camera 0.3 m above the rim, on which nothing rises but the hollow."""
    along = X**2 + (Y**2 if bent == "bowl" else 0) + 1
    inside = 0.3**2 - along * (0.3**2 - radius**2)
    bottom = (0.3 + np.sqrt(np.maximum(inside, 0))) / along
    is_hollow = (inside > 0) & (bottom > 0.3)
    assert not is_inverse(np.where(is_hollow, bottom, 0.3).astype(np.float32))


def test_disparity_of_one_plane_alone_is_not_told():
    """It rises one way only, as a ditch does."""
    assert not is_inverse(np.where(Y > 0.02, Y, np.nan).astype(np.float32))


def test_no_real_frame_is_taken_for_inverse_depth(rgbd_dir):
    folders = [one.parent for one in rgbd_dir.glob("*/intrinsics.json")]
    assert len(folders) > 30
    for folder in folders:
        read_frame(folder).observation()  # refused where it is
