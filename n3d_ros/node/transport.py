"""Room for whole images in Fast DDS's shared memory, unless the user has configured Fast DDS.

In: the process environment, before `rclpy.init`. Out: the same with a profile named in it. Other middlewares
ignore it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import MutableMapping
from pathlib import Path

PROFILE = Path(__file__).with_name("fastdds.xml")
# Of Fast DDS 2 (Humble to Jazzy) and 3 (Kilted on).
PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
OTHER_VARIABLES = ("FASTDDS_BUILTIN_TRANSPORTS", "ROS_DISCOVERY_SERVER")
SEGMENT_BYTES = 16 << 20
SHARED_MEMORY = Path("/dev/shm")

_log = logging.getLogger(__name__)


def make_room_for_images(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Name `fastdds.xml` in `environment`; whether it did.

    It does not where the user chose a profile or transports, or where shared memory has no room for two
    segments (a container with 16 MB, say): Fast DDS would not start.
    """
    if any(name in environment for name in (*PROFILE_VARIABLES, *OTHER_VARIABLES)):
        return False
    free = free_bytes(SHARED_MEMORY)
    if free < 2 * SEGMENT_BYTES:
        _log.warning(
            "%s: %.0f MB free, expected %.0f for whole images in shared memory: Fast DDS keeps its default, "
            "which loses images under load (docker run --shm-size=256m gives more)",
            SHARED_MEMORY, free / 2**20, 2 * SEGMENT_BYTES / 2**20,
        )  # fmt: skip
        return False
    environment.update(dict.fromkeys(PROFILE_VARIABLES, str(PROFILE)))
    return True


def free_bytes(folder: Path) -> int:
    """Bytes free for us where `folder` lies, 0 if there is no such folder or we may not write there."""
    if not os.access(folder, os.W_OK):
        return 0
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
