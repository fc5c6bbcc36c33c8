"""What doctor says: one line for each thing that was looked at.

Out of every check, into the screen and --json.
"""

from __future__ import annotations

from dataclasses import dataclass

from n3d_ros.node.plain.inputs.state import Level

# In the order of the screen.
GRAPH, INPUTS, FRAME, NODE, MACHINE = "graph", "inputs", "frame", "node", "machine"
AREAS = (GRAPH, INPUTS, FRAME, NODE, MACHINE)


@dataclass(frozen=True)
class Finding:
    """area: of `AREAS`. name: of the thing, one word or two. what: was found. why: that is bad, or what it
    comes from. mend: a command, or what to do; empty where nothing is wrong.
    """

    area: str
    name: str
    level: Level
    what: str
    why: str = ""
    mend: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether nothing, or nothing right, comes because of it."""
        return self.level >= Level.ERROR


def fine(area: str, name: str, what: str) -> Finding:
    """Nothing to mend."""
    return Finding(area, name, Level.OK, what)
