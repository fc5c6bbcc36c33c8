"""What rclpy raises after an interrupt is an interrupt; before it, it stays what it is."""

import signal

import numpy as np
import pytest

from n3d_ros.cli import main
from n3d_ros.commands import record
from n3d_ros.commands.graph.interrupts import end_ros, one_interrupt, ros_graph
from n3d_ros.errors import CommandFailed
from n3d_ros.files.frames import RgbdFrame, write_frame
from n3d_ros.geometry import Intrinsics

pytestmark = pytest.mark.ros


@pytest.fixture
def node():
    """A node in rclpy's own context, which the commands use."""
    import rclpy

    rclpy.init()
    yield rclpy.create_node("interrupted")
    end_ros()


@pytest.mark.parametrize("late", ["a node", "a timer", "a wait"])
def test_what_an_interrupt_makes_impossible_is_an_interrupt(node, late):
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    from n3d_ros.commands.graph.interrupts import interruptible

    executor = SingleThreadedExecutor()
    rclpy.shutdown()  # as rclpy does on SIGINT
    with pytest.raises(KeyboardInterrupt), interruptible():
        if late == "a node":
            rclpy.create_node("late")
        elif late == "a timer":
            node.create_timer(1.0, lambda: None)
        else:
            executor.spin_once()


def test_an_error_of_a_graph_that_lives_stays_one(node):
    from rclpy.impl.implementation_singleton import rclpy_implementation

    from n3d_ros.commands.graph.interrupts import interruptible

    with pytest.raises(rclpy_implementation.RCLError), interruptible():
        raise rclpy_implementation.RCLError("no such topic")


def refused(*_):
    from rclpy.impl.implementation_singleton import rclpy_implementation

    raise rclpy_implementation.RCLError("incompatible type")


def test_an_error_in_the_graph_of_a_command_is_told_and_an_interrupt_is_one():
    import rclpy

    with pytest.raises(CommandFailed, match="^ROS: incompatible type$"), ros_graph():
        refused()
    assert not rclpy.ok()
    with pytest.raises(KeyboardInterrupt), ros_graph():
        rclpy.shutdown()  # as rclpy does on SIGINT
        refused()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-r", ":="], "Couldn't parse remap rule"),
        (["-x"], "unknown ROS arguments: ['-x']"),
        (["-r", "rgb/camera_info:=depth/image"], "incompatible type"),
    ],
)
def test_what_ros_refuses_of_a_player_is_told(tmp_path, capsys, arguments, said):
    camera = Intrinsics(60.0, 61.0, 31.5, 23.5, 64, 48)
    frame = RgbdFrame(np.zeros((48, 64, 3), np.uint8), np.ones((48, 64), np.uint16), "16UC1", camera)
    write_frame(tmp_path, frame)
    assert main(["play", str(tmp_path), "--ros-args", *arguments]) == 1
    assert said in capsys.readouterr().err


def test_what_a_recorder_or_a_viewer_meets_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(record, "Recorder", refused)
    assert main(["record", "--out", str(tmp_path), "--seconds", "0"]) == 1
    assert "n3d record: ROS: incompatible type" in capsys.readouterr().err


def test_what_sigterm_means_is_over_with_the_block():
    from n3d_ros.commands.graph.interrupts import on_sigterm

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), on_sigterm(signal.default_int_handler):
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_first_interrupt_ends_a_process_and_the_second_does_nothing():
    with pytest.raises(KeyboardInterrupt), one_interrupt():
        signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_what_was_not_interrupted_can_be_afterwards():
    before = signal.getsignal(signal.SIGINT)
    with one_interrupt():
        pass
    assert signal.getsignal(signal.SIGINT) == before
