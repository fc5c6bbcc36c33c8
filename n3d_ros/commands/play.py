"""`n3d play`: folders of RGB-D frames published as a camera would.

`rgb/image` (rgb8), `depth/image` (16UC1 or 32FC1, as stored; 32FC1 metres where a folder or --depth-scale
gives a scale) and `rgb/camera_info`, relative names, one stamp (now) and one optical frame. rclpy is imported
when the command runs, so its help needs no ROS.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from n3d_ros.files.frames import RgbdFrame, find_frames, read_frame
from n3d_ros.geometry import Intrinsics
from n3d_ros.node.conversions import fill_image
from n3d_ros.node.transport import make_room_for_images
from n3d_ros.preprocess.metres import DEFAULT_SCALES, to_metres

FRAME_ID = "camera_color_optical_frame"
QUEUE_DEPTH = 5
ACKNOWLEDGE_S = 5.0


def add_play(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d play`."""
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="DIR", help="frame folders, or folders of them"
    )
    parser.add_argument(
        "--rate-hz", type=float, default=10.0, help="frames per second (default: %(default)s)"
    )
    parser.add_argument("--hold-s", type=float, default=2.0, help="time per folder (default: %(default)s)")
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument(
        "--loop", action="store_true", help="begin again after the last folder, until interrupted"
    )
    ends.add_argument(
        "--once", action="store_true", help="publish every folder one time instead of --hold-s long"
    )
    parser.add_argument(
        "--wait-s", type=float, default=10.0, help="wait so long for subscribers (default: %(default)s)"
    )
    parser.add_argument(
        "--depth-scale", type=float, metavar="M", help="metres per unit of 16-bit depth, as depth_scale"
    )
    parser.add_argument("--frame-id", default=FRAME_ID, help="optical frame (default: %(default)s)")
    parser.add_argument(
        "--ros-args", nargs=argparse.REMAINDER, default=[], help="the rest goes to ROS, e.g. remaps"
    )
    parser.set_defaults(run=run_play)


def run_play(args: argparse.Namespace) -> int:
    """Publish until the folders end or the user interrupts; 0."""
    if not args.rate_hz > 0:
        raise ValueError(f"--rate-hz: expected a positive number, got {args.rate_hz}")
    folders = find_frames(args.folders)
    repeats = 1 if args.once else max(1, round(args.rate_hz * args.hold_s))
    messages = schedule(folders, repeats, args.loop, args.depth_scale)

    import rclpy
    from rclpy.executors import ExternalShutdownException
    from rclpy.task import Future

    make_room_for_images()
    rclpy.init(args=["--ros-args", *args.ros_args])
    node = rclpy.create_node("n3d_play")
    try:
        done: Future = Future()
        player = _Player(node, messages, args, done)
        node.create_timer(1.0 / args.rate_hz, player.tick)
        rclpy.spin_until_future_complete(node, done)
        print(f"published {player.num_published} frames of {len(folders)} folders")
        done.result()
    except ExternalShutdownException:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


def schedule(
    folders: list[Path], repeats: int, loop: bool, depth_scale_m: float | None = None
) -> Iterator[tuple[RgbdFrame, bool]]:
    """Frames in the order they are published, each `repeats` times; True marks a folder's first one."""
    while True:
        for folder in folders:
            frame = in_ros_units(read_frame(folder, depth_scale_m))
            for index in range(repeats):
                yield frame, index == 0
        if not loop:
            return


def in_ros_units(frame: RgbdFrame) -> RgbdFrame:
    """The frame as stored where its encoding says the unit (REP 118), else with depth in metres."""
    if frame.depth_scale_m in (None, DEFAULT_SCALES[frame.encoding]):
        return replace(frame, depth_scale_m=None)
    metres = to_metres(frame.depth, frame.encoding, frame.depth_scale_m)
    return replace(frame, depth=metres, encoding="32FC1", depth_scale_m=None)


class CameraPublisher:
    """The three topics of an RGB-D camera on a node."""

    def __init__(self, node: Any, frame_id: str = FRAME_ID) -> None:
        from sensor_msgs.msg import CameraInfo, Image

        self._image, self._info, self._frame_id = Image, CameraInfo, frame_id
        self.publishers = (
            node.create_publisher(CameraInfo, "rgb/camera_info", QUEUE_DEPTH),
            node.create_publisher(Image, "rgb/image", QUEUE_DEPTH),
            node.create_publisher(Image, "depth/image", QUEUE_DEPTH),
        )

    @property
    def has_subscribers(self) -> bool:
        """Whether somebody listens to each of the three."""
        return all(publisher.get_subscription_count() > 0 for publisher in self.publishers)

    def publish(self, frame: RgbdFrame, stamp: Any) -> None:
        """One frame, its camera first since folders differ; `stamp`: builtin_interfaces/Time of all three."""
        messages = (
            fill_camera_info(self._info(), frame.intrinsics),
            fill_image(self._image(), frame.rgb, "rgb8"),
            fill_image(self._image(), frame.depth, frame.encoding),
        )
        for publisher, message in zip(self.publishers, messages, strict=True):
            message.header.stamp = stamp
            message.header.frame_id = self._frame_id
            publisher.publish(message)


def fill_camera_info(info: Any, intrinsics: Intrinsics) -> Any:
    """Write a camera into a sensor_msgs/CameraInfo and return it; of a pinhole K and P are the same."""
    fx, fy, cx, cy = intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy
    lens = intrinsics.distortion
    info.width, info.height = intrinsics.width, intrinsics.height
    info.distortion_model = "plumb_bob" if lens is None else lens.model
    info.d = [0.0] * 5 if lens is None else list(lens.coefficients)
    info.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


class _Player:
    """Publishes the next frame at every tick; completes `done` at the end or with the error of a file."""

    def __init__(self, node: Any, messages: Iterator[tuple[RgbdFrame, bool]], args: Any, done: Any) -> None:
        self.camera = CameraPublisher(node, args.frame_id)
        self.num_published = 0
        self._node, self._messages, self._done = node, messages, done
        self._waits_left = int(args.wait_s * args.rate_hz)

    def tick(self) -> None:
        if self._waits_left > 0 and self.num_published == 0 and not self.camera.has_subscribers:
            self._waits_left -= 1
            return
        try:
            following = next(self._messages, None)
        except (OSError, ValueError) as error:
            self._done.set_exception(error)
            return
        if following is None:
            self._finish()
            return
        frame, is_first = following
        if is_first:
            print(
                f"{frame.name}: {frame.intrinsics.width}x{frame.intrinsics.height} {frame.encoding}",
                flush=True,
            )
        self.camera.publish(frame, self._node.get_clock().now().to_msg())
        self.num_published += 1

    def _finish(self) -> None:
        """Whoever listens reliably has every frame before the publishers go away."""
        from rclpy.duration import Duration

        for publisher in self.camera.publishers:
            publisher.wait_for_all_acked(Duration(seconds=ACKNOWLEDGE_S))
        self._done.set_result(None)
