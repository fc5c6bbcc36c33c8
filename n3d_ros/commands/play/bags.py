"""Recordings of ROS 1 and ROS 2 (`.bag`, `.mcap`, `.db3`, folders of rosbag2), published on their own topics.

In: paths. Out: the messages in the order in which they were received and as far apart. All stamps are moved
alike, so that what belongs together stays together; one of 0 says that there is none, and stays. Read by
rosbags (https://ternaris.gitlab.io/rosbags/), so no ROS distribution is needed; a type whose Python package
does not import here is not played, and said. Nor is a recorded clock: there is one clock, that of the player.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from n3d_ros.commands.graph.topics import message_class
from n3d_ros.commands.play.acknowledged import wait_for_listeners
from n3d_ros.commands.play.offers import STATIC, offer
from n3d_ros.commands.play.pace import SAME_CLOCK_NS, Pace
from n3d_ros.node.plain.inputs.qos import Quality
from n3d_ros.plain_text import one_line
from n3d_ros.recording.bags import Message, each_message, open_bag
from n3d_ros.recording.types import COMPRESSED, IMAGE, RESULTS

SUFFIXES = (".bag", ".mcap", ".db3")
METADATA = "metadata.yaml"
OF_ROSBAG2 = (".mcap", ".db3", ".zstd")
HEADER = "std_msgs/msg/Header"
CLOCK = "rosgraph_msgs/msg/Clock"
NS = 1_000_000_000
# From the last message to the first one of the next round: longer than pictures differ in how late they come,
# so that stamps go forward.
BETWEEN_NS = 100_000_000
# A wait that is told.
LONG_NS = 10 * NS
# What a topic of `_static` keeps for whoever comes later: one of each broadcaster.
NUM_STATIC = 1000
# Types of what a node says.
OWN = "n3d_ros/"


@dataclass(frozen=True)
class Track:
    """A topic of a recording. message_type: the ROS 2 class; offer: of its publisher; obstacle: why it cannot
    be played, or empty.
    """

    topic: str
    type_name: str
    num_messages: int
    message_type: type | None
    offer: Quality
    obstacle: str = ""


def is_bag(path: Path) -> bool:
    """Is it a recording and no folder of frames? That of a recorder that was killed has no metadata."""
    if path.is_file():
        return path.suffix in SUFFIXES
    files = list(path.iterdir())
    return path / METADATA in files or bool(files) and all(one.suffix in OF_ROSBAG2 for one in files)


class Bag:
    """A recording, open. ValueError, OSError where it cannot be read; the message names the file."""

    def __init__(self, path: Path, topics: list[str] | None = None) -> None:
        from rosbags.typesys import Stores, get_typestore

        if not path.exists():
            raise FileNotFoundError(f"recording: expected a bag, got '{path}' (nothing there)")
        self.path = path
        self._ros2 = get_typestore(Stores.ROS2_JAZZY)
        self._reader = open_bag(path, self._ros2, "a recording that rosbags can read")
        self._chosen = [one for one in self._reader.connections if topics is None or one.topic in topics]
        absent = sorted(set(topics or []) - {one.topic for one in self._chosen})
        if absent:
            there = ", ".join(sorted({one.topic for one in self._reader.connections}))
            self.close()
            raise ValueError(f"'{path}': expected the topics {', '.join(absent)}, got {there}")

    def close(self) -> None:
        """Let go of the files."""
        self._reader.close()

    @property
    def duration_s(self) -> float:
        """From the first message to the last, as received; 0 where there is none."""
        return max(float(self._reader.duration) / NS, 0.0)

    @property
    def start_ns(self) -> int:
        """When the first message was received, in the clock of the stamps."""
        return int(self._reader.start_time) + self._clock_ns

    def tracks(self) -> list[Track]:
        """Its topics, by name."""
        return sorted((self._track(one) for one in self._chosen), key=lambda track: track.topic)

    def messages(self) -> Iterator[tuple[str, int, Any]]:
        """(topic, time of reception in nanoseconds of the stamps' clock, ROS 2 message) in the order of
        reception. A clock of its own is followed from picture to picture: a simulator is slower or faster
        than the machine. Where it leaps, as when a simulation starts anew, stamps go on.
        ValueError at a message that is cut or damaged.
        """
        playable = [one for one in self._chosen if not self._track(one).obstacle]
        pace = Pace(self._clock_ns)
        for one in each_message(self.path, self._reader, playable):
            message = self._decoded(one, message_class(one.connection.msgtype))
            self._tell("the clock of the recorder", pace.received(one.received_ns))
            if one.connection.msgtype in (IMAGE, COMPRESSED):
                self._tell(
                    "the clock of the stamps", pace.saw_picture(one.connection.topic, _stamp_ns(message))
                )
            at_ns = pace.due_ns()
            if pace.moves_stamps:
                set_stamps(message, pace.moved)
            yield one.connection.topic, at_ns, message

    def _tell(self, what: str, leap_ns: int) -> None:
        if leap_ns:
            said = f"{what} leaps by {leap_ns / NS:+.1f} s: stamps and messages go on as if it had not"
            print(one_line(f"  {self.path.name}: {said}"), flush=True)

    @cached_property
    def _clock_ns(self) -> int:
        """How far the clock of the stamps is ahead of that of reception, by the first picture with a stamp; 0
        where it is the same clock.
        """
        chosen = [one for one in self._chosen if one.msgtype in (IMAGE, COMPRESSED)]
        every = [one for one in self._reader.connections if one.msgtype in (IMAGE, COMPRESSED)]
        for one in each_message(self.path, self._reader, chosen or every):
            if at_ns := _stamp_ns(one.decoded(self._read_as(one.connection.msgtype))):
                ahead_ns = at_ns - one.received_ns
                return ahead_ns if abs(ahead_ns) > SAME_CLOCK_NS else 0
        return 0

    def _read_as(self, type_name: str) -> Callable[[bytes], Any]:
        return lambda data: self._reader.deserialize(data, type_name)

    def _decoded(self, one: Message, kind: type | None) -> Any:
        from rclpy.serialization import deserialize_message

        def decode(data: bytes) -> Any:
            cdr = data if self._reader.is2 else self._ros2.ros1_to_cdr(data, one.connection.msgtype)
            return deserialize_message(bytes(cdr), kind)

        return one.decoded(decode)

    def _track(self, connection: Any) -> Track:
        name, number = connection.msgtype, connection.msgcount
        kind = message_class(name)
        obstacle = "" if kind else f"the package of {name} does not import here"
        if kind and not self._reader.is2 and not is_alike(name, self._reader.typestore, self._ros2):
            obstacle = f"{name} of ROS 1 has other fields than that of ROS 2"
        first = next(one.msgtype for one in self._chosen if one.topic == connection.topic)
        if first != name:
            obstacle = f"the topic is of {first} before"
        if kind and not _is_topic(connection.topic):
            obstacle = "ROS 2 has no topics of such a name"
        if name == CLOCK:
            obstacle = "--clock publishes the one that fits the stamps"
        offered = offer(connection.topic, self._chosen)
        return Track(connection.topic, name, number, kind, offered, obstacle)


def _stamp_ns(picture: Any) -> int:
    return int(picture.header.stamp.sec) * NS + int(picture.header.stamp.nanosec)


def _is_topic(name: str) -> bool:
    """Whether ROS 2 takes it; names of ROS 1 may have parts that begin with a digit."""
    from rclpy.exceptions import InvalidTopicNameException
    from rclpy.validate_full_topic_name import validate_full_topic_name

    try:
        return bool(validate_full_topic_name(name if name.startswith("/") else f"/{name}"))
    except InvalidTopicNameException:
        return False


def is_alike(type_name: str, theirs: Any, ours: Any) -> bool:
    """Has a type the same fields in two stores of rosbags, but for capitals and the header's `seq`?"""
    if type_name not in theirs.fielddefs or type_name not in ours.fielddefs:
        return False
    fields = [
        [(name.lower(), kind) for name, kind in store.fielddefs[type_name][1]] for store in (theirs, ours)
    ]
    if type_name == HEADER:
        fields = [[field for field in some if field[0] != "seq"] for some in fields]
    return fields[0] == fields[1] and all(is_alike(one, theirs, ours) for one in _named(fields[0]))


def _named(fields: Sequence[tuple[str, Any]]) -> Iterator[str]:
    """The message types among fields, those in arrays and sequences included."""
    for _, (node, inside) in fields:
        inner_node, inner = inside[0] if isinstance(inside[0], tuple) else (node, inside)
        if inner_node.name == "NAME":
            yield inner


def set_stamps(message: Any, moved: Callable[[int], int]) -> None:
    """Replace the stamps in a message's headers, those of its parts included; nanoseconds."""
    for header in _headers(message):
        stamp = header.stamp
        if stamp.sec or stamp.nanosec:
            stamp.sec, stamp.nanosec = divmod(moved(stamp.sec * NS + stamp.nanosec), NS)


def _headers(message: Any) -> Iterator[Any]:
    kind: Any = type(message)
    for name in _stamped_fields(kind):
        value = getattr(message, name)
        for part in value if isinstance(value, Sequence) else [value]:
            if type(part).__name__ == "Header":
                yield part
            else:
                yield from _headers(part)


@cache
def _stamped_fields(kind: Any) -> tuple[str, ...]:
    """Fields of a message class that are headers or have headers within."""
    return tuple(
        name
        for name, said in kind.get_fields_and_field_types().items()
        if "std_msgs/Header" in said or _stamped_fields_within(said)
    )


def _stamped_fields_within(said: str) -> tuple[str, ...]:
    """Of a field's type, such as "sequence<geometry_msgs/TransformStamped>"."""
    named = re.search(r"(\w+)/(\w+)", said)
    kind = message_class("/msg/".join(named.groups())) if named else None
    return _stamped_fields(kind) if kind else ()


class BagPlayer:
    """Publishes what is due at every tick; completes `done` at the end or with the error of a file.

    Stamps begin at the node's clock and run at its speed. With args.clock they stay as recorded, and `/clock`
    tells the time of the recording to nodes with `use_sim_time`.
    """

    def __init__(self, node: Any, args: Any, done: Any) -> None:
        self.num_published = 0
        self._node, self._speed, self._done = node, args.speed, done
        self._is_chosen = bool(args.topics)
        self._bags = [Bag(path, args.topics) for path in args.folders]
        self._publishers = self._advertise()
        self._clock = _clock_publisher(node) if args.clock else None
        self._messages = self._all_messages(args.loop)
        self._next = next(self._messages, None)
        self._begin: _Begin | None = None
        self._wait_until_s = time.monotonic() + args.wait_s

    def tick(self) -> None:
        """Publish all that is due."""
        if self._begin is None:
            if not self._is_heard():
                return
            self._leave_to_nodes()
            first_ns = 0 if self._next is None else self._next[1]
            self._begin = _Begin(time.monotonic(), self._node.get_clock().now().nanoseconds, first_ns)
        try:
            self._publish_due(self._begin)
        except (OSError, ValueError) as error:
            self._done.set_exception(error)

    def _is_heard(self) -> bool:
        heard = any(one.get_subscription_count() for one in self._publishers.values())
        return heard or time.monotonic() > self._wait_until_s

    def _leave_to_nodes(self) -> None:
        """What a node said once is not played beside one that runs under its name: who hears both, such as a
        recorder, could not tell them apart, and would take corrections of the one for those of the other.
        """
        if self._is_chosen:
            return
        results = [topic for topic, kind in self._types.items() if kind in RESULTS]
        nodes = {_above(topic) for topic in results if self._node.count_publishers(topic) > 1}
        for topic in [one for one in self._publishers if _above(one) in nodes]:
            if self._types[topic].startswith(OWN) or self._node.count_publishers(topic) > 1:
                self._node.destroy_publisher(self._publishers.pop(topic))
                print(one_line(f"  {topic}: not played, for a node publishes its own"), flush=True)

    def _publish_due(self, begin: _Begin) -> None:
        recorded_ns = begin.first_ns + round((time.monotonic() - begin.at_s) * self._speed * NS)
        self._tell_time(recorded_ns)
        while self._next is not None and self._next[1] <= recorded_ns:
            topic, _, message = self._next
            if self._clock is None:
                set_stamps(message, lambda old: begin.now_ns + round((old - begin.first_ns) / self._speed))
            if topic in self._publishers:
                self._publishers[topic].publish(message)
                self.num_published += 1
            self._next = next(self._messages, None)
            self._tell_wait(recorded_ns)
        if self._next is None:
            self._finish()

    def _tell_wait(self, recorded_ns: int) -> None:
        wait_ns = 0 if self._next is None else (self._next[1] - recorded_ns) / self._speed
        if wait_ns > LONG_NS:
            print(f"  the next message comes in {wait_ns / NS:.0f} s", flush=True)

    def _tell_time(self, recorded_ns: int) -> None:
        if self._clock is None:
            return
        from rosgraph_msgs.msg import Clock

        message = Clock()
        message.clock.sec, message.clock.nanosec = divmod(recorded_ns, NS)
        self._clock.publish(message)

    def _finish(self) -> None:
        for bag in self._bags:
            bag.close()
        wait_for_listeners(self._publishers.values())
        self._done.set_result(None)

    def _all_messages(self, loop: bool) -> Iterator[tuple[str, int, Any]]:
        """One recording after the other, each again after the last with `loop`; times go on."""
        end_ns = None
        while True:
            for bag in self._bags:
                shift_ns = 0 if end_ns is None else end_ns + BETWEEN_NS - bag.start_ns
                for topic, received_ns, message in bag.messages():
                    end_ns = received_ns + shift_ns
                    if shift_ns:
                        set_stamps(message, shift_ns.__add__)
                    yield topic, end_ns, message
            if not loop or end_ns is None:
                return

    def _advertise(self) -> dict[str, Any]:
        publishers: dict[str, Any] = {}
        self._types: dict[str, str] = {}
        for bag in self._bags:
            print(one_line(f"{bag.path.name}: {bag.duration_s:.1f} s"), flush=True)
            for track in bag.tracks():
                note = f" (not played: {track.obstacle})" if track.obstacle else ""
                said = one_line(f"{track.topic} {track.num_messages} {track.type_name}{note}")
                print(f"  {said}", flush=True)
                if not track.obstacle and track.topic not in publishers:
                    publishers[track.topic] = _publisher(self._node, track)
                    self._types[track.topic] = track.type_name
        if not publishers:
            raise ValueError("expected a topic that can be played here, got none")
        return publishers


@dataclass(frozen=True)
class _Begin:
    """When playing began: at_s on the steady clock, now_ns on the node's, first_ns on the recording's."""

    at_s: float
    now_ns: int
    first_ns: int


def _above(topic: str) -> str:
    return topic.rpartition("/")[0]


def _publisher(node: Any, track: Track) -> Any:
    from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

    offered = track.offer
    qos = QoSProfile(
        depth=NUM_STATIC if track.topic.endswith(STATIC) else 10,
        reliability=ReliabilityPolicy.RELIABLE if offered.reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if offered.latched else DurabilityPolicy.VOLATILE,
    )
    return node.create_publisher(track.message_type, track.topic, qos)


def _clock_publisher(node: Any) -> Any:
    from rosgraph_msgs.msg import Clock

    return node.create_publisher(Clock, "/clock", 10)
