"""The node as a process of its own: how it starts, stops and refuses."""

import os
import signal
import subprocess
import sys

import pytest
from places import CHECKOUT

DEADLINE_S = 120.0
COMMAND = [sys.executable, "-m", "n3d_ros.node.n3d_node", "--ros-args"]


@pytest.fixture
def start():
    """Start the node with ROS arguments; killed at the end when it still runs."""
    environment = {**os.environ, "ROS_DOMAIN_ID": str(30 + os.getpid() % 60), "PYTHONUNBUFFERED": "1"}
    processes = []

    def begin(*arguments):
        processes.append(
            subprocess.Popen(
                [*COMMAND, *arguments], cwd=CHECKOUT, env=environment, stderr=subprocess.PIPE, text=True
            )
        )
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_it_stays_up_without_a_model_and_stops_cleanly(start, how):
    process = start("-p", "model.path:=/nowhere/at/all")
    line = next(line for line in process.stderr if "model:" in line)
    assert "failed" in line
    assert "/nowhere/at/all" in line
    process.send_signal(how)
    process.send_signal(how)
    _, rest = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, rest
    assert "Traceback" not in rest
    assert "Failed to publish" not in rest


@pytest.mark.parametrize(
    ("parameter", "named"),
    [("markers.alpha:=7.0", "markers.alpha"), ("backend:=abacus", "auto, trt, ort, torch")],
)
def test_a_refused_parameter_ends_it_with_code_2_and_the_reason(start, parameter, named):
    process = start("-p", parameter)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 2
    assert named in errors
    assert "Traceback" not in errors
