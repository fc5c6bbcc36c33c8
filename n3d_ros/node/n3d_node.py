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

# The third: its terminal has gone, such as that of ssh.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str] | None = None, load: Callable[[Parameters], Engine] | None = None) -> int:
    """Run until it is interrupted. load: makes the engine, None for the model folder's."""
    stop = threading.Event()
    heard = [how for how in SIGNALS if not _is_told_to_ignore(how)]
    for how in heard:
        signal.signal(how, lambda *_: stop.set())
    from n3d_ros.node.process import run

    code = run(arguments, stop, load)
    # Python gives signals back what they do by default while it ends, and one more would end it with them.
    for how in heard:
        signal.signal(how, signal.SIG_IGN)
    return code


def _is_told_to_ignore(how: signal.Signals) -> bool:
    """As by nohup. Shells have what they start in the background ignore SIGINT, which launch sends."""
    return how == signal.SIGHUP and signal.getsignal(how) == signal.SIG_IGN


if __name__ == "__main__":
    sys.exit(main())
