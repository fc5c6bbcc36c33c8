"""A mirror shows the same world: what is projected in it is the mirrored picture of what is there."""

from dataclasses import replace

import numpy as np
import pytest

from n3d_ros.boxes import Box3D, box_2d_px
from n3d_ros.geometry import Distortion, Intrinsics
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.looks.second_look import mirrored_box
from n3d_ros.training.evaluation.asking.mirror import mirrored, names_a_side

CAMERA = Intrinsics(50.0, 50.0, 29.0, 24.0, 64, 48)
BOX = Box3D("mug", (0.2, 0.1, 1.0), (0.1, 0.2, 0.3), yaw=0.3)


def seen(camera=CAMERA):
    rgb = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    return Observation(rgb, camera, depth=np.linspace(1, 2, 48 * 64, dtype=np.float32).reshape(48, 64))


def test_a_box_projects_to_the_mirrored_rectangle():
    there = mirrored(seen())
    left, top, right, bottom = box_2d_px(BOX, CAMERA)
    expected = (63 - right, top, 63 - left, bottom)
    assert box_2d_px(mirrored_box(BOX), there.intrinsics) == pytest.approx(expected)


def test_pixel_and_depth_stay_together():
    here, there = seen(), mirrored(seen())
    assert there.rgb[3, 60].tolist() == here.rgb[3, 3].tolist() and there.depth[3, 60] == here.depth[3, 3]
    points = Observation(here.rgb, CAMERA, point_map=np.dstack([here.depth] * 3))
    assert mirrored(points).point_map[3, 60].tolist() == (here.depth[3, 3] * np.array([-1, 1, 1])).tolist()


def test_twice_is_what_was_there():
    back = mirrored(mirrored(seen()))
    assert back.intrinsics == CAMERA and np.array_equal(back.rgb, seen().rgb)
    assert mirrored_box(mirrored_box(BOX)) == BOX


def test_a_lens_that_bends_has_no_mirror_image():
    bent = replace(CAMERA, distortion=Distortion("plumb_bob", (0.1, 0.0, 0.0, 0.0, 0.0)))
    with pytest.raises(ValueError, match="without distortion"):
        mirrored(seen(bent))


def test_words_that_name_a_side():
    assert names_a_side("Is it left of the box?") and names_a_side("the leftmost mug")
    assert not names_a_side("Is it bright?")
