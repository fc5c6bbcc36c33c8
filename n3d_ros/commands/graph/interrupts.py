"""Commands that are told to stop: an interrupt of one that spins a ROS graph ends it as one of any other
command, and SIGTERM means what a command says for as long as it runs.

In: a block. Out: KeyboardInterrupt, whatever rclpy was doing in it: rclpy shuts its context down on SIGINT
and SIGTERM, and what ROS is asked for then ends in an ExternalShutdownException.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from n3d_ros.errors import CommandFailed
from n3d_ros.ros_domain import beginning


@contextmanager
def on_sigterm(handle: Callable[..., Any]) -> Iterator[None]:
    """SIGTERM is handled so within the block, and after it as before."""
    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def end_ros() -> None:
    """rclpy's own context and its handlers of signals end, whoever has shut the context down. `try_shutdown`
    alone leaves the handlers: the next interrupt of this process then goes to contexts that are gone, and may
    end in a segmentation fault (rclpy 7.1).
    """
    import rclpy
    from rclpy.signals import uninstall_signal_handlers

    rclpy.try_shutdown()
    uninstall_signal_handlers()


@contextmanager
def one_interrupt() -> Iterator[None]:
    """The first interrupt in the block ends this process, and others do nothing: launch sends two, and Python
    would die of the second one while it ends. For blocks in which rclpy does not handle SIGINT itself.
    """

    def end(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is end:
            signal.signal(signal.SIGINT, before)


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


@contextmanager
def ros_graph(args: Sequence[str] = (), **init: Any) -> Iterator[None]:
    """rclpy's own context in the block, made with what rclpy.init takes and ended after it. `interruptible`;
    CommandFailed where ROS refuses anything, its arguments included; ValueError as of `beginning`. Without
    args there are none: rclpy would read the command's.
    """
    import rclpy
    from rclpy.impl.implementation_singleton import rclpy_implementation as ros

    try:
        with beginning():
            rclpy.init(args=list(args), **init)
        with interruptible():  # which has to ask before this ends the context
            yield
    except ros.UnknownROSArgsError as error:
        raise CommandFailed(f"unknown ROS arguments: {error}") from error
    except ros.RCLError as error:
        raise CommandFailed(f"ROS: {error}") from error
    finally:
        end_ros()
