"""Patterns repeat, leave most of an object in its own colour; what is held out is not seen in training."""

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from n3d_ros.sim.meshes import box
from n3d_ros.sim.surfaces import PLAIN, TEXTURES
from n3d_ros.sim.surfaces.mapping import texture_coordinates
from n3d_ros.sim.surfaces.patterns import SIDE_PX

OBJECTS = {name: pattern for one in TEXTURES.values() for name, pattern in one.objects.items()}
ROOMS = {name: pattern for one in TEXTURES.values() for name, pattern in one.room.items()}


@pytest.mark.parametrize("name", [*OBJECTS, *ROOMS])
def test_a_pattern_lies_within_its_range_and_varies(name):
    pattern = {**OBJECTS, **ROOMS}[name]
    pictures = [pattern(np.random.default_rng(seed)) for seed in range(6)]
    for picture in pictures:
        assert (picture.shape, picture.dtype) == ((SIDE_PX, SIDE_PX), np.float32)
        assert picture.min() >= 0 and picture.max() <= 1 and np.ptp(picture) > 0.25
    assert not all(np.array_equal(pictures[0], other) for other in pictures[1:])
    assert np.array_equal(pictures[0], pattern(np.random.default_rng(0)))


@pytest.mark.parametrize("name", OBJECTS)
def test_the_second_colour_covers_the_lesser_part(name):
    covered = [OBJECTS[name](np.random.default_rng(seed)).mean() for seed in range(40)]
    assert min(covered) > 0.05 and max(covered) < 0.5


@pytest.mark.parametrize("name", [*OBJECTS, *ROOMS])
def test_a_pattern_goes_on_where_it_is_repeated(name):
    """The step from the last row to the first is one of the steps within the picture, and so for columns."""
    for seed in range(4):
        picture = {**OBJECTS, **ROOMS}[name](np.random.default_rng(seed))
        for turned in (picture, picture.T):
            steps = np.abs(np.diff(turned, axis=0)).mean(axis=1)
            assert np.abs(turned[0] - turned[-1]).mean() <= steps.max() + 0.15


def test_what_is_held_out_shares_no_pattern_with_what_is_seen():
    seen, held_out = TEXTURES["seen"], TEXTURES["held_out"]
    assert not {*seen.objects, *seen.room} & {*held_out.objects, *held_out.room}
    assert min(len(seen.objects), len(held_out.objects), len(seen.room), len(held_out.room)) >= 3
    assert not TEXTURES[PLAIN].objects and not TEXTURES[PLAIN].room


def test_a_picture_has_its_size_in_metres_on_every_face_of_a_box():
    mesh = box((0.1, 0.2, 0.3))
    where = texture_coordinates(mesh, tile_m=0.05)
    sides = {tuple(np.ptp(face, axis=0).round(6)) for face in where}
    assert sides == {(4.0, 6.0), (2.0, 6.0), (2.0, 4.0)}
