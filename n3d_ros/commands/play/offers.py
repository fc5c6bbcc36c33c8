"""How the topics of a recording were published, so that they are played as reliably and as lastingly.

In: connections of rosbags. Out: a `Quality`. Of topics with several publishers the most that one of them
offered: that reaches every subscription which any of them reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from n3d_ros.node.plain.inputs.qos import Quality

# Sent once, to be there for whoever comes later, also where the recording does not say so.
STATIC = "_static"


def offer(topic: str, connections: Iterable[Any]) -> Quality:
    """What the topic's publisher offers: what was recorded, else reliable and volatile."""
    offers = [one for connection in connections if connection.topic == topic for one in _offers(connection)]
    return Quality(
        reliable=not offers or any(one.reliable for one in offers),
        latched=topic.endswith(STATIC) or any(one.latched for one in offers),
    )


def _offers(connection: Any) -> Iterator[Quality]:
    """Of each publisher that was recorded; ROS 1 knows only reliable ones, and keeps the newest message of
    those that latch.
    """
    if hasattr(connection.ext, "latching"):
        yield Quality(reliable=True, latched=bool(connection.ext.latching))
        return
    for one in connection.ext.offered_qos_profiles:
        yield Quality(one.reliability.name != "BEST_EFFORT", one.durability.name == "TRANSIENT_LOCAL")
