"""Whether ROS can begin in a domain: else rclpy ends in a traceback, and Fast DDS ends the process.

In: a domain, or the process environment. Out: nothing, or a ValueError that names what was expected and came.
It knows no ROS.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from n3d_ros.plain_text import shown

VARIABLE = "ROS_DOMAIN_ID"
# DDS has no ports above it: docs.ros.org, "The ROS_DOMAIN_ID".
MAX_DOMAIN = 232


def check_domain(domain_id: int | None = None, environment: Mapping[str, str] = os.environ) -> None:
    """domain_id: None for the environment's. To be called before `rclpy.init`."""
    name, given = ("domain_id", str(domain_id)) if domain_id is not None else (VARIABLE, "")
    given = given or environment.get(VARIABLE, "")
    if given and not (given.isascii() and given.isdigit() and int(given) <= MAX_DOMAIN):
        raise ValueError(f"{name}: expected a whole number from 0 to {MAX_DOMAIN}, got {shown(given)}")
