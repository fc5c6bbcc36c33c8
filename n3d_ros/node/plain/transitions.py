"""The commands that take a lifecycle node down to where its parameters are read, and up again.

In: its name and its state, as `ros2 lifecycle get` names it. Out: commands for a shell. It knows no ROS.
"""

from __future__ import annotations

ACTIVE, INACTIVE, SHUT_DOWN = "active", "inactive", "finalized"
DOWN = {ACTIVE: ("deactivate", "cleanup"), INACTIVE: ("cleanup",)}
UP = ("configure", "activate")
RESTART = "stop its process and start it"


def way_to_set(node: str, state: str) -> str:
    """How a parameter is changed that is read when the node is configured."""
    if state == SHUT_DOWN:
        return f"it was shut down, for good: {RESTART} with the new value"
    return f"{_commands(node, *DOWN.get(state, ()))}; then set it; then {_commands(node, *UP)}"


def anew(node: str, state: str) -> str:
    """All the way. Who was shut down goes none."""
    if state == SHUT_DOWN:
        return RESTART
    return _commands(node, *DOWN.get(state, ()), *UP)


def _commands(node: str, *transitions: str) -> str:
    """One after the other, as long as they work."""
    return " && ".join(f"ros2 lifecycle set {node} {one}" for one in transitions)
