"""Dockerfile and workflow of ROS distributions, read only: neither runs in this project's own checks."""

import re

import pytest
import yaml
from places import CHECKOUT

DOCKERFILE = (CHECKOUT / "docker" / "jazzy.Dockerfile").read_text(encoding="utf-8")
WORKFLOW = (CHECKOUT / ".github" / "workflows" / "distributions.yml").read_text(encoding="utf-8")
STEPS = {step.get("name"): step for step in yaml.safe_load(WORKFLOW)["jobs"]["build"]["steps"]}


@pytest.mark.parametrize("text", [DOCKERFILE, STEPS["dependencies"]["run"]], ids=["image", "workflow"])
def test_the_image_takes_what_the_package_declares(text):
    assert "rosdep install --from-paths src --ignore-src" in text
    assert "tokenizers onnxruntime" in text, "what no distribution has"
    assert not re.search(r"ros-(humble|jazzy|kilted|lyrical)-", text), "package.xml is the one list"


def test_numpy_stays_that_of_the_distribution():
    assert all("ros-distribution.txt" in text for text in (DOCKERFILE, STEPS["dependencies"]["run"]))


def test_a_launch_proves_that_the_installed_node_runs_and_ends():
    assert "ros2 launch n3d_ros n3d.launch.py" in STEPS["launch"]["run"]
    assert "model: ready" in STEPS["launch"]["run"] and "finished cleanly" in STEPS["launch"]["run"]


def test_both_say_that_they_were_not_run():
    assert "Not run in this project's own checks" in DOCKERFILE
    assert "Not run in this project's own checks" in WORKFLOW
