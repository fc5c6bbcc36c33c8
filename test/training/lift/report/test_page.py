"""The page of kept and rejected annotations."""

import base64
import re

import cv2
import numpy as np
import pytest
from lift_sets import annotation_entry, tiny_set

from n3d_ros.training.lift.depth_sources import SensorDepth
from n3d_ros.training.lift.filters import LiftConfig
from n3d_ros.training.lift.lifting import lift_picture
from n3d_ros.training.lift.report.drawing import (
    BOX_COLOUR,
    DROPPED_COLOUR,
    KEPT_COLOUR,
    SIDE_PX,
    draw_attempt,
)
from n3d_ros.training.lift.report.page import write_page
from n3d_ros.training.lift.run import lift_shards


def page_of(made, out, **options):
    job = made.job(out, LiftConfig(max_broken_share=1.0), shard_size=2)
    entries = [done.entry for done in lift_shards(job, range(job.num_shards))]
    return write_page(job, entries, **options).read_text(encoding="utf-8")


def test_every_filter_that_rejected_something_has_its_pictures(tmp_path):
    made = tiny_set(tmp_path / "set", num_pictures=4)
    made.content["annotations"][1]["segmentation"] = "text"
    made.content["annotations"][2]["iscrowd"] = 1
    made.content["images"][3]["file_name"] = "absent.png"
    page = page_of(made, tmp_path / "out")
    assert re.findall(r"<h2 id='(\w+)'", page) == ["kept", "crowd", "picture_unreadable", "mask_invalid"]
    assert page.count("<img") == 3 and page.count("<figure") == 4  # a picture that is not there is not shown
    assert "<h1>1 lifted of 4 annotations in 4 pictures</h1>" in page
    assert "0.304 x 0.304 x 0.000 m at 0.80 m" in page and "expected lists of at least three points" in page


def test_the_page_needs_no_other_file_and_shows_text_of_others_as_text(tmp_path):
    made = tiny_set(tmp_path / "set")
    made.content["categories"][0]["name"] = "<script>alert(1)</script>"
    page = page_of(made, tmp_path / "out")
    assert "<script" not in page and "&lt;script&gt;" in page
    assert all(source.startswith("data:image/jpeg;base64,") for source in re.findall(r"src='([^']*)'", page))


def test_a_sample_of_each_filter_is_shown_and_always_the_same(tmp_path):
    made = tiny_set(tmp_path / "set", num_pictures=5)
    made.content["annotations"] += [annotation_entry(10 + number, number) for number in range(1, 6)]
    pages = [page_of(made, tmp_path / name, num_samples=3) for name in ("a", "b")]
    assert pages[0] == pages[1] and pages[0].count("<figure") == 3


def test_the_pictures_show_mask_box_and_cloud(tmp_path):
    page = page_of(tiny_set(tmp_path / "set"), tmp_path / "out")
    [data] = re.findall(r"base64,([^']*)'", page)
    drawn = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert drawn.shape == (SIDE_PX, 3 * SIDE_PX, 3)


def has(panel, colour):
    return bool((panel == colour).all(axis=2).any())


@pytest.mark.parametrize(("depth_mm", "dropped"), [(800, False), (820, True)])
def test_dropped_points_are_red(tmp_path, depth_mm, dropped):
    from PIL import Image

    made = tiny_set(tmp_path / "set")
    depth = np.full((48, 64), 2000, np.uint16)
    depth[10:30, 20:40] = 800
    depth[10, 20:40] = depth_mm
    Image.fromarray(depth).save(made.folder / "1_depth.png")
    picture = lift_picture(made.source().record(0), SensorDepth(), LiftConfig(rim_step=0.01))
    drawn = draw_attempt(picture.attempts[0], picture.sight)
    above, aside = drawn[:, SIDE_PX : 2 * SIDE_PX], drawn[:, 2 * SIDE_PX :]
    assert has(drawn[:, :SIDE_PX], BOX_COLOUR)
    assert has(drawn[:, :SIDE_PX], (128, 75, 60))  # half the picture's colour, half the mask's
    assert has(above, KEPT_COLOUR) or has(above, BOX_COLOUR)
    assert (has(above, DROPPED_COLOUR) or has(aside, DROPPED_COLOUR)) is dropped
