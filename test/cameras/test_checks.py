"""What a camera file says beside its numbers: other people's keys are refused where ignoring them would give
wrong metres, and left alone where they say nothing.
"""

import pytest

from n3d_ros.cameras.mapping import camera_of_mapping
from n3d_ros.geometry import Intrinsics

OWN = {"fx": 100.0, "fy": 110.0, "cx": 3.5, "cy": 2.5, "width": 8, "height": 6}
LENS = [-0.1, 0.02, 0.001, -0.001, 0.0]
FISHEYE = {"k1": 0.1, "p1": 0.1, "camera_model": "OPENCV_FISHEYE"}

OTHER_LENSES = [
    ({"D": LENS, "lens_type": "fisheye"}, "coefficients of plumb_bob contradict"),
    ({"D": LENS, "is_fisheye": True}, "coefficients of plumb_bob contradict"),
    ({"D": LENS, "camera_model": "equidistant"}, "expected 4 coefficients of equidistant"),
    ({"k1": -0.1, "k2": 0.02}, "'k1' looks like distortion"),
    ({"k1": -0.1, "p1": 0.0, "p2": 0.0, "k4": 0.1}, "'k1' looks like distortion"),
    (FISHEYE, "'k1' looks like distortion"),
    ({"lens": {"k1": -0.3}}, "'lens.k1' looks like distortion"),
    ({"calibration": {"radial": [-0.3]}}, "'calibration.radial' looks like distortion"),
    ({"kc": LENS}, "'kc' looks like distortion"),
    ({"tangential": [0.1, 0.0]}, "'tangential' looks like distortion"),
    ({"k_1": -0.3}, "'k_1' looks like distortion"),
    ({"lens_params": LENS}, "'lens_params' looks like distortion"),
    ({"camera_model": "MEI"}, "'camera_model' = 'MEI' is no pinhole"),
    ({"projection": "orthographic"}, "'projection' = 'orthographic' is no pinhole"),
    ({"lens": {"model": "fisheye"}}, "'lens.model' = 'fisheye' is no pinhole"),
    ({"type": "KB4"}, "'type' = 'KB4' is no pinhole"),
    ({"radtan": [0.1, 0.0, 0.0, 0.0]}, "'radtan' looks like distortion"),
    ({"is_rectified": False}, "'is_rectified' = False says that a lens bends"),
    ({"undistorted": False}, "'undistorted' = False says that a lens bends"),
    ({"geometricDistortionCorrection": False}, "says that a lens bends"),
    ({"distortion": {"model": "radtan", "data": LENS}}, "'distortion.data' looks like distortion"),
    ({"distortion": {"model": "fisheye", "data": [0, 0, 0, 0]}}, "is no pinhole"),
    ({"K1": [-0.3, 0.1]}, "'K1' looks like distortion"),
]
OTHER_DEPTH = [
    ({"depth_divider": 5000}, "'depth_divider' = 5000 looks like the unit of depth"),
    ({"depth_to_m": 1e-4}, "'depth_to_m' = 0.0001 looks like the unit of depth"),
    ({"mm_per_unit": 0.1}, "'mm_per_unit' = 0.1 looks like the unit of depth"),
    ({"units": "inches"}, "'units' = 'inches' looks like the unit of depth"),
    ({"depth_unit": "m/5000"}, "'m/5000' looks like the unit of depth"),
    ({"depth_unit": "1 m = 5000"}, "looks like the unit of depth"),
    ({"metersPerUnit": 0.01}, "looks like the unit of depth"),
    ({"metersPerSceneUnit": 0.01}, "looks like the unit of depth"),
    ({"scene_scale": 1.2}, "looks like the unit of depth"),
    ({"depth_scale": 0.001, "depth_units": 0.0001}, "'depth_units' = 0.0001 looks like the unit of depth"),
    ({"depth_unit": "mils"}, "looks like the unit of depth"),
    ({"depth_unit": [0.0001]}, "looks like the unit of depth"),
    ({"sensors": [{"depth_scale": 1e-4}]}, "'sensors.0.depth_scale' = 0.0001 looks like the unit"),
    ({"depth_shift": 1000}, "'depth_shift' = 1000 looks like something to be added"),
    ({"depth_type": "disparity"}, "'depth_type' = 'disparity'; write it as metres along z"),
    ({"depth_encoding": "inverse"}, "expected depth along the optical axis"),
    ({"depth_type": "euclidean"}, "expected depth along the optical axis"),
    ({"depth_type": "distance_to_camera"}, "expected depth along the optical axis"),
    ({"inverse_depth": True}, "expected depth along the optical axis"),
    ({"depth_type": "ray_length"}, "expected depth along the optical axis"),
    ({"depth_type": "DepthPerspective"}, "expected depth along the optical axis"),
    ({"depth_mode": "slant range"}, "expected depth along the optical axis"),
    ({"ray_distance": True}, "expected depth along the optical axis"),
    ({"depth_is_ray": True}, "expected depth along the optical axis"),
    ({"z_scale": 5000}, "'z_scale' = 5000 looks like the unit of depth"),
    ({"z_unit": "cm"}, "'z_unit' = 'cm' looks like the unit of depth"),
    ({"depth2m": 0.0002}, "'depth2m' = 0.0002 looks like the unit of depth"),
    ({"scalingFactor": 5000}, "'scalingFactor' = 5000 looks like the unit of depth"),
    ({"scale_to_meters": 0.0002}, "'scale_to_meters' = 0.0002 looks like the unit of depth"),
    ({"depth_quantization": 0.0002}, "'depth_quantization' = 0.0002 looks like the unit of depth"),
    ({"depth_in_cm": True}, "expected depth along the optical axis"),
    ({"is_euclidean": True}, "expected depth along the optical axis"),
    ({"depth_inverse": True}, "expected depth along the optical axis"),
    ({"depth": {"inverse": True}}, "expected depth along the optical axis, got 'depth.inverse'"),
    ({"depth": "disparity"}, "expected depth along the optical axis"),
    ({"depth_convention": "ray"}, "expected depth along the optical axis"),
    ({"depth_kind": "1/z"}, "expected depth along the optical axis"),
    ({"depth_type": "line of sight"}, "expected depth along the optical axis"),
    ({"depth_is_z": False}, "expected depth along the optical axis"),
    ({"is_metric": False}, "expected depth along the optical axis"),
    ({"raw_to_m": 1e-4}, "'raw_to_m' = 0.0001 looks like the unit of depth"),
    ({"mm_per_lsb": 0.1}, "'mm_per_lsb' = 0.1 looks like the unit of depth"),
    ({"depth_div": 5000}, "'depth_div' = 5000 looks like the unit of depth"),
    ({"world_unit": "cm"}, "'world_unit' = 'cm' looks like the unit of depth"),
    ({"aligned": False}, "depth that is registered to colour, got 'aligned' = False"),
    ({"depth": {"registered": False}}, "registered to colour, got 'depth.registered' = False"),
    ({"align_depth": False}, "registered to colour, got 'align_depth' = False"),
]
OTHER_PICTURES = [
    ({"roi": {"x": 2, "y": 1, "width": 4, "height": 3}}, "in roi, got 'x'"),
    ({"crop": [1, 1, 4, 4]}, "'crop' = .1, 1, 4, 4. says that the picture was cut"),
    ({"y_offset": 1}, "'y_offset' = 1 says that the picture was cut"),
    ({"binning": [2, 2]}, "'binning' = .2, 2. says that the picture was cut"),
    ({"downscale_factor": 4}, "'downscale_factor' = 4 says"),
    ({"image_scale": 0.5}, "'image_scale' = 0.5 says"),
    ({"mirrored": True}, "'mirrored' = True says"),
    ({"rotation_deg": 90}, "'rotation_deg' = 90 says"),
    ({"rotate_180": True}, "'rotate_180' = True says"),
    ({"transposed": True}, "'transposed' = True says"),
    ({"rotate": "90"}, "'rotate' = '90' says"),
    ({"rotated": True}, "'rotated' = True says"),
    ({"rotation": "counterclockwise"}, "'rotation' = 'counterclockwise' says"),
    ({"image_w": 640}, "one size, got 8x6 and 'image_w' = 640"),
    ({"x_res": 640}, "one size, got 8x6 and 'x_res' = 640"),
    ({"resolution": {"x": 640, "y": 480}}, "one size, got 8x6 and 'resolution'"),
    ({"exif_orientation": 6}, "'exif_orientation' = 6 says"),
    ({"letterbox": True}, "'letterbox' = True says"),
    ({"padding": [0, 10]}, "'padding' = .0, 10. says"),
    ({"digital_zoom": 2}, "'digital_zoom' = 2 says"),
    ({"calibration_resolution": [640, 480]}, "one size, got 8x6 and 'calibration_resolution'"),
    ({"original_width": 640}, "one size, got 8x6 and 'original_width' = 640"),
    ({"color_height": 480}, "one size, got 8x6 and 'color_height' = 480"),
    ({"W": 640, "H": 480}, "one size, got 8x6 and 'W' = 640"),
    ({"resolution": "1280x960"}, "one size, got 8x6 and 'resolution' = '1280x960'"),
    ({"image_size": {"w": 640, "h": 480}}, "one size, got 8x6 and 'image_size'"),
    ({"rows": 480, "cols": 640}, "one size, got 8x6 and 'rows and cols' = .480, 640."),
    ({"ROI": {"x": 1, "y": 1, "w": 8, "h": 6}}, "'ROI' = .*says that the picture was cut"),
    ({"roi_x": 4}, "'roi_x' = 4 says that the picture was cut"),
    ({"region_of_interest": [1, 1, 8, 6]}, "'region_of_interest' = .*says that the picture was cut"),
    ({"binningX": 2}, "'binningX' = 2 says"),
    ({"BinningHorizontal": 2}, "'BinningHorizontal' = 2 says"),
    ({"pixel_binning": "2x2"}, "'pixel_binning' = '2x2' says"),
    ({"scale_x": 0.5}, "'scale_x' = 0.5 says"),
    ({"half_res": True}, "'half_res' = True says"),
    ({"preprocessing": {"crop": [1, 1, 4, 4]}}, "'preprocessing.crop' = .*says that the picture was cut"),
    ({"capture": {"rotated": 90}}, "'capture.rotated' = 90 says"),
    ({"orientation": "upside down"}, "'orientation' = 'upside down' says"),
    ({"orientation": 6}, "'orientation' = 6 says"),
    ({"orientation": 90}, "'orientation' = 90 says"),
    ({"horizontally_flipped": True}, "'horizontally_flipped' = True says"),
    ({"intrinsicMatrixReferenceDimensions": [4032, 3024]}, "one size, got 8x6 and 'intrinsicMatrix"),
    ({"camera_resolution": [640, 480]}, "one size, got 8x6 and 'camera_resolution'"),
    ({"hfov": 10**400}, "hfov must be finite"),
    ({"intrinsic": {**OWN, "fx": 90.0}}, "one 'fx', got 100.0 and 90.0 in intrinsic"),
    ({"frames": [{}, {"fx": 90.0}]}, "got fx = 100.0 and 90.0 in one of the frames"),
    ({"frames": [{"fl_x": 90.0}]}, "got fl_x = None and 90.0 in one of the frames"),
    ({"frames": [{"k1": -0.3}]}, "'frames.0.k1' looks like distortion"),
]
OTHER_K = [200.0, 0.0, 3.5, 0.0, 220.0, 2.5, 0.0, 0.0, 1.0]
OTHER_P = [200.0, 0.0, 3.5, 0.0, 0.0, 220.0, 2.5, 0.0, 0.0, 0.0, 1.0, 0.0]
OTHER_NUMBERS = [
    ({"cam_K": OTHER_K}, "expected one fx, got 100 from fx and 200 from cam_K"),
    (
        {"intrinsics": [OTHER_K[:3], OTHER_K[3:6], OTHER_K[6:]]},
        "one fx, got 100 from fx and 200 from intrinsics",
    ),
    ({"intrinsics": [100, 110, 4.5, 2.5]}, "expected one cx, got 3.5 from cx and 4.5 from intrinsics"),
    ({"colorIntrinsics": OTHER_K}, "expected one fx, got 100 from fx and 200 from colorIntrinsics"),
    ({"cameraMatrix": {"rows": 3, "cols": 3, "data": OTHER_K}}, "200 from cameraMatrix"),
    ({"intrinsics": {"fx": 200}}, "one 'fx', got 100.0 and 200 in intrinsics"),
    ({"FX": 200}, "expected one fx, got 100 from fx and 200 from FX"),
    ({"imageWidth": 640}, "expected one width, got 8 from width and 640 from imageWidth"),
    ({"f": 200}, "expected one focal length"),
    ({"focal_length": [200, 220]}, "expected one focal length"),
    ({"principal_point": [320, 240]}, "expected one principal point"),
    ({"u0": 320}, "expected one principal point"),
    ({"fov": [60.0, 45.0]}, "expected one field of view"),
    ({"axis_skew": 0.5}, "expected zero skew"),
    ({"fx_rgb": 200}, "expected one focal length"),
    ({"color_fx": 200}, "expected one focal length"),
    ({"fu": 200}, "expected one focal length"),
    ({"image_center": [320, 240]}, "expected one principal point"),
    ({"cx_px": 320}, "expected one principal point"),
    ({"yfov": 60.0}, "expected one field of view"),
    ({"K_rgb": OTHER_K}, "expected one fx, got 100 from fx and 200 from K_rgb"),
    ({"P": OTHER_P, "D": [0.0] * 5}, "expected K and P of one camera"),
    ({"projection_matrix": {"rows": 3, "cols": 4, "data": OTHER_P}}, "expected K and P of one camera"),
]


@pytest.mark.parametrize(("keys", "message"), OTHER_LENSES + OTHER_DEPTH + OTHER_PICTURES + OTHER_NUMBERS)
def test_keys_that_change_metres_and_are_not_understood_are_refused(keys, message):
    with pytest.raises(ValueError, match=message):
        camera_of_mapping({**OWN, **keys})


@pytest.mark.parametrize(
    "keys",
    [
        {"resolution": "8x6", "rows": 6, "cols": 8, "image_size": {"width": 8, "height": 6}},
        {"binning": 1, "crop": None, "flip": False, "x_offset": 0, "orientation": 1, "rotation": 0},
        {"crop_factor": 1.6, "aabb_scale": 16, "max_depth": 10.0, "linear_depth": True, "baseline": 0.05},
        {
            "unit": "mm",
            "depth_unit": "1 mm (uint16, 0 = none)",
            "depth_offset": 0.0,
            "depth_resolution": [8, 6],
        },
        {"depth_type": "distance_to_image_plane", "depth_mode": "long range", "depth_format": "16UC1"},
        {"board": {"distance": 1.2, "p1": [3, 4]}, "lens": {"k1": 0.0}, "frames": [{"file_path": "a.png"}]},
        {"depth": {"fx": 90.0, "coeffs": [0.1]}},
        {
            "depth_mode": "NEURAL",
            "depth_format": "array",
            "zoom": 1,
            "exif_orientation": 1,
            "padding": [0, 0],
        },
        {"metersPerSceneUnit": 1.0, "stage_units_in_meters": 1.0, "scene_scale": 1.0, "world_scale": 1},
        {"metersPerUnit": 1.0, "unit_scale": 1.0},
        {"distortion": {"model": "radtan", "center": [0.5, 0.5], "k1": 0.0, "data": [0, 0, 0, 0]}},
        {"geometricDistortionCorrectionEnabled": True, "is_distortion_corrected": True},
        {"K1": OTHER_K, "K2": OTHER_K},
        {"depth_scale": 0.001, "depth_units": 0.001},
        {"agent": {"rotation": 90.0, "x": 0.5}, "pose": {"rotation": [180, 0, 90]}},
        {"W": 8, "color_width": 8, "original_height": 6, "full_resolution": "8x6", "is_transposed": False},
        {"undistorted": True, "is_rectified": True, "aligned": True, "align_depth": True, "is_metric": True},
        {"sensor_binning": "1x1", "half_res": False, "scale_x": 1.0, "orientation": 0, "roi_x": 0},
        {"P": OTHER_P, "R": [0.6, 0.0, 0.8, 0.0, 1.0, 0.0, -0.8, 0.0, 0.6]},
        {"P": [100.0, 0, 3.5, -5.0, 0, 110.0, 2.5, 0, 0, 0, 1, 0], "p": None, "K_depth": OTHER_K},
    ],
)
def test_keys_that_say_nothing_or_something_else_are_left_alone(keys):
    assert camera_of_mapping({**OWN, **keys}).intrinsics == Intrinsics(**OWN)


def test_a_crop_may_say_of_which_picture():
    whole = {"crop": [100, 100, 8, 6], "original_width": 640, "original_size": [640, 480]}
    seen = camera_of_mapping({**OWN, "is_crop": True, **whole}).intrinsics
    assert seen == Intrinsics(**OWN, is_crop=True)
