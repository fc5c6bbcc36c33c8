"""What `n3d play` publishes, in which order, and how it ends."""

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from places import CHECKOUT

from n3d_ros.cli import main
from n3d_ros.commands.play.camera import fill_camera_info
from n3d_ros.commands.play.folders import schedule
from n3d_ros.files.frames import RgbdFrame, write_frame
from n3d_ros.geometry import Distortion, Intrinsics
from n3d_ros.node.conversions import intrinsics_of

CAMERA = Intrinsics(60.0, 61.0, 31.5, 23.5, 64, 48)


@pytest.fixture
def recording(tmp_path):
    """Two frames: millimetres, then metres."""
    for name, dtype, encoding in (("a", np.uint16, "16UC1"), ("b", np.float32, "32FC1")):
        frame = RgbdFrame(np.full((48, 64, 3), 7, np.uint8), np.full((48, 64), 2, dtype), encoding, CAMERA)
        write_frame(tmp_path / "frames" / name, frame)
    return tmp_path / "frames"


def test_every_folder_is_held_and_its_first_frame_announced(recording):
    folders = [recording / "a", recording / "b"]
    played = [(frame.name, is_first) for frame, is_first in schedule(folders, 2, loop=False)]
    assert played == [("a", True), ("a", False), ("b", True), ("b", False)]


def test_depth_in_units_that_no_encoding_says_is_played_in_metres(tmp_path):
    units = np.full((48, 64), 7500, np.uint16)
    units[0, :2] = [0, 65535]
    frame = RgbdFrame(np.full((48, 64, 3), 7, np.uint8), units, "16UC1", CAMERA, "", 0.0002)
    write_frame(tmp_path / "fifths", frame)
    ((played, _),) = schedule([tmp_path / "fifths"], 1, loop=False)
    assert (played.encoding, played.depth[1, 1]) == ("32FC1", np.float32(1.5))
    assert np.isnan(played.depth[0, :2]).all()
    write_frame(tmp_path / "millimetres", replace(frame, depth_scale_m=0.001))
    ((played, _),) = schedule([tmp_path / "millimetres"], 1, loop=False)
    assert played.encoding == "16UC1"


def test_a_scale_is_given_on_the_command_line(recording):
    (played, _), *_ = schedule([recording / "a"], 1, False, 0.0002)
    assert (played.encoding, played.depth[1, 1]) == ("32FC1", np.float32(0.0004))


def test_a_loop_begins_again(recording):
    frames = schedule([recording / "a", recording / "b"], 1, loop=True)
    assert [next(frames)[0].name for _ in range(3)] == ["a", "b", "a"]


def test_the_camera_info_says_the_lens_and_reads_back():
    lens = Distortion("plumb_bob", (-0.1, 0.02, 0.001, 0.0, 0.0))
    bent = replace(CAMERA, distortion=lens)
    assert intrinsics_of(fill_camera_info(SimpleNamespace(), bent), 64, 48) == bent


@pytest.mark.parametrize("shift_px", [(0.0, 0.0), (-250.0, 30.0), (40.0, -90.5)])
def test_the_camera_info_of_a_crop_is_taken_wherever_its_principal_point_lies(shift_px):
    cx, cy = CAMERA.cx + shift_px[0], CAMERA.cy + shift_px[1]
    crop = replace(CAMERA, fx=600.0, fy=600.0, cx=cx, cy=cy, is_crop=True)
    info = fill_camera_info(SimpleNamespace(roi=SimpleNamespace()), crop)
    assert intrinsics_of(info, 64, 48) == crop


def test_the_camera_info_says_pixels_of_a_rectified_picture():
    info = fill_camera_info(SimpleNamespace(), CAMERA)
    assert (info.width, info.height, info.distortion_model) == (64, 48, "plumb_bob")
    assert info.k == [60.0, 0.0, 31.5, 0.0, 61.0, 23.5, 0.0, 0.0, 1.0]
    assert info.p[:7] == [60.0, 0.0, 31.5, 0.0, 0.0, 61.0, 23.5]


@pytest.mark.parametrize(
    ("arguments", "message"), [(["none"], "expected a folder"), ([".", "--rate-hz", "0"], "--rate-hz")]
)
def test_bad_input_ends_with_code_2(tmp_path, arguments, message):
    command = [sys.executable, "-m", "n3d_ros.cli", "play", *arguments]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


class Listener:
    """Remembers every message of the three topics, in a ROS context of its own."""

    def __init__(self, domain_id):
        rclpy = pytest.importorskip("rclpy")
        from rclpy.executors import SingleThreadedExecutor
        from sensor_msgs.msg import CameraInfo, Image

        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain_id)
        self.node = rclpy.create_node("listener", context=self.context, namespace="/robot")
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.got = {"rgb/image": [], "depth/image": [], "rgb/camera_info": []}
        for topic, messages in self.got.items():
            kind = CameraInfo if topic.endswith("info") else Image
            self.node.create_subscription(kind, topic, messages.append, 10)

    def listen_while(self, process):
        while process.poll() is None:
            self.executor.spin_once(timeout_sec=0.05)

    def close(self):
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()


@pytest.mark.ros
def test_once_every_frame_arrives_as_stored_under_one_stamp(recording, monkeypatch):
    from n3d_ros.commands.demo import command as demo

    settings = demo.isolation()
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    listener = Listener(int(settings["ROS_DOMAIN_ID"]))
    command = [sys.executable, "-m", "n3d_ros.cli", "play", str(recording), "--once", "--wait-s", "30"]
    remaps = ["--frame-id", "cam", "--ros-args", "-r", "__ns:=/robot"]
    with subprocess.Popen([*command, *remaps], cwd=CHECKOUT) as player:
        listener.listen_while(player)
    listener.close()
    assert player.returncode == 0
    rgb, depth, info = listener.got.values()
    assert [message.encoding for message in depth] == ["16UC1", "32FC1"]
    assert [message.encoding for message in rgb] == ["rgb8", "rgb8"]
    assert info[0].k[0] == 60.0
    for three in zip(rgb, depth, info, strict=True):
        assert len({(message.header.stamp.sec, message.header.stamp.nanosec) for message in three}) == 1
        assert {message.header.frame_id for message in three} == {"cam"}
    assert rgb[0].header.stamp != rgb[1].header.stamp
    assert np.frombuffer(depth[0].data, np.uint16).tolist() == [2] * 48 * 64
    assert np.frombuffer(depth[1].data, np.float32).tolist() == [2.0] * 48 * 64


@pytest.mark.parametrize(
    ("option", "value"),
    [("--rate-hz", "inf"), ("--rate-hz", "0"), ("--hold-s", "nan"), ("--hold-s", "-1"), ("--wait-s", "nan")],
)
def test_numbers_that_cannot_be_are_refused_by_name(recording, capsys, option, value):
    pytest.importorskip("rclpy", reason="needs rclpy (make ros)")
    assert main(["play", str(recording), f"{option}={value}"]) == 2
    assert f"{option}: expected " in capsys.readouterr().err
