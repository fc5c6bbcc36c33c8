"""Runs the node as a process, or one behind each of several cameras: `python -m n3d_ros.node.n3d_node`,
`ros2 run n3d_ros n3d_node --camera front --camera left`.

In: arguments (`command_line.py`) and signals. Out: an exit code: 0 when it was told to stop, also before it
had started; 2 where an argument or a parameter was refused. ROS is imported once the signals are caught: an
interrupt at any moment ends it cleanly.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from n3d_ros.node.engine import Engine
    from n3d_ros.node.parameters.declared import Parameters

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main(arguments: list[str] | None = None, load: Callable[[Parameters], Engine] | None = None) -> int:
    """Run until it is interrupted. load: makes the engine, None for the model folder's."""
    stop = threading.Event()
    for how in SIGNALS:
        signal.signal(how, lambda *_: stop.set())
    from n3d_ros.node.process import run

    code = run(arguments, stop, load)
    # Python gives signals back what they do by default while it ends, and one more would end it with them.
    for how in SIGNALS:
        signal.signal(how, signal.SIG_IGN)
    return code


if __name__ == "__main__":
    sys.exit(main())
