"""A recording read back: with which camera, and what is wrong with it."""

import shutil

import pytest
from recorded_results import FRAME, HEIGHT, WIDTH, Recording

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics
from n3d_ros.recording import types
from n3d_ros.recording.reader import read_recording

S = 1_000_000_000
MUG = Box3D("red mug", (0.1, 0.2, 1.0), (0.1, 0.12, 0.1))
OF_INFO = Intrinsics(60.0, 60.0, 31.5, 23.5, WIDTH, HEIGHT)
USED = Intrinsics(90.0, 91.0, 32.5, 23.5, WIDTH, HEIGHT)


@pytest.fixture
def recording(tmp_path):
    return Recording(tmp_path / "recording")


def test_the_camera_that_a_result_rests_on_goes_before_the_recorded_info(recording):
    recording.frame(5 * S, d=[0.1, 0.0, 0.0, 0.0, 0.0])
    recording.boxes(5 * S, "the red mug", [MUG], camera=USED)
    recording.answer(5 * S, "How tall is the red mug?", "It is.", [MUG], camera=USED)
    recording.boxes(5 * S, "the mug", [MUG])
    of_boxes, of_answer, of_info = (one.seen.intrinsics for one in read_recording(recording.close()))
    assert of_boxes == of_answer == USED
    assert (of_info.fx, of_info.distortion.model) == (60.0, "plumb_bob")


def test_a_result_that_says_its_camera_needs_no_recorded_info(recording):
    recording.frame(5 * S, with_info=False)
    recording.boxes(5 * S, "the red mug", [MUG], camera=USED)
    recording.boxes(5 * S, "the mug", [MUG])
    with_camera, without = read_recording(recording.close())
    assert with_camera.seen.intrinsics == USED
    assert (without.seen, without.fault) == (None, "its camera info were not recorded")


def test_a_camera_that_cannot_be_is_named(recording):
    recording.frame(5 * S)
    recording.boxes(5 * S, "the red mug", [MUG], camera=USED, fx=-1.0)
    [only] = read_recording(recording.close())
    assert only.seen is None and only.fault.startswith(
        "the camera of the result: intrinsics: fx must be positive"
    )


def test_a_recording_of_before_results_said_their_camera_is_read(tmp_path, monkeypatch):
    before = tmp_path / "msg"
    shutil.copytree(types.interface_folder(), before)
    for name in ("Box3DArray", "SpatialAnswer"):
        path = before / f"{name}.msg"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(one for one in lines if not one.startswith("Intrinsics ")), encoding="utf-8")
    with monkeypatch.context() as old:
        old.setattr(types, "interface_folder", lambda: before)
        recording = Recording(tmp_path / "recording")
    recording.frame(5 * S)
    recording.boxes(5 * S, "the red mug", [MUG])
    [only] = read_recording(recording.close())
    assert (only.words, only.seen.intrinsics, only.seen.frame_id) == ("the red mug", OF_INFO, FRAME)
