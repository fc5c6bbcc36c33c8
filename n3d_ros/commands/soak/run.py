"""The node as a process of its own, a camera and a watcher in this one.

In: the command's options. Out: `Sample`s as they are written to disk, and what the node's own counters said
at the end. The camera publishes one picture again and again, with new stamps: serialised once, and
not copied in Python, as a camera driver is no Python program. The watcher reads `~/timing`, `/diagnostics`
and /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from n3d_ros.child_process import package_environment
from n3d_ros.commands.graph.children import Children
from n3d_ros.commands.graph.interrupts import ros_graph
from n3d_ros.commands.graph.isolation import isolation, namespace
from n3d_ros.commands.soak.report import End, Sample, Way
from n3d_ros.errors import ResultCode
from n3d_ros.node.conversions import NANOSECONDS, fill_image
from n3d_ros.node.executor.serialised import Serialised
from n3d_ros.node.transport import make_room_for_images

NODE = [sys.executable, "-m", "n3d_ros.node.n3d_node"]
SLOW_NODE = [sys.executable, "-m", "n3d_ros.commands.soak.slow_node"]
TOPICS = ("rgb/camera_info", "depth/image", "rgb/image")
START_S = 120.0
SETTLE_S = 3.0
# Before anything is counted the node stands still so often and so long.
NUM_STALLS, STALL_S = 4, 0.5
COUNTED = ("published", "received", "paired", "unpaired", "answered")
# Frames published one by one, and how long each is waited for.
NUM_ONE_BY_ONE, RESULT_S = 200, 10.0
# Goals that are canceled, each so much later than the one before; what they look for takes n3d-nano longer.
NUM_CANCELS, CANCEL_STEP_S, NAMES_PER_GOAL = 100, 0.003, 4
KIB_IN_MIB = 1024.0
# What the node counts of colour pictures that became no frame.
UNPAIRED = ("rgb_unpaired", "rgb_out_of_order", "rgb_without_info")
# A serialised message begins with its representation, four bytes; then comes the header's stamp.
STAMP, STAMP_AT = struct.Struct("=iI"), 4


def soak(args: argparse.Namespace, size: tuple[int, int]) -> tuple[list[Sample], End]:
    """Run for args.minutes. CommandFailed when the node ends on its way."""
    import rclpy

    args.out.mkdir(parents=True, exist_ok=True)
    environment = {**package_environment(), **isolation()}
    os.environ.update(isolation())
    with Children(environment, args.out) as children:
        given = {"continuous.prompt": args.prompt, "backend": args.backend, "diagnostics.period_s": 1.0}
        # What the model does before depth is there would count as time outside of it.
        given["early_start"] = "false"
        given |= {"model.path": args.model} if args.model else {}
        said = [f"{name}:={value}" for name, value in given.items() if value != ""]
        options = [part for one in said for part in ("-p", one)]
        command = [*SLOW_NODE, f"{args.model_ms:g}"] if args.model_ms else NODE
        children.start("node", [*command, "--ros-args", "-r", f"__ns:={namespace('soak')}", *options])
        make_room_for_images()
        with ros_graph():
            node = rclpy.create_node("n3d_soak", namespace=namespace("soak"))
            try:
                watcher = Watcher(node, children, size)
                samples = watcher.watch(args)
                end = watcher.end()
                end = replace(end, one_by_one=watcher.one_by_one(), cancels_ms=watcher.cancels_ms(args))
            finally:
                node.destroy_node()
        process = children.running["node"]
        children.stop()
    return samples, replace(end, exit_code=process.returncode)


class Watcher:
    """Publishes the camera, collects what the node says."""

    def __init__(self, node: Any, children: Children, size: tuple[int, int]) -> None:
        from diagnostic_msgs.msg import DiagnosticArray
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.serialization import serialize_message
        from sensor_msgs.msg import CameraInfo, Image

        from n3d_ros.msg import Timing

        self._node, self._children = node, children
        messages = _frame(size, Image, CameraInfo)
        self._messages = [bytearray(serialize_message(message)) for message in messages]
        self._serialised = Serialised()
        self._publishers = [
            node.create_publisher(type(message), topic, 5)
            for topic, message in zip(TOPICS, messages, strict=True)
        ]
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        self._timings: list[Any] = []
        self._said: dict[str, dict[str, str]] = {}
        self._num_published = self._num_results = 0
        self._before = End(0, 0, 0, 0, 0)
        node.create_subscription(Timing, "n3d/timing", self._timings.append, 100)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def watch(self, args: argparse.Namespace) -> list[Sample]:
        """Samples until the time is over, each also appended to samples.jsonl."""
        self._wait_until_heard()
        self._let_messages_wait(1.0 / args.rate_hz)
        timer = self._node.create_timer(1.0 / args.rate_hz, self._publish)
        samples: list[Sample] = []
        path: Path = args.out / "samples.jsonl"
        path.unlink(missing_ok=True)
        start_s = time.monotonic()
        while time.monotonic() - start_s < args.minutes * 60:
            self._serve(args.sample_s)
            self._children.check()
            samples.append(self._sample(time.monotonic() - start_s))
            with path.open("a") as lines:
                lines.write(json.dumps(asdict(samples[-1])) + "\n")
        self._node.destroy_timer(timer)
        return samples

    def _let_messages_wait(self, period_s: float) -> None:
        """As on a busy machine, before anything is counted. The middleware keeps the most memory that it ever
        needed for what waits, some pictures of each topic: taken in the middle, it looks as if the node grew.
        """
        timer = self._node.create_timer(period_s, self._publish)
        pid = self._children.running["node"].pid
        for _ in range(NUM_STALLS):
            os.kill(pid, signal.SIGSTOP)
            try:
                self._serve(STALL_S)
            finally:
                os.kill(pid, signal.SIGCONT)
            self._serve(STALL_S)
        self._node.destroy_timer(timer)
        self._before = self._counted()

    def end(self) -> End:
        """What was counted since the first sample."""
        now = self._counted()
        return End(**{name: getattr(now, name) - getattr(self._before, name) for name in COUNTED})

    def _counted(self) -> End:
        """The node's counters once the last frame has settled."""
        self._serve(SETTLE_S)
        self._num_results += len(self._timings)
        self._timings.clear()
        sync = self._said.get("sync", {})
        return End(
            published=self._num_published,
            received=int(self._said.get("rgb", {}).get("messages", 0)),
            paired=int(sync.get("paired", 0)),
            unpaired=sum(int(sync.get(name, 0)) for name in UNPAIRED),
            answered=self._num_results,
        )

    def one_by_one(self) -> tuple[Way, ...]:
        """Of frames that come when the model is free. None where nothing is looked for."""
        if not self._num_results:
            return ()
        ways = []
        for _ in range(NUM_ONE_BY_ONE):
            self._timings.clear()
            published_ms = self._publish()
            end_s = time.monotonic() + RESULT_S
            while not self._timings and time.monotonic() < end_s:
                self._executor.spin_once(timeout_sec=0.1)
            now_ns = self._node.get_clock().now().nanoseconds
            ways += [_way(one, published_ms, now_ns) for one in self._timings]
        return tuple(ways)

    def cancels_ms(self, args: argparse.Namespace) -> tuple[float, ...]:
        """From a goal's cancel until its result is here, at moments all over an answer; of goals that had not
        ended before. None where nothing is looked for.
        """
        from rclpy.action import ActionClient
        from std_srvs.srv import SetBool

        from n3d_ros.action import Ground

        if not self._num_results:
            return ()
        enable = self._node.create_client(SetBool, "n3d/enable")
        self._wait(enable.service_is_ready)
        self._wait(enable.call_async(SetBool.Request(data=False)).done)
        actions = ActionClient(self._node, Ground, "n3d/ground")
        self._wait(actions.server_is_ready)
        goal = Ground.Goal(labels=[args.prompt] * NAMES_PER_GOAL, frame_policy=Ground.Goal.NEXT)
        took = (self._cancel_ms(actions, goal, CANCEL_STEP_S * step) for step in range(NUM_CANCELS))
        return tuple(ms for ms in took if ms is not None)

    def _cancel_ms(self, actions: Any, goal: Any, after_s: float) -> float | None:
        sent = actions.send_goal_async(goal)
        self._wait(sent.done)
        handle = sent.result()
        result = handle.get_result_async()
        self._publish()
        self._serve(after_s)
        began_s = time.monotonic()
        handle.cancel_goal_async()
        self._wait(result.done)
        is_canceled = result.result().result.code == ResultCode.CANCELED
        return (time.monotonic() - began_s) * 1e3 if is_canceled else None

    def _wait(self, condition: Callable[[], bool]) -> None:
        end_s = time.monotonic() + START_S
        while not condition():
            self._children.check()
            if time.monotonic() > end_s:
                raise TimeoutError(f"expected the node to answer within {START_S:g} s, got nothing")
            self._executor.spin_once(timeout_sec=0.1)

    def _wait_until_heard(self) -> None:
        self._wait(lambda: all(one.get_subscription_count() for one in self._publishers))

    def _serve(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left_s)

    def _publish(self) -> float:
        """One frame of this moment; how long that took, milliseconds."""
        clock = self._node.get_clock()
        stamp_ns = clock.now().nanoseconds
        for message in self._messages:
            STAMP.pack_into(message, STAMP_AT, *divmod(stamp_ns, NANOSECONDS))
        for publisher, message in zip(self._publishers, self._messages, strict=True):
            self._serialised.publish(publisher.handle, message)
        self._num_published += 1
        return float((clock.now().nanoseconds - stamp_ns) / 1e6)

    def _on_diagnostics(self, message: Any) -> None:
        for status in message.status:
            name = status.name.rsplit(": ", 1)[-1]
            self._said[name] = {pair.key: pair.value for pair in status.values}

    def _sample(self, t_s: float) -> Sample:
        timings, self._timings[:] = list(self._timings), []
        self._num_results += len(timings)
        pid = self._children.running["node"].pid
        own_mib, shared_mib = _memory_mib(pid)
        ages = [one.queue_age_ms for one in timings]
        overheads = [one.end_to_end_ms - one.total_ms for one in timings]
        return Sample(
            round(t_s, 1),
            own_mib,
            _cpu_s(pid),
            self._num_results,
            age_ms=_quantile(ages, 50),
            age_max_ms=_quantile(ages, 100),
            overhead_p50_ms=_quantile(overheads, 50),
            overhead_p99_ms=_quantile(overheads, 99),
            shared_mib=shared_mib,
        )


def _way(timing: Any, published_ms: float, now_ns: int) -> Way:
    """What a result's Timing says of its frame."""
    stamp = timing.header.stamp
    received_ms = (now_ns - stamp.sec * NANOSECONDS - stamp.nanosec) / 1e6
    begun, end_to_end = timing.queue_age_ms, timing.end_to_end_ms
    return Way(published_ms, begun, end_to_end - begun - timing.total_ms, received_ms - end_to_end)


def _frame(size: tuple[int, int], image: type, info: type) -> list[Any]:
    """A slanted floor of chequers, 1 m to 1.4 m away, as messages: camera, depth, colour."""
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width]
    chequers = ((rows // 32 + columns // 32) % 2 * 90 + 80).astype(np.uint8)
    rgb = fill_image(image(), np.repeat(chequers[..., None], 3, axis=2), "rgb8")
    depth = fill_image(image(), (1000 + rows * 400 // height).astype(np.uint16), "16UC1")
    focal = float(width)
    k = [focal, 0.0, (width - 1) / 2, 0.0, focal, (height - 1) / 2, 0.0, 0.0, 1.0]
    camera = info(width=width, height=height, k=k)
    for message in (camera, depth, rgb):
        message.header.frame_id = "camera_color_optical_frame"
    return [camera, depth, rgb]


def _memory_mib(pid: int) -> tuple[float, float]:
    """Resident memory of its own, and pages of shared memory that it has touched."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Rss")}
    return (kib["RssAnon"] + kib["RssFile"]) / KIB_IN_MIB, kib["RssShmem"] / KIB_IN_MIB


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _quantile(values: list[float], percent: float) -> float | None:
    return float(np.percentile(values, percent)) if values else None
