"""`n3d play`: recordings published as a camera would.

Folders of RGB-D frames go out on `rgb/image`, `depth/image` and `rgb/camera_info`; recordings of ROS 1 and
2 on the topics that they were made from. rclpy is imported when the command runs, so its help needs no ROS.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from n3d_ros.commands.graph.interrupts import one_interrupt, ros_graph
from n3d_ros.commands.play.bags import BagPlayer, is_bag
from n3d_ros.commands.play.camera import FRAME_ID
from n3d_ros.commands.play.folders import folder_player
from n3d_ros.node.transport import make_room_for_images
from n3d_ros.plain_text import one_line

# How often a bag is looked at for what is due: below the jitter of a camera's messages.
BAG_TICK_S = 0.002
# Options of one kind of recording, and what they are when nobody gives them.
OF_FOLDERS = {"rate_hz": 10.0, "hold_s": 2.0, "once": False, "depth_scale": None, "frame_id": FRAME_ID}
OF_RECORDINGS = {"speed": 1.0, "topics": None, "clock": False}
ALLOWED = {"rate_hz": (1e-3, 1e3), "speed": (1e-3, 1e3), "hold_s": (0.0, 1e6), "wait_s": (0.0, math.inf)}


def add_play(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d play`."""
    parser.add_argument(
        "folders",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="frame folders, folders of them, or recordings (.bag, .mcap, .db3, folders of rosbag2)",
    )
    parser.add_argument("--rate-hz", type=float, help="folders: frames per second (default: %(default)s)")
    parser.add_argument("--hold-s", type=float, help="folders: time per folder (default: %(default)s)")
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument("--loop", action="store_true", help="begin again after the last, until interrupted")
    ends.add_argument(
        "--once", action="store_true", help="folders: publish each one time instead of --hold-s long"
    )
    parser.add_argument(
        "--wait-s", type=float, default=10.0, help="wait so long for subscribers (default: %(default)s)"
    )
    parser.add_argument(
        "--depth-scale", type=float, metavar="M", help="folders: metres per unit of 16-bit depth"
    )
    parser.add_argument("--frame-id", help="folders: optical frame (default: %(default)s)")
    parser.add_argument("--speed", type=float, help="recordings: times as fast (default: %(default)s)")
    parser.add_argument("--topics", nargs="+", metavar="TOPIC", help="recordings: these alone (default: all)")
    parser.add_argument(
        "--clock", action="store_true", help="recordings: stamps as recorded, and /clock for use_sim_time"
    )
    parser.add_argument(
        "--ros-args", nargs=argparse.REMAINDER, default=[], help="the rest goes to ROS, e.g. remaps"
    )
    parser.set_defaults(run=run_play, **OF_FOLDERS, **OF_RECORDINGS)


def run_play(args: argparse.Namespace) -> int:
    """Publish until the end or until the user interrupts; 0."""
    bags = _kind(args)
    with one_interrupt():
        return _play(args, bags)


def _play(args: argparse.Namespace, bags: bool) -> int:
    import rclpy
    from rclpy.executors import ExternalShutdownException
    from rclpy.signals import SignalHandlerOptions
    from rclpy.task import Future

    make_room_for_images()
    # SIGINT is `one_interrupt`'s
    with ros_graph(args=["--ros-args", *args.ros_args], signal_handler_options=SignalHandlerOptions.SIGTERM):
        node = rclpy.create_node("n3d_play")
        try:
            done: Future = Future()
            player: Any = (BagPlayer if bags else folder_player)(node, args, done)
            node.create_timer(BAG_TICK_S if bags else 1.0 / args.rate_hz, player.tick)
            rclpy.spin_until_future_complete(node, done)
            what = "messages" if bags else "frames"
            names = ", ".join(path.name for path in args.folders)
            print(one_line(f"published {player.num_published} {what} of {names}"))
            done.result()
        except (KeyboardInterrupt, ExternalShutdownException):
            pass
        finally:
            node.destroy_node()
    return 0


def _kind(args: argparse.Namespace) -> bool:
    """Are the paths recordings? FileNotFoundError where nothing is, ValueError for some of each, and for
    numbers and options that cannot be.
    """
    absent = [path for path in args.folders if not path.exists()]
    if absent:
        expected = "expected a folder of frames or a recording"
        raise FileNotFoundError(f"{expected}, got '{absent[0]}' (nothing there)")
    for name, (low, high) in ALLOWED.items():
        if not low <= getattr(args, name) <= high:
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"{option}: expected {low:g} to {high:g}, got {getattr(args, name)}")
    bags = [path for path in args.folders if is_bag(path)]
    if bags and len(bags) < len(args.folders):
        frames = next(path for path in args.folders if path not in bags)
        raise ValueError(f"expected recordings alone or frame folders alone, got '{bags[0]}' and '{frames}'")
    _refuse(args, OF_FOLDERS if bags else OF_RECORDINGS, "recordings" if bags else "frame folders")
    return bool(bags)


def _refuse(args: argparse.Namespace, options: Mapping[str, object], what: str) -> None:
    """ValueError where one of these is given, which means nothing for what is played."""
    for name, default in options.items():
        if getattr(args, name) != default:
            raise ValueError(f"--{name.replace('_', '-')}: means nothing for {what}, got '{args.folders[0]}'")
