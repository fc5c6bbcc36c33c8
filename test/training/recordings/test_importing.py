"""What a recording teaches, and what it does not."""

from pathlib import Path

import numpy as np
import pytest
from recorded_results import CORRECTED, RIGHT, WRONG, Recording

from n3d_ros.boxes import Box3D
from n3d_ros.cli import main
from n3d_ros.files.frames import read_frame
from n3d_ros.spatial import RELATIONS
from n3d_ros.training.lift.shards import shard_file
from n3d_ros.training.qa.records import CATEGORIES
from n3d_ros.training.qa.sets import load_observation, read_manifest, read_questions
from n3d_ros.training.recordings.importing import import_recording, stored_depth
from n3d_ros.training.recordings.truths import CATEGORY_OF

S = 1_000_000_000
MUG = Box3D("red mug", (0.1, 0.2, 1.0), (0.1, 0.12, 0.1))
BOX = Box3D("blue box", (-0.4, 0.2, 1.5), (0.3, 0.2, 0.3))
QUESTION = "How far is the red mug from the blue box?"


@pytest.fixture
def recording(tmp_path):
    return Recording(tmp_path / "recording")


def made(recording, tmp_path, **options):
    out = tmp_path / "set"
    import_recording(recording.close(), out, **options)
    return list(read_questions(out)), read_manifest(out)["left_out"]


def test_a_corrected_result_teaches_what_was_right(recording, tmp_path):
    recording.frame(5 * S)
    recording.boxes(5 * S, "the red mug", [BOX])
    recording.correction(5 * S, "the red mug", CORRECTED, [MUG])
    [question], _ = made(recording, tmp_path)
    assert (question.kind, question.text) == ("ground", "the red mug")
    assert [box.box for box in question.boxes] == [MUG]
    seen = load_observation(question.picture)
    assert seen.rgb[0, 0].tolist() == [90, 0, 0] and seen.depth[0, 0] == 1.0 and seen.intrinsics.fx == 60.0


def test_corrected_boxes_of_a_question_teach_the_sentence_that_follows_from_them(recording, tmp_path):
    for stamp, right in ((5 * S, [MUG, BOX]), (6 * S, [MUG]), (7 * S, [])):
        recording.frame(stamp)
        recording.answer(stamp, QUESTION, "It is 9.00 meters away.", [BOX])
        recording.correction(stamp, QUESTION, CORRECTED, right)
    [question], left_out = made(recording, tmp_path)
    assert [box.box for box in question.boxes] == [MUG, BOX] and "0.71 meters" in question.answer
    assert left_out == {"no_sentence": 2}


def test_a_sentence_about_boxes_does_not_say_that_nothing_is_there(recording, tmp_path):
    for stamp, right in ((5 * S, []), (6 * S, [MUG])):
        recording.frame(stamp)
        recording.boxes(stamp, "the red mug", [BOX])
        recording.correction(stamp, "the red mug", CORRECTED, right, answer="It is left of the box.")
    [question], left_out = made(recording, tmp_path)
    assert [box.box for box in question.boxes] == [MUG] and left_out == {"wrong": 1}


def test_guessed_depth_teaches_nothing(recording, tmp_path):
    for stamp, is_estimated in ((5 * S, True), (6 * S, False)):
        recording.frame(stamp)
        recording.boxes(stamp, "the red mug", [MUG], is_estimated=is_estimated)
        recording.correction(stamp, "the red mug", RIGHT)
    [question], left_out = made(recording, tmp_path)
    assert question.picture.key == str(6 * S) and left_out == {"guessed_depth": 1}


def test_depth_is_that_which_the_node_read(recording, tmp_path):
    recording.frame(5 * S)
    recording.depth_parameters({"depth.scale_m": "0.0005", "depth.min_m": "0.0", "depth.max_m": "20.0"})
    recording.boxes(5 * S, "the red mug", [MUG])
    recording.correction(5 * S, "the red mug", RIGHT)
    [question], _ = made(recording, tmp_path)
    assert load_observation(question.picture).depth[0, 0] == 0.5


@pytest.mark.parametrize("scale_m", ["0.0001", "0.00012345"])
def test_near_depth_whose_scale_the_node_was_told_is_read_back(recording, tmp_path, scale_m):
    """Millimetres of 0.1 m look like another unit where nobody says that they are."""
    recording.depth_parameters({"depth.scale_m": scale_m})
    recording.frame(5 * S)
    recording.boxes(5 * S, "the red mug", [MUG])
    recording.correction(5 * S, "the red mug", RIGHT)
    [question], _ = made(recording, tmp_path)
    depth_m = pytest.approx(1000 * float(scale_m), abs=1e-6)
    assert load_observation(question.picture).depth[0, 0] == depth_m
    assert read_frame(Path(question.picture.file).parent).observation().depth[0, 0] == depth_m


def test_a_scale_that_is_none_is_named(recording, tmp_path):
    recording.depth_parameters({"depth.scale_m": "a lot"})
    recording.boxes(5 * S, "the red mug", [MUG])
    with pytest.raises(ValueError, match="depth.scale_m: expected a number, got 'a lot'"):
        made(recording, tmp_path)


def test_depth_that_the_node_registered_teaches_nothing(recording, tmp_path):
    for stamp, align in ((5 * S, "auto"), (6 * S, "off")):
        recording.frame(stamp, depth_frame="camera_depth_optical_frame")
        recording.depth_parameters({"depth.align": align})
        recording.boxes(stamp, "the red mug", [MUG])
        recording.correction(stamp, "the red mug", RIGHT)
    [question], left_out = made(recording, tmp_path)
    assert question.picture.key == str(6 * S) and left_out == {"no_frame": 1}


def test_nothing_there_is_a_truth_too(recording, tmp_path):
    recording.frame(5 * S)
    recording.boxes(5 * S, "the ball", [BOX])
    recording.correction(5 * S, "the ball", CORRECTED, [])
    [question], _ = made(recording, tmp_path)
    assert question.boxes == ()


def test_an_answer_said_to_be_right_teaches_sentence_and_number(recording, tmp_path):
    recording.frame(5 * S)
    recording.answer(5 * S, QUESTION, "It is 0.71 meters away.", [MUG, BOX])
    recording.correction(5 * S, QUESTION, RIGHT)
    [question], _ = made(recording, tmp_path)
    assert (question.category, question.answer, question.unit) == ("distance", "It is 0.71 meters away.", "m")
    assert question.value == pytest.approx(np.hypot(0.5, 0.5)) and question.reasoning == "because"


def test_a_corrected_answer_keeps_no_number_and_no_trace_of_the_wrong_one(recording, tmp_path):
    recording.frame(5 * S)
    recording.answer(5 * S, QUESTION, "It is 3 meters away.", [MUG, BOX])
    recording.correction(5 * S, QUESTION, CORRECTED, answer="It is 0.7 meters away.")
    [question], _ = made(recording, tmp_path)
    assert (question.answer, question.value, question.reasoning) == ("It is 0.7 meters away.", None, "")


NAMES = "red mug, florble, ball"
PARTLY = [("red mug", 0, ""), ("florble", 5, "not a word"), ("ball", 0, "")]


@pytest.mark.parametrize("is_judged", [True, False], ids=["judged", "trusted"])
def test_of_several_names_those_that_were_answered_are_taken(recording, tmp_path, is_judged):
    recording.frame(5 * S)
    recording.boxes(5 * S, NAMES, [(MUG, "red mug")], code=5, outcomes=PARTLY)
    if is_judged:
        recording.correction(5 * S, NAMES, RIGHT)
    questions, left_out = made(recording, tmp_path, trust=not is_judged)
    assert [(one.text, [box.box for box in one.boxes]) for one in questions] == [
        ("red mug", [MUG]),
        ("ball", []),
    ]
    assert left_out == {"failed": 1}


def test_boxes_left_out_by_the_requests_limit_are_not_taken_for_absent(recording, tmp_path):
    recording.frame(5 * S)
    cut = [("red mug", 0, ""), ("ball", 0, "1 of 'ball' left out by max_boxes")]
    recording.boxes(5 * S, "red mug, ball", [(MUG, "red mug")], outcomes=cut)
    questions, left_out = made(recording, tmp_path, trust=True)
    assert [one.text for one in questions] == ["red mug"] and left_out == {"boxes_left_out": 1}


def test_a_correction_of_several_names_says_which_its_boxes_are_of_or_stays_whole(recording, tmp_path):
    recording.frame(5 * S)
    recording.frame(6 * S)
    for stamp, right in ((5 * S, [(BOX, "florble")]), (6 * S, [BOX])):
        recording.boxes(stamp, NAMES, [(MUG, "red mug")], code=5, outcomes=PARTLY)
        recording.correction(stamp, NAMES, CORRECTED, right)
    questions, left_out = made(recording, tmp_path)
    taught = [(one.text, [box.box for box in one.boxes]) for one in questions]
    assert taught == [("red mug", []), ("florble", [BOX]), ("ball", []), (NAMES, [BOX])] and left_out == {}


def test_a_name_that_was_asked_for_twice_teaches_nothing(recording, tmp_path):
    untaught(recording)
    twice = [("red mug", 0, "")] * 2
    recording.boxes(5 * S, "red mug, red mug", [(MUG, "red mug")] * 2, outcomes=twice)
    questions, left_out = made(recording, tmp_path, trust=True)
    assert len(questions) == 1 and left_out == {"repeated_names": 1}


def untaught(recording):
    recording.frame(5 * S)
    recording.boxes(5 * S, "the one that teaches", [MUG])
    recording.correction(5 * S, "the one that teaches", RIGHT)


@pytest.mark.parametrize(
    ("reason", "fill"),
    [
        ("not_judged", lambda r: r.boxes(5 * S, "x", [MUG])),
        ("wrong", lambda r: (r.boxes(5 * S, "x", [MUG]), r.correction(5 * S, "x", WRONG))),
        ("failed", lambda r: (r.boxes(5 * S, "x", [], code=11), r.correction(5 * S, "x", RIGHT))),
        ("no_frame", lambda r: (r.boxes(9 * S, "x", [MUG]), r.correction(9 * S, "x", RIGHT))),
        ("other_frame", lambda r: (r.boxes(5 * S, "x", [MUG], "map"), r.correction(5 * S, "x", RIGHT))),
        (
            "turned_box",
            lambda r: (
                r.boxes(5 * S, "x", [Box3D("a", (0, 0, 1), (1, 1, 1), yaw=0.5)]),
                r.correction(5 * S, "x", RIGHT),
            ),
        ),
        (
            "lens",
            lambda r: (
                r.frame(7 * S, d=(0.1, 0.0, 0.0, 0.0, 0.0)),
                r.boxes(7 * S, "x", [MUG]),
                r.correction(7 * S, "x", RIGHT),
            ),
        ),
    ],
)
def test_what_teaches_nothing_is_counted_by_its_reason(recording, tmp_path, reason, fill):
    untaught(recording)
    fill(recording)
    questions, left_out = made(recording, tmp_path)
    assert len(questions) == 1 and left_out == {reason: 1}


def test_trust_takes_what_nobody_judged_but_no_answer_that_its_boxes_contradict(recording, tmp_path):
    recording.frame(5 * S)
    recording.boxes(5 * S, "the red mug", [MUG])
    recording.answer(5 * S, QUESTION, "It is 9 meters away.", [MUG, BOX], consistent=0)
    questions, left_out = made(recording, tmp_path, trust=True)
    assert [one.text for one in questions] == ["the red mug"] and left_out == {"not_confirmed": 1}


def test_trust_takes_nothing_that_is_said_to_be_wrong_in_a_later_part(recording, tmp_path):
    untaught(recording)
    recording.boxes(5 * S, "the red mug", [BOX])
    recording.next_part()
    recording.correction(5 * S, "the red mug", WRONG)
    questions, left_out = made(recording, tmp_path, trust=True)
    assert [one.text for one in questions] == ["the one that teaches"] and left_out == {"wrong": 1}


def test_a_recording_that_teaches_nothing_leaves_no_set(recording, tmp_path):
    recording.frame(5 * S)
    recording.boxes(5 * S, "the red mug", [MUG])
    with pytest.raises(ValueError, match="a result that was judged, got none: not_judged 1"):
        import_recording(recording.close(), tmp_path / "set")
    assert not (tmp_path / "set" / "manifest.json").exists()


def test_the_command_says_what_the_set_holds(recording, tmp_path, capsys):
    untaught(recording)
    recording.boxes(5 * S, "x", [MUG])
    assert main(["import-recording", str(recording.close()), "--out", str(tmp_path / "set")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said == "questions 1 pictures 1 grounding/recorded 1 left out: not_judged 1"
    assert main(["import-recording", str(recording.folder), "--out", str(tmp_path / "set")]) == 2
    [folder] = (tmp_path / "set" / "frames").iterdir()
    assert read_frame(folder).encoding == "16UC1"


def test_depth_is_stored_exactly():
    whole = np.array([[1.234, np.nan]], np.float32)
    fine = np.array([[1.23456, np.nan]], np.float32)
    assert stored_depth(whole)[0].tolist() == [[1234, 0]] and stored_depth(whole)[1] == "16UC1"
    assert stored_depth(fine)[0].tolist() == [[fine[0, 0], 0]] and stored_depth(fine)[1] == "32FC1"


def test_every_relation_has_a_category_that_there_is():
    assert set(CATEGORY_OF) <= set(RELATIONS) and set(CATEGORY_OF.values()) <= set(CATEGORIES)
    assert set(RELATIONS) - set(CATEGORY_OF) == {"viewer_side", "combined", "exists", "where"}


def test_what_is_no_recording_leaves_no_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="expected a recording"):
        import_recording(tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_stamps_that_come_again_have_pictures_of_their_own(recording, tmp_path):
    """Those of a simulation that starts anew; the second question was taught beside the first one's."""
    for red, words in ((50, "the red mug"), (60, "the red mug"), (60, "the cup")):
        recording.frame(4 * S, red=red)
        recording.frame(6 * S, red=red)
        recording.boxes(6 * S, words, [MUG])
        recording.correction(6 * S, words, RIGHT)
    questions, left_out = made(recording, tmp_path)
    seen = [(one.text, int(load_observation(one.picture).rgb[0, 0, 0])) for one in questions]
    assert seen == [("the red mug", 50), ("the red mug", 60), ("the cup", 60)] and left_out == {}
    assert questions[1].picture.key == questions[2].picture.key == f"{6 * S}_1"


def test_frames_of_an_import_that_was_stopped_are_not_taken_for_those_of_another_recording(tmp_path):
    for red in (50, 60):
        recording = Recording(tmp_path / f"recording_{red}")
        recording.frame(5 * S, red=red)
        recording.boxes(5 * S, "the red mug", [MUG])
        recording.correction(5 * S, "the red mug", RIGHT)
        [question], _ = made(recording, tmp_path)
        assert load_observation(question.picture).rgb[0, 0, 0] == red
        shard_file(tmp_path / "set", 0).unlink()


def test_why_results_have_no_frame_is_told(recording, tmp_path, caplog):
    recording.frame(5 * S)
    recording.boxes(5 * S, "the red mug", [MUG])
    recording.boxes(7 * S, "the red mug", [MUG])
    made(recording, tmp_path, trust=True)
    assert "1 results without a frame: its colour image and depth image were not recorded" in caplog.text
