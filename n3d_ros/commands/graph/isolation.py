"""A graph of our own, on this machine and seen by nobody else.

In: nothing. Out: environment variables and a namespace for its processes.
"""

from __future__ import annotations

import os
import socket

from n3d_ros.errors import CommandFailed

MAX_DOMAIN_ID = (
    101  # above it the ports reach into those that Linux hands out: docs.ros.org, "The ROS_DOMAIN_ID"
)


def namespace(what: str) -> str:
    """ROS namespace of camera and node: another graph that found the same domain stays apart."""
    return f"/{what}_{os.getpid()}"


def isolation() -> dict[str, str]:
    """ROS settings that keep a graph to this machine and to itself."""
    settings = {"ROS_DOMAIN_ID": str(free_domain_id()), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    if os.environ.get("ROS_DISTRO") == "humble":  # it knows only this older variable
        settings["ROS_LOCALHOST_ONLY"] = "1"
    return settings


def free_domain_id() -> int:
    """A domain whose first participant's port nobody uses on this machine."""
    for step in range(MAX_DOMAIN_ID):
        domain_id = 1 + (os.getpid() + step) % MAX_DOMAIN_ID
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", 7400 + 250 * domain_id + 10))  # DDSI-RTPS 9.6.1.1: unicast, participant 0
            except OSError:
                continue
            return domain_id
    raise CommandFailed(f"expected a free ROS domain id in 1..{MAX_DOMAIN_ID}, all are in use")
