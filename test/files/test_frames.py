"""Files to frames and back; every unusable file is an error that names it."""

import json
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from odd_png import bomb, png
from PIL import Image

from n3d_ros.files.frames import (
    RgbdFrame,
    find_frames,
    read_depth,
    read_frame,
    read_rgbd,
    write_frame,
)
from n3d_ros.files.picture_file import read_picture
from n3d_ros.geometry import Distortion, Intrinsics
from n3d_ros.node.conversions import depth_array, fill_image
from n3d_ros.preprocess.metres import measured_depth

INTRINSICS = Intrinsics(100.0, 110.0, 3.5, 2.5, 8, 6)
ROTATE_90 = 6


def frame(encoding="16UC1"):
    rgb = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    depth = np.full((6, 8), 1500, np.uint16) if encoding == "16UC1" else np.full((6, 8), 1.5, np.float32)
    depth[0, 0] = 0
    return RgbdFrame(rgb, depth, encoding, INTRINSICS, "one")


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_a_written_frame_reads_back_the_same(tmp_path, encoding):
    original = frame(encoding)
    write_frame(tmp_path / "one", original)
    found = read_frame(tmp_path / "one")
    assert (found.name, found.encoding, found.intrinsics) == ("one", encoding, INTRINSICS)
    np.testing.assert_array_equal(found.rgb, original.rgb)
    np.testing.assert_array_equal(found.depth, original.depth)
    assert found.depth.dtype == original.depth.dtype


def test_a_path_may_be_text(tmp_path):
    write_frame(tmp_path / "one", frame())
    names = ("color.png", "depth.png", "intrinsics.json")
    for found in (read_frame(f"{tmp_path}/one"), read_rgbd(*(f"{tmp_path}/one/{name}" for name in names))):
        assert found.intrinsics == INTRINSICS and found.depth.shape == (6, 8)


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_an_observation_holds_metres_and_nan(encoding):
    depth = frame(encoding).observation().depth
    assert np.isnan(depth[0, 0])
    assert depth[1, 1] == pytest.approx(1.5)


def test_frames_are_found_in_folders_and_in_folders_of_them(tmp_path):
    for name in ("b", "a"):
        write_frame(tmp_path / name, frame())
    (tmp_path / "README.md").write_text("not a frame")
    assert find_frames([tmp_path]) == [tmp_path / "a", tmp_path / "b"]
    assert find_frames([tmp_path / "b"]) == [tmp_path / "b"]


def test_folders_without_frames_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected color.png or .jpg"):
        find_frames([tmp_path])
    with pytest.raises(FileNotFoundError, match="expected a folder, got .*does not exist"):
        find_frames([tmp_path / "absent"])


@pytest.mark.parametrize("absent", ["color.png", "depth.png", "intrinsics.json"])
def test_an_incomplete_folder_names_what_is_missing(tmp_path, absent):
    write_frame(tmp_path, frame())
    (tmp_path / absent).unlink()
    with pytest.raises(FileNotFoundError, match=absent):
        read_frame(tmp_path)


def turned_picture(path, stored_size, orientation=ROTATE_90):
    """A picture whose stored first pixel is red; with orientation 6 it belongs to the upper right corner."""
    picture = Image.new("RGB", stored_size)
    picture.putpixel((0, 0), (255, 0, 0))
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(path, exif=exif)


def test_exif_orientation_is_applied_once(tmp_path):
    turned_picture(tmp_path / "p.png", (4, 2))
    upright = read_picture(tmp_path / "p.png")
    assert upright.shape == (4, 2, 3)
    assert upright[0, 1].tolist() == [255, 0, 0]


def test_depth_of_a_turned_picture_must_be_upright_by_its_size(tmp_path):
    turned_picture(tmp_path / "color.png", (8, 6))
    upright = Intrinsics(100.0, 100.0, 2.5, 3.5, 6, 8)
    (tmp_path / "intrinsics.json").write_text(json.dumps(upright.to_dict()))
    np.save(tmp_path / "depth.npy", np.ones((8, 6), np.float32))
    assert read_frame(tmp_path).observation().depth.shape == (8, 6)
    np.save(tmp_path / "depth.npy", np.ones((6, 8), np.float32))
    with pytest.raises(ValueError, match="EXIF orientation 6"):
        read_frame(tmp_path)


def test_depth_of_an_upside_down_picture_is_refused(tmp_path):
    write_frame(tmp_path, frame())
    turned_picture(tmp_path / "color.png", (8, 6), orientation=3)
    with pytest.raises(ValueError, match="EXIF orientation 3"):
        read_frame(tmp_path)


def test_a_file_that_is_no_picture_is_refused(tmp_path):
    (tmp_path / "p.png").write_text("hello")
    with pytest.raises(ValueError, match="expected a PNG or JPEG"):
        read_picture(tmp_path / "p.png")


def test_a_cut_off_picture_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.jpg")
    (tmp_path / "p.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:1500])
    with pytest.raises(ValueError, match="cannot read"):
        read_picture(tmp_path / "p.jpg")


def test_a_sixteen_bit_picture_is_no_colour_picture(tmp_path):
    Image.fromarray(np.ones((4, 4), np.uint16)).save(tmp_path / "p.png")
    with pytest.raises(ValueError, match="expected 8 bits per channel"):
        read_picture(tmp_path / "p.png")


def test_an_eight_bit_picture_is_no_depth(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "d.png")
    with pytest.raises(ValueError, match="expected a 16-bit grey PNG"):
        read_depth(tmp_path / "d.png")


@pytest.mark.parametrize("size", [(65535, 65535), (20000, 20000), (12000, 8000), (2**31 - 1, 1)])
def test_depth_of_absurd_size_is_refused_by_its_header_with_limit_and_option(tmp_path, size):
    (tmp_path / "bomb.png").write_bytes(png(*size, 16, 0))
    with pytest.raises(ValueError, match="at most 64 megapixels [(]--max-megapixels, limits.max") as error:
        read_depth(tmp_path / "bomb.png")
    assert "bomb.png" in str(error.value) and "\n" not in str(error.value)


def test_a_small_file_of_much_depth_takes_no_memory(tmp_path):
    (tmp_path / "bomb.png").write_bytes(bomb(8192, 8192))
    assert (tmp_path / "bomb.png").stat().st_size < 500_000
    tracemalloc.start()
    with pytest.raises(ValueError, match="at most 64 megapixels .*, got 8192x8192"):
        read_depth(tmp_path / "bomb.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6


def test_a_bomb_ends_a_command_with_one_line(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png(12000, 8000, 16, 0))
    code = (
        "import sys, pathlib; from n3d_ros.files.frames import read_depth\n"
        "try: read_depth(pathlib.Path(sys.argv[1]))\n"
        "except ValueError: pass"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "bomb.png")], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_the_limit_of_a_depth_picture_is_the_caller_s(tmp_path):
    Image.fromarray(np.full((6, 8), 900, np.uint16)).save(tmp_path / "d.png")
    assert read_depth(tmp_path / "d.png", 48e-6)[0].shape == (6, 8)
    with pytest.raises(ValueError, match="got 8x6"):
        read_depth(tmp_path / "d.png", 47e-6)


@pytest.mark.parametrize("array", [np.ones((4, 4), np.int32), np.ones((4, 4, 3), np.float32)])
def test_depth_of_another_type_or_shape_is_refused(tmp_path, array):
    np.save(tmp_path / "d.npy", array)
    with pytest.raises(ValueError, match=r"expected \(H, W\) uint16 millimetres or float32 metres"):
        read_depth(tmp_path / "d.npy")


def test_double_precision_depth_is_metres(tmp_path):
    np.save(tmp_path / "d.npy", np.full((4, 4), 2.0))
    raw, encoding = read_depth(tmp_path / "d.npy")
    assert raw.dtype == np.float32 and encoding == "32FC1"


@pytest.mark.parametrize("dtype", [">f8", "<f8"])
def test_double_precision_of_either_byte_order_is_metres_and_beyond_float_is_none(tmp_path, dtype):
    np.save(tmp_path / "d.npy", np.array([[2.0, 1e308]], dtype))
    raw, encoding = read_depth(tmp_path / "d.npy")
    np.testing.assert_array_equal(measured_depth(raw, encoding), np.float32([[2.0, np.nan]]))


def test_depth_of_which_a_byte_was_damaged_is_refused(tmp_path):
    """The pixels of it can be read, and some of them are others than were written."""
    rows = np.arange(600, 600 + 64 * 64, dtype=np.uint16).reshape(64, 64)
    Image.fromarray(rows).save(tmp_path / "d.png", compress_level=0)
    data = bytearray((tmp_path / "d.png").read_bytes())
    data[len(data) // 2] ^= 0x10
    (tmp_path / "d.png").write_bytes(data)
    with pytest.raises(ValueError, match="cannot read .*d.png.*broken PNG file"):
        read_depth(tmp_path / "d.png")


def test_depth_with_an_orientation_of_its_own_is_refused(tmp_path):
    tag = Image.Exif()
    tag[0x0112] = ROTATE_90
    Image.fromarray(np.full((6, 8), 900, np.uint16)).save(tmp_path / "d.png", exif=tag)
    with pytest.raises(ValueError, match="expected depth as it is, got EXIF orientation 6"):
        read_depth(tmp_path / "d.png")


def test_unreadable_depth_files_are_refused(tmp_path):
    (tmp_path / "d.npy").write_text("hello")
    (tmp_path / "d.exr").write_text("hello")
    with pytest.raises(ValueError, match="expected a NumPy array"):
        read_depth(tmp_path / "d.npy")
    with pytest.raises(ValueError, match="expected .png .* or .npy"):
        read_depth(tmp_path / "d.exr")


def test_intrinsics_of_another_picture_are_refused(tmp_path):
    write_frame(tmp_path, frame())
    Image.new("RGB", (9, 6)).save(tmp_path / "color.png")
    read = read_rgbd(tmp_path / "color.png", tmp_path / "depth.png", tmp_path / "intrinsics.json")
    with pytest.raises(ValueError, match=r"intrinsics are for \(height, width\) \(6, 8\)"):
        read.observation()


def test_every_recorded_frame_reads(rgbd_dir):
    folders = find_frames([rgbd_dir])
    assert len(folders) >= 30
    for folder in folders:
        assert np.isfinite(read_frame(folder).observation().depth).any(), folder


# --- scales


def test_a_folder_says_the_scale_of_its_depth(tmp_path):
    in_fifths = replace(frame(), depth=np.full((6, 8), 7500, np.uint16), depth_scale_m=0.0002)
    write_frame(tmp_path, in_fifths)
    assert json.loads((tmp_path / "intrinsics.json").read_text())["depth_scale"] == 0.0002
    assert read_frame(tmp_path).observation().depth[0, 0] == np.float32(1.5)


def test_a_scale_may_be_given_where_the_folder_says_none_or_the_same(tmp_path):
    write_frame(tmp_path, replace(frame(), depth=np.full((6, 8), 7500, np.uint16)))
    assert read_frame(tmp_path, depth_scale_m=0.0002).observation().depth[0, 0] == np.float32(1.5)
    write_frame(tmp_path, replace(frame(), depth_scale_m=0.001))
    assert read_frame(tmp_path, depth_scale_m=0.001).depth_scale_m == 0.001
    with pytest.raises(ValueError, match="expected one, got 0.0002 and depth_scale 0.001 in the file"):
        read_frame(tmp_path, depth_scale_m=0.0002)


@pytest.mark.parametrize("scale", [None, 0.0002])
def test_one_frame_gives_one_depth_by_every_way_in(tmp_path, scale):
    """File, Python and message, to the bit: with holes of both kinds, far pixels and any scale."""
    units = np.random.default_rng(0).integers(400, 30000 if scale is None else 65535, (48, 64), np.uint16)
    units[:30] //= 8 if scale is None else 1
    units[0, :4] = [0, 65535, 1, 20001]
    camera = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)
    write_frame(tmp_path, RgbdFrame(np.zeros((48, 64, 3), np.uint8), units, "16UC1", camera, "", scale))
    by_file = read_frame(tmp_path).observation().depth
    by_python = measured_depth(units, "16UC1", scale)
    by_message = depth_array(fill_image(SimpleNamespace(), units, "16UC1"), scale)
    np.testing.assert_array_equal(by_file, by_python)
    np.testing.assert_array_equal(by_file, by_message)
    assert np.isnan(by_file[0, :2]).all()
    if scale is None:
        assert np.isnan(by_file[0, 3])  # 20.001 m


def test_a_lens_is_written_and_read(tmp_path):
    lens = Distortion("plumb_bob", (-0.1, 0.02, 0.0, 0.0, 0.0))
    bent = replace(frame(), intrinsics=replace(INTRINSICS, distortion=lens))
    write_frame(tmp_path, bent)
    assert read_frame(tmp_path).intrinsics == bent.intrinsics


def test_depth_of_a_huge_claimed_size_is_refused_before_memory_is_taken(tmp_path):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117) + b"\n"
    (tmp_path / "d.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(ValueError, match="expected a NumPy array in '.*d.npy', got shape"):
        read_depth(tmp_path / "d.npy")
