"""The end of playing: whoever listens reliably has every message before the publishers go away."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

ACKNOWLEDGE_S = 5.0


def wait_for_listeners(publishers: Iterable[Any]) -> None:
    """Until all that these publishers sent is acknowledged, or ACKNOWLEDGE_S are over."""
    from rclpy.duration import Duration

    end_s = time.monotonic() + ACKNOWLEDGE_S
    for publisher in publishers:
        publisher.wait_for_all_acked(Duration(seconds=max(end_s - time.monotonic(), 0.0)))
