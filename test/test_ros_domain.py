"""A ROS domain that is none is refused before ROS is asked for it."""

import pytest

from n3d_ros import cli
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
