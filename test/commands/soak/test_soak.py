"""A short soak: the shipped model under more frames than it can serve, as real processes."""

import json

import pytest

from n3d_ros.cli import main

pytestmark = [pytest.mark.ros, pytest.mark.slow]


def test_under_overload_every_frame_is_accounted_for(tmp_path, capsys):
    pytest.importorskip("rclpy")
    pytest.importorskip("n3d_ros.msg")
    options = ["--minutes", "0.3", "--sample-s", "2", "--warm-up-s", "4", "--out", str(tmp_path)]
    code = main(["soak", *options])
    said = capsys.readouterr().out
    lines = (tmp_path / "samples.jsonl").read_text().splitlines()
    assert len(lines) >= 8 and json.loads(lines[-1])["num_results"] > 0, said
    checks = {line.rsplit(maxsplit=1)[0]: line.rsplit(maxsplit=1)[1] for line in said.splitlines()}
    assert checks["every frame is accounted for"] == "yes" and checks["the node ended with 0"] == "yes", said
    assert code in (0, 1), "memory and age of eighteen seconds are no verdict"
