"""The picture of docs/simulator.md, in parts."""

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from n3d_ros.sim import WIDE_KINDS
from n3d_ros.sim.sheet import KINDS_A_ROW, WORLDS, of_kind, of_world, rows_of, tinted, titled


def test_a_kind_stands_in_the_middle_in_its_colour():
    picture = of_kind("teapot", "blue", (60, 60))
    assert picture.shape == (60, 60, 3)
    assert picture[30, 30].argmax() == 2 and np.ptp(picture[2, 2].astype(int)) < 30


def test_a_world_is_seen_in_the_size_asked_for():
    view = of_world(WORLDS["layout clutter"], (64, 48))
    assert view.rgb.shape == (48, 64, 3) and len(view.boxes) >= 7


def test_depth_is_warm_near_cold_far_and_black_where_there_is_none():
    ((near, far, none),) = tinted(np.array([[0.5, 2.0, np.nan]], np.float32), 0.4, 2.1)
    assert near[0] > near[2] and far[2] > far[0] and none.tolist() == [0, 0, 0]


def test_tiles_come_in_full_rows_with_their_names_above():
    assert len(WIDE_KINDS) % KINDS_A_ROW == 0
    tile = titled(np.zeros((10, 20, 3), np.uint8), "x")
    assert tile.shape == (28, 20, 3) and tile[:18].max() == 255 and tile[18:].max() == 0
    assert rows_of([tile] * 6, 3).shape == (56, 60, 3)
