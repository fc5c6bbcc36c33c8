"""EXIF orientation: applied once to picture and depth, or as in the release to what its depth model sees.

The picture is 3x2 blocks of 8x8 px, grey levels 10 20 30 over 40 50 60, in a JPEG with orientation 6 ("turn a
quarter clockwise to see it upright"): upright it is 40 10 / 50 20 / 60 30.
"""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from n3d_ros import cli, depth_models
from n3d_ros.commands.infer import command as infer
from n3d_ros.files.conversations import Conversation, write_conversations
from n3d_ros.files.frames import as_released
from n3d_ros.files.picture_file import read_orientation, read_picture
from n3d_ros.files.points_file import read_points, write_points
from n3d_ros.geometry import Distortion, Intrinsics, SceneScale
from n3d_ros.preprocess.depth import normalise, pool_to_grid, round_coordinates
from n3d_ros.preprocess.prepare import Observation, PreprocessConfig, prepare
from n3d_ros.protocol.box_codec import decode_box, parse
from n3d_ros.runtime.options import RIGHT, UPSTREAM, as_the_model_sees_it

STORED = [[10, 20, 30], [40, 50, 60]]
UPRIGHT = [[40, 10], [50, 20], [60, 30]]
# Of the upright picture; fx / width is 2.5, fy / height 1.25.
CAMERA = Intrinsics(40.0, 30.0, 7.5, 11.5, 16, 24)
# The same shares of width and height for the stored picture, which is 24 wide and 16 high.
IN_STORED_PIXELS = Intrinsics(60.0, 20.0, 11.5, 7.5, 24, 16)


def save_picture(path, orientation=6, blocks=STORED):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.kron(np.array(blocks), np.ones((8, 8))).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=100, exif=exif)


def blocks(rgb):
    """The grey levels of the blocks; each must be of one level."""
    levels = rgb[::8, ::8, 0]
    np.testing.assert_array_equal(rgb, np.kron(levels, np.ones((8, 8)))[..., None].repeat(3, axis=2))
    return levels.tolist()


def upright_depth():
    """(24, 16) metres, every pixel another."""
    return (1 + np.arange(24 * 16, dtype=np.float32).reshape(24, 16) / 256).astype(np.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder with picture, depth, intrinsics and points of the upright picture."""
    monkeypatch.chdir(tmp_path)
    save_picture(Path("p.jpg"))
    np.save("d.npy", upright_depth())
    Path("k.json").write_text(json.dumps(CAMERA.to_dict()))
    rgb = np.zeros((24, 16, 3), np.uint8)
    write_points(Path("p.npz"), Observation(rgb, CAMERA, upright_depth()))
    return tmp_path


# --- the file


@pytest.mark.parametrize("orientation", range(10))
def test_upright_is_what_opencv_reads_and_stored_what_pillow_reads(tmp_path, orientation):
    """The release's depth model gets what OpenCV reads, its language model what Pillow opens
    (docs/specification/inputs.md 1.1, 2).
    """
    save_picture(tmp_path / "p.jpg", orientation)
    path = tmp_path / "p.jpg"
    np.testing.assert_array_equal(read_picture(path), cv2.imread(str(path))[..., ::-1])
    assert blocks(read_picture(path, upright=False)) == STORED
    assert read_orientation(path) == (orientation if orientation in range(2, 9) else 1)


def test_orientation_6_is_a_quarter_turn_clockwise(folder):
    assert blocks(read_picture(Path("p.jpg"))) == UPRIGHT


# --- every entry point: a point file, a depth file, guessed depth, a conversation


class Seen(Exception):
    """Carries the observation that reached the pipeline."""


class Pipeline:
    """Stops at the observation it is asked about."""

    def detect(self, observation, *_, **__):
        raise Seen(observation)

    ground = ask = detect


WALL_M = 2.0


def guessed(rgb, name, source, intrinsics):
    """A wall; the depth model's picture is kept in the depth, as 2 m plus grey level."""
    depth = (WALL_M + rgb[..., 0]).astype(np.float32)
    return Observation(rgb, intrinsics or CAMERA, depth, depth_is_estimated=True)


ENTRIES = {
    "points": ("--image", "p.jpg", "--points", "p.npz", "--ground", "mug"),
    "depth": ("--image", "p.jpg", "--depth", "d.npy", "--intrinsics", "k.json", "--ground", "mug"),
    "guess": ("--image", "p.jpg", "--estimate-depth", "moge-2", "--depth-model", "x", "--ground", "mug"),
    "conversation": ("--conversation", "c.json"),
}


@pytest.fixture
def look(folder, monkeypatch):
    """`look(entry, *options)`: the observation that `n3d infer` gives to the pipeline."""
    monkeypatch.setattr(infer, "load_pipeline", lambda *_: Pipeline())
    monkeypatch.setattr(depth_models, "estimate", guessed)
    write_conversations(Path("c.json"), [Conversation(("Find it.", ""), "p.jpg", "p.npz")])
    (folder / "model").mkdir()
    (folder / "model" / "config.json").write_text("{}")

    def run(entry, *options):
        with pytest.raises(Seen) as seen:
            cli.main(["infer", "--model", "model", *ENTRIES[entry], *options])
        return seen.value.args[0]

    return run


def z_of(seen):
    return seen.depth if seen.point_map is None else seen.point_map[..., 2]


def assert_camera(seen, expected):
    for name, value in expected.to_dict().items():
        assert getattr(seen.intrinsics, name) == pytest.approx(value, abs=1e-4), name


@pytest.mark.parametrize("entry", ENTRIES)
def test_by_default_picture_depth_and_camera_are_upright(look, entry):
    seen = look(entry)
    assert blocks(seen.rgb) == UPRIGHT and not seen.depth_is_turned
    assert_camera(seen, CAMERA)
    assert z_of(seen).shape == (24, 16)


@pytest.mark.parametrize("entry", ENTRIES)
def test_in_strict_mode_the_picture_lies_as_stored_beside_upright_depth(look, entry):
    seen = look(entry, "--strict")
    assert blocks(seen.rgb) == STORED and seen.depth_is_turned
    assert_camera(seen, IN_STORED_PIXELS)
    np.testing.assert_array_equal(z_of(seen), z_of(look(entry)))


def test_the_depth_model_sees_the_upright_picture_in_both_modes(look):
    for options in ((), ("--strict",)):
        seen = look("guess", *options)
        assert (seen.depth[::8, ::8] - WALL_M).tolist() == UPRIGHT and seen.depth_is_estimated


@pytest.mark.parametrize("orientation", [1, 2, 3, 4])
def test_without_a_quarter_turn_strict_mode_only_keeps_the_pixels_as_stored(look, orientation):
    """A mirrored or upside-down picture keeps its size: nothing is read in rows of another length."""
    save_picture(Path("p.jpg"), orientation, UPRIGHT)
    seen = look("points", "--strict")
    assert blocks(seen.rgb) == UPRIGHT and not seen.depth_is_turned
    assert_camera(seen, CAMERA)


@pytest.mark.parametrize("options", [(), ("--strict",)])
def test_points_that_lie_as_the_stored_picture_are_refused_in_both_modes(look, capsys, options):
    rgb = np.zeros((16, 24, 3), np.uint8)
    write_points(Path("p.npz"), Observation(rgb, IN_STORED_PIXELS, upright_depth().T))
    assert cli.main(["infer", "--model", "model", *ENTRIES["points"], *options]) == 2
    assert "'p.npz' does not fit 'p.jpg'" in capsys.readouterr().err


def test_an_unknown_orientation_is_named(folder):
    with pytest.raises(ValueError, match="orientation: expected one of .*, got 'twice'"):
        as_released(read_points(Path("p.jpg"), Path("p.npz")), Path("p.jpg"), "twice")


# --- the numbers of strict mode


def test_strict_mode_reads_the_upright_map_in_rows_of_the_stored_picture(tmp_path):
    """640x480 stored, so the map has 640 rows of 480 points and the release reads it as 480 rows of 640."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (640, 480)).save(tmp_path / "p.jpg", exif=exif)
    camera = Intrinsics(500.0, 500.0, 239.5, 319.5, 480, 640)
    depth = np.random.default_rng(0).uniform(0.5, 3.0, (640, 480)).astype(np.float32)
    write_points(tmp_path / "p.npz", Observation(np.zeros((640, 480, 3), np.uint8), camera, depth))
    seen = as_the_model_sees_it(
        read_points(tmp_path / "p.jpg", tmp_path / "p.npz"), tmp_path / "p.jpg", UPSTREAM
    )
    inputs = prepare(seen, PreprocessConfig(point_map_reshape=UPSTREAM.point_map_reshape))
    assert inputs.grid_hw == (34, 46)
    upright = normalise(seen.point_map)
    rows = replace(upright, points=upright.points.reshape(480, 640, 3), valid=upright.valid.reshape(480, 640))
    expected = round_coordinates(pool_to_grid(rows, (34, 46)), PreprocessConfig().point_encoding)
    np.testing.assert_array_equal(inputs.coords, expected)
    assert inputs.scene == upright.scene


def test_strict_mode_decodes_boxes_with_the_upright_camera_in_shares_of_the_picture():
    """u 0.25 and v 0.75 of any picture at 2 m: (u - 0.5) / 2.5 * 2 m and (v - 0.5) / 1.25 * 2 m."""
    (box,) = parse("bbox_0=Bbox(mug,250,750,1000,500,100,100,100)").boxes
    scene = SceneScale(1.0, (0.0, 0.0, 0.0))
    x, y, z = decode_box(box, scene, IN_STORED_PIXELS).box.center
    assert (x, y, z) == pytest.approx((-0.2, 0.4, 2.0), rel=1e-6)
    assert decode_box(box, scene, CAMERA).box.center == pytest.approx((x, y, z), rel=1e-6)


def test_the_option_is_right_by_default_and_the_release_s_in_strict_mode():
    assert (RIGHT.orientation, UPSTREAM.orientation) == ("apply_once", "upstream")
    assert (RIGHT.resize_mode, UPSTREAM.resize_mode) == ("rgb", "upstream")


def test_a_lens_has_no_turned_picture(folder):
    bent = replace(CAMERA, distortion=Distortion("plumb_bob", (-0.1, 0.0, 0.0, 0.0)))
    seen = Observation(read_picture(Path("p.jpg")), bent, depth=upright_depth())
    with pytest.raises(ValueError, match="rectify it first"):
        as_released(seen, Path("p.jpg"))
    assert as_released(seen, Path("p.jpg"), orientation="apply_once").intrinsics == bent
