"""The guards G1 to G9 as the pipeline meets them: a named error, or a skipped box with its
reason. Those of files are in test_points_file, test_conversations and test_frames.
"""

import numpy as np
import pytest
from byte_backend import ByteBackend

from n3d_ros.errors import BadInputError, NoDepthError, ResultCode
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.pipeline import Pipeline

CAMERA = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)
GOOD = "bbox_0=Bbox(mug,500,500,600,500,100,100,100)"


def observation(depth=None, point_map=None, width=64, height=48):
    if depth is None and point_map is None:
        depth = np.random.default_rng(0).uniform(0.8, 1.6, (height, width)).astype(np.float32)
    focal = 0.9 * max(width, height)
    camera = Intrinsics(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)
    return Observation(np.zeros((height, width, 3), np.uint8), camera, depth, point_map)


@pytest.fixture
def detect(tmp_path):
    """`detect(reply)`: the result of a first stage that the model answers so."""

    def run(reply=GOOD, seen=None, question="Find all."):
        return Pipeline(ByteBackend(tmp_path, [reply])).detect(seen or observation(), question)

    return run


# --- G1


def test_g1_no_valid_point_is_no_depth(detect):
    with pytest.raises(NoDepthError, match="no valid depth: 0 of 3072 points"):
        detect(seen=observation(np.full((48, 64), np.nan, np.float32)))


def test_g1_one_valid_point_has_no_extent(detect):
    depth = np.full((48, 64), np.nan, np.float32)
    depth[10, 20] = 1.0
    with pytest.raises(BadInputError, match="no extent: its 1 valid points coincide"):
        detect(seen=observation(depth))


def test_g1_points_that_all_coincide_have_no_extent(detect):
    with pytest.raises(BadInputError, match="no extent: its 3072 valid points coincide"):
        detect(seen=observation(point_map=np.ones((48, 64, 3), np.float32)))


def test_g1_a_valid_point_beyond_float16_is_named(detect):
    far = np.full((48, 64), 1.0, np.float32)
    far[0, 0] = 70000.0
    with pytest.raises(BadInputError, match="valid points are not finite or beyond 65504 m"):
        detect(seen=observation(far))


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 0.0])
def test_g1_a_pixel_without_depth_is_not_a_point(detect, value):
    seen = observation()
    seen.depth[5, 5] = value
    assert detect(seen=seen).valid_ratio == pytest.approx(3071 / 3072)


@pytest.mark.parametrize("field", ["fx", "fy", "cx", "cy"])
def test_g1_intrinsics_that_are_not_finite_are_named(field):
    values = {**CAMERA.to_dict(), field: float("nan")}
    with pytest.raises(ValueError, match=f"intrinsics: {field} must be finite, got nan"):
        Intrinsics.from_dict(values)


# --- G2, G3: the text of boxes


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("bbox_1=Bbox(person (standing),1,2,3,500,4,5)", "expected a class and 7 numbers, got 1 fields"),
        ("bbox_1=Bbox(table, dining,500,500,600,500,100,100,100)", "got 9 fields (a comma in the class"),
        ("bbox_1=Bbox(cup,500,500,600,500,100,100)", "expected a class and 7 numbers, got 7 fields"),
        ("bbox_1=Bbox(cup,500,500,600,500,100,100,100,1)", "expected a class and 7 numbers, got 9 fields"),
        ("bbox_1=Bbox(cup,x,500,600,500,100,100,100)", "expected seven numbers"),
        ("bbox_1=Bbox(cup,500,500,60", "no closing parenthesis: cut off"),
        ("bbox_1=Bbox(cup,nan,500,600,500,100,100,100)", "expected finite numbers"),
        ("bbox_1=Bbox(cup,500,500,inf,500,100,100,100)", "expected finite numbers"),
        ("bbox_1=Bbox(cup,500,500,-9000,500,100,100,100)", "expected a centre in front of the camera"),
    ],
)
def test_g2_and_g3_a_broken_box_is_counted_with_its_reason_and_the_good_ones_kept(detect, broken, reason):
    result = detect(f"{GOOD}\n{broken}\n")
    assert [thing.id for thing in result.objects] == ["0_mug"]
    (malformed,) = result.malformed
    assert reason in malformed.reason
    assert result.code == ResultCode.OK and malformed.reason in result.message


@pytest.mark.parametrize(
    "text", [f"{GOOD} (approx)\n", f"{GOOD}\nbbox_1=Bbox(person (standing),500,500,600,500,100,100,100)\n"]
)
def test_g2_a_later_parenthesis_does_not_cost_the_boxes_before_it(detect, text):
    """Upstream loses all of them."""
    result = detect(text)
    assert result.objects[0].id == "0_mug" and result.malformed == ()


def test_g3_only_boxes_behind_the_camera_are_a_parse_error(detect):
    result = detect("bbox_0=Bbox(cup,500,500,-9000,500,100,100,100)\n")
    assert (result.code, result.objects, len(result.malformed)) == (ResultCode.PARSE, (), 1)


# --- G4, G5, G6, G9


def test_g4_a_second_picture_in_the_question_is_refused(detect):
    with pytest.raises(BadInputError, match="at most one <image>, got 2"):
        detect(question="<image>Find <image> all.")


@pytest.mark.parametrize(
    ("width", "height", "resized"), [(720, 30, "336x14"), (30, 720, "14x336"), (640, 27, "640x27")]
)
def test_g4_a_picture_that_is_too_narrow_is_refused(tmp_path, width, height, resized):
    """At the release's 640 px the short side must have 28: an aspect of 22.8."""
    pipeline = Pipeline(ByteBackend(tmp_path, [GOOD], long_side_px=640 if width == 640 else 336))
    with pytest.raises(BadInputError, match=f"too narrow: expected 28 px a side, resized to {resized}"):
        pipeline.detect(observation(width=width, height=height), "Find all.")


def test_g4_the_narrowest_picture_that_the_release_takes_is_taken(tmp_path):
    pipeline = Pipeline(ByteBackend(tmp_path, [GOOD], long_side_px=640))
    assert pipeline.detect(observation(width=640, height=28), "Find all.").objects


@pytest.mark.parametrize("kind", ["depth", "point_map"])
def test_g5_the_caller_s_arrays_are_neither_changed_nor_needed_writable(detect, kind):
    rng = np.random.default_rng(1)
    shape = (48, 64) if kind == "depth" else (48, 64, 3)
    array = rng.uniform(0.8, 1.6, shape).astype(np.float32)
    array[3, 4] = np.nan
    before = array.copy()
    array.setflags(write=False)
    seen = observation(**{kind: array})
    seen.rgb.setflags(write=False)
    assert detect(seen=seen).objects
    np.testing.assert_array_equal(array, before)


def test_g6_the_angle_is_kept_in_the_box_and_ignored_in_the_evidence(tmp_path):
    prompts = []
    for angle, yaw in ((500, 0.0), (625, -np.pi / 2)):
        reply = f"bbox_0=Bbox(mug,500,500,600,{angle},100,100,50)\n"
        backend = ByteBackend(tmp_path, [reply, "Yes."])
        result = Pipeline(backend).ask(observation(), "Is the mug big?")
        assert result.objects[0].box.yaw == pytest.approx(yaw)
        prompts.append(backend.prompts[1])
    assert prompts[0] == prompts[1]


def test_g9_a_picture_without_depth_or_points_is_refused():
    with pytest.raises(ValueError, match="expected exactly one of depth and point_map, got none"):
        Observation(np.zeros((48, 64, 3), np.uint8), CAMERA)


def test_g9_a_map_of_another_shape_than_the_picture_is_refused():
    with pytest.raises(ValueError, match="expected the picture's field of view"):
        observation(depth=np.ones((40, 64), np.float32))
