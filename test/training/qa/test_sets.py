"""Question sets as benchmarks and trainings read them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from qa_sets import questions, write_lifted

from n3d_ros.training.lift.shards import shard_file
from n3d_ros.training.qa.lifted import LiftedSet
from n3d_ros.training.qa.making.scene import PictureRef
from n3d_ros.training.qa.sets import load_observation, num_questions, read_questions, with_rectangles
from n3d_ros.training.qa.shards import write_questions


@pytest.fixture
def written(tmp_path):
    """(folder, its questions) of a finished set of two shards."""
    made = questions(4)
    half = len(made) // 2
    parts = (made[:half], made[half:])
    shards = [
        {"file": shard_file(tmp_path, n).name, "questions": write_questions(shard_file(tmp_path, n), part)}
        for n, part in enumerate(parts)
    ]
    (tmp_path / "manifest.json").write_text(json.dumps({"shards": shards}))
    return tmp_path, made


def test_questions_come_back_in_their_order(written):
    folder, made = written
    assert list(read_questions(folder)) == made
    assert num_questions(folder) == len(made)


def test_a_set_that_is_not_finished_is_not_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a finished set with 'manifest.json'"):
        next(read_questions(tmp_path))


def test_a_shard_that_is_not_what_the_manifest_says_is_refused(written):
    folder, made = written
    path = shard_file(folder, 0)
    write_questions(path, made[:3])
    with pytest.raises(ValueError, match="shard-00000.parquet.*expected .* questions, got 3"):
        list(read_questions(folder))
    path.write_bytes(b"no parquet")
    with pytest.raises(ValueError, match="shard-00000.parquet.*expected a shard of questions"):
        list(read_questions(folder))
    path.unlink()
    with pytest.raises(OSError, match="shard-00000.parquet"):
        list(read_questions(folder))


@pytest.fixture
def picture(tmp_path):
    """A picture on disk with its depth."""
    row = next(LiftedSet.open(write_lifted(tmp_path / "lifted", 1)).rows(0))
    names = ("file", "depth_file", "depth_scale_m", "sha256", "width", "height")
    return PictureRef(key="p", **{name: row[name] for name in names}, **row["intrinsics"])


def test_a_picture_is_seen_as_the_robot_sees_it(picture):
    seen = load_observation(picture)
    assert seen.rgb[0, 0].tolist() == [0, 0, 60]
    assert seen.depth[5, 5] == pytest.approx(1.5)
    assert (seen.intrinsics.fx, seen.intrinsics.width) == (600.0, 640)


def test_relative_files_start_at_the_root(picture, tmp_path):
    inner = {name: getattr(picture, name).removeprefix(f"{tmp_path}/") for name in ("file", "depth_file")}
    assert load_observation(replace(picture, **inner), root=tmp_path).rgb.shape == (480, 640, 3)


def test_rectangles_are_drawn_in_their_colours(picture):
    seen = load_observation(picture, drawn_px=[(10, 20, 50, 60), (100, 20, 150, 60)])
    assert seen.rgb[20, 30].tolist() == [255, 0, 0]
    assert seen.rgb[20, 120].tolist() == [0, 200, 0]
    assert seen.rgb[40, 30].tolist() == [0, 0, 60]
    with pytest.raises(ValueError, match="at most 4 rectangles, got 5"):
        with_rectangles(seen.rgb, [(0, 0, 5, 5)] * 5)


def test_another_picture_under_the_same_name_is_refused(picture):
    Image.fromarray(np.zeros((480, 640, 3), np.uint8)).save(picture.file)
    with pytest.raises(ValueError, match="expected .* with SHA-256"):
        load_observation(picture)


def test_depth_that_was_guessed_is_not_made_up(picture):
    with pytest.raises(ValueError, match="expected a depth file, got none"):
        load_observation(replace(picture, depth_file=None))


def test_a_camera_of_another_size_is_refused(picture):
    with pytest.raises(ValueError, match=r"intrinsics are for .*\(470, 630\)"):
        load_observation(replace(picture, width=630, height=470))


def test_a_turned_picture_is_refused(picture, tmp_path):
    turned = Image.new("RGB", (640, 480))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    with pytest.raises(ValueError, match="upright, got EXIF orientation 6"):
        load_observation(replace(picture, file=str(tmp_path / "turned.jpg"), sha256=None))
