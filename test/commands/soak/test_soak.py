"""A short soak: the shipped model under more frames than it can serve, as real processes."""

import json
import subprocess
import sys

import pytest
from places import CHECKOUT

from n3d_ros.child_process import package_environment

pytestmark = [pytest.mark.ros, pytest.mark.slow]


def test_under_overload_every_frame_is_accounted_for(tmp_path):
    pytest.importorskip("rclpy")
    pytest.importorskip("n3d_ros.msg")
    options = ["--minutes", "0.3", "--sample-s", "2", "--warm-up-s", "4", "--out", str(tmp_path)]
    command = [
        sys.executable,
        "-m",
        "n3d_ros.cli",
        "soak",
        *options,
    ]  # rclpy takes signals: not in this process
    run = subprocess.run(command, cwd=CHECKOUT, env=package_environment(), capture_output=True, text=True)
    said = run.stdout + run.stderr
    lines = (tmp_path / "samples.jsonl").read_text().splitlines()
    assert len(lines) >= 8 and json.loads(lines[-1])["num_results"] > 0, said
    checks = {line.rsplit(maxsplit=1)[0]: line.rsplit(maxsplit=1)[1] for line in run.stdout.splitlines()}
    assert checks["every frame is accounted for"] == "yes" and checks["the node ended with 0"] == "yes", said
    assert run.returncode in (0, 1), "memory and age of eighteen seconds are no verdict"
