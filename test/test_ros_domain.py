"""A ROS domain that is none, and a home without room for ROS's logs, are told in one line."""

import subprocess
import sys

import pytest

from n3d_ros import cli
from n3d_ros.child_process import package_environment
from n3d_ros.ros_domain import check_domain


@pytest.mark.parametrize("given", ["", "0", "42", "232"])
def test_a_domain_is_taken(given):
    check_domain(environment={"ROS_DOMAIN_ID": given})


@pytest.mark.parametrize("given", ["abc", "-1", "233", "4.2", "\u0663"])
def test_what_is_none_is_named(given):
    with pytest.raises(
        ValueError, match=f"ROS_DOMAIN_ID: expected a whole number from 0 to 232, got '{given}'"
    ):
        check_domain(environment={"ROS_DOMAIN_ID": given})


def test_one_that_is_given_goes_before_the_environments():
    check_domain(0, {"ROS_DOMAIN_ID": "abc"})
    with pytest.raises(ValueError, match="domain_id: expected a whole number from 0 to 232, got '300'"):
        check_domain(300, {})


@pytest.mark.ros
@pytest.mark.parametrize("command", ["doctor", "record --out OUT", "play OUT", "mcp"])
def test_commands_refuse_it_in_one_line(command, tmp_path, monkeypatch, capsys):
    pytest.importorskip("rclpy", reason="rclpy is not installed (make ros)")
    monkeypatch.setenv("ROS_DOMAIN_ID", "abc")
    name, *rest = command.replace("OUT", str(tmp_path)).split()
    (tmp_path / "color.png").touch()
    assert cli.main([name, *rest]) == 2
    said = f"n3d {name}: ROS_DOMAIN_ID: expected a whole number from 0 to 232, got 'abc'\n"
    assert capsys.readouterr().err == said


@pytest.mark.ros
@pytest.mark.parametrize("program", ["cli doctor", "cli record --out OUT", "cli mcp", "node.n3d_node"])
def test_a_home_to_which_ros_cannot_write_is_one_line(program, tmp_path):
    pytest.importorskip("rclpy", reason="rclpy is not installed (make ros)")
    (tmp_path / "home").touch()
    environment = {**package_environment(), "HOME": str(tmp_path / "home")}
    for name in ("ROS_LOG_DIR", "ROS_HOME"):
        environment.pop(name, None)
    name, *rest = program.replace("OUT", str(tmp_path / "out")).split()
    command = [sys.executable, "-m", f"n3d_ros.{name}", *rest]
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert ": ROS_LOG_DIR: expected a folder to which ROS can write its log files, got: " in last
