"""What the viewer gets, read back from the file that it would open. Needs rerun (requirements/view.txt)."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("rerun")

from n3d_ros.boxes import Box3D
from n3d_ros.commands.view.scene import Scene, open_stream, said
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.recording.reader import Recorded

CAMERA = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)
DEPTH = np.ones((48, 64), np.float32)
DEPTH[:, :60] = np.nan
SEEN = Observation(np.full((48, 64, 3), 90, np.uint8), CAMERA, depth=DEPTH)
MUG = Box3D("red mug", (0.1, 0.2, 1.0), (0.08, 0.1, 0.08), yaw=0.5)


@pytest.fixture
def printed(tmp_path):
    """Show one result with its frame: what rerun prints of the file."""

    def show(one):
        stream = open_stream(tmp_path / "out.rrd", None)
        scene = Scene(stream)
        scene.frame(SEEN, one.stamp_ns)
        scene.result(one)
        stream.flush()
        stream.disconnect()
        command = [sys.executable, "-m", "rerun_cli", "rrd", "print", "-vvv", str(tmp_path / "out.rrd")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return show


def test_boxes_stand_beside_the_camera_in_metres_and_turned(printed):
    text = printed(Recorded(5_000_000_000, "the mug", False, (MUG,), seen=SEEN))
    assert "- /world/boxes -" in text and "[[0.1, 0.2, 1.0]]" in text and "[[0.04, 0.05, 0.04]]" in text
    assert "red mug 1.02 m" in text and "0.24740396" in text and "1970-01-01T00:00:05" in text
    assert "the mug: 1 found" in text


def test_boxes_of_another_frame_are_not_shown_in_the_cameras(printed):
    text = printed(Recorded(5_000_000_000, "the mug", False, (MUG,), seen=SEEN, is_optical=False))
    assert "- /world/boxes -" not in text


def test_a_doubtful_answer_is_marked_and_control_characters_are_not_shown(printed):
    text = printed(
        Recorded(5, "How far?\x1b[2J", True, (), answer="It is 1 m.", is_consistent=False, seen=SEEN)
    )
    assert "WARN" in text and "It is 1 m." in text and "\x1b[2J" not in text


@pytest.mark.parametrize(
    ("is_question", "code", "line"),
    [
        (False, 0, "the mug: 0 found"),
        (False, 10, "the mug: 0 found (TIMEOUT)"),
        (True, 11, "the mug - no answer (PARSE)"),
        (True, 200, "the mug - no answer (code 200)"),
    ],
)
def test_what_failed_is_not_told_as_not_there(is_question, code, line):
    assert said(Recorded(1, "the mug", is_question, (), code=code)) == line
