"""`n3d view`: camera, cloud, boxes and answers in the Rerun viewer, live or from a recording.

In: a running node, or a folder of `n3d record`. Out: a window, a file (`--save`), or a viewer elsewhere
(`--connect`). https://rerun.io is an optional package.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from n3d_ros.commands.graph.interrupts import ros_graph
from n3d_ros.errors import CommandFailed
from n3d_ros.storage.whole_file import check_can_write

if TYPE_CHECKING:
    from n3d_ros.recording.reader import Recorded


def add_view(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d view`."""
    parser.add_argument(
        "recording", nargs="?", type=Path, help="folder of n3d record (default: the running node)"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--save", type=Path, metavar="FILE", help="write a .rrd file instead of a window")
    where.add_argument("--connect", metavar="URL", help="a viewer that runs already, rerun+http://...")
    parser.add_argument("--node", default="n3d", help="name or path of the node (default: %(default)s)")
    parser.add_argument("--namespace", default="", help="where it runs (default: the root)")
    parser.add_argument(
        "--rate-hz", type=float, default=5.0, help="live pictures a second (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="stop after so long (default: Ctrl-C)")
    parser.set_defaults(run=run_view)


def run_view(args: argparse.Namespace) -> int:
    """Show until the recording ends, the time is over or the user interrupts; 0. CommandFailed where no such
    node was there.
    """
    if not args.rate_hz > 0:
        raise ValueError(f"--rate-hz: expected a positive number, got {args.rate_hz}")
    check_can_write(args.save)
    results = None if args.recording is None else _recorded(args.recording)

    from n3d_ros.commands.view.scene import Scene, open_stream

    scene = Scene(open_stream(args.save, args.connect))
    absent = ""
    if results is None:
        absent = _show_node(scene, args)
    else:
        _show_recording(scene, results)
    print(f"shown: {scene.num_frames} frames, {scene.num_results} results")
    if absent:
        raise CommandFailed(f"expected a node '{absent}' to show, found none; `n3d doctor` says why")
    return 0


def _recorded(path: Path) -> Iterator[Recorded]:
    """What a recording holds. The first is read: what is no recording is told before a file is there."""
    from n3d_ros.recording.reader import read_recording

    results = read_recording(path)
    return chain(list(islice(results, 1)), results)


def _show_recording(scene: Any, results: Iterator[Recorded]) -> None:
    for one in results:
        if one.seen is not None:
            scene.frame(one.seen, one.stamp_ns)
        scene.result(one)


def _show_node(scene: Any, args: argparse.Namespace) -> str:
    """The name of the node where it was not there."""
    import rclpy
    from rclpy.executors import ExternalShutdownException

    from n3d_ros.client.connection import full_name
    from n3d_ros.commands.view.live import LiveView

    namespace, _, name = full_name(args.node, args.namespace).rpartition("/")
    with ros_graph():
        node = rclpy.create_node("n3d_view", namespace=namespace)
        view = LiveView(node, name, scene, args.rate_hz)
        end_s = None if args.seconds is None else time.monotonic() + args.seconds
        try:
            while end_s is None or time.monotonic() < end_s:
                rclpy.spin_once(node, timeout_sec=0.2)
            view.look()  # in less than LOOK_S nobody has looked
        except (KeyboardInterrupt, ExternalShutdownException):
            pass
        finally:
            node.destroy_node()
    return "" if view.has_seen_node else f"{namespace}/{name}"
