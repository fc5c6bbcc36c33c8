"""`n3d record`: what a node saw, was asked, answered and was corrected in, as MCAP.

In: the topics that a running node subscribes to and publishes. Out: a folder of parts (`n3d_ros/recording`)
with every result, its correction and the frame that it is about; with --all every frame. Topics are found
in the graph, so remaps need not be repeated.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

from n3d_ros.commands.graph.depth_parameters import DepthParameters
from n3d_ros.commands.graph.interrupts import ros_graph
from n3d_ros.commands.graph.topics import camera_topics, message_class, topic_qos
from n3d_ros.errors import CommandFailed
from n3d_ros.recording.moments import NEAR_NS, Moment, Moments, stamp_of
from n3d_ros.recording.parts import Parts
from n3d_ros.recording.types import ANSWER, BOXES, CAMERA, CORRECTION, INFO, PARAMETERS, RESULTS

LOOK_S = 1.0
# Messages of frames that are not written twice: more than results ever lag behind.
KEPT_NAMES = 1000
# Why a result came without its frame.
EARLIER = "their pictures are of before the recording began"
FORGOTTEN = "raise --memory-mb or use --all"
LOST = "colour or depth was lost on its way to the recorder"
OWN = {"boxes": BOXES, "answer": ANSWER, "correction": CORRECTION}


def add_record(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d record`."""
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder; parts are added to what is there"
    )
    parser.add_argument("--node", default="n3d", help="name or path of the node (default: %(default)s)")
    parser.add_argument("--namespace", default="", help="where it runs (default: the root)")
    parser.add_argument("--all", action="store_true", help="every frame, not only those with a result")
    parser.add_argument("--seconds", type=float, metavar="S", help="stop after so long (default: Ctrl-C)")
    parser.add_argument(
        "--memory-mb",
        type=int,
        default=256,
        metavar="MB",
        help="frames kept in memory (default: %(default)s)",
    )
    parser.add_argument(
        "--part-mb", type=int, default=256, metavar="MB", help="begin a new part there (default: %(default)s)"
    )
    parser.set_defaults(run=run_record)


def run_record(args: argparse.Namespace) -> int:
    """Record until the time is over or the user interrupts; 0. CommandFailed where no such node was there."""
    import rclpy
    from rclpy.executors import ExternalShutdownException

    from n3d_ros.client.connection import full_name

    namespace, _, name = full_name(args.node, args.namespace).rpartition("/")
    with ros_graph():
        parts = Parts(args.out, args.part_mb << 20)
        node = rclpy.create_node("n3d_record", namespace=namespace)
        recorder = Recorder(node, name, parts, args.memory_mb << 20, args.all)
        end_s = None if args.seconds is None else time.monotonic() + args.seconds
        try:
            while end_s is None or time.monotonic() < end_s:
                rclpy.spin_once(node, timeout_sec=0.2)
                recorder.raise_error()
            recorder.look()  # in less than LOOK_S nobody has looked
        except (KeyboardInterrupt, ExternalShutdownException):
            pass
        finally:
            recorder.close()
            node.destroy_node()
    print(f"recorded {recorder.num_results} results, {recorder.num_corrections} corrections in '{args.out}'")
    for why, number in recorder.without_frame.items():
        print(f"{number} results came without their frame: {why}")
    if not recorder.has_seen_node:
        where = f"{namespace}/{name}"
        raise CommandFailed(f"expected a node '{where}' to record, found none; `n3d doctor` says why")
    return 0


class Recorder:
    """Subscribes to a node's inputs and outputs as they appear, and writes what belongs together."""

    def __init__(self, node: Any, target: str, parts: Parts, max_bytes: int, keep_all: bool = False) -> None:
        self.num_results = self.num_corrections = 0
        self.without_frame: Counter[str] = Counter()
        self._node, self._target, self._parts, self._keep_all = node, target, parts, keep_all
        self._moments = Moments(max_bytes)
        self._types: dict[str, str] = {}
        self._written: deque[tuple[str, int]] = deque(maxlen=KEPT_NAMES)
        self._instant_ns: int | None = None
        self._error: Exception | None = None
        self._began_ns = time.time_ns() - time.monotonic_ns()
        self._depth = DepthParameters(node, target)
        for name, type_name in OWN.items():
            self._subscribe(f"{target}/{name}", type_name)
        self._timer = node.create_timer(LOOK_S, self.look)

    def look(self) -> None:
        """Subscribe to camera topics of the node that are not recorded yet, and ask how it reads depth."""
        self._depth.look()
        for topic, type_name in camera_topics(self._node, self._target):
            if topic not in self._types:
                self._subscribe(topic, type_name)

    @property
    def has_seen_node(self) -> bool:
        """Whether the node was there: it alone says which topics its camera has."""
        return any(kind in CAMERA for kind in self._types.values())

    @property
    def topics(self) -> list[str]:
        """What is subscribed to."""
        return sorted(self._types)

    def close(self) -> None:
        """Finish the part."""
        self._parts.close()

    def raise_error(self) -> None:
        """The error that a callback met, such as a full disk."""
        if self._error is not None:
            raise self._error

    def _subscribe(self, name: str, type_name: str) -> None:
        kind = message_class(type_name)
        assert kind is not None, type_name
        topic = self._node.resolve_topic_name(name)
        self._types[topic] = type_name
        self._node.create_subscription(
            kind, topic, lambda data: self._on_message(topic, data), topic_qos(type_name), raw=True
        )

    def _on_message(self, topic: str, data: bytes) -> None:
        try:
            self._take(Moment(topic, stamp_of(data), self._now_ns(), data))
        except (OSError, ValueError) as error:
            self._error = error

    def _now_ns(self) -> int:
        """The machine's time, which goes on where its clock is set: readers go by the order of reception."""
        return self._began_ns + time.monotonic_ns()

    def _take(self, moment: Moment) -> None:
        kind = self._types[moment.topic]
        if kind in CAMERA:
            self._moments.add(moment)
            if self._keep_all:
                self._part_between_instants(moment.stamp_ns)
                self._write(moment)
            return
        if kind in RESULTS:
            self.num_results += 1
            frame = self._write_frame(moment.stamp_ns)
            self._write_depth_parameters(moment, frame)
        else:
            self.num_corrections += 1
        self._write(moment)
        if not self._keep_all:  # else it came between the messages of another frame
            self._parts.may_end()

    def _part_between_instants(self, stamp_ns: int) -> None:
        """Colour, depth and camera info of one instant stay in one part."""
        if self._instant_ns is None or abs(stamp_ns - self._instant_ns) > NEAR_NS:
            self._instant_ns = stamp_ns
            self._parts.may_end()

    def _write_frame(self, stamp_ns: int) -> list[Moment]:
        frame = self._moments.of(stamp_ns)
        if sum(self._types[one.topic] != INFO for one in frame) < 2:
            self._count_missing(stamp_ns)
        for moment in frame:
            self._write(moment)
        return frame

    def _write_depth_parameters(self, result: Moment, frame: list[Moment]) -> None:
        """Before each result, so that no part needs another one to be understood."""
        from rclpy.serialization import serialize_message

        since_ns = min((one.received_ns for one in frame), default=result.received_ns)
        data = bytes(serialize_message(self._depth.known_since(since_ns - self._began_ns)))
        self._parts.write(self._depth.topic, PARAMETERS, result.received_ns, data)

    def _count_missing(self, stamp_ns: int) -> None:
        """Why a result's frame is not there, in words for its user."""
        if self._moments.began_after(stamp_ns):
            self.without_frame[EARLIER] += 1
        elif not self._moments.forgot(stamp_ns):
            self.without_frame[LOST] += 1
        elif not self._keep_all:  # else it was written when it came
            self.without_frame[FORGOTTEN] += 1

    def _write(self, moment: Moment) -> None:
        name, is_frame = (moment.topic, moment.received_ns), self._types[moment.topic] in CAMERA
        if is_frame and name in self._written:
            return
        self._written.append(name)
        self._parts.write(moment.topic, self._types[moment.topic], moment.received_ns, moment.data)
