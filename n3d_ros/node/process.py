"""The nodes' life in their process: made, spun until told to stop, ended in order.

In: arguments, and an event that says stop. Out: the exit code. Each node has an executor and a thread of its
own: one that waits, for an engine that loads or stops, holds up no other.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.signals import SignalHandlerOptions

from n3d_ros.node import engine, heap
from n3d_ros.node.command_line import nodes_of
from n3d_ros.node.executor import OneThreadExecutor
from n3d_ros.node.memory.keeper import path_of
from n3d_ros.node.node import N3DNode
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.engine.thread import Engines
from n3d_ros.node.transport import make_room_for_images
from n3d_ros.plain_text import one_line
from n3d_ros.ros_domain import beginning

# For answers to those who wait when the node is stopped, and then for their way: a client asks for a goal's
# result in a request of its own, and a message dies with its publisher.
ANSWER_S = 3.0
LINGER_S = 0.5
# An unconfigured node has no timer that would end a wait.
STOP_IS_SEEN_S = 0.5

Load = Callable[[Parameters], engine.Engine]
UnknownROSArgsError = rclpy_implementation.UnknownROSArgsError
# What arguments and parameters are refused with.
REFUSED = (ValueError, ParameterException, rclpy_implementation.RCLInvalidROSArgsError, UnknownROSArgsError)


def run(arguments: list[str] | None, stop: threading.Event, load: Load | None = None) -> int:
    """0: stopped; 2: an argument or a parameter was refused. load: makes an engine, None for the model
    folder's.
    """
    if stop.is_set():
        return 0
    nodes: list[N3DNode] = []
    try:
        code = _make(nodes, arguments, stop, load or engine.load_pipeline)
        if code == 0:
            _serve(nodes, stop)
    finally:
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown()
    if any(node.is_engine_running for node in nodes):
        _leave_without_the_engine(code)
    return code


def _make(nodes: list[N3DNode], arguments: list[str] | None, stop: threading.Event, load: Load) -> int:
    """Add each node to `nodes`; 2 where something was refused."""
    try:
        cameras = nodes_of(arguments)
        # rclpy's own handlers end the context under a publishing callback; `_live` ends between two of them.
        make_room_for_images()
        with beginning():
            rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
        engines = Engines(_settling(load), engine.key_of)
        for namespace, own in cameras.items():
            with _naming(namespace):
                nodes.append(N3DNode(engines, should_stop=stop.is_set, cli_args=own))
                _check_memory_file(nodes)
    except REFUSED as error:
        print(f"n3d_node: {_why(error)}", file=sys.stderr)
        return 2
    return 0


def _why(refused: BaseException) -> str:
    """In words: of arguments that it does not know rclpy says no more than which."""
    unknown = "unknown ROS arguments: " if isinstance(refused, UnknownROSArgsError) else ""
    return unknown + one_line(str(refused))


def _settling(load: Load) -> Load:
    """What is there once an engine is loaded stays."""

    def settled(wanted: Parameters) -> engine.Engine:
        gc.unfreeze()
        loaded = load(wanted)
        heap.settle()
        return loaded

    return settled


def _check_memory_file(nodes: Sequence[N3DNode]) -> None:
    """ValueError where the newest node would write over the memory of another one."""
    settings = [node.live.now for node in nodes]
    *others, newest = [one.memory_file if one.memory_enabled else "" for one in settings]
    if newest and path_of(newest).resolve() in [path_of(one).resolve() for one in others if one]:
        raise ValueError(f"memory.file: expected another file for each camera, got {newest} for two of them")


@contextmanager
def _naming(namespace: str) -> Iterator[None]:
    """What is refused, with whose it is."""
    try:
        yield
    except REFUSED as error:
        raise ValueError(f"{namespace}: {_why(error)}" if namespace else _why(error)) from error


def _serve(nodes: Sequence[N3DNode], stop: threading.Event) -> None:
    """The first node in this thread, which gets the signals. What nobody foresaw in one node ends all."""
    first, *others = nodes
    with ThreadPoolExecutor(max(len(others), 1), thread_name_prefix="n3d-node") as threads:
        running = [threads.submit(_live, node, stop) for node in others]
        for one in running:
            one.add_done_callback(lambda _: stop.set())
        try:
            _live(first, stop)
        finally:
            stop.set()
    for one in running:
        one.result()


def _live(node: N3DNode, stop: threading.Event) -> None:
    """Spin until told to stop, then answer who waits."""
    executor = OneThreadExecutor()
    executor.add_node(node)
    try:
        while not stop.is_set():
            # A configured node's housekeeping timer ends the wait. One that is not configured has none, and
            # no signal ends it: Python's handler runs when it is over. A limit costs a timer each time.
            executor.spin_once(timeout_sec=None if node.is_configured else STOP_IS_SEEN_S)
        _answer_who_waits(node, executor)
    finally:
        executor.shutdown()


def _answer_who_waits(node: N3DNode, executor: Executor) -> None:
    if not node.is_answering:
        return
    node.begin_stop()
    _spin(executor, ANSWER_S, until=lambda: not node.is_answering)
    _spin(executor, LINGER_S)


def _spin(executor: Executor, duration_s: float, until: Callable[[], bool] = lambda: False) -> None:
    end_s = time.monotonic() + duration_s
    while time.monotonic() < end_s and not until():
        executor.spin_once(timeout_sec=0.1)


def _leave_without_the_engine(code: int) -> None:
    """Python would wait for the engine's thread for ever."""
    with suppress(OSError):  # nobody reads it any more
        print("n3d_node: the engine does not stop; leaving without it", file=sys.stderr, flush=True)
    os._exit(code)
