"""Camera files of this package and of others: read as they are, or refused with the file's name."""

import json

import pytest

from n3d_ros.files.camera_file import read_camera, read_intrinsics
from n3d_ros.geometry import Distortion, Intrinsics

INTRINSICS = Intrinsics(100.0, 110.0, 3.5, 2.5, 8, 6)
OWN = {"fx": 100.0, "fy": 110.0, "cx": 3.5, "cy": 2.5, "width": 8, "height": 6}
BY_ROWS = [100.0, 0, 3.5, 0, 110.0, 2.5, 0, 0, 1]
BY_COLUMNS = [100.0, 0, 0, 0, 110.0, 0, 3.5, 2.5, 1]
REALSENSE = {"fx": 100.0, "fy": 110.0, "ppx": 3.5, "ppy": 2.5, "width": 8, "height": 6}
LENS = (-0.1, 0.02, 0.001, -0.001, 0.0)
BY_KEYS = {"k1": -0.1, "k2": 0.02, "p1": 0.001, "p2": -0.001}
BENT = Intrinsics(100.0, 110.0, 3.5, 2.5, 8, 6, Distortion("plumb_bob", LENS))


def read(folder, content, name="camera.json"):
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8")
    return read_intrinsics(folder / name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON"),
        ("[1, 2]", "expected a JSON object"),
        ('{"fx": 1}', "missing"),
        ('{"fx": 0, "fy": 1, "cx": 1, "cy": 1, "width": 4, "height": 4}', "fx must be positive, got 0"),
        ('{"fx": null, "fy": 1, "cx": 1, "cy": 1, "width": 4, "height": 4}', "camera.json"),
        ('{"k": [0, 0, 0, 0, 0, 0, 0, 0, 0], "width": 4, "height": 4}', "expected 0 0 1 in the last row"),
    ],
)
def test_unusable_intrinsics_are_refused(tmp_path, text, message):
    (tmp_path / "camera.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_intrinsics(tmp_path / "camera.json")


def test_intrinsics_may_come_as_a_camera_matrix(tmp_path):
    values = {"k": [100.0, 0, 3.5, 0, 110.0, 2.5, 0, 0, 1], "width": 8, "height": 6}
    (tmp_path / "camera.json").write_text(json.dumps(values))
    assert read_intrinsics(tmp_path / "camera.json") == INTRINSICS


@pytest.mark.parametrize(
    "content",
    [
        {"k": BY_ROWS, "width": 8, "height": 6},
        {"K": BY_ROWS, "width": 8, "height": 6},
        {"K": [BY_ROWS[0:3], BY_ROWS[3:6], BY_ROWS[6:9]], "w": 8, "h": 6},
        {"K": BY_COLUMNS, "w": 8, "h": 6, "fps": 60, "dw": 4, "dh": 3},
        {"K": BY_COLUMNS, "w": 8, "h": 6, "perFrameIntrinsicCoeffs": [[100.2, 110.0, 3.5, 2.5]] * 3},
        {"intrinsic_matrix": BY_COLUMNS, "width": 8, "height": 6},
        {"class_name": "PinholeCameraParameters", "extrinsic": [1.0] * 16,
         "intrinsic": {"intrinsic_matrix": BY_COLUMNS, "width": 8, "height": 6}},
        {"cam_K": BY_ROWS, "width": 8, "height": 6},
        {"intrinsicMatrix": [BY_ROWS[0:3], BY_ROWS[3:6], BY_ROWS[6:9]], "imageWidth": 8, "imageHeight": 6},
        {"intrinsic": [[*BY_ROWS[0:3], 0], [*BY_ROWS[3:6], 0], [0, 0, 1, 0], [0, 0, 0, 1]], "w": 8, "h": 6},
        {"intrinsics": OWN, "serial": "1234"},
        {"camera": {**OWN, "scale": 1.0}},
        {**OWN, "intrinsics": [100.0, 110.0, 3.5, 2.5], "principal_point": [3.5, 2.5]},
        {key.upper(): value for key, value in OWN.items()},
        {**REALSENSE, "model": "distortion.inverse_brown_conrady", "coeffs": [0.0] * 5},
        {**REALSENSE, "model": 4, "coeffs": [0, 0, 0, 0, 0]},
        {**OWN, "k": BY_ROWS},
        {**OWN, "depth_unit": "mm (uint16, 0 = no data)", "note": "k1"},
        {**OWN, "k1": 0.0, "distortion": None},
        {"fl_x": 100.0, "fl_y": 110.0, "cx": 4.0, "cy": 3.0, "w": 8, "h": 6, "k1": 0.0, "is_fisheye": False,
         "camera_angle_x": 0.07996, "camera_model": "OPENCV", "aabb_scale": 16},
        {**OWN, "D": [0.0] * 5, "model": "PINHOLE"},
        {**OWN, "is_crop": False, "roi": {"x_offset": 0, "y_offset": 0, "width": 0, "height": 0,
         "do_rectify": True}},
        {**OWN, "scale": 1.0, "fov": 4.58, "vfov_deg": 3.125, "focal_length": 35.0, "image_size": [6, 8, 3],
         "skew": 0, "model": "D435", "depth_units": "millimetres", "blur_score": 17.0},
    ],
)  # fmt: skip
def test_json_of_others_is_read_as_it_is(tmp_path, content):
    assert read(tmp_path, content) == INTRINSICS


@pytest.mark.parametrize(
    "content",
    [
        {**OWN, "distortion_model": "plumb_bob", "D": LENS},
        {**OWN, "D": LENS},
        {**REALSENSE, "model": "Brown Conrady", "coeffs": LENS},
        {"k": BY_ROWS, "d": LENS, "distortion_model": "plumb_bob", "width": 8, "height": 6},
        {**OWN, "D": LENS, "camera_model": "OPENCV"},
        {**OWN, "D": LENS, "distortion_model": "radtan", "camera_model": "pinhole"},
        {**OWN, "k1": -0.1, "k2": 0.02, "p1": 0.001, "p2": -0.001},
        {
            **OWN,
            "k1": -0.1,
            "k2": 0.02,
            "p1": 0.001,
            "p2": -0.001,
            "k3": 0.0,
            "k4": 0,
            "camera_model": "OPENCV",
        },
    ],
)
def test_a_lens_in_json_is_used(tmp_path, content):
    assert read(tmp_path, content) == BENT


def test_a_fisheye_by_single_keys_is_read_where_its_model_is_said(tmp_path):
    stated = {
        **OWN,
        "k1": 0.1,
        "k2": 0.02,
        "k3": 0.003,
        "k4": 0.0,
        "p1": 0.0,
        "camera_model": "OPENCV_FISHEYE",
    }
    assert read(tmp_path, stated).distortion == Distortion("equidistant", (0.1, 0.02, 0.003, 0.0))


def test_a_byte_order_mark_is_skipped(tmp_path):
    (tmp_path / "c.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(OWN).encode())
    assert read_intrinsics(tmp_path / "c.json") == INTRINSICS


@pytest.mark.parametrize("first_line", ["%YAML:1.0", "%YAML 1.2"])
def test_a_file_of_opencv_is_read_with_its_lens(tmp_path, first_line):
    assert read(tmp_path, FILE_STORAGE.replace("%YAML:1.0", first_line), "c.yml") == BENT


CALIBRATION = """%s
image_width: 8
image_height: 6
camera_name: head
camera_matrix:
  rows: 3
  cols: 3
  data: [100.0, 0., 3.5, 0., 110., 2.5, 0, 0, 1]
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [-0.1, 2e-2, 1e-3, -1e-03, 0.0]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [99, 0, 3.4, 0, 0, 109, 2.4, 0, 0, 0, 1, 0]}
"""
YAML = "fx: %s\nfy: 600\ncx: 319.5\ncy: 239.5\nwidth: %s\nheight: 480\nserial: 0123\n"
FILE_STORAGE = """%YAML:1.0
---
calibration_time: "Mon Nov 30 11:42:23 2026"
image_width: 8
image_height: 6
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 100., 0., 3.5000000000000000e+00, 0., 110., 2.5, 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 5
   cols: 1
   dt: d
   data: [ -1.0000000000000001e-01, 2.0e-02, 1.0e-03, -1.0e-03, 0. ]
"""
ECHO = """header:
  stamp: {sec: 3, nanosec: 4}
  frame_id: optical
height: 6
width: 8
distortion_model: plumb_bob
d:
- -0.1
- 0.02
- 0.001
- -0.001
- 0.0
k: [100.0, 0.0, 3.5, 0.0, 110.0, 2.5, 0.0, 0.0, 1.0]
p: [99.0, 0.0, 3.4, 0.0, 0.0, 109.0, 2.4, 0.0, 0.0, 0.0, 1.0, 0.0]
binning_x: 0
binning_y: 0
roi: {x_offset: 0, y_offset: 0, height: 0, width: 0, do_rectify: false}
---
"""


@pytest.mark.parametrize("text", [CALIBRATION % "", CALIBRATION % "\ufeff# by hand", ECHO])
@pytest.mark.parametrize("suffix", [".yaml", ".yml"])
def test_yaml_of_ros_is_read(tmp_path, text, suffix):
    assert read(tmp_path, text, f"camera{suffix}") == BENT


def test_a_region_and_binning_in_a_file_are_applied(tmp_path):
    stated = ECHO.replace(
        "x_offset: 0, y_offset: 0, height: 0, width: 0", "x_offset: 2, y_offset: 1, height: 4, width: 6"
    )
    seen = read(tmp_path, stated, "c.yaml")
    assert (seen.cx, seen.cy, seen.width, seen.height) == (1.5, 1.5, 6, 4)
    halved = read(
        tmp_path, ECHO.replace("binning_x: 0\nbinning_y: 0", "binning_x: 2\nbinning_y: 2"), "c.yaml"
    )
    assert (halved.fx, halved.cx, halved.width, halved.height) == (50.0, 1.5, 4, 3)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1 SIMPLE_PINHOLE 8 6 100 4 3", Intrinsics(100, 100, 3.5, 2.5, 8, 6)),
        ("1 PINHOLE 8 6 100 110 4 3", INTRINSICS),
        ("7 SIMPLE_RADIAL 8 6 100 4 3 0", Intrinsics(100, 100, 3.5, 2.5, 8, 6)),
        ("1 SIMPLE_RADIAL 8 6 100 4 3 -0.1", ("plumb_bob", (-0.1, 0, 0, 0))),
        ("1 RADIAL 8 6 100 4 3 -0.1 0.02", ("plumb_bob", (-0.1, 0.02, 0, 0))),
        ("1 OPENCV 8 6 100 110 4 3 -0.1 0.02 1e-3 2e-3", ("plumb_bob", (-0.1, 0.02, 0.001, 0.002))),
        ("1 FULL_OPENCV 8 6 100 110 4 3 .1 .2 .3 .4 .5 .6 .7 .8",
         ("rational_polynomial", (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8))),
        ("1 OPENCV_FISHEYE 8 6 100 110 4 3 .1 .2 .3 .4", ("equidistant", (0.1, 0.2, 0.3, 0.4))),
        ("1 RADIAL_FISHEYE 8 6 100 4 3 .1 .2", ("equidistant", (0.1, 0.2, 0, 0))),
        ("1 SIMPLE_RADIAL_FISHEYE 8 6 100 4 3 0", ("equidistant", (0.0, 0, 0, 0))),
    ],
)  # fmt: skip
def test_a_camera_of_colmap_is_read(tmp_path, line, expected):
    """Its first pixel's middle lies at (0.5, 0.5)."""
    seen = read(tmp_path, f"# Camera list with one line of data per camera:\n{line}\n", "cameras.txt")
    assert (seen.cx, seen.cy) == (3.5, 2.5)
    if isinstance(expected, Intrinsics):
        assert seen == expected
    else:
        assert seen.distortion == Distortion(*expected)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.json", {**OWN, "k": [999, 0, 3.5, 0, 999, 2.5, 0, 0, 1]}, "fx, got 100 from fx and 999 from k"),
        ("c.json", {**OWN, "ppx": 30.0}, "one cx, got 3.5 from cx and 30 from ppx"),
        ("c.json", {**OWN, "w": 16}, "one width, got 8 from width and 16 from w"),
        ("c.json", {"k": BY_COLUMNS, "width": 8, "height": 6}, "looks transposed"),
        ("c.json", {"intrinsic_matrix": BY_ROWS, "width": 8, "height": 6}, "looks transposed"),
        ("c.json", {**OWN, "fx": True}, "fx must be a number, got bool"),
        ("c.json", {**OWN, "fx": "100"}, "fx must be a number, got str"),
        ("c.json", {**OWN, "width": 8.5}, "whole number of pixels"),
        ("c.json", '{"fx": 100, "fx": 101}', "'fx' twice"),
        ("c.json", '{"fx": NaN}', "NaN, which is no number"),
        ("c.json", "[" * 100000, "nested"),
        ("c.json", {**OWN, "distortion_model": "omni", "D": LENS}, "got 'omni'"),
        ("c.json", {**OWN, "D": LENS[:4]}, "both have four"),
        ("c.json", {**OWN, "D": LENS, "coeffs": [0.0] * 5}, "expected one distortion"),
        ("c.json", {**REALSENSE, "coeffs": LENS}, "expected RealSense's model"),
        ("c.json", {**OWN, "k1": -0.3}, "'k1' looks like distortion"),
        ("c.json", {**OWN, "distortion": {"k1": -0.3}}, "'distortion.k1' looks like distortion"),
        ("c.json", {**OWN, "distCoeffs": LENS}, "'distCoeffs' looks like distortion"),
        ("c.json", {**OWN, "depth_scale": 1000}, "units per metre are written as 0.001"),
        ("c.json", {**OWN, "depth_factor": 5000.0}, "looks like the unit of depth"),
        ("c.json", {**OWN, "scale": 6553.5}, "'scale' = 6553.5 looks like the unit of depth"),
        ("c.json", {**OWN, "unitsPerMeter": 5000}, "'unitsPerMeter' = 5000 looks like the unit of depth"),
        ("c.json", {**OWN, "depth": {"scale": 5000}}, "'depth.scale' = 5000 looks like the unit of depth"),
        ("c.json", {**OWN, "depth_unit": "cm"}, "'depth_unit' = 'cm' looks like the unit of depth"),
        ("c.json", {**OWN, "depth_units": "0.1 mm"}, "'depth_units' = '0.1 mm' looks like the unit"),
        ("c.json", {**OWN, "camera_model": "OPENCV_FISHEYE"}, "'OPENCV_FISHEYE' is no pinhole"),
        ("c.json", {**OWN, "distortion_model": "equidistant"}, "'equidistant' is no pinhole"),
        ("c.json", {**OWN, "is_fisheye": True}, "'is_fisheye' = True is no pinhole"),
        ("c.json", {**OWN, "fl_x": 120.0}, "one fx, got 100 from fx and 120 from fl_x"),
        ("c.json", {**OWN, "focal_length": 500}, "fy = 110 and 'focal_length' = 500"),
        ("c.json", {**OWN, "hfov": 20.0}, "one field of view, got 'hfov' = 20 and 4.6 by 3.1"),
        ("c.json", {**OWN, "camera_angle_x": 0.2}, "got 'camera_angle_x' = 0.2 and"),
        ("c.json", {**OWN, "skew": 0.5}, "expected zero skew, got 0.5 from 'skew'"),
        ("c.json", {**OWN, "image_size": [640, 480]}, "one size, got 8x6 and 'image_size' = .640, 480."),
        ("c.json", {**OWN, "img_width": 640}, "one width, got 8 from width and 640 from img_width"),
        ("c.json", {**OWN, "is_crop": 1}, "expected true or false in is_crop"),
        ("c.json", {"K": BY_COLUMNS, "w": 8, "h": 6, "perFrameIntrinsicCoeffs": [[120.0, 120.0, 3.5, 2.5]]},
         "differs from K by more than 1%"),
        ("c.yaml", "image_width: 8\nimage_width: 9\n", "'image_width' twice"),
        ("c.yaml", "a: &x [1]\nb: *x\n", "an alias"),
        ("c.yaml", "- 1\n", "expected YAML of one camera"),
        ("c.yaml", ECHO + ECHO, "2 documents"),
        ("c.yaml", "a: [", "expected YAML of one camera"),
        ("c.yaml", "a: 99999-99-99", "missing"),
        ("c.yaml", YAML % ("0600", 640), "fx must be a number, got str '0600'"),
        ("c.yaml", YAML % ("10:00", 640), "fx must be a number, got str '10:00'"),
        ("c.yaml", YAML % (600, "01200"), "width must be a number, got str '01200'"),
        ("cameras.txt", "1 PINHOLE 8 6 100 110 4 3\n2 PINHOLE 8 6 100 110 4 3\n", "one camera, got 2"),
        ("cameras.txt", "1 THIN_PRISM_FISHEYE 8 6 1 1 4 3\n", "got 'THIN_PRISM_FISHEYE'"),
        ("cameras.txt", "1 PINHOLE 8 6 100 4 3\n", "expected 4 parameters of PINHOLE, got 3"),
        ("cameras.txt", "1 PINHOLE 8 x 100 110 4 3\n", "expected a size in pixels, got 'x'"),
        ("cameras.txt", "1 PINHOLE 8 6 100 nan 4 3\n", "expected numbers, got 'nan'"),
        ("cameras.txt", "", "expected one camera, got 0"),
        ("intrinsic_color.txt", "100 0 3.5 0\n0 110 2.5 0\n0 0 1 0\n0 0 0 1\n", "as JSON with fx, fy"),
        ("calib.txt", "P2: 100 0 3.5 0 0 110 2.5 0 0 0 1 0\n", "expected COLMAP's CAMERA_ID MODEL"),
        ("scene_camera.json", {"color": OWN, "depth": OWN}, r"\['color', 'depth'\], into a file of its own"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_or_is_not_understood_is_refused(tmp_path, name, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        read(tmp_path, content, name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_scale_of_depth_comes_with_the_camera(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps({**OWN, "depth_scale": 0.0002}))
    assert read_camera(tmp_path / "c.json").depth_scale_m == 0.0002
    (tmp_path / "c.json").write_text(json.dumps(OWN))
    assert read_camera(tmp_path / "c.json").depth_scale_m is None
    assert read_camera(tmp_path / "c.json", 0.00025).depth_scale_m == 0.00025


def test_a_file_beyond_any_camera_is_not_read(tmp_path):
    with (tmp_path / "c.json").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(ValueError, match="expected at most"):
        read_intrinsics(tmp_path / "c.json")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_intrinsics(tmp_path / "gone.json")
