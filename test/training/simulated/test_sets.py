"""Simulated scenes on disk: read back by lifting, the same bytes again, going on after a stop."""

import json

import numpy as np
import pytest
from PIL import Image

from n3d_ros.boxes import iou_3d
from n3d_ros.cli import main
from n3d_ros.geometry import Intrinsics, project
from n3d_ros.sim.world import World
from n3d_ros.training.lift.depth_sources import SensorDepth
from n3d_ros.training.lift.filters import LiftConfig
from n3d_ros.training.lift.lifting import lift_picture
from n3d_ros.training.lift.sources.coco import CocoSource, build_index
from n3d_ros.training.simulated.scenes import RenderConfig, see
from n3d_ros.training.simulated.sets import (
    DEPTH_UNIT_M,
    RenderJob,
    begin,
    finish,
    make_scene,
    scene_file,
    steps_of,
)

SMALL = RenderConfig(width=160, height=120, min_visible_px=60, finer=2)
SEED = 910_000


def command(out, *options):
    small = ["--size", "160x120", "--finer", "0", "--seed", str(SEED)]
    return ["render", "--out", str(out), "--scenes", "2", *small, *options]


def files(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Two scenes, written."""
    made = RenderJob(tmp_path_factory.mktemp("set"), 2, SEED, SMALL)
    begin(made)
    for seed in made.seeds:
        make_scene(made, seed)
    finish(made)
    return made


def test_lifting_reads_the_set_and_finds_the_boxes_that_are_seen(job):
    source = CocoSource(
        build_index(job.out / "instances.json", job.out / "index"), job.out / "images", job.out
    )
    truth = {one["annotation"]: one for one in json.loads((job.out / "truth.json").read_text())["boxes"]}
    config = LiftConfig(min_mask_px=1, rim_px=0, min_piece_share=0.0)  # masks and depth are exact
    pictures = [lift_picture(source.record(i), SensorDepth(), config) for i in range(len(source))]
    attempts = [attempt for picture in pictures for attempt in picture.attempts]
    assert len(attempts) == len(truth) > 4 and all(one.upright is not None for one in attempts if one.box)
    overlaps = []
    for one in attempts:
        true = truth[int(one.annotation.key)]
        assert one.annotation.label == true["label"] and one.rejected is None
        seen = type(one.box)(one.box.label, tuple(true["seen"]["center_m"]), tuple(true["seen"]["size_m"]))
        overlaps.append(iou_3d(one.box, seen))
    assert np.median(overlaps) > 0.8


def corners(box):
    """Lowest and highest corner, metres."""
    half = np.divide(box["size_m"], 2)
    return np.subtract(box["center_m"], half), np.add(box["center_m"], half)


def test_what_is_seen_lies_within_the_whole(job):
    for one in json.loads((job.out / "truth.json").read_text())["boxes"]:
        (seen_low, seen_high), (low, high) = corners(one["seen"]), corners(one["whole"])
        assert np.all(seen_low > low - 0.01) and np.all(seen_high < high + 0.01)


def test_gravity_points_down_the_picture_and_boxes_project_onto_their_rectangles(job):
    content = json.loads((job.out / "instances.json").read_text())
    truth = {one["annotation"]: one for one in json.loads((job.out / "truth.json").read_text())["boxes"]}
    images = {one["id"]: one for one in content["images"]}
    for image in images.values():
        assert image["gravity"][1] > 0.4 and np.linalg.norm(image["gravity"]) == pytest.approx(1.0)
    for one in content["annotations"]:
        camera = images[one["image_id"]]["camera"]
        intrinsics = Intrinsics(**camera, width=SMALL.width, height=SMALL.height)
        u, v = project(np.array([truth[one["id"]]["seen"]["center_m"]]), intrinsics)[0]
        left, top, width, height = one["bbox"]
        assert left - 2 <= u <= left + width + 2 and top - 2 <= v <= top + height + 2


def test_depth_is_rounded_to_its_unit_and_none_is_zero(job):
    seen = see(SEED, SMALL)
    stored = np.asarray(Image.open(job.out / f"depth/{SEED:010d}.png"))
    assert stored.dtype == np.uint16
    assert np.abs(stored * DEPTH_UNIT_M - seen.depth).max() <= DEPTH_UNIT_M / 2 + 1e-6
    assert steps_of(np.array([np.nan, 1.0, 12.0])).tolist() == [0, 5000, 60000]


def test_the_same_command_gives_the_same_bytes_whoever_draws(tmp_path, capsys):
    assert main(command(tmp_path / "one", "--noise")) == 0
    assert main(command(tmp_path / "two", "--noise", "--workers", "2")) == 0
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert "objects in 2 pictures" in capsys.readouterr().out


def test_a_stopped_run_goes_on_and_draws_only_what_is_missing(tmp_path):
    assert main(command(tmp_path / "whole")) == 0
    assert main(command(tmp_path / "out")) == 0
    before = files(tmp_path / "out")
    scene_file(tmp_path / "out", SEED + 1).unlink()  # written last: without it the scene does not count
    (tmp_path / f"out/images/{SEED + 1:010d}.png").write_bytes(b"half")
    untouched = tmp_path / f"out/images/{SEED:010d}.png"
    stamp = untouched.stat().st_mtime_ns
    assert main(command(tmp_path / "out")) == 0
    assert files(tmp_path / "out") == before == files(tmp_path / "whole")
    assert untouched.stat().st_mtime_ns == stamp


def test_more_scenes_join_a_set_and_other_ones_do_not(tmp_path, capsys):
    assert main(command(tmp_path / "out")) == 0
    assert main(command(tmp_path / "out", "--scenes", "3")) == 0
    assert len(json.loads((tmp_path / "out/instances.json").read_text())["images"]) == 3
    assert main(command(tmp_path / "out", "--noise")) == 2
    assert "expected scenes as those there (noise False), got others" in capsys.readouterr().err


def test_noise_loses_pixels_and_polygons_are_drawn(tmp_path):
    assert main(command(tmp_path / "out", "--noise", "--masks", "polygons")) == 0
    stored = np.asarray(Image.open(tmp_path / f"out/depth/{SEED:010d}.png"))
    assert (stored == 0).any() and not np.isnan(see(SEED, SMALL).depth).any()
    one = json.loads((tmp_path / "out/instances.json").read_text())["annotations"][0]
    assert len(one["segmentation"][0]) >= 6


def test_a_world_is_drawn_as_its_options_say_and_annotated_by_longer_names(tmp_path):
    """The fourteen kinds keep their categories' numbers."""
    world = ["--kinds", "wide", "--textures", "held_out", "--capture", "webcam", "--sensor", "stereo"]
    assert main(command(tmp_path / "out", *world)) == 0
    content = json.loads((tmp_path / "out/instances.json").read_text())
    names = {one["id"]: one["name"] for one in content["categories"]}
    assert len(names) == 8 * 30 and names[1] == "red mug" and names[112] == "black lamp"
    assert names[113] == "red teapot"
    truth = json.loads((tmp_path / "out/truth.json").read_text())["boxes"]
    labels = [names[one["category_id"]] for one in content["annotations"]]
    assert labels == [one["label"] for one in truth] and len(labels) > 4
    stored = np.asarray(Image.open(tmp_path / f"out/depth/{SEED:010d}.png"))
    world = World(kinds="wide", textures="held_out", capture="webcam", sensor="stereo")
    seen = see(SEED, RenderConfig(width=160, height=120, finer=0, world=world))
    assert np.array_equal(stored, steps_of(seen.sensed)) and (stored == 0).mean() > 0.02
    assert np.array_equal(np.asarray(Image.open(tmp_path / f"out/images/{SEED:010d}.png")), seen.rgb)


def test_a_set_of_an_earlier_release_goes_on_and_another_world_does_not_join_it(tmp_path, capsys):
    assert main(command(tmp_path / "out")) == 0
    stated = json.loads((tmp_path / "out/render.json").read_text())
    assert len(json.loads((tmp_path / "out/instances.json").read_text())["categories"]) == 112
    del stated["world"]
    (tmp_path / "out/render.json").write_text(json.dumps(stated))
    assert main(command(tmp_path / "out")) == 0
    assert main(command(tmp_path / "out", "--textures", "seen")) == 2
    assert "expected scenes as those there (world " in capsys.readouterr().err


def test_no_set_is_made_over_missing_scenes(tmp_path):
    made = RenderJob(tmp_path, 2, SEED, SMALL)
    with pytest.raises(ValueError, match="2 are missing, first 910000"):
        finish(made)
    assert not (tmp_path / "instances.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "640"], "--size: expected WIDTHxHEIGHT, got '640'"),
        (["--scenes", "0"], "expected at least 1 from a seed of 0 or more on"),
        (["--objects", "9", "4"], "expected 1 <= min_objects <= max_objects"),
        (["--workers", "0"], "workers: expected at least 1, got 0"),
        (["--sensor", "lidar"], "sensor: expected one of exact, simple, structured_light"),
        (["--noise", "--sensor", "stereo"], "--noise and --sensor: expected one of them, got both"),
    ],
)
def test_wrong_options_are_named(tmp_path, capsys, options, message):
    assert main(command(tmp_path / "out", *options)) == 2
    assert message in capsys.readouterr().err
