"""An interrupt of a command that spins a ROS graph ends it as one of any other command.

In: a block that uses rclpy with its own signal handlers. Out: KeyboardInterrupt, whatever it was doing. rclpy
shuts its context down on SIGINT and SIGTERM; what ROS is asked for then ends in an ExternalShutdownException.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """KeyboardInterrupt in place of rclpy's exceptions: where it waits, and where something is created in a
    context that the interrupt has shut down. Also a decorator.
    """
    import rclpy
    from rclpy.exceptions import NotInitializedException
    from rclpy.executors import ExternalShutdownException
    from rclpy.impl.implementation_singleton import rclpy_implementation

    try:
        yield
    except (ExternalShutdownException, NotInitializedException, rclpy_implementation.RCLError) as error:
        if rclpy.ok():
            raise
        raise KeyboardInterrupt from error
