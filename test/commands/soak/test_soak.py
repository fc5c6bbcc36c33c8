"""A short soak: the shipped model under more frames than it can serve, as real processes."""

import json
import signal
import subprocess
import sys
import time

import pytest
from places import CHECKOUT

from n3d_ros.child_process import package_environment
from n3d_ros.cli import main

pytestmark = [pytest.mark.ros, pytest.mark.slow]


DEADLINE_S = 120.0


def soak(*options):
    """A process, since rclpy takes signals."""
    pytest.importorskip("rclpy")
    pytest.importorskip("n3d_ros.msg")
    return subprocess.Popen(
        [sys.executable, "-m", "n3d_ros.cli", "soak", *options],
        cwd=CHECKOUT, env=package_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_under_overload_every_frame_is_accounted_for(tmp_path):
    run = soak("--minutes", "0.3", "--sample-s", "2", "--warm-up-s", "4", "--out", str(tmp_path))
    printed, errors = run.communicate()
    said = printed + errors
    lines = (tmp_path / "samples.jsonl").read_text().splitlines()
    assert len(lines) >= 8 and json.loads(lines[-1])["num_results"] > 0, said
    checks = {line.rsplit(maxsplit=1)[0]: line.rsplit(maxsplit=1)[1] for line in printed.splitlines()}
    assert checks["every frame is accounted for"] == "yes" and checks["the node ended with 0"] == "yes", said
    assert run.returncode in (0, 1), "memory and age of eighteen seconds are no verdict"


def test_an_interrupt_ends_it_without_a_traceback_and_what_was_seen_stays(tmp_path):
    run = soak("--minutes", "10", "--sample-s", "0.5", "--out", str(tmp_path))
    seen, end = tmp_path / "samples.jsonl", time.monotonic() + DEADLINE_S
    while not (seen.is_file() and seen.read_text().endswith("\n")):
        assert time.monotonic() < end and run.poll() is None
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    try:
        printed, errors = run.communicate(timeout=DEADLINE_S)
    finally:
        run.kill()
    assert (run.returncode, printed, errors) == (130, "", "")
    assert json.loads(seen.read_text().splitlines()[0])["t_s"] > 0


@pytest.mark.parametrize(("option", "value"), [("--rate-hz", "inf"), ("--minutes", "nan")])
def test_numbers_that_cannot_be_are_refused_by_name(capsys, option, value):
    assert main(["soak", option, value]) == 2
    assert f"{option}: expected a positive number, got {value}" in capsys.readouterr().err
