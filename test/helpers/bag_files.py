"""Recordings of a tiny camera, written by rosbags: ROS 1, rosbag2 in SQLite and in MCAP."""

import numpy as np
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 100_000_000
WIDTH, HEIGHT = 8, 6
FRAME = "camera_color_optical_frame"
IMAGE, STRING = "sensor_msgs/msg/Image", "std_msgs/msg/String"
CLOCK = "rosgraph_msgs/msg/Clock"


def write_bag(path, num_frames=3, transport_ns=5_000_000, slowness=1, restarts_at=None):
    """Images on /camera/image, stamped PERIOD_NS apart, received `transport_ns` later, `slowness` times as
    far apart; at the end, words. restarts_at: the picture whose stamp is again the first one's.
    """
    ros1 = path.suffix == ".bag"
    store = get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_JAZZY)
    with _writer(path, ros1) as writer:
        images = writer.add_connection("/camera/image", IMAGE, typestore=store)
        words = writer.add_connection("/words", STRING, typestore=store)
        for number in range(num_frames):
            again = number - restarts_at if restarts_at and number >= restarts_at else number
            stamp_ns = START_NS + again * PERIOD_NS
            last_ns = START_NS + round(number * PERIOD_NS * slowness) + transport_ns
            writer.write(images, last_ns, _bytes(store, _image(store, stamp_ns, number), ros1))
        text = store.types[STRING](data="the red mug")
        writer.write(words, last_ns + 1, _bytes(store, text, ros1))
    return path


def write_words(path, topics, **offered):
    """One message on each topic; twice the same topic is of two types. offered: how they were published."""
    ros1 = path.suffix == ".bag"
    store = get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_JAZZY)
    with _writer(path, ros1) as writer:
        for number, topic in enumerate(topics):
            kind = STRING if topic not in topics[:number] else "std_msgs/msg/Int32"
            data = 5 if kind != STRING else "the red mug"
            message = _bytes(store, store.types[kind](data=data), ros1)
            connection = writer.add_connection(topic, kind, typestore=store, **offered)
            writer.write(connection, START_NS + number, message)
    return path


def write_simulation(path, num_frames=3):
    """As `write_bag`, with the clock of a simulator that was recorded with each image."""
    ros1 = path.suffix == ".bag"
    store = get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_JAZZY)
    time_type, clock_type = store.types["builtin_interfaces/msg/Time"], store.types[CLOCK]
    with _writer(path, ros1) as writer:
        images = writer.add_connection("/camera/image", IMAGE, typestore=store)
        clocks = writer.add_connection("/clock", CLOCK, typestore=store)
        for number in range(num_frames):
            stamp_ns = START_NS + number * PERIOD_NS
            clock = clock_type(time_type(*divmod(stamp_ns, 10**9)))
            writer.write(clocks, stamp_ns, _bytes(store, clock, ros1))
            writer.write(images, stamp_ns + 1, _bytes(store, _image(store, stamp_ns, number), ros1))
    return path


def offered(reliability, durability):
    """A publisher's quality of service as rosbag2 writes it: what of it is not told to others is unknown."""
    never = QosTime(0, 0)
    unknown, alive = QosHistory.UNKNOWN, QosLiveliness.AUTOMATIC
    kinds = QosReliability[reliability], QosDurability[durability]
    return Qos(unknown, 0, *kinds, never, never, alive, never, False)


def _writer(path, ros1):
    if ros1:
        return Writer1(path)
    plugin = StoragePlugin.MCAP if path.name.endswith("mcap") else StoragePlugin.SQLITE3
    return Writer2(path, version=9, storage_plugin=plugin)


def _bytes(store, message, ros1):
    kind = message.__msgtype__
    return store.serialize_ros1(message, kind) if ros1 else store.serialize_cdr(message, kind)


def _image(store, stamp_ns, value):
    stamp = store.types["builtin_interfaces/msg/Time"](*divmod(stamp_ns, 10**9))
    header_type = store.types["std_msgs/msg/Header"]
    seq = {"seq": 0} if "seq" in header_type.__dataclass_fields__ else {}
    pixels = np.full(WIDTH * HEIGHT * 3, value, np.uint8)
    header = header_type(**seq, stamp=stamp, frame_id=FRAME)
    return store.types[IMAGE](header, HEIGHT, WIDTH, "rgb8", 0, WIDTH * 3, pixels)
