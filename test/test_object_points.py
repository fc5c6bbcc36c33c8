"""The points of a depth picture in boxes: exactly those, each of one box, in the picture's colours."""

import math
from dataclasses import replace

import numpy as np
import pytest

from n3d_ros import object_points as module
from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Distortion, Intrinsics
from n3d_ros.object_points import object_points
from n3d_ros.preprocess.prepare import Observation

# One metre ahead a pixel is 10 cm wide, and the middle of the picture lies between pixels.
CAMERA = Intrinsics(10.0, 10.0, 3.5, 2.5, 8, 6)


def seen(depth, camera=CAMERA, rgb=None):
    """A picture whose red is its column and whose green is its row."""
    if rgb is None:
        v, u = np.mgrid[0 : camera.height, 0 : camera.width]
        rgb = np.stack([u, v, np.zeros_like(u)], axis=-1).astype(np.uint8)
    return Observation(rgb, camera, np.asarray(depth, np.float32))


def wall(z=1.0):
    return np.full((6, 8), z, np.float32)


def rows(points):
    """[(x, y, z, object)] rounded to a tenth of a millimetre."""
    return [
        (*place.astype(float).round(4).tolist(), int(owner))
        for place, owner in zip(points.positions, points.objects, strict=True)
    ]


def test_the_points_are_those_in_the_box_and_no_others():
    box = Box3D("mug", (0.0, 0.0, 1.0), (0.2, 0.1, 0.1))
    found = object_points(seen(wall()), [box])
    assert rows(found) == [
        (-0.05, -0.05, 1.0, 0), (0.05, -0.05, 1.0, 0), (-0.05, 0.05, 1.0, 0), (0.05, 0.05, 1.0, 0),
    ]  # fmt: skip
    assert found.colours.tolist() == [[3, 2, 0], [4, 2, 0], [3, 3, 0], [4, 3, 0]]
    assert (found.positions.dtype, found.colours.dtype, found.objects.dtype) == ("f4", "u1", "u4")


def test_what_lies_before_and_behind_the_box_is_not_its():
    depth = wall()
    depth[2, 3], depth[2, 4] = 0.9, 1.2
    box = Box3D("mug", (0.0, 0.0, 1.0), (0.4, 0.1, 0.1))
    assert {(x, y, z) for x, y, z, _ in rows(object_points(seen(depth), [box]))} == {
        (-0.15, -0.05, 1.0), (0.15, -0.05, 1.0), (-0.15, 0.05, 1.0), (-0.05, 0.05, 1.0), (0.05, 0.05, 1.0),
        (0.15, 0.05, 1.0),
    }  # fmt: skip


@pytest.mark.parametrize(("sign", "num_inside"), [(1, 28), (-1, 2)])
def test_a_turned_box_has_the_points_along_its_own_axis(sign, num_inside):
    """Points in a line that goes away to the right, or to the left; a stick lies along the former."""
    camera = Intrinsics(100.0, 100.0, 49.5, 0.0, 100, 1, is_crop=True)
    rays = (np.arange(100) - 49.5) / 100
    depth = 1 / (1 - sign * rays)
    stick = Box3D("stick", (0.0, 0.0, 1.0), (0.02, 0.02, 0.4), yaw=math.pi / 4)
    found = object_points(seen(depth[None], camera), [stick]).positions
    assert found[:, 2] - 1 == pytest.approx(sign * found[:, 0], abs=1e-6)
    along = np.abs(rays * depth) * math.sqrt(2)
    assert len(found) == num_inside == np.count_nonzero(along <= (0.2 if sign > 0 else 0.01))


def test_a_point_in_two_boxes_is_the_smaller_ones_whatever_their_order():
    shelf, mug = (
        Box3D("shelf", (0.0, 0.0, 1.0), (0.8, 0.6, 0.2)),
        Box3D("mug", (0.1, 0.0, 1.0), (0.1, 0.1, 0.1)),
    )
    for boxes, of_mug in (([shelf, mug], 1), ([mug, shelf], 0)):
        owners = object_points(seen(wall()), boxes).objects.reshape(6, 8)
        assert np.argwhere(owners == of_mug).tolist() == [[2, 4], [2, 5], [3, 4], [3, 5]]
        assert (owners == 1 - of_mug).sum() == 44


def test_of_equal_boxes_the_first_has_the_point():
    one = Box3D("mug", (0.0, 0.0, 1.0), (0.2, 0.1, 0.1))
    assert object_points(seen(wall()), [one, replace(one, label="cup")]).objects.tolist() == [0] * 4


def test_pixels_without_depth_are_no_points():
    depth = wall()
    depth[2, 3], depth[2, 4] = np.nan, 0.0
    found = object_points(seen(depth), [Box3D("mug", (0.0, 0.0, 1.0), (0.2, 0.1, 0.1))])
    assert rows(found) == [(-0.05, 0.05, 1.0, 0), (0.05, 0.05, 1.0, 0)]


@pytest.mark.parametrize(
    "boxes",
    [[], [Box3D("mug", (0.0, 0.0, 3.0), (0.1, 0.1, 0.1))], [Box3D("mug", (0.0, 0.0, -1.0), (0.1, 0.1, 0.1))]],
)
def test_where_nothing_lies_in_a_box_there_are_no_points(boxes):
    found = object_points(seen(wall()), boxes)
    assert (found.positions.shape, found.colours.shape, found.objects.shape) == ((0, 3), (0, 3), (0,))


def test_colours_are_of_the_pixel_under_it_where_depth_is_smaller():
    v, u = np.mgrid[0:12, 0:16]
    rgb = np.stack([u, v, np.zeros_like(u)], axis=-1).astype(np.uint8)
    half = Observation(rgb, CAMERA.scaled_to(16, 12), wall())
    found = object_points(half, [Box3D("mug", (-0.35, -0.25, 1.0), (0.1, 0.1, 0.1))])
    assert rows(found) == [(-0.35, -0.25, 1.0, 0)]
    assert found.colours.tolist() == [[1, 1, 0]]


def test_a_lens_is_followed():
    bent = replace(CAMERA, distortion=Distortion("plumb_bob", (0.5, 0.0, 0.0, 0.0, 0.0)))
    everything = Box3D("room", (0.0, 0.0, 1.0), (2.0, 2.0, 0.2))
    straight, curved = (object_points(seen(wall(), one), [everything]).positions for one in (CAMERA, bent))
    assert len(straight) == len(curved) == 48
    x, y = curved[0, :2].astype(float)
    stretch = 1 + 0.5 * (x * x + y * y)
    assert (x * stretch, y * stretch) == pytest.approx(tuple(straight[0, :2]), abs=1e-6)


def test_the_number_of_points_is_bounded_and_they_stay_spread_over_the_picture():
    everything = Box3D("room", (0.0, 0.0, 1.0), (2.0, 2.0, 0.2))
    found = object_points(seen(wall()), [everything], max_points=20)
    assert len(found.objects) == 16
    assert found.colours[[0, -1]].tolist() == [[0, 0, 0], [5, 5, 0]]


def test_depth_of_too_many_pixels_is_thinned_and_its_points_stay_where_they_are(monkeypatch):
    monkeypatch.setattr(module, "MAX_PIXELS", 12)
    everything = Box3D("room", (0.0, 0.0, 1.0), (2.0, 2.0, 0.2))
    found = object_points(seen(wall()), [everything])
    assert found.colours[:, :2].tolist() == [[u, v] for v in (0, 2, 4) for u in (0, 2, 4, 6)]
    assert rows(found)[5] == (-0.15, -0.05, 1.0, 0)


def test_a_point_map_is_refused():
    given = Observation(np.zeros((6, 8, 3), np.uint8), CAMERA, point_map=np.ones((6, 8, 3), np.float32))
    with pytest.raises(ValueError, match="expected an observation with depth"):
        object_points(given, [])
