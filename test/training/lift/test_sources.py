"""COCO files and frame folders to picture records."""

import json

import numpy as np
import pytest
from lift_sets import annotation_entry, tiny_set
from PIL import Image

from n3d_ros.training.lift.filters import Reason
from n3d_ros.training.lift.sources import json_items as module
from n3d_ros.training.lift.sources.folders import FolderSource
from n3d_ros.training.lift.sources.json_items import JsonItemsError, json_items
from n3d_ros.training.lift.sources.records import GivenBox, MaskPicture

TEXT = '{"info": {"a": [1]}, "n": 12, "images": [{"id": 1}, {"id": "\\u00e4]}"}], "none": [], "last": null}'
ITEMS = [
    ("info", {"a": [1]}),
    ("n", 12),
    ("images", {"id": 1}),
    ("images", {"id": "ä]}"}),
    ("last", None),
]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
def test_items_come_one_by_one_wherever_the_file_is_cut(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(module, "CHUNK_CHARS", chunk)
    path = tmp_path / "set.json"
    path.write_text(TEXT, encoding="utf-8")
    assert list(json_items(path)) == ITEMS


def test_an_empty_object_has_no_items(tmp_path):
    (tmp_path / "set.json").write_text(" {} ")
    assert list(json_items(tmp_path / "set.json")) == []


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"a": [1', '{"a": [1,]}', '{"a" 1}', '{"a": 1', '{"a": [1 2]}', "{]"]
)
def test_what_is_no_object_of_lists_is_named(tmp_path, text):
    (tmp_path / "set.json").write_text(text)
    with pytest.raises(JsonItemsError, match="expected a JSON object"):
        list(json_items(tmp_path / "set.json"))


def test_an_item_that_never_ends_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_CHARS", 8)
    monkeypatch.setattr(module, "MAX_ITEM_CHARS", 100)
    (tmp_path / "set.json").write_text('{"a": ["' + "x" * 1000)
    with pytest.raises(JsonItemsError, match="more than 100 characters"):
        list(json_items(tmp_path / "set.json"))


def test_a_picture_comes_with_its_annotations_depth_and_camera(tmp_path):
    made = tiny_set(tmp_path / "set", num_pictures=2)
    made.content["images"][1]["gravity"] = [0, 2, 1]
    source = made.source()
    record = source.record(1)
    assert len(source) == 2 and record.fault is None
    assert (record.picture.name, record.depth.name, record.size) == ("2.png", "2_depth.png", (64, 48))
    assert record.intrinsics.fx == 50.0 and record.gravity == (0.0, 2.0, 1.0)
    [annotation] = record.annotations
    assert (annotation.key, annotation.label, annotation.box_px) == ("2", "red block", (20, 10, 40, 30))


def test_depth_is_found_by_the_pictures_name(tmp_path):
    made = tiny_set(tmp_path / "set")
    del made.content["images"][0]["depth_file"]
    assert made.source().record(0).depth is None
    np.save(tmp_path / "set/1.npy", np.ones((48, 64), np.float32))
    assert made.source().record(0).depth.name == "1.npy"


def test_annotations_before_pictures_and_of_no_picture_are_all_counted(tmp_path):
    made = tiny_set(tmp_path / "set")
    made.content = {
        "annotations": [*made.content["annotations"], annotation_entry(2, 99), annotation_entry(3, "1"), 5],
        "categories": made.content["categories"],
        "images": made.content["images"],
    }
    assert sorted(made.reasons()) == ["annotation_entry", "kept", "picture_unknown", "picture_unknown"]


def test_repeated_ids_are_lifted_once(tmp_path):
    made = tiny_set(tmp_path / "set", num_pictures=2)
    made.content["images"].append(dict(made.content["images"][0]))
    made.content["annotations"].append(annotation_entry(1, 2))
    assert sorted(made.reasons()) == ["annotation_repeated", "kept", "kept"]
    assert made.source().record(2).fault.reason is Reason.PICTURE_REPEATED


@pytest.mark.parametrize(
    ("categories", "reason"),
    [
        ([{"id": 7, "name": "mug"}, {"id": 7, "name": "mug"}], "kept"),
        ([{"id": 7, "name": "mug"}, {"id": 7, "name": "bowl"}, {"id": 7, "name": "mug"}], "category_unknown"),
        ([{"id": 7, "name": "  "}], "category_unknown"),
    ],
)
def test_a_category_needs_one_name(tmp_path, categories, reason):
    made = tiny_set(tmp_path / "set")
    made.content["categories"] = categories
    assert made.reasons() == [reason]


def test_a_file_without_the_lists_of_coco_is_refused_and_leaves_no_index(tmp_path):
    made = tiny_set(tmp_path / "set")
    del made.content["categories"]
    with pytest.raises(ValueError, match="no \\['categories'\\]"):
        made.source()
    assert list((tmp_path / "set/index").iterdir()) == []


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("file_name", None, Reason.PICTURE_ENTRY),
        ("file_name", "a\x00b", Reason.PICTURE_ENTRY),
        ("width", 64.0, Reason.PICTURE_ENTRY),
        ("height", -1, Reason.PICTURE_ENTRY),
        ("depth_file", 3, Reason.PICTURE_ENTRY),
        ("depth_scale_to_m", "mm", Reason.PICTURE_ENTRY),
        ("gravity", [0, 0, 0], Reason.PICTURE_ENTRY),
        ("gravity", [0, "down", 0], Reason.PICTURE_ENTRY),
        ("camera", "pinhole", Reason.CAMERA),
        ("camera", {"fx": -50, "fy": 50, "cx": 31, "cy": 23}, Reason.CAMERA),
        ("camera", {"fx": 50}, Reason.CAMERA),
    ],
)
def test_a_wrong_value_of_a_picture_is_its_fault(tmp_path, key, value, reason):
    made = tiny_set(tmp_path / "set")
    made.content["images"][0][key] = value
    record = made.source().record(0)
    assert record.fault.reason is reason and len(record.annotations) == 1


@pytest.mark.parametrize("beside", [{}, {"depth_scale_to_m": 0.0002}])
def test_the_scale_of_depth_that_a_pictures_camera_states_is_used(tmp_path, beside):
    made = tiny_set(tmp_path / "set")
    made.content["images"][0]["camera"]["depth_scale"] = 0.0002
    made.content["images"][0].update(beside)
    assert made.source().record(0).depth_scale_m == 0.0002


def test_two_scales_of_one_picture_are_its_fault(tmp_path):
    made = tiny_set(tmp_path / "set")
    made.content["images"][0]["camera"]["depth_scale"] = 0.0002
    made.content["images"][0]["depth_scale_to_m"] = 0.001
    assert made.source().record(0).fault.reason is Reason.CAMERA


def frame_folder(folder, annotations):
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 48)).save(folder / "color.png")
    np.save(folder / "depth.npy", np.full((48, 64), 0.8, np.float32))
    camera = {"fx": 50, "fy": 50, "cx": 31.5, "cy": 23.5, "width": 64, "height": 48}
    (folder / "intrinsics.json").write_text(json.dumps(camera))
    (folder / "annotations.json").write_text(
        annotations if isinstance(annotations, str) else json.dumps(annotations)
    )


def test_a_frame_folder_is_a_record(tmp_path):
    objects = [{"label": "mug", "mask": "mug.png", "box2d_xyxy": [1, 2, 3, 4]}]
    frame_folder(tmp_path / "a", {"objects2d": objects, "gravity": [0, 1, 0]})
    frame_folder(tmp_path / "b", {})
    (tmp_path / "b/annotations.json").unlink()
    source = FolderSource.find([tmp_path])
    record = source.record(0)
    assert len(source) == 1 and record.fault is None and record.gravity == (0.0, 1.0, 0.0)
    [annotation] = record.annotations
    assert (annotation.key, annotation.label, annotation.box_px) == ("a/0", "mug", (1, 2, 3, 4))
    assert annotation.segmentation == MaskPicture(tmp_path / "a/mug.png")


# Turned by a quarter about z: its own x is the camera's y.
MEASURED = {
    "label": "mug",
    "center_xyz_m": [0.1, 0.2, 0.8],
    "size_xyz_m": [0.3, 0.1, 0.2],
    "rotation_matrix": [[0, -1, 0], [1, 0, 0], [0, 0, 1]],
}


def test_measured_boxes_of_a_folder_are_taken_as_they_are(tmp_path):
    frame_folder(tmp_path / "a", {"boxes3d": [MEASURED]})
    [annotation] = FolderSource.find([tmp_path]).record(0).annotations
    assert (annotation.key, annotation.label, annotation.fault) == ("a/0", "mug", None)
    assert annotation.given == GivenBox((0.1, 0.2, 0.8), (0.3, 0.1, 0.2), (0, -1, 0, 1, 0, 0, 0, 0, 1))


def test_an_object_with_a_mask_is_lifted_though_its_box_was_measured(tmp_path):
    frame_folder(tmp_path / "a", {"objects2d": [{"label": "mug", "mask": "m.png"}], "boxes3d": [MEASURED]})
    [annotation] = FolderSource.find([tmp_path]).record(0).annotations
    assert annotation.given is None and annotation.segmentation is not None


@pytest.mark.parametrize(
    ("annotations", "reason"),
    [
        ({"boxes3d": [{**MEASURED, "size_xyz_m": [0.3, -0.1, 0.2]}]}, Reason.BOX_GIVEN),
        ({"boxes3d": [{**MEASURED, "rotation_matrix": [[2, 0, 0], [0, 1, 0], [0, 0, 1]]}]}, Reason.BOX_GIVEN),
        ({"boxes3d": [{"center_xyz_m": [0, 0, 1]}]}, Reason.ANNOTATION_ENTRY),
        ({"boxes3d": 3}, Reason.ANNOTATION_ENTRY),
        ({"objects2d": [{"mask": "m.png"}]}, Reason.ANNOTATION_ENTRY),
        ({"objects2d": "mug"}, Reason.ANNOTATION_ENTRY),
        ({"objects2d": [{"label": "mug", "mask": 3}]}, Reason.MASK_INVALID),
        ({"objects2d": [{"label": "mug", "box2d_xyxy": [3, 2, 1, 4]}]}, Reason.BOX_INVALID),
        ({"objects2d": [{"label": "mug", "box2d_xyxy": [1, 2, 3]}]}, Reason.BOX_INVALID),
    ],
)
def test_a_wrong_object_of_a_folder_is_its_own_fault(tmp_path, annotations, reason):
    frame_folder(tmp_path / "a", annotations)
    record = FolderSource.find([tmp_path / "a"]).record(0)
    assert record.fault is None and [one.fault.reason for one in record.annotations] == [reason]


def test_a_folder_with_damaged_annotations_or_camera_is_a_picture_at_fault(tmp_path):
    frame_folder(tmp_path / "a", "{")
    frame_folder(tmp_path / "b", {"objects2d": []})
    (tmp_path / "b/intrinsics.json").write_text("{}")
    source = FolderSource.find([tmp_path])
    assert [source.record(i).fault.reason for i in (0, 1)] == [Reason.PICTURE_ENTRY, Reason.CAMERA]


def test_folders_without_annotations_are_refused(tmp_path):
    frame_folder(tmp_path / "a", {})
    (tmp_path / "a/annotations.json").unlink()
    with pytest.raises(FileNotFoundError, match=rf"annotations\.json in a frame folder of '{tmp_path}', "):
        FolderSource.find([tmp_path])
