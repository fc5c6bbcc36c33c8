"""What is kept, and the name of the reason for everything else."""

import math

import numpy as np
import pytest
from lift_sets import HEIGHT, WIDTH, annotation_entry, tiny_set
from PIL import Image

from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.training.lift import depth_sources
from n3d_ros.training.lift.depth_sources import EstimatedDepth
from n3d_ros.training.lift.filters import RULES, LiftConfig, Reason, Rejected
from n3d_ros.training.lift.lifting import iou_2d, lift_picture


@pytest.fixture
def tiny(tmp_path):
    return tiny_set(tmp_path / "set")


def test_the_square_becomes_its_box(tiny):
    [attempt] = tiny.attempts()
    # pixels 20..39 and 10..29 around the principal point (31.5, 23.5), at 0.8 m, 50 px a radian
    np.testing.assert_allclose(attempt.box.center, [-0.032, -0.064, 0.8], atol=1e-7)
    np.testing.assert_allclose(attempt.box.size, [0.304, 0.304, 0.0], atol=1e-7)
    assert attempt.box.label == "red block" and attempt.box.yaw == 0.0
    assert attempt.depth_share == 1.0 and attempt.upright is None


def test_gravity_gives_an_upright_box_in_the_level_frame(tiny):
    pitch = math.radians(30.0)
    tiny.content["images"][0]["gravity"] = [0.0, math.cos(pitch), math.sin(pitch)]
    source = tiny.source()
    picture = lift_picture(source.record(0), depth_sources.SensorDepth(), LiftConfig())
    [attempt] = picture.attempts
    # the square leans by 30 degrees: 0.304 m up the picture are 0.263 m up and 0.152 m ahead
    np.testing.assert_allclose(
        attempt.upright.size, [0.304, 0.304 * math.cos(pitch), 0.304 * math.sin(pitch)], atol=1e-6
    )
    np.testing.assert_allclose(attempt.upright.center, picture.level @ attempt.box.center, atol=1e-6)
    assert attempt.upright.yaw == pytest.approx(0.0, abs=1e-6)


def break_annotation(key, value):
    def change(made):
        made.content["annotations"][0][key] = value

    return change


def break_picture(key, value):
    def change(made):
        made.content["images"][0][key] = value

    return change


def save_depth(array):
    def change(made):
        Image.fromarray(array).save(made.folder / "1_depth.png")

    return change


def save_metres(array):
    def change(made):
        np.save(made.folder / "1.npy", array)
        made.content["images"][0]["depth_file"] = "1.npy"

    return change


def cut(name):
    def change(made):
        path = made.folder / name
        path.write_bytes(path.read_bytes()[:60])

    return change


def turned(made):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (WIDTH, HEIGHT)).save(made.folder / "images/1.png", exif=exif)


def save_picture(mode, name="1.png", **options):
    """The picture in another mode; a JPEG takes the place of the PNG."""

    def change(made):
        Image.new(mode, (WIDTH, HEIGHT)).save(made.folder / "images" / name, **options)
        made.content["images"][0]["file_name"] = name

    return change


def two_frames(made):
    frames = [Image.new("RGB", (WIDTH, HEIGHT), (grey, 0, 0)) for grey in (0, 200)]
    frames[0].save(made.folder / "images/1.tif", save_all=True, append_images=frames[1:])
    made.content["images"][0]["file_name"] = "1.tif"


def text_as_picture(made):
    (made.folder / "images/1.png").write_text("no picture")


def no_camera(made):
    del made.content["images"][0]["camera"]


def scattered(made):
    depth = np.full((HEIGHT, WIDTH), 2000, np.uint16)
    depth[10:22, 20:40], depth[22:30, 20:40] = 800, 1200
    save_depth(depth)(made)


FLAT = np.full((HEIGHT, WIDTH), 0.8, np.float32)
BROKEN_DATA = [
    (break_annotation("iscrowd", 1), "crowd"),
    (break_annotation("category_id", 8), "category_unknown"),
    (break_annotation("category_id", "7"), "category_unknown"),
    (break_annotation("bbox", [20, 10, -20, 20]), "box_invalid"),
    (break_annotation("bbox", [20, 10, 20]), "box_invalid"),
    (break_annotation("bbox", [-20, 10, 20, 20]), "box_invalid"),
    (break_annotation("bbox", [50, 10, 20, 20]), "box_invalid"),
    (break_annotation("bbox", [20, 10, "20", 20]), "box_invalid"),
    (break_annotation("bbox", [20.5, 9.5, 19.5, 20.25]), "kept"),
    (break_annotation("bbox", [0, 0, 10, 10]), "mask_not_in_box"),
    (break_annotation("segmentation", None), "mask_missing"),
    (break_annotation("segmentation", [[1, 2]]), "mask_invalid"),
    (break_annotation("segmentation", {"size": [48, 64], "counts": [64 * 48]}), "mask_small"),
    (break_annotation("segmentation", [[70.0, 10.0, 90.0, 10.0, 90.0, 30.0]]), "mask_size"),
    (break_annotation("segmentation", [[20, 10, 40, float("inf"), 40, 30]]), "mask_invalid"),
    (break_annotation("bbox", [20, 10, float("nan"), 20]), "box_invalid"),
    (break_annotation("isfake", 1), "depiction"),
    (break_annotation("segmentation", {"size": [64, 48], "counts": [64 * 48]}), "mask_size"),
    (break_picture("file_name", "absent.png"), "picture_unreadable"),
    (cut("images/1.png"), "picture_unreadable"),
    (break_picture("width", 65), "picture_size"),
    (turned, "picture_turned"),
    (save_picture("RGBA"), "kept"),
    (save_picture("LA"), "kept"),
    (save_picture("P"), "kept"),
    (save_picture("1"), "kept"),
    (save_picture("CMYK", "1.jpg"), "kept"),
    (save_picture("I;16"), "picture_unreadable"),
    (two_frames, "picture_unreadable"),
    (text_as_picture, "picture_unreadable"),
    (no_camera, "camera"),
    (
        break_picture("camera", {"fx": 50, "fy": 50, "cx": 15.5, "cy": 11.5, "width": 32, "height": 24}),
        "camera",
    ),
    (break_picture("depth_file", "absent.png"), "depth"),
    (cut("1_depth.png"), "depth"),
    (save_depth(np.zeros((HEIGHT, WIDTH), np.uint16)), "depth"),
    (save_depth(np.full((30, 100), 800, np.uint16)), "depth"),
    (save_metres(np.full((HEIGHT, WIDTH), np.nan, np.float32)), "depth"),
    (save_metres(800 * FLAT), "depth"),
    (save_metres(FLAT), "kept"),
    (save_depth(np.full((HEIGHT // 2, WIDTH // 2), 800, np.uint16)), "kept"),
    (save_metres(np.where(np.arange(WIDTH) < 38, np.nan, FLAT).astype(np.float32)), "depth_sparse"),
    (scattered, "points_scattered"),
]


@pytest.mark.parametrize(("change", "reason"), BROKEN_DATA)
def test_bad_data_are_named_and_the_rest_goes_on(tmp_path, change, reason):
    made = tiny_set(tmp_path / "set", num_pictures=2)
    change(made)
    config = LiftConfig(min_kept_share=0.7)
    assert made.reasons(config) == [reason, "kept"]


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (LiftConfig(min_mask_px=401), "mask_small"),
        (LiftConfig(min_points=401), "points_few"),
        (LiftConfig(min_longest_side_m=0.31), "box_small"),
        (LiftConfig(max_longest_side_m=0.3), "box_large"),
        (LiftConfig(max_depth_m=0.5), "depth"),
        (LiftConfig(min_mask_px=400, min_points=400, min_longest_side_m=0.303), "kept"),
    ],
)
def test_every_threshold_is_the_configurations(tiny, config, reason):
    assert tiny.reasons(config) == [reason]


def test_every_reason_has_a_rule_and_its_threshold_exists():
    assert set(RULES) == set(Reason)
    names = LiftConfig().to_dict()
    assert [rule.threshold for rule in RULES.values() if rule.threshold and rule.threshold not in names] == []


def test_a_rejected_attempt_keeps_what_was_found_before(tiny):
    [attempt] = tiny.attempts(LiftConfig(max_longest_side_m=0.3))
    assert attempt.box is not None and attempt.crop is not None
    assert attempt.rejected.detail == "expected at most 0.3, got 0.304"


def test_one_bad_annotation_leaves_the_others_of_its_picture(tiny):
    tiny.content["annotations"] += [annotation_entry(2, 1), annotation_entry(3, 1)]
    tiny.content["annotations"][1]["segmentation"] = "text"
    assert tiny.reasons() == ["kept", "mask_invalid", "kept"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"min_points": 1.5}, "min_points must be a whole number, got 1.5"),
        ({"min_points": True}, "min_points must be a whole number, got True"),
        ({"rim_step": "x"}, "rim_step must be a number, got 'x'"),
        ({"rim_step": -1.0}, "rim_step must be finite and not negative, got -1.0"),
        ({"max_depth_m": float("nan")}, "max_depth_m must be finite"),
        ({"gap_share": 1.5}, "gap_share must be a share within 0..1, got 1.5"),
        ({"min_pionts": 1}, r"got \['min_pionts'\]"),
    ],
)
def test_a_wrong_threshold_is_named(values, message):
    with pytest.raises(ValueError, match=message):
        LiftConfig.from_dict(values)


def test_rectangles_overlap_by_their_areas():
    assert iou_2d((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert iou_2d((0, 0, 1, 1), (2, 0, 3, 1)) == 0.0


CAMERA = Intrinsics(50.0, 50.0, 31.5, 23.5, 64, 48)


def guess_half_size(rgb, name, weights, intrinsics):
    depth = np.full((24, 32), 0.8, np.float32)
    return Observation(rgb, intrinsics or CAMERA, depth=depth, depth_is_estimated=True)


def test_guessed_depth_takes_the_pictures_size_and_says_that_it_is_guessed(tiny, monkeypatch):
    monkeypatch.setattr(depth_sources, "estimate", guess_half_size)
    no_camera(tiny)
    record = tiny.source().record(0)
    picture = lift_picture(record, EstimatedDepth("moge-2", "folder"), LiftConfig())
    assert picture.observation.depth.shape == (48, 64) and picture.observation.depth_is_estimated
    np.testing.assert_allclose(picture.attempts[0].box.size, [0.304, 0.304, 0.0], atol=1e-7)
    picture = lift_picture(record, EstimatedDepth("depth-anything-v2", "folder"), LiftConfig())
    assert picture.fault.reason is Reason.CAMERA


def test_depth_of_another_size_is_never_a_mean_of_two_bodies(tiny):
    half = np.full((HEIGHT // 2, WIDTH // 2), 2000, np.uint16)
    half[5:15, 10:20] = 800
    save_depth(half)(tiny)
    picture = lift_picture(tiny.source().record(0), depth_sources.SensorDepth(), LiftConfig())
    assert np.unique(picture.observation.depth).tolist() == pytest.approx([0.8, 2.0])


def test_guessed_depth_beyond_the_limit_is_none(tiny, monkeypatch):
    monkeypatch.setattr(depth_sources, "estimate", guess_half_size)
    rgb = np.zeros((48, 64, 3), np.uint8)
    with pytest.raises(Rejected) as caught:
        EstimatedDepth("moge-2", "folder").observe(tiny.source().record(0), rgb, max_depth_m=0.5)
    assert caught.value.reason is Reason.DEPTH


def test_a_depth_model_that_does_not_load_ends_the_run(tiny):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    with pytest.raises(FileNotFoundError, match="absent"):
        lift_picture(tiny.source().record(0), EstimatedDepth("depth-anything-v2", "absent"), LiftConfig())
