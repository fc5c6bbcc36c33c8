"""Runs the demo's robot camera as a process of its own: `python -m n3d_ros.commands.demo.camera --seed 7`.

In: arguments and signals. Out: exit code 0 when it was told to stop, at any moment. An interrupt while
libraries are imported is kept until they are: half an import ends in errors of its own.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main(argv: Sequence[str] | None = None) -> int:
    """Publish until interrupted."""
    told_to_stop = threading.Event()
    for one in SIGNALS:
        signal.signal(one, lambda *_: told_to_stop.set())
    parser = argparse.ArgumentParser(description="simulated robot camera")
    parser.add_argument("--seed", type=int, required=True, help="which scene")
    parser.add_argument("--rate-hz", type=float, default=2.0)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    args, ros_args = parser.parse_known_args(argv)

    from n3d_ros.commands.demo.robot import publish

    try:
        for one in SIGNALS:
            signal.signal(one, interrupt_once)
        if not told_to_stop.is_set():
            publish(args.seed, args.width, args.height, args.rate_hz, ros_args)
    except KeyboardInterrupt:
        pass
    return 0


def interrupt_once(*_: object) -> None:
    """launch sends a second one, and Python would die of it while it ends."""
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)


if __name__ == "__main__":
    code = main()
    _ignore_signals()  # anew: rclpy puts back what it found
    sys.exit(code)
