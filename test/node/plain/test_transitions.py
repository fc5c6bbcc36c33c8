"""The commands that take a node down to where its parameters are read, and up again."""

import pytest

from n3d_ros.node.plain.transitions import anew, way_to_set

SET = "ros2 lifecycle set /robot1/n3d"


@pytest.mark.parametrize(
    ("state", "down"),
    [("active", f"{SET} deactivate && {SET} cleanup"), ("inactive", f"{SET} cleanup")],
)
def test_each_command_is_one_that_the_state_before_it_allows(state, down):
    up = f"{SET} configure && {SET} activate"
    assert way_to_set("/robot1/n3d", state) == f"{down}; then set it; then {up}"
    assert anew("/robot1/n3d", state) == f"{down} && {up}"


def test_who_was_shut_down_is_started_anew():
    assert anew("/n3d", "finalized") == "stop its process and start it"
    assert way_to_set("/n3d", "finalized").endswith("stop its process and start it with the new value")


def test_who_is_not_configured_is():
    assert (
        anew("/n3d", "unconfigured")
        == "ros2 lifecycle set /n3d configure && ros2 lifecycle set /n3d activate"
    )
