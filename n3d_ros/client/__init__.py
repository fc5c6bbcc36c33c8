"""Ask an n3d node from any Python program.

    with N3DClient() as n3d:
        print(n3d.ask("How far is the mug from the box?").text)

In: words. Out: boxes and answers as plain values, metres; `RequestFailed` with the node's code and words
where there is none. `client` holds what a program calls, `connection` the graph behind it, `results` what
comes back.
"""

from n3d_ros.client.client import N3DClient
from n3d_ros.client.results import (
    Answer,
    Found,
    FoundBox,
    NameOutcome,
    NodeInfo,
    NoNodeError,
    Recalled,
    RememberedBox,
    RequestFailed,
)

__all__ = [
    "Answer",
    "Found",
    "FoundBox",
    "N3DClient",
    "NameOutcome",
    "NoNodeError",
    "NodeInfo",
    "Recalled",
    "RememberedBox",
    "RequestFailed",
]
