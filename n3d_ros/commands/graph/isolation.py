"""A graph of our own, on this machine and seen by nobody else.

In: nothing. Out: a ROS domain that no other process gets meanwhile, environment variables and a namespace for
the graph's processes.

A domain is taken by a name in Linux's abstract namespace of sockets: the kernel gives it to one process and
takes it back when that ends, however it ends (man 7 unix). A look for a free port alone is not enough: two
processes that look before either graph has opened its ports find the same one.
"""

from __future__ import annotations

import errno
import os
import socket
from functools import cache
from types import TracebackType

from n3d_ros.errors import CommandFailed

MAX_DOMAIN_ID = (
    101  # above it the ports reach into those that Linux hands out: docs.ros.org, "The ROS_DOMAIN_ID"
)


class Domain:
    """This process's until `release`, or its end. id: ROS_DOMAIN_ID. `lock` holds it."""

    def __init__(self, domain_id: int, lock: socket.socket) -> None:
        self.id, self._lock = domain_id, lock

    def __enter__(self) -> Domain:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Once the graph is gone."""
        self._lock.close()


def namespace(what: str) -> str:
    """ROS namespace of camera and node: another graph that found the same domain stays apart."""
    return f"/{what}_{os.getpid()}"


def isolation() -> dict[str, str]:
    """ROS settings that keep the graph of this process to this machine and to itself: the same each time."""
    settings = {"ROS_DOMAIN_ID": str(_own_domain().id), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    if os.environ.get("ROS_DISTRO") == "humble":  # it knows only this older variable
        settings["ROS_LOCALHOST_ONLY"] = "1"
    return settings


def take_domain() -> Domain:
    """One that no graph on this machine uses or is about to. CommandFailed where all are in use."""
    for step in range(MAX_DOMAIN_ID):
        domain_id = 1 + (os.getpid() + step) % MAX_DOMAIN_ID
        lock = _lock(domain_id)
        if lock is None:
            continue
        if _is_port_free(domain_id):
            return Domain(domain_id, lock)
        lock.close()
    raise CommandFailed(f"expected a free ROS domain id in 1..{MAX_DOMAIN_ID}, all are in use")


@cache
def _own_domain() -> Domain:
    return take_domain()


def _lock(domain_id: int) -> socket.socket | None:
    """None where another process, or another graph of this one, has it."""
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        lock.bind(f"\0n3d_ros/domain/{domain_id}")
    except OSError as error:
        lock.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return lock


def _is_port_free(domain_id: int) -> bool:
    """Whether no graph of another program has its first participant there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("", 7400 + 250 * domain_id + 10))  # DDSI-RTPS 9.6.1.1: unicast, participant 0
        except OSError:
            return False
    return True
