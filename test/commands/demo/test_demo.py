"""The demo's own decisions, and the whole of it as real processes with an engine that needs no model."""

import json
import os
import re
import subprocess
import sys

import pytest
from PIL import Image
from places import CHECKOUT

from n3d_ros.commands.demo import command as demo
from n3d_ros.errors import CommandFailed
from n3d_ros.spatial import parse_question

RUNNER = CHECKOUT / "test" / "helpers" / "run_with_fake_engine.py"
OUTSIDE_S = 120


def seen(label, visible_px, visible=1.0):
    return {"label": label, "visible": visible, "visible_px": visible_px}


def test_the_largest_clear_unambiguous_objects_are_asked_for():
    objects = [
        seen("red mug", 10),
        seen("blue box", 30),
        seen("tall vase", 20, visible=0.4),
        seen("ball", 40),
        seen("ball", 50),
    ]
    assert demo.names_to_ask_for(objects) == ["blue box", "red mug"]


def test_a_scene_that_shows_too_little_is_refused():
    with pytest.raises(CommandFailed, match="expected two clearly visible objects"):
        demo.names_to_ask_for([seen("red mug", 10), seen("blue box", 30, visible=0.1)])


def test_the_demo_s_question_is_one_that_can_be_computed():
    query = parse_question(demo.QUESTION.format(a="red mug", b="blue box"))
    assert (query.relation, query.objects) == ("distance", ("red mug", "blue box"))


def run_demo(tmp_path, model_name="model", *more):
    """(exit code, output, output folder)."""
    pytest.importorskip("rclpy")
    model = tmp_path / model_name
    model.mkdir()
    (model / "manifest.json").write_text("{}")
    command = [
        sys.executable,
        str(RUNNER),
        "demo",
        "--model",
        str(model),
        "--out",
        str(tmp_path / "out"),
        *more,
    ]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=OUTSIDE_S, check=False
    )
    print(done.stdout, done.stderr, *(log.read_text() for log in (tmp_path / "out").glob("*.log")))
    return done.returncode, done.stdout + done.stderr, tmp_path / "out"


@pytest.mark.ros
def test_camera_node_and_client_work_together(tmp_path):
    code, printed, out = run_demo(tmp_path)
    assert code == 0, printed
    assert printed.count("streamed:") >= 4
    assert "truth" in printed
    report = json.loads((out / "demo.json").read_text())
    assert len({answer["stamp_ns"] for answer in report}) == len(report) == 5
    assert {answer["frame_id"] for answer in report} == {"sim_camera_color_optical_frame"}
    assert report[-2]["answer"] == "It is 0.3 m."
    assert report[-1]["asked"].startswith("Is there a ") and report[-1]["true_answer"].startswith(
        "No, found no "
    )
    assert Image.open(out / "demo.png").width == 1280


@pytest.mark.ros
def test_finding_nothing_at_all_is_a_failure(tmp_path):
    code, printed, out = run_demo(tmp_path, "finds_nothing")
    assert code == 1
    assert "the model found nothing at all" in printed
    assert (out / "demo.png").is_file()


@pytest.mark.ros
def test_a_node_that_cannot_load_its_model_ends_the_demo_with_the_reason(tmp_path):
    code, printed, _ = run_demo(tmp_path, "broken")
    assert code == 1
    assert "could not load its model: failed: this model is broken" in printed


@pytest.mark.ros
def test_the_deadline_ends_the_demo_with_what_it_waited_for(tmp_path):
    code, printed, _ = run_demo(tmp_path, "model", "--timeout-s", "0.1")
    assert code == 1
    assert re.search("timed out waiting for the node( to appear|'s state)", printed), printed


def test_a_missing_model_folder_is_bad_input(tmp_path):
    command = [sys.executable, "-m", "n3d_ros.cli", "demo", "--model", str(tmp_path / "none")]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "expected a folder with manifest.json" in done.stderr
