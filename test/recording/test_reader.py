"""A recording read back: with which camera, and what is wrong with it."""

import shutil
from types import SimpleNamespace

import pytest
from recorded_results import CORRECTED, FRAME, HEIGHT, RIGHT, WIDTH, WRONG, Recording

from n3d_ros.boxes import Box3D
from n3d_ros.errors import ResultCode
from n3d_ros.geometry import Intrinsics
from n3d_ros.recording import types
from n3d_ros.recording.parts import parts_of
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
    assert (without.seen, without.fault) == (None, "its camera info was not recorded")


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


def test_a_correction_in_a_later_part_is_that_of_its_result(recording):
    for number in range(3):
        recording.frame(number * S)
        recording.boxes(number * S, "the red mug", [MUG])
        recording.next_part()
    for number in range(3):
        recording.correction(number * S, "the red mug", WRONG)
        recording.next_part()
    assert [one.correction.verdict for one in read_recording(recording.close())] == [WRONG] * 3
    assert len(parts_of(recording.folder)) == 6


def test_a_frame_goes_on_to_the_results_of_later_parts_also_where_a_part_ended_in_it(recording):
    recording.frame(5 * S, red=50)
    recording.next_part()
    recording.boxes(5 * S, "the mug", [MUG])
    recording.frame(6 * S, red=60, between=recording.next_part)
    recording.next_part()
    recording.boxes(6 * S, "the mug", [MUG])
    recording.next_part()
    recording.boxes(6 * S, "the cup", [MUG])
    results = list(read_recording(recording.close()))
    assert [(one.words, one.fault) for one in results] == [("the mug", ""), ("the mug", ""), ("the cup", "")]
    assert [int(one.seen.rgb[0, 0, 0]) for one in results] == [50, 60, 60]


def test_a_frame_is_found_after_many_that_no_result_is_about(recording):
    for number in range(200):
        recording.frame(5 * S + number * 33_000_000)
    recording.boxes(5 * S, "the mug", [MUG])
    [only] = read_recording(recording.close())
    assert only.fault == ""


def impossible(size=(-0.1, 0.1, 0.1)):
    """As another program may write it; Box3D refuses it."""
    return SimpleNamespace(label="mug", center=(0.0, 0.0, 1.0), size=size, yaw=0.0, score=1.0)


def test_a_correction_with_a_box_that_cannot_be_says_only_that_the_result_was_wrong(recording, caplog):
    for number, boxes in ((1, [impossible()]), (2, [MUG])):
        recording.frame(number * S)
        recording.boxes(number * S, "the mug", [MUG])
        recording.correction(number * S, "the mug", CORRECTED, boxes)
    first, second = read_recording(recording.close())
    assert (first.correction.verdict, first.correction.boxes) == (WRONG, ())
    assert second.correction.verdict == CORRECTED
    assert "says no more than that its result is wrong: box 'mug': size must not be negative" in caplog.text


def test_a_result_with_a_box_that_cannot_be_is_left_out_with_its_reason(recording):
    recording.frame(S)
    recording.boxes(S, "the mug", [impossible((float("nan"), 0.1, 0.1))])
    recording.boxes(S, "the cup", [MUG])
    bad, good = read_recording(recording.close())
    assert (bad.seen, bad.boxes, bad.code) == (None, (), ResultCode.PARSE) and "size must be" in bad.fault
    assert good.seen is not None and good.boxes


def test_of_two_things_said_of_a_result_the_later_one_holds(recording):
    recording.frame(5 * S)
    recording.boxes(5 * S, "the mug", [MUG])
    recording.correction(5 * S, "the mug", RIGHT)
    recording.correction(5 * S, "the mug", WRONG)
    recording.next_part()
    recording.boxes(5 * S, "the cup", [MUG])
    recording.correction(5 * S, "the cup", WRONG)
    recording.correction(5 * S, "the mug", CORRECTED, [MUG, MUG])
    mug, cup = read_recording(recording.close())
    assert (mug.correction.verdict, len(mug.correction.boxes)) == (CORRECTED, 2)
    assert cup.correction.verdict == WRONG


def test_the_camera_info_of_another_part_is_that_of_its_own_frames_alone(recording):
    recording.frame(5 * S)
    recording.boxes(5 * S, "the mug", [MUG])
    recording.next_part()
    recording.frame(9 * S, with_info=False)
    recording.boxes(9 * S, "the mug", [MUG])
    first, second = read_recording(recording.close())
    assert (first.fault, second.fault) == ("", "its camera info was not recorded")


def test_parts_that_are_missing_or_not_whole_are_told_and_the_others_read(recording, caplog):
    for part in range(5):
        recording.frame(part * S)
        recording.boxes(part * S, f"mug {part}", [MUG])
        recording.next_part()
    recording.boxes(9 * S, "not whole", [MUG])  # and is killed
    for part in (0, 2, 3):
        shutil.rmtree(recording.folder / f"part_{part:03d}")
    assert [(one.words, one.fault) for one in read_recording(recording.folder)] == [
        ("mug 1", ""),
        ("mug 4", ""),
    ]
    first, second, third = (one.getMessage() for one in caplog.records)
    assert "part_000: missing" in first and "part_002 to part_003: missing" in second
    assert ".part_005: not whole" in third
    recording.close()


def test_what_a_recorder_that_was_killed_left_is_removed_with_a_word(recording, caplog):
    recording.boxes(9 * S, "not whole", [MUG])
    recording.kill()
    again = Recording(recording.folder)
    again.boxes(5 * S, "the mug", [MUG])
    assert ".part_000' of a recorder that was killed: what it held is lost" in caplog.text
    assert [one.words for one in read_recording(again.close())] == ["the mug"]


def test_parts_come_in_the_order_of_their_numbers(recording):
    recording.boxes(5 * S, "the mug", [MUG])
    recording.close().joinpath("part_000").rename(recording.folder / "part_999")
    again = Recording(recording.folder)
    again.boxes(6 * S, "the cup", [MUG])
    assert [one.name for one in parts_of(again.close())] == ["part_999", "part_1000"]


def test_a_part_has_no_hidden_file_that_a_copy_would_leave_out(recording):
    recording.boxes(5 * S, "the mug", [MUG])
    folder = recording.close()
    files = sorted(one.name for one in (folder / "part_000").iterdir())
    assert files == ["metadata.yaml", "part_000.mcap"]
    assert [one.name for one in folder.glob(".part*")] == []


def test_colour_of_16_bits_is_not_taken_for_depth(recording):
    recording.frame(5 * S, colour="mono16")
    recording.boxes(5 * S, "the mug", [MUG])
    [only] = read_recording(recording.close())
    assert only.fault == "" and (only.seen.depth[0, 0], only.seen.rgb[0, 0, 0]) == (1.0, 90)


def test_depth_may_be_mono16(recording):
    recording.frame(5 * S, depth="mono16")
    recording.boxes(5 * S, "the mug", [MUG])
    [only] = read_recording(recording.close())
    assert only.fault == "" and (only.seen.depth[0, 0], only.seen.rgb[0, 0, 0]) == (1.0, 90)


def test_a_damaged_message_is_named(tmp_path):
    parts = tmp_path / "recording"
    cut = []
    recording = Recording(parts, lambda topic, kind, at, data: cut.append((topic, kind, at, data)))
    recording.boxes(5 * S, "the mug", [MUG])
    recording.boxes(6 * S, "the mug", [MUG])
    [first, (topic, kind, at, data)] = cut
    recording._parts.write(*first)
    recording._parts.write(topic, kind, at, data[:40])
    with pytest.raises(
        ValueError, match="part_000': message 2 of /n3d/boxes: expected a whole n3d_ros/msg/Box"
    ):
        list(read_recording(recording.close()))


def test_what_is_said_of_one_nodes_result_is_not_said_of_anothers(recording):
    recording.frame(5 * S)
    for node in ("/a", "/b", "/c"):
        recording.boxes(5 * S, "the mug", [MUG], node=node)
    recording.correction(5 * S, "the mug", RIGHT, node="/a")
    recording.correction(5 * S, "the mug", WRONG, node="/b")
    verdicts = [one.correction and one.correction.verdict for one in read_recording(recording.close())]
    assert verdicts == [RIGHT, WRONG, None]


def test_what_is_said_on_a_topic_beside_no_node_is_said_of_each(recording):
    recording.frame(5 * S)
    recording.boxes(5 * S, "the mug", [MUG])
    recording.correction(5 * S, "the mug", WRONG, node="/judge")
    [only] = read_recording(recording.close())
    assert only.correction.verdict == WRONG


def test_what_is_said_of_a_stamp_holds_for_the_run_of_its_simulation(recording):
    """Stamps and words of a simulation that starts anew are those of its run before."""
    for number, words in enumerate(("the mug", "the mug", "the cup")):
        for second in (5, 9):
            recording.frame(second * S, red=number)
        recording.boxes(9 * S, words, [MUG])
        recording.next_part()
        if number == 0:
            recording.correction(9 * S, words, WRONG)
    recording.correction(9 * S, "the mug", RIGHT)
    results = list(read_recording(recording.close()))
    assert [(one.words, int(one.seen.rgb[0, 0, 0])) for one in results] == [
        ("the mug", 0),
        ("the mug", 1),
        ("the cup", 2),
    ]
    assert [one.correction and one.correction.verdict for one in results] == [WRONG, RIGHT, None]
