"""The numeric core against formulas of its own: OpenCV's, or written down here in another way.

What each function means is tested beside it with exact numbers; here hypothesis looks for the numbers that
nobody thought of.
"""

import math
import os

import cv2
import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from n3d_ros.boxes import Box3D, iou_3d
from n3d_ros.cameras.camera_info import windowed
from n3d_ros.geometry import Distortion, Intrinsics, SceneScale, backproject, project
from n3d_ros.preprocess.registration import register_depth
from n3d_ros.protocol.box_codec import RELEASED, decode_box, encode_box
from n3d_ros.protocol.box_text import ParsedBox
from n3d_ros.spatial import answer, parse_question

STEADY = settings(
    max_examples=int(os.environ.get("N3D_FUZZ_EXAMPLES", "60")),
    derandomize="N3D_FUZZ_EXAMPLES" not in os.environ,  # the same on every machine, unless more are asked for
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def floats(low, high):
    return st.floats(low, high, allow_subnormal=False)


LENSES = {
    "plumb_bob": st.tuples(*[floats(-0.05, 0.05)] * 2, *[floats(-0.005, 0.005)] * 2, floats(-0.02, 0.02)),
    "rational_polynomial": st.tuples(
        *[floats(-0.05, 0.05)] * 2, *[floats(-0.005, 0.005)] * 2, *[floats(-0.02, 0.02)] * 4
    ),
    "equidistant": st.tuples(*[floats(-0.02, 0.02)] * 4),
}
DISTORTIONS = st.one_of(
    st.none(), *(lens.map(lambda k, name=name: Distortion(name, k)) for name, lens in LENSES.items())
)


@st.composite
def cameras(draw, lenses=DISTORTIONS):
    width, height = draw(st.integers(64, 1920)), draw(st.integers(64, 1080))
    focal = draw(floats(0.6, 2.0)) * max(width, height)
    fy = focal * draw(floats(0.95, 1.05))
    cx, cy = (side / 2 + side * draw(floats(-0.05, 0.05)) for side in (width, height))
    return Intrinsics(focal, fy, cx, cy, width, height, draw(lenses))


POINTS = st.tuples(floats(-0.5, 0.5), floats(-0.5, 0.5), floats(0.2, 20.0)).map(
    lambda p: (p[0] * p[2], p[1] * p[2], p[2])
)
CENTERS = st.tuples(floats(-3, 3), floats(-2, 2), floats(0.3, 6.0))
SIZES = st.tuples(*[floats(0.02, 1.5)] * 3)


@st.composite
def boxes(draw, label="box", turned=True):
    return Box3D(label, draw(CENTERS), draw(SIZES), draw(floats(-math.pi, math.pi)) if turned else 0.0)


def seen_by_opencv(point, camera):
    matrix, lens = camera.matrix(), camera.distortion
    points = np.array([[point]], np.float64)
    if lens is not None and lens.model == "equidistant":
        pixel, _ = cv2.fisheye.projectPoints(
            points, np.zeros(3), np.zeros(3), matrix, np.array(lens.coefficients)
        )
    else:
        k = np.array(lens.coefficients if lens is not None else [0.0] * 4)
        pixel, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), matrix, k)
    return pixel.ravel()


@STEADY
@given(POINTS, cameras())
def test_a_point_falls_where_opencv_puts_it_and_comes_back(point, camera):
    u, v = project(point, camera)
    np.testing.assert_allclose((u, v), seen_by_opencv(point, camera), rtol=0, atol=1e-6)
    np.testing.assert_allclose(backproject(u, v, point[2], camera), point, rtol=0, atol=1e-6)


@STEADY
@given(POINTS, cameras(), st.integers(1, 4), st.data())
def test_a_window_of_a_picture_sees_a_point_at_the_pixel_less_its_corner_over_the_binning(
    point, camera, binning, data
):
    left, top = data.draw(st.integers(0, camera.width // 2)), data.draw(st.integers(0, camera.height // 2))
    width = data.draw(st.integers(16, camera.width - left))
    height = data.draw(st.integers(16, camera.height - top))
    roi = type("Roi", (), {"x_offset": left, "y_offset": top, "width": width, "height": height})
    seen = windowed(camera, roi, binning, binning)
    whole = np.array(project(point, camera))
    assert (seen.width, seen.height) == (width // binning, height // binning)
    expected = (whole - (left, top) + 0.5) / binning - 0.5
    np.testing.assert_allclose(project(point, seen), expected, rtol=0, atol=1e-6)


def slices(box, x):
    """Where lines of constant x cut the box seen from above: lowest and highest z, (len(x), 2).

    A point lies in it where |dx cos - dz sin| and |dx sin + dz cos| are at most half a side.
    """
    c, s = math.cos(box.yaw), math.sin(box.yaw)
    dx = x - box.center[0]
    low, high = np.full_like(x, -np.inf), np.full_like(x, np.inf)
    for along, across, side in ((dx * c, -s, box.size[0]), (dx * s, c, box.size[2])):
        if abs(across) < 1e-12:
            low[np.abs(along) > side / 2] = np.inf
            continue
        ends = np.sort(np.stack([(-side / 2 - along) / across, (side / 2 - along) / across]), axis=0)
        low, high = np.maximum(low, ends[0]), np.minimum(high, ends[1])
    return low + box.center[2], high + box.center[2]


@STEADY
@given(boxes(), boxes())
def test_two_boxes_overlap_as_thin_slices_of_them_do(a, b):
    reach = max(a.size[0] + a.size[2], b.size[0] + b.size[2])
    x, step = np.linspace(a.center[0] - reach, a.center[0] + reach, 8001, retstep=True)
    (low_a, high_a), (low_b, high_b) = slices(a, x), slices(b, x)
    area = np.clip(np.minimum(high_a, high_b) - np.maximum(low_a, low_b), 0, None).sum() * step
    low = max(box.center[1] - box.size[1] / 2 for box in (a, b))
    high = min(box.center[1] + box.size[1] / 2 for box in (a, b))
    common = area * max(high - low, 0.0)
    expected = common / (math.prod(a.size) + math.prod(b.size) - common)
    assert abs(iou_3d(a, b) - expected) < 5e-3 + 2 * step / min(a.size[0], a.size[2], b.size[0], b.size[2])
    assert abs(iou_3d(a, b) - iou_3d(b, a)) < 1e-9
    assert iou_3d(a, a) > 1 - 1e-9


@STEADY
@given(POINTS, cameras(), floats(-math.pi, math.pi), floats(0.05, 0.95), st.tuples(*[floats(0.01, 0.95)] * 3))
def test_a_box_is_written_and_read_within_a_step_of_each_number(center, camera, yaw, share, sides):
    """share and sides: of the ranges of the bins."""
    shift_z = 0.2 * center[2]
    scale = share * RELEASED.world_range / (center[2] - shift_z)
    box = Box3D("box", center, tuple(side * RELEASED.size_range / scale for side in sides), yaw)
    scene = SceneScale(scale, (0.1, -0.2, shift_z))
    u, v = project(center, camera)
    assume(1 <= u <= camera.width - 2 and 1 <= v <= camera.height - 2)
    read = decode_box(ParsedBox(0, "box", encode_box(box, scene, camera)), scene, camera).box
    step_z, step_size = (span / RELEASED.num_bins / scale for span in (2.0, 0.625))
    assert -1e-9 <= center[2] - read.center[2] <= step_z * (1 + 1e-6)
    for stated, found in zip(box.size, read.size, strict=True):
        assert -1e-9 <= stated - found <= step_size * (1 + 1e-6)
    pixel = np.abs(project(read.center, camera) - (u, v))
    assert (pixel <= np.array([camera.width, camera.height]) * 0.51 / RELEASED.num_bins + 0.01).all()
    turn = (read.yaw - yaw + math.pi) % (2 * math.pi) - math.pi
    assert abs(turn) <= RELEASED.angle_range / RELEASED.num_bins + 1e-9


@STEADY
@given(
    floats(-0.3, 0.3), floats(-0.3, 0.3), floats(1.0, 4.0), floats(-0.1, 0.1), floats(-0.2, 0.2), st.data()
)
def test_depth_of_a_plane_is_that_of_the_plane_where_colour_sees_it(slope_x, slope_y, far, shift, turn, data):
    """The plane z = far + slope_x x + slope_y y of the depth camera, solved for z in colour's frame."""
    depth_camera, colour = Intrinsics(60, 60, 31.5, 23.5, 64, 48), Intrinsics(80, 80, 39.5, 29.5, 80, 60)
    u, v = np.meshgrid(np.arange(64), np.arange(48))
    rays = np.stack([(u - 31.5) / 60, (v - 23.5) / 60, np.ones_like(u)], axis=-1)
    normal = np.array([-slope_x, -slope_y, 1.0])
    depth = (far / (rays @ normal)).astype(np.float32)
    rotation, _ = cv2.Rodrigues(np.array([0.0, turn, 0.0]))
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = rotation, (shift, data.draw(floats(-0.05, 0.05)), data.draw(floats(-0.05, 0.05)))
    seen = register_depth(depth, depth_camera, colour, T)
    # n . p = far with p = R^T (q - t) and q = z ray: z = (far + n . R^T t) / (n . R^T ray)
    camera = colour.scaled_to(seen.shape[1], seen.shape[0])
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u)], axis=-1)
    back = rotation @ normal
    expected = (far + back @ T[:3, 3]) / (rays @ back)
    off = np.abs(seen - expected) / expected
    # a pixel says the depth of the one whose footprint it is in, and of two the nearer
    slope = (abs(back[0]) + abs(back[1])) / camera.fx / np.abs(rays @ back)
    assert np.nanmax(off - 1.6 * slope) < 1e-3


@STEADY
@given(boxes("mug", turned=False), boxes("pot", turned=False))
def test_questions_about_two_boxes_are_answered_by_their_numbers(a, b):
    def value(question):
        return answer(parse_question(question), [a, b]).value

    apart = np.subtract(a.center, b.center)
    assert math.isclose(value("How far is the mug from the pot?"), math.sqrt(sum(apart**2)), abs_tol=1e-12)
    assert value("What is the vertical distance between the mug and the pot?") == abs(apart[1])
    # the two points of a box and its neighbour that are nearest, found by clamping one box's sides
    sides = [
        (np.subtract(x.center, np.divide(x.size, 2)), np.add(x.center, np.divide(x.size, 2))) for x in (a, b)
    ]
    gap = np.maximum(0, np.maximum(sides[0][0] - sides[1][1], sides[1][0] - sides[0][1]))
    assert math.isclose(
        value("What is the gap between the mug and the pot?"), np.linalg.norm(gap), abs_tol=1e-9
    )


@STEADY
@given(boxes("mug"), boxes("pot"), boxes("can"))
def test_sides_and_hours_are_those_of_the_turned_picture(viewer, faced, thing):
    """Seen from above, x to the right and z upwards: the cross product with the way ahead says the side."""
    ahead = np.subtract(faced.center, viewer.center)[[0, 2]]
    to = np.subtract(thing.center, viewer.center)[[0, 2]]
    assume(min(np.linalg.norm(ahead), np.linalg.norm(to)) > 0.05)
    left = (ahead[0] * to[1] - ahead[1] * to[0]) / np.linalg.norm(ahead)
    front = ahead @ to / np.linalg.norm(ahead)
    assume(min(abs(left), abs(front)) > 1e-6)
    degrees = math.degrees(math.atan2(left, front)) % 360
    assume(1e-6 < degrees % 30 < 30 - 1e-6)
    scene, at = [viewer, faced, thing], "If you are at the mug facing the pot,"
    assert answer(parse_question(f"{at} is the can on your left?"), scene).verdict == (left > 0)
    assert answer(parse_question(f"{at} is the can behind you?"), scene).verdict == (front < 0)
    hours = [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    found = answer(parse_question(f"{at} where will you find the can?"), scene).value
    assert found == hours[int(degrees // 30)]
