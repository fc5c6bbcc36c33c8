"""Which picture a result is about, where a recording holds several of its instant."""

import pytest
from recorded_results import FRAME, Recording

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics
from n3d_ros.recording.reader import read_recording

S = 1_000_000_000
MUG = Box3D("red mug", (0.1, 0.2, 1.0), (0.1, 0.12, 0.1))


@pytest.fixture
def recording(tmp_path):
    return Recording(tmp_path / "recording")


def only(recording):
    [result] = read_recording(recording.close())
    return result


def red(result):
    return None if result.seen is None else int(result.seen.rgb[0, 0, 0])


@pytest.mark.parametrize("topic", ["/n3d/debug/image", "/robot/n3d/debug/image"])
def test_a_picture_with_boxes_drawn_in_is_not_the_colour_image(recording, topic):
    recording.frame(5 * S, red=50)
    recording.boxes(5 * S, "the mug", [MUG])
    recording.picture(topic, 5 * S, red=200)
    recording.boxes(5 * S, "the cup", [MUG])
    assert [red(one) for one in read_recording(recording.close())] == [50, 50]


def test_of_two_cameras_the_one_in_the_frame_of_the_result_is_meant(recording):
    recording.frame(5 * S, red=50, focal=70.0)
    recording.frame(5 * S, red=60, camera="/arm", frame="arm")
    recording.boxes(5 * S, "the mug", [MUG])
    result = only(recording)
    assert (red(result), result.seen.intrinsics.fx, result.is_optical) == (50, 70.0, True)


def test_of_two_pictures_in_one_frame_the_one_with_the_stamp_of_the_result_is_meant(recording):
    recording.frame(5 * S, red=50)
    recording.picture("/other", 5 * S + 1, red=60)
    recording.boxes(5 * S, "the mug", [MUG])
    assert red(only(recording)) == 50


def test_of_pictures_that_may_both_be_meant_none_is_guessed(recording):
    recording.frame(5 * S)
    recording.picture("/overlay", 5 * S, red=200)
    recording.boxes(5 * S, "the mug", [MUG])
    result = only(recording)
    assert result.seen is None
    assert result.fault == (
        "its colour image: expected one of its instant, got /overlay, /rgb: record the node with `n3d record`"
    )


def test_a_picture_that_was_relayed_is_one(recording):
    recording.frame(5 * S, red=50)
    recording.picture("/relayed", 5 * S, red=50)
    recording.boxes(5 * S, "the mug", [MUG])
    assert red(only(recording)) == 50


def test_depth_in_the_frame_of_colour_is_meant(recording):
    recording.frame(5 * S, camera="/raw", frame="depth", depth="16UC1")
    recording.frame(5 * S)
    recording.boxes(5 * S, "the mug", [MUG])
    assert only(recording).seen is not None


def test_a_result_in_another_frame_has_the_only_picture_of_its_stamp(recording):
    recording.frame(5 * S, red=50)
    recording.boxes(5 * S, "the mug", [MUG], frame="map")
    result = only(recording)
    assert (red(result), result.is_optical) == (50, False)


@pytest.mark.parametrize(("camera", "frame"), [("/z", "elsewhere"), ("/z", FRAME)])
def test_the_camera_info_is_that_beside_the_colour_image(recording, camera, frame):
    """The last of several was taken, such as the depth camera's."""
    recording.frame(5 * S)
    recording.frame(6 * S, camera=camera, frame=frame, focal=75.0)
    recording.boxes(5 * S, "the mug", [MUG])
    assert only(recording).seen.intrinsics.fx == 60.0


def test_camera_infos_that_may_both_be_meant_are_named_unless_the_result_says_its_camera(recording):
    recording.frame(5 * S, camera="/a/b", with_info=False)
    recording.frame(4 * S, camera="/a")
    recording.frame(6 * S, camera="/c", focal=75.0)
    recording.boxes(5 * S, "the mug", [MUG])
    recording.boxes(5 * S, "the cup", [MUG], camera=Intrinsics(90.0, 91.0, 32.5, 23.5, 64, 48))
    mug, cup = read_recording(recording.close())
    assert (mug.seen, cup.seen.intrinsics.fx) == (None, 90.0)
    assert mug.fault.startswith("its camera info: expected one of its instant, got /a/info, /c/info")
