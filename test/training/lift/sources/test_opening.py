"""Which reader reads what, told by the files."""

import json

import pytest
from lift_sets import tiny_set

from n3d_ros.training.lift.sources.coco import CocoSource
from n3d_ros.training.lift.sources.omni3d import Omni3dSource
from n3d_ros.training.lift.sources.opening import Beside, format_of, open_source


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"images": [{"file_name": "a.jpg"}]}, "coco"),
        ({"info": {}, "images": [{"file_path": "a.jpg", "K": [[1]]}]}, "omni3d"),
        ({"annotations": [{"R_cam": [[1]]}]}, "omni3d"),
        ({"annotations": [{"bbox": [1, 2, 3, 4]}]}, "coco"),
        ({}, "coco"),
    ],
)
def test_a_json_file_is_told_by_its_first_picture_or_annotation(tmp_path, content, expected):
    (tmp_path / "set.json").write_text(json.dumps(content))
    assert format_of([tmp_path / "set.json"]) == expected


def test_csv_files_are_open_images_and_folders_are_frames(tmp_path):
    assert format_of([tmp_path / "boxes.CSV"]) == "open-images"
    assert format_of([tmp_path]) == "frames"


def test_a_file_of_no_format_is_told_which_there_are(tmp_path):
    (tmp_path / "README.md").write_text("# A set")
    with pytest.raises(
        ValueError, match=r"expected .json \(COCO, Objects365, Omni3D\), .csv .*got the file .*README"
    ):
        format_of([tmp_path / "README.md"])


def test_a_format_that_is_named_is_taken(tmp_path):
    path = tiny_set(tmp_path / "set").write()
    assert isinstance(open_source([path], Beside(), tmp_path / "index"), CocoSource)
    source = open_source([path], Beside(), tmp_path / "index", format="omni3d")
    assert isinstance(source, Omni3dSource) and source.record(0).fault is not None


def test_one_file_is_expected_of_json_formats(tmp_path):
    path = tiny_set(tmp_path / "set").write()
    with pytest.raises(ValueError, match="expected one file of coco, got 2 inputs"):
        open_source([path, path], Beside(), tmp_path / "index")
