"""Recordings of ROS 1 and ROS 2, played without a ROS distribution."""

import importlib.util
import sqlite3
import time
from types import SimpleNamespace

import pytest
from bag_files import FRAME, PERIOD_NS, START_NS, offered, write_bag, write_simulation, write_words
from recorded_results import Recording
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from n3d_ros.cli import main
from n3d_ros.commands.play.bags import Bag, is_alike, is_bag
from n3d_ros.recording.bags import Message

AVAILABLE = importlib.util.find_spec("rclpy") is not None
ros = pytest.mark.skipif(not AVAILABLE, reason="needs rclpy (make ros)")
KINDS = ["a.bag", "sqlite", "mcap"]


@pytest.fixture
def heard():
    """Play a recording to its end: the images and words that a subscriber of the same process heard."""
    if not AVAILABLE:
        pytest.skip("needs rclpy (make ros)")
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.task import Future
    from sensor_msgs.msg import Image
    from std_msgs.msg import String

    from n3d_ros.commands.graph.isolation import take_domain
    from n3d_ros.commands.play.bags import BagPlayer

    context, domain = rclpy.Context(), take_domain()
    rclpy.init(context=context, domain_id=domain.id)
    node = rclpy.create_node("player", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def play(path, num_expected, **options):
        options = {"topics": None, "speed": 100.0, "clock": False, "loop": False, "wait_s": 20.0, **options}
        images, words = [], []
        node.create_subscription(Image, "/camera/image", images.append, 10)
        node.create_subscription(String, "/words", words.append, 10)
        done = Future(executor=executor)
        player = BagPlayer(node, SimpleNamespace(folders=[path], **options), done)
        timer = node.create_timer(0.001, lambda: done.done() or player.tick())
        executor.spin_until_future_complete(done, timeout_sec=20)
        assert done.done() and done.result() is None
        for _ in range(1000):
            if len(images) >= num_expected and (words or options["topics"]):
                break
            executor.spin_once(timeout_sec=0.02)
        node.destroy_timer(timer)
        return player, images, words

    yield play
    node.destroy_node()
    executor.shutdown()
    rclpy.shutdown(context=context)
    domain.release()


def played(path, until, num_publishers=1, acknowledge=lambda _: True, **options):
    """Play to a node that keeps what is published, by topic, until that holds. num_publishers: of each topic,
    this one's among them. acknowledge: what waits for their listeners.
    """
    from n3d_ros.commands.play.bags import BagPlayer

    sent, qos = {}, {}

    def create_publisher(_, topic, profile):
        qos[topic] = profile
        publish = sent.setdefault(topic, []).append
        acked = dict(wait_for_all_acked=acknowledge)
        return SimpleNamespace(publish=publish, get_subscription_count=lambda: 1, **acked)

    clock = SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=time.time_ns()))
    node = SimpleNamespace(
        create_publisher=create_publisher,
        destroy_publisher=lambda _: None,
        count_publishers=lambda _: num_publishers,
        get_clock=lambda: clock,
    )
    done = SimpleNamespace(set_result=lambda _: None, set_exception=pytest.fail)
    options = {"topics": None, "speed": 100.0, "clock": False, "loop": False, "wait_s": 0.0, **options}
    player = BagPlayer(node, SimpleNamespace(folders=[path], **options), done)
    end_s = time.monotonic() + 20
    while not until(sent):
        assert time.monotonic() < end_s, sent
        player.tick()
    return SimpleNamespace(qos=qos), sent


def ns(message):
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


@pytest.mark.parametrize("name", KINDS)
def test_a_recording_is_known_and_its_tracks_are_listed(tmp_path, name):
    path = write_bag(tmp_path / name)
    assert is_bag(path)
    bag = Bag(path)
    assert [(one.topic, one.type_name, one.num_messages) for one in bag.tracks()] == [
        ("/camera/image", "sensor_msgs/msg/Image", 3),
        ("/words", "std_msgs/msg/String", 1),
    ]
    assert bag.duration_s == pytest.approx(0.2, abs=1e-6)
    bag.close()


@ros
@pytest.mark.parametrize("name", KINDS)
def test_its_messages_come_in_order_with_stamps_as_far_apart_from_now_on(tmp_path, heard, name):
    begin_ns = time.time_ns()
    player, images, words = heard(write_bag(tmp_path / name), 3, speed=10.0)
    assert [one.data[0] for one in images] == [0, 1, 2] and words[0].data == "the red mug"
    assert player.num_published == 4 and images[0].header.frame_id == FRAME
    steps = [ns(b) - ns(a) for a, b in zip(images, images[1:], strict=False)]
    assert steps == [PERIOD_NS // 10] * 2, "ten times as fast"
    assert begin_ns - 5_000_000 <= ns(images[0]) <= time.time_ns()


@ros
def test_with_a_clock_stamps_stay_as_recorded(tmp_path, heard):
    _, images, _ = heard(write_bag(tmp_path / "mcap"), 3, clock=True)
    assert [ns(one) for one in images] == [START_NS + number * PERIOD_NS for number in range(3)]


@ros
def test_stamps_of_another_clock_begin_now_too(tmp_path, heard):
    """A simulator's camera, recorded by the machine's clock."""
    begin_ns = time.time_ns()
    path = write_bag(tmp_path / "mcap", transport_ns=10**10 - START_NS)
    _, images, _ = heard(path, 3, speed=10.0)
    assert begin_ns <= ns(images[0]) <= time.time_ns()
    assert ns(images[1]) - ns(images[0]) == PERIOD_NS // 10


@ros
@pytest.mark.parametrize("slowness", [0.5, 3])
def test_the_clock_of_a_simulator_that_is_slower_or_faster_is_followed(tmp_path, slowness):
    """Else its pictures would become older, or come from ever farther ahead."""
    path = write_bag(tmp_path / "mcap", 50, transport_ns=10**10 - START_NS, slowness=slowness)
    bag = Bag(path)
    ages = [at_ns - ns(one) for topic, at_ns, one in bag.messages() if topic == "/camera/image"]
    bag.close()
    assert len(ages) == 50 and set(ages) == {0}


@ros
def test_stamps_of_a_simulation_that_starts_anew_fit_the_pictures_before_it(tmp_path, capsys):
    path = write_bag(tmp_path / "mcap", 40, transport_ns=10**10 - START_NS, restarts_at=30)
    _, sent = played(path, lambda sent: len(sent["/camera/image"]) == 40, speed=10.0)
    stamps = [ns(one) for one in sent["/camera/image"]]
    steps = {after - before for before, after in zip(stamps, stamps[1:], strict=False)}
    assert steps == {PERIOD_NS // 10}
    assert "the clock of the stamps leaps by -3.0 s" in capsys.readouterr().out


@ros
def test_a_long_wait_is_told(tmp_path, capsys):
    path = write_bag(tmp_path / "mcap", 2)
    played(path, lambda sent: len(sent["/camera/image"]) == 1, speed=0.005)
    assert "the next message comes in 20 s" in capsys.readouterr().out


@ros
def test_a_player_ends_when_all_is_acknowledged(tmp_path):
    """The last message was lost now and then."""
    waited = []
    played(write_bag(tmp_path / "mcap"), lambda _: waited, acknowledge=waited.append)
    assert len(waited) == 2 and 0 < waited[0].nanoseconds <= 5 * 10**9


@ros
def test_the_clock_is_that_of_the_stamps(tmp_path):
    path = write_bag(tmp_path / "mcap", transport_ns=10**10 - START_NS)
    _, sent = played(path, lambda sent: len(sent["/camera/image"]) == 3, clock=True)
    told = [one.clock.sec * 10**9 + one.clock.nanosec for one in sent["/clock"]]
    assert told[0] == pytest.approx(START_NS, abs=10**9)


@ros
@pytest.mark.parametrize("name", ["a.bag", "mcap"])
def test_a_recorded_clock_does_not_contradict_the_players(tmp_path, capsys, name):
    path = write_simulation(tmp_path / name)
    _, sent = played(path, lambda sent: len(sent["/camera/image"]) >= 7, clock=True, loop=True)
    told = [one.clock.sec * 10**9 + one.clock.nanosec for one in sent["/clock"]]
    assert told == sorted(told), "a node forgets frames and tf where its clock goes back"
    assert "not played: " in next(line for line in capsys.readouterr().out.splitlines() if "/clock" in line)
    _, sent = played(path, lambda sent: len(sent["/camera/image"]) == 3)
    assert "/clock" not in sent, "stamps are of now"


@ros
def test_a_loop_begins_again_with_later_stamps(tmp_path):
    _, sent = played(write_bag(tmp_path / "mcap"), lambda sent: len(sent["/camera/image"]) >= 7, loop=True)
    stamps = [ns(one) for one in sent["/camera/image"][:7]]
    assert min(after - before for before, after in zip(stamps, stamps[1:], strict=False)) > 0.9e6


@ros
def test_stamps_are_moved_wherever_a_header_is_and_none_stays_none():
    from sensor_msgs.msg import Image
    from visualization_msgs.msg import Marker, MarkerArray

    from n3d_ros.commands.play.bags import set_stamps

    markers = MarkerArray(markers=[Marker(), Marker()])
    markers.markers[1].header.stamp.sec = 5
    set_stamps(markers, lambda old: old + 10**9)
    assert [one.header.stamp.sec for one in markers.markers] == [0, 6]
    image = Image()
    image.header.stamp.nanosec = 1
    set_stamps(image, lambda old: old + 10**9)
    assert (image.header.stamp.sec, image.header.stamp.nanosec) == (1, 1)


@ros
@pytest.mark.parametrize("name", ["a.bag", "mcap"])
def test_names_that_ros_2_does_not_take_are_told_and_the_rest_is_played(tmp_path, capsys, name):
    path = write_words(tmp_path / name, ["/words", "/2nd/words", "/\x1b[31mred"])
    _, sent = played(path, lambda sent: sent["/words"])
    assert [topic for topic, messages in sent.items() if messages] == ["/words"]
    said = capsys.readouterr().out
    assert said.count("not played: ROS 2 has no topics of such a name") == 2 and "\x1b" not in said


@ros
def test_of_a_topic_of_two_types_the_first_is_played(tmp_path, capsys):
    player, sent = played(write_words(tmp_path / "mcap", ["/words", "/words"]), lambda sent: sent["/words"])
    assert [one.data for one in sent["/words"]] == ["the red mug"]
    assert "not played: the topic is of std_msgs/msg/String before" in capsys.readouterr().out


@ros
def test_what_many_broadcasters_said_once_is_kept_for_whoever_comes_later(tmp_path):
    player, _ = played(write_words(tmp_path / "mcap", ["/tf_static"]), lambda sent: sent["/tf_static"])
    assert player.qos["/tf_static"].depth >= 100


RELIABLE = offered("RELIABLE", "VOLATILE")
LATCHED = offered("RELIABLE", "TRANSIENT_LOCAL")
SENSOR = offered("BEST_EFFORT", "VOLATILE")


@ros
@pytest.mark.parametrize(
    ("name", "recorded", "reliability", "durability"),
    [
        ("mcap", {"offered_qos_profiles": [LATCHED]}, "RELIABLE", "TRANSIENT_LOCAL"),
        ("sqlite", {"offered_qos_profiles": [LATCHED]}, "RELIABLE", "TRANSIENT_LOCAL"),
        ("mcap", {"offered_qos_profiles": [SENSOR]}, "BEST_EFFORT", "VOLATILE"),
        ("mcap", {"offered_qos_profiles": [SENSOR, RELIABLE]}, "RELIABLE", "VOLATILE"),
        ("mcap", {}, "RELIABLE", "VOLATILE"),
        ("one.bag", {"latching": 1}, "RELIABLE", "TRANSIENT_LOCAL"),
        ("one.bag", {}, "RELIABLE", "VOLATILE"),
    ],
)
def test_topics_are_played_as_they_were_published(tmp_path, name, recorded, reliability, durability):
    bag = write_words(tmp_path / name, ["/camera_info"], **recorded)
    player, _ = played(bag, lambda sent: sent["/camera_info"])
    qos = player.qos["/camera_info"]
    assert (qos.reliability.name, qos.durability.name) == (reliability, durability)


@ros
def test_topics_that_are_not_chosen_stay_away(tmp_path, heard):
    player, _, words = heard(write_bag(tmp_path / "mcap"), 3, topics=["/camera/image"])
    assert (player.num_published, words) == (3, [])


def test_a_topic_that_is_not_there_is_named_beside_those_that_are(tmp_path):
    with pytest.raises(ValueError, match="expected the topics /depth, got /camera/image, /words"):
        Bag(write_bag(tmp_path / "mcap"), ["/depth"])


def test_a_type_of_ros_1_with_other_fields_is_not_taken_for_that_of_ros_2():
    theirs, ours = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_JAZZY)
    for name in ("Image", "CameraInfo", "CompressedImage", "PointCloud2"):
        assert is_alike(f"sensor_msgs/msg/{name}", theirs, ours), name
    theirs.fielddefs["sensor_msgs/msg/RegionOfInterest"][1].pop()
    assert not is_alike("sensor_msgs/msg/CameraInfo", theirs, ours)


@pytest.mark.parametrize("name", ["cut.mcap", "cut.bag", "cut.db3"])
def test_a_file_that_is_no_recording_is_named(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\x89MCAP0\r\n" + b"x" * 40)
    with pytest.raises(ValueError, match="expected a recording that rosbags can read"):
        Bag(path)


def cut(path, number):
    """The recording with 30 bytes left of its message of this number."""
    [file] = write_bag(path).glob("*.db3")
    with sqlite3.connect(file) as database:
        database.execute("update messages set data = substr(data, 1, 30) where id = ?", (number,))
    database.close()
    return path


@ros
def test_a_message_that_is_cut_is_named_after_those_before_it(tmp_path):
    bag = Bag(cut(tmp_path / "sqlite", 2))
    messages = bag.messages()
    assert next(messages)[0] == "/camera/image"
    with pytest.raises(
        ValueError, match="message 2 of /camera/image: expected a whole sensor_msgs/msg/Image, got 30"
    ):
        next(messages)
    bag.close()


@ros
@pytest.mark.parametrize("number", [1, 3])
def test_a_message_that_is_cut_ends_playing_in_one_line(tmp_path, capsys, number):
    assert main(["play", str(cut(tmp_path / "sqlite", number)), "--wait-s", "0", "--speed", "100"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert f"message {number} of /camera/image" in line


def test_an_interrupt_while_a_message_is_read_is_no_damage(tmp_path):
    def interrupted(_):
        raise TypeError("Unable to convert function return value") from KeyboardInterrupt()

    connection = SimpleNamespace(topic="/camera/image", msgtype="sensor_msgs/msg/Image")
    with pytest.raises(KeyboardInterrupt):
        Message(tmp_path, connection, 1, 0, b"").decoded(interrupted)


def test_a_file_that_is_damaged_behind_its_index_is_named(tmp_path):
    path = write_bag(tmp_path / "mcap")
    [file] = path.glob("*.mcap")
    data = bytearray(file.read_bytes())
    begin = data.index(b"rgb8")
    data[begin : begin + 200] = bytes(200)
    bag = Bag(path)
    file.write_bytes(data[: begin + 200])
    with pytest.raises(ValueError, match=f"'{path}': expected a whole recording, got a damaged one after"):
        list(bag.messages())
    bag.close()


def test_a_compressed_file_that_is_cut_is_named(tmp_path):
    path = tmp_path / "compressed"
    writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.FILE, CompressionFormat.ZSTD)
    with writer:
        store = get_typestore(Stores.ROS2_JAZZY)
        words = writer.add_connection("/words", "std_msgs/msg/String", typestore=store)
        said = store.types[words.msgtype](data="the red mug")
        writer.write(words, 1, store.serialize_cdr(said, words.msgtype))
    [file] = path.glob("*.zstd")
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ValueError, match="compressed': expected a recording that rosbags can read, got: "):
        Bag(path)


@ros
def test_a_recording_whose_recorder_was_killed_says_what_mends_it(tmp_path, capsys):
    path = write_bag(tmp_path / "mcap")
    (path / "metadata.yaml").unlink()
    [file] = path.iterdir()
    file.write_bytes(file.read_bytes()[:-30])
    assert main(["play", str(path)]) == 2 and "ros2 bag reindex" in capsys.readouterr().err
    assert main(["play", str(file)]) == 2 and "mcap recover" in capsys.readouterr().err


@ros
@pytest.mark.parametrize("option", [[], ["--speed", "50"], ["--rate-hz", "0"]])
def test_a_path_that_is_not_there_is_told_before_its_options(tmp_path, capsys, option):
    assert main(["play", str(tmp_path / "none"), *option]) == 2
    said = capsys.readouterr().err
    assert f"expected a folder of frames or a recording, got '{tmp_path}/none' (nothing there)" in said


@ros
def test_recordings_and_frame_folders_together_are_refused(tmp_path, capsys):
    bag = write_bag(tmp_path / "mcap")
    assert main(["play", str(bag), str(tmp_path)]) == 2
    assert "recordings alone or frame folders alone" in capsys.readouterr().err


@ros
@pytest.mark.parametrize("option", [["--once"], ["--rate-hz", "5"], ["--depth-scale", "0.001"]])
def test_an_option_that_means_nothing_for_recordings_is_refused(tmp_path, capsys, option):
    assert main(["play", str(write_bag(tmp_path / "mcap")), *option]) == 2
    assert f"{option[0]}: means nothing for recordings" in capsys.readouterr().err


@ros
@pytest.mark.parametrize("option", [["--clock"], ["--speed", "2"], ["--topics", "/rgb/image"]])
def test_an_option_that_means_nothing_for_frame_folders_is_refused(tmp_path, capsys, option):
    assert main(["play", str(tmp_path), *option]) == 2
    assert f"{option[0]}: means nothing for frame folders" in capsys.readouterr().err


def test_a_real_recording_is_read_to_its_end(rgbd_dir):
    [path] = [one for one in (rgbd_dir / "rosbags").iterdir() if one.is_dir()]
    bag = Bag(path)
    assert sum(one.num_messages for one in bag.tracks()) == 123
    if AVAILABLE:
        playable = sum(one.num_messages for one in bag.tracks() if not one.obstacle)
        assert len(list(bag.messages())) == playable
    bag.close()


@ros
def test_what_a_node_said_is_not_played_beside_one_that_runs(tmp_path, capsys):
    path = recorded_node(tmp_path)
    _, sent = played(path, lambda sent: sent["/rgb"] and sent["/depth"], num_publishers=2)
    assert not sent["/n3d/boxes"] and not sent["/n3d/correction"]
    said = capsys.readouterr().out
    assert "/n3d/boxes: not played, for a node publishes its own" in said and "/n3d/correction: not" in said


@ros
@pytest.mark.parametrize("options", [{}, {"num_publishers": 2, "topics": ["/n3d/boxes", "/n3d/correction"]}])
def test_it_is_played_where_no_such_node_runs_and_where_it_is_asked_for(tmp_path, options):
    path = recorded_node(tmp_path)
    played(path, lambda sent: sent["/n3d/boxes"] and sent["/n3d/correction"], **options)


def recorded_node(tmp_path):
    recording = Recording(tmp_path / "recording")
    recording.boxes(START_NS, "the mug", [])
    recording.correction(START_NS, "the mug", 1)
    recording.frame(START_NS)
    return recording.close() / "part_000"
