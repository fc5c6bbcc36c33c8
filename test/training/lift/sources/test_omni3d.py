"""Omni3D JSON in and out."""

import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest
from lift_sets import CAMERA, HEIGHT, WIDTH, tiny_set
from PIL import Image

from n3d_ros.cli import main
from n3d_ros.training.lift.omni3d_file import write_omni3d
from n3d_ros.training.lift.sources.opening import Beside, open_source

K = [[50.0, 0.0, 31.5], [0.0, 50.0, 23.5], [0.0, 0.0, 1.0]]
TURN = math.radians(30.0)
# About y by 30 degrees.
R_CAM = [[math.cos(TURN), 0.0, math.sin(TURN)], [0.0, 1.0, 0.0], [-math.sin(TURN), 0.0, math.cos(TURN)]]


def entry(**changes):
    """A box 0.6 long, 0.4 high and 0.2 wide, turned, two metres ahead."""
    return {
        "id": 5,
        "image_id": 3,
        "category_id": 9,
        "category_name": "sofa",
        "valid3D": True,
        "bbox2D_tight": [-1, -1, -1, -1],
        "bbox2D_proj": [20.0, 15.0, 40.0, 33.0],
        "bbox2D_trunc": [20.0, 15.0, 40.0, 33.0],
        "center_cam": [0.0, 0.1, 2.0],
        "dimensions": [0.2, 0.4, 0.6],
        "R_cam": R_CAM,
        "behind_camera": False,
        **changes,
    }


def image(**changes):
    return {
        "id": 3,
        "dataset_id": 0,
        "width": WIDTH,
        "height": HEIGHT,
        "file_path": "a/3.png",
        "K": K,
        **changes,
    }


@pytest.fixture
def written(tmp_path):
    """`written(annotations, image)`: the path of a file beside its picture, as Omni3D lies on disk."""

    def write(annotations, picture=None):
        (tmp_path / "datasets/a").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT), (40, 80, 120)).save(tmp_path / "datasets/a/3.png")
        content = {"info": {}, "images": [picture or image()], "annotations": annotations}
        path = tmp_path / "datasets/Omni3D/SUNRGBD_val.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({**content, "categories": [{"id": 9, "name": "sofa"}]}))
        return path

    return write


def lifted(path, out, *options):
    assert main(["lift", str(path), "--out", str(out), *options]) == 0
    [row] = pq.read_table(out / "shard-00000.parquet").to_pylist()
    return row


def test_a_given_box_is_kept_as_it_is_with_the_one_around_it(written, tmp_path):
    row = lifted(written([entry()]), tmp_path / "out")
    [found] = row["objects"]
    assert found["label"] == "sofa" and row["depth_file"] is None and row["width"] == WIDTH
    # length lies along x, height along y, width along z
    assert found["given"]["size_m"] == [0.6, 0.4, 0.2]
    c, s = math.cos(TURN), math.sin(TURN)
    np.testing.assert_allclose(found["box"]["center_m"], [0.0, 0.1, 2.0], atol=1e-9)
    np.testing.assert_allclose(found["box"]["size_m"], [0.6 * c + 0.2 * s, 0.4, 0.6 * s + 0.2 * c])
    assert found["extent_px"] == [20.0, 15.0, 40.0, 33.0]
    assert (found["mask_px"], found["num_points"], found["depth_share"]) == (None, None, None)


def test_without_a_2d_box_the_given_one_is_projected(written, tmp_path):
    row = lifted(written([entry(bbox2D_trunc=-1, R_cam=np.eye(3).tolist())]), tmp_path / "out")
    # the nearest face is 1.9 m away: 50 * 0.3 / 1.9 to each side of the principal point
    left, _, right, _ = row["objects"][0]["extent_px"]
    assert (left, right) == pytest.approx((31.5 - 15 / 1.9, 31.5 + 15 / 1.9))


def test_gravity_gives_the_upright_box(written, tmp_path):
    row = lifted(written([entry()]), tmp_path / "out", "--gravity", "0", "1", "0")
    upright = row["objects"][0]["upright"]
    assert sorted(upright["size_m"]) == pytest.approx([0.2, 0.4, 0.6], abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"valid3D": False}, "box_unreliable"),
        ({"behind_camera": True}, "box_unreliable"),
        ({"category_id": 8}, "category_unknown"),
        ({"center_cam": [0, 0, -1]}, "box_given"),
        ({"center_cam": [0, 0]}, "box_given"),
        ({"dimensions": [-1, -1, -1]}, "box_given"),
        ({"R_cam": -1}, "box_given"),
        ({"R_cam": [[1, 0, 0], [0, 1, 0], [0, 0, 2]]}, "box_given"),
        ({"R_cam": [[1, 0, 0], [0, 1, 0], [0, 0, -1]]}, "box_given"),
        ({"bbox2D_trunc": [30, 15, 20, 33]}, "box_invalid"),
        ({"bbox2D_trunc": [30, 15, 90, 33]}, "box_invalid"),
        ({"dimensions": [30, 1, 1], "center_cam": [0, 0, 40]}, "box_large"),
        ({"center_cam": [50, 0, 2], "bbox2D_trunc": -1}, "box_given"),
    ],
)
def test_a_box_that_cannot_be_is_named(written, tmp_path, changes, reason):
    config = tmp_path / "lenient.json"
    config.write_text('{"max_broken_share": 1.0, "max_reject_share": 1.0}')
    row = lifted(written([entry(**changes)]), tmp_path / "out", "--config", str(config))
    assert [one["reason"] for one in row["rejected"]] == [reason]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"K": [[50, 0], [0, 50]]}, "camera"),
        ({"K": -1}, "camera"),
        ({"K": [[50, 3, 31.5], [0, 50, 23.5], [0, 0, 1]]}, "camera"),
        ({"file_path": None}, "picture_entry"),
        ({"height": "48"}, "picture_entry"),
    ],
)
def test_a_picture_that_cannot_be_is_named(written, tmp_path, changes, reason):
    source = open_source([written([entry()], image(**changes))], Beside(), tmp_path / "index")
    assert source.record(0).fault.reason.value == reason


def test_truth_may_be_written_as_a_number_and_minus_one_is_not_known(written, tmp_path):
    row = lifted(written([entry(valid3D=1, behind_camera=-1)]), tmp_path / "out")
    assert len(row["objects"]) == 1


def test_lifted_boxes_are_written_as_omni3d_has_them(tmp_path):
    made = tiny_set(tmp_path / "set")
    target = tmp_path / "omni3d.json"
    assert main(["lift", str(made.write()), "--out", str(tmp_path / "out"), "--omni3d", str(target)]) == 0
    content = json.loads(target.read_text())
    [picture], [found], [category] = (content[name] for name in ("images", "annotations", "categories"))
    assert picture["K"] == K and (picture["width"], picture["height"]) == (WIDTH, HEIGHT)
    assert category["name"] == found["category_name"] == "red block"
    assert found["image_id"] == picture["id"] and found["category_id"] == category["id"]
    assert found["bbox2D_tight"] == [20, 10, 40, 30] and found["valid3D"] is True
    np.testing.assert_allclose(found["dimensions"], [0.0, 0.304, 0.304], atol=1e-7)
    low, high = found["bbox3D_cam"][0], found["bbox3D_cam"][6]
    np.testing.assert_allclose(np.subtract(high, low), [0.304, 0.304, 0.0], atol=1e-7)
    # outermost pixel centres
    np.testing.assert_allclose(found["bbox2D_proj"], [20, 10, 39, 29], atol=1e-6)
    assert found["segmentation_pts"] == 400 and found["visibility"] == -1


def test_what_is_written_is_read_back(written, tmp_path):
    lifted(written([entry()]), tmp_path / "out", "--omni3d", str(tmp_path / "again.json"))
    content = json.loads((tmp_path / "again.json").read_text())
    [found] = content["annotations"]
    stated = entry()
    for name in ("center_cam", "dimensions", "R_cam"):
        np.testing.assert_allclose(found[name], stated[name], atol=1e-12)
    row = lifted(tmp_path / "again.json", tmp_path / "second")
    assert row["objects"][0]["given"]["size_m"] == [0.6, 0.4, 0.2]


def test_a_set_without_boxes_is_an_omni3d_file_too(tmp_path):
    made = tiny_set(tmp_path / "set")
    made.content["annotations"][0]["iscrowd"] = 1
    assert main(["lift", str(made.write()), "--out", str(tmp_path / "out")]) == 0
    assert write_omni3d([tmp_path / "out/shard-00000.parquet"], tmp_path / "empty.json", "empty") == 0
    content = json.loads((tmp_path / "empty.json").read_text())
    assert (len(content["images"]), content["annotations"], content["categories"]) == (1, [], [])
    assert content["images"][0]["K"][0][0] == CAMERA["fx"]


def test_the_page_says_how_many_boxes_were_given_and_not_lifted(written, tmp_path):
    path = written([entry(), entry(id=6, center_cam=[0.1, 0.1, 2.0])])
    assert main(["lift", str(path), "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out/page.html").read_text(encoding="utf-8")
    assert "<h1>0 lifted and 2 taken as given of 2 annotations in 1 pictures</h1>" in page
    assert page.count("; given, not lifted</figcaption>") == 2
