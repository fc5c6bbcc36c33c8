"""Folders of RGB-D frames, published as a camera would.

Depth as stored (16UC1 or 32FC1); 32FC1 metres where a folder or the caller gives a scale. Every message of a
frame has one stamp, now.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from n3d_ros.commands.play.acknowledged import wait_for_listeners
from n3d_ros.commands.play.camera import CameraPublisher
from n3d_ros.files.frames import RgbdFrame, find_frames, read_frame
from n3d_ros.plain_text import one_line
from n3d_ros.preprocess.metres import DEFAULT_SCALES, to_metres


def folder_player(node: Any, args: Any, done: Any) -> _Player:
    """Publishes a frame of args.folders at every tick; `done`: a rclpy Future that ends with the last."""
    repeats = 1 if args.once else max(1, round(args.rate_hz * args.hold_s))
    messages = schedule(find_frames(args.folders), repeats, args.loop, args.depth_scale)
    return _Player(node, messages, args, done)


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


class _Player:
    """Publishes the next frame at every tick; completes `done` at the end or with the error of a file."""

    def __init__(self, node: Any, messages: Iterator[tuple[RgbdFrame, bool]], args: Any, done: Any) -> None:
        self.camera = CameraPublisher(node, args.frame_id)
        self.num_published = 0
        self._node, self._messages, self._done = node, messages, done
        self._wait_until_s = time.monotonic() + args.wait_s

    def tick(self) -> None:
        is_heard = self.num_published > 0 or self.camera.has_subscribers
        if not is_heard and time.monotonic() < self._wait_until_s:
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
            size = f"{frame.intrinsics.width}x{frame.intrinsics.height}"
            print(one_line(f"{frame.name}: {size} {frame.encoding}"), flush=True)
        self.camera.publish(frame, self._node.get_clock().now().to_msg())
        self.num_published += 1

    def _finish(self) -> None:
        wait_for_listeners(self.camera.publishers)
        self._done.set_result(None)
