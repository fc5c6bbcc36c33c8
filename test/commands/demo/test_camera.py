"""What the simulated camera sends beside its pictures."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from places import CHECKOUT

pytest.importorskip("rclpy", reason="rclpy is not installed (make ros)")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from n3d_ros.boxes import Box3D
from n3d_ros.commands.demo.robot import FRAME_ID, camera_in_world, depth_millimetres, truth_json

# A program: the camera, interrupted while it imports, makes its scene, or has its node.
INTERRUPTED = """
import os, signal, sys

def interrupt(*_, **__):
    os.kill(os.getpid(), signal.SIGINT)

class WhileImporting:
    def find_spec(self, name, path=None, target=None):
        if name == "mujoco":
            interrupt()

when = sys.argv.pop(1)
if when == "imports":
    sys.meta_path.insert(0, WhileImporting())
else:
    from n3d_ros.commands.demo import robot
    setattr(robot, when, interrupt)
from n3d_ros.commands.demo.camera import main
sys.exit(main())
"""


@pytest.mark.parametrize("when", ["imports", "generate", "RgbdCamera"])
def test_an_interrupt_at_any_moment_ends_it_cleanly(when):
    command = [sys.executable, "-c", INTERRUPTED, when, "--seed", "7"]
    ended = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stderr


def test_depth_is_rounded_to_millimetres_and_nothing_is_zero():
    sent = depth_millimetres(np.array([[1.2344, 1.2346, np.nan, 99.0]], np.float32))
    assert sent.dtype == np.uint16
    assert sent.tolist() == [[1234, 1235, 0, 65535]]


def test_tf_says_where_the_camera_is_in_the_world():
    """It looks along the world's x: optical x is -y, optical y is -z."""
    pytest.importorskip("tf2_msgs")
    Time = pytest.importorskip("builtin_interfaces.msg").Time
    T_world_camera = np.array(
        [[0.0, 0.0, 1.0, 0.5], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 1.5], [0.0, 0.0, 0.0, 1.0]]
    )
    [one] = camera_in_world(T_world_camera, Time(sec=3)).transforms
    assert (one.header.frame_id, one.header.stamp.sec, one.child_frame_id) == ("map", 3, FRAME_ID)
    move, turn = one.transform.translation, one.transform.rotation
    assert (move.x, move.y, move.z) == (0.5, 0.0, 1.5)
    assert (turn.x, turn.y, turn.z, turn.w) == pytest.approx((-0.5, 0.5, -0.5, 0.5))


def test_truth_names_stamp_frame_and_every_object():
    mug = Box3D("red mug", (0.1, 0.2, 0.9), (0.1, 0.1, 0.1))
    truth = json.loads(truth_json(7, SimpleNamespace(boxes=[mug], visible=[0.5], visible_px=[40])))
    assert (truth["stamp_ns"], truth["frame_id"]) == (7, FRAME_ID)
    assert truth["objects"] == [
        {
            "label": "red mug",
            "center_m": [0.1, 0.2, 0.9],
            "size_m": [0.1, 0.1, 0.1],
            "yaw_rad": 0.0,
            "visible": 0.5,
            "visible_px": 40,
        }
    ]
