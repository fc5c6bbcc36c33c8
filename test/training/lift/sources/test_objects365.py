"""Objects365: like COCO, with folders of its own, odd names and marks of objects that are none."""

import pytest
from lift_sets import tiny_set

from n3d_ros.training.lift.filters import RULES, Kind, LiftConfig, Reason


@pytest.fixture
def set365(tmp_path):
    """The picture where the archives have it, and its entry as the annotation file names it."""
    made = tiny_set(tmp_path / "set")
    folder = tmp_path / "set/images/patch16"
    folder.mkdir()
    (tmp_path / "set/images/1.png").rename(folder / "objects365_v2_00908726.png")
    made.content["images"][0]["file_name"] = "images/v2/patch16/objects365_v2_00908726.png"
    made.content["categories"][0]["name"] = "Orange/Tangerine"
    return made


def test_the_picture_is_found_where_the_archives_put_it(set365):
    record = set365.source().record(0)
    assert record.picture == set365.folder / "images/patch16/objects365_v2_00908726.png"
    assert set365.reasons() == ["kept"]


def test_depth_is_found_below_the_same_folder(set365):
    del set365.content["images"][0]["depth_file"]
    target = set365.folder / "patch16/objects365_v2_00908726.png"
    target.parent.mkdir()
    (set365.folder / "1_depth.png").rename(target)
    assert set365.source().record(0).depth == target


def test_a_picture_where_the_file_says_comes_first(set365):
    stated = set365.folder / "images" / set365.content["images"][0]["file_name"]
    stated.parent.mkdir(parents=True)
    stated.write_bytes(b"another")
    assert set365.source().record(0).picture == stated


def test_a_picture_that_the_archives_lack_is_named(set365):
    (set365.folder / "images/patch16/objects365_v2_00908726.png").unlink()
    assert set365.reasons() == ["picture_unreadable"]


def test_names_keep_their_spelling(set365):
    [annotation] = set365.source().record(0).annotations
    assert annotation.label == "Orange/Tangerine"


@pytest.mark.parametrize(
    ("mark", "reason"), [("isfake", "depiction"), ("isreflected", "reflection"), ("iscrowd", "crowd")]
)
def test_what_is_no_object_is_skipped(set365, mark, reason):
    set365.content["annotations"][0][mark] = 1
    assert set365.reasons() == [reason]
    assert RULES[Reason(reason)].kind is Kind.SKIPPED


def test_boxes_without_masks_are_named(set365):
    del set365.content["annotations"][0]["segmentation"]
    [attempt] = set365.attempts(LiftConfig())
    assert attempt.rejected.reason is Reason.MASK_MISSING and "--mask-model" in attempt.rejected.detail
