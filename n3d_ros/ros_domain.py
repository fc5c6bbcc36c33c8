"""Whether ROS can begin here: else rclpy ends in a traceback, and Fast DDS ends the process.

In: a domain, or the process environment; what `rclpy.init` raises. Out: nothing, or a ValueError that names
what was expected and came. It imports no ROS.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from n3d_ros.plain_text import one_line, shown

VARIABLE = "ROS_DOMAIN_ID"
# DDS has no ports above it: docs.ros.org, "The ROS_DOMAIN_ID".
MAX_DOMAIN = 232
# As rcl 9 says it.
NO_LOGS = "failed to initialize logging"


def check_domain(domain_id: int | None = None, environment: Mapping[str, str] = os.environ) -> None:
    """domain_id: None for the environment's. To be called before `rclpy.init`."""
    name, given = ("domain_id", str(domain_id)) if domain_id is not None else (VARIABLE, "")
    given = given or environment.get(VARIABLE, "")
    if given and not (given.isascii() and given.isdigit() and int(given) <= MAX_DOMAIN):
        raise ValueError(f"{name}: expected a whole number from 0 to {MAX_DOMAIN}, got {shown(given)}")


@contextmanager
def beginning(domain_id: int | None = None) -> Iterator[None]:
    """For `rclpy.init`: ValueError for a domain that is none, and where ROS cannot write its log files, as of
    a user without a home, or with one that is read-only.
    """
    check_domain(domain_id)
    try:
        yield
    except RuntimeError as error:  # rclpy's RCLError is one
        if NO_LOGS not in str(error):
            raise
        said = one_line(str(error))
        raise ValueError(
            f"ROS_LOG_DIR: expected a folder to which ROS can write its log files, got: {said}"
        ) from error
