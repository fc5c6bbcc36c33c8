"""An interrupt of a command that spins a ROS graph ends it as one of any other command.

In: a block that uses rclpy with its own signal handlers. Out: KeyboardInterrupt, whatever it was doing. rclpy
shuts its context down on SIGINT and SIGTERM; what ROS is asked for then ends in an ExternalShutdownException.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """KeyboardInterrupt in place of rclpy's exception."""
    from rclpy.executors import ExternalShutdownException

    try:
        yield
    except ExternalShutdownException as error:
        raise KeyboardInterrupt from error
