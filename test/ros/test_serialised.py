"""Messages taken from rcl in place: their bytes stay while they are read, and their memory serves again."""

from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import String

from n3d_ros.commands.graph.isolation import take_domain
from n3d_ros.node.conversions import rgb_array
from n3d_ros.node.executor import OneThreadExecutor, one_thread
from n3d_ros.node.executor import serialised as serialised_module
from n3d_ros.node.executor.serialised import MOST_KEPT, SMALL
from n3d_ros.node.inputs.sealed import Sealed
from n3d_ros.preprocess.prepare import PreprocessConfig
from n3d_ros.runtime.frame import EarlyPicture

MAX_LOOKS = 1000


class Graph:
    """heard: what the subscription to serialised pictures was given, oldest first."""

    def __init__(self, context):
        self.node = rclpy.create_node("taker", context=context)
        self.executor = OneThreadExecutor(context=context)
        self.executor.add_node(self.node)
        self.heard = []
        self.subscription = self.node.create_subscription(Image, "picture", self.heard.append, 10, raw=True)
        self.publisher = self.node.create_publisher(Image, "picture", 10)
        self.spin_until(self.publisher.get_subscription_count)

    def spin_until(self, condition):
        for _ in range(MAX_LOOKS):
            if condition():
                return
            self.executor.spin_once(timeout_sec=0.05)
        raise AssertionError("it did not happen")

    def send(self, value, size=SMALL):
        """A picture full of one value; its bytes as they came."""
        count = len(self.heard) + 1
        self.publisher.publish(picture(value, size))
        self.spin_until(lambda: len(self.heard) == count)
        return self.heard[-1]


def picture(value, size=SMALL):
    return Image(height=1, width=size, step=size, encoding="mono8", data=bytes([value]) * size)


def message_of(taken):
    """Not the bytes themselves: those between two fields may be any."""
    return deserialize_message(bytes(taken), Image)


@pytest.fixture
def graph():
    context, domain = rclpy.Context(), take_domain()
    rclpy.init(context=context, domain_id=domain.id)
    graph = Graph(context)
    yield graph
    graph.executor.shutdown()
    graph.node.destroy_node()
    rclpy.shutdown(context=context)
    domain.release()


def address_of(view):
    return np.frombuffer(view, np.uint8).ctypes.data


def test_the_bytes_are_the_messages(graph):
    taken = graph.send(7)
    assert isinstance(taken, memoryview), "rclpy's copy is bytes"
    assert message_of(taken) == picture(7)
    assert taken.readonly


def test_bytes_that_are_read_stay(graph):
    """A numpy view alone holds them."""
    views = [np.frombuffer(graph.send(value), np.uint8)[-64:] for value in range(2 * MOST_KEPT)]
    graph.heard.clear()
    graph.send(99)
    assert [set(view) for view in views] == [{value} for value in range(2 * MOST_KEPT)]


def test_memory_that_nobody_reads_serves_again(graph):
    address = address_of(graph.send(1))
    graph.heard.clear()
    assert address_of(graph.send(2)) == address


def test_a_small_message_leaves_the_memory_to_pictures(graph):
    address = address_of(graph.send(1))
    graph.heard.clear()
    small = graph.send(2, size=64)
    graph.heard.clear()
    assert address_of(graph.send(3)) == address
    assert message_of(small) == picture(2, 64)


def test_a_larger_picture_finds_room(graph):
    graph.send(1)
    graph.heard.clear()
    taken = graph.send(2, size=1_000_000)
    assert message_of(taken) == picture(2, 1_000_000)


def test_no_more_is_kept_than_pictures_in_turn_need(graph):
    for value in range(2 * MOST_KEPT):
        graph.publisher.publish(picture(value))
    graph.spin_until(lambda: len(graph.heard) == 2 * MOST_KEPT)
    graph.heard.clear()
    assert len(graph.executor._serialised._kept) == MOST_KEPT


def test_a_picture_that_begins_early_is_neither_copied_nor_compared(graph, monkeypatch):
    def pixels():
        return rgb_array(Sealed(graph.heard[0], Image).open())

    graph.publisher.publish(Image(height=96, width=96, step=288, encoding="rgb8", data=bytes(96 * 288)))
    graph.spin_until(lambda: graph.heard)
    early = EarlyPicture(SimpleNamespace(encode_blocks=lambda *picture: None), pixels(), PreprocessConfig())
    monkeypatch.setattr(np, "array_equal", None)
    assert early.shows(pixels())


def test_what_nobody_needed_for_a_while_is_given_back(graph, monkeypatch):
    """After a moment in which many were held; one of them serves all the time."""
    serialised, trims = graph.executor._serialised, []
    monkeypatch.setattr(serialised_module.heap, "trim", lambda: trims.append(1))
    for value in range(MOST_KEPT):
        graph.send(value)
    graph.heard.clear()
    for num_looks in range(2):
        assert (len(serialised._kept), len(trims)) == (MOST_KEPT, num_looks)
        serialised._since_s -= serialised_module.IDLE_S
        graph.send(1)
        graph.heard.clear()
    assert (len(serialised._kept), len(trims)) == (1, 2)


def test_depth_leaves_the_memory_of_colour_alone(graph):
    """Else all would grow to the larger size, once messages had to wait."""
    address = address_of(graph.send(1, size=4 * SMALL))
    depths, publisher = [], graph.node.create_publisher(Image, "depth", 10)
    graph.node.create_subscription(Image, "depth", depths.append, 10, raw=True)
    graph.spin_until(publisher.get_subscription_count)
    graph.heard.clear()
    for number in (1, 2):
        publisher.publish(picture(2, 2 * SMALL))
        graph.spin_until(lambda number=number: len(depths) == number)
        assert address not in map(address_of, depths)
    assert address_of(graph.send(3, size=4 * SMALL)) == address


def test_there_is_nothing_to_take(graph):
    assert graph.executor._serialised.take(graph.subscription.handle) is None


def test_bytes_outlive_their_subscription(graph):
    taken = graph.send(5)
    graph.node.destroy_subscription(graph.subscription)
    assert message_of(taken) == picture(5)


def test_given_bytes_are_published(graph):
    graph.executor._serialised.publish(graph.publisher.handle, bytearray(serialize_message(picture(9))))
    graph.spin_until(lambda: graph.heard)
    assert message_of(graph.heard[0]) == picture(9)


def test_a_message_without_bytes_is_no_fault(graph):
    graph.executor._serialised.publish(graph.publisher.handle, bytearray())
    graph.send(3)


def test_a_message_that_cannot_be_taken_ends_nothing(graph, monkeypatch):
    def refuse(handle):
        failed.append(take(handle))
        raise RuntimeError("rcl_take_serialized_message: expected 0, got 1")

    failed, take = [], graph.executor._serialised.take
    with monkeypatch.context() as broken:
        broken.setattr(graph.executor._serialised, "take", refuse)
        graph.publisher.publish(picture(1))
        graph.spin_until(lambda: failed)
    assert message_of(graph.send(2)) == picture(2)


def test_what_rcl_refuses_is_said(graph):
    with pytest.raises(RuntimeError, match=r"rcl_take_serialized_message: expected 0, got \d+"):
        graph.executor._serialised.take(SimpleNamespace(pointer=0))


def test_other_subscriptions_are_served_as_by_rclpy(graph):
    heard = []
    graph.node.create_subscription(String, "words", heard.append, 10)
    publisher = graph.node.create_publisher(String, "words", 10)
    graph.spin_until(publisher.get_subscription_count)
    publisher.publish(String(data="mug"))
    graph.spin_until(lambda: heard)
    assert heard == [String(data="mug")]


def test_a_callback_that_wants_to_know_more_is_served_as_by_rclpy(graph):
    heard = []
    graph.node.create_subscription(
        Image, "picture", lambda taken, info: heard.append((taken, info)), 10, raw=True
    )
    graph.spin_until(lambda: graph.publisher.get_subscription_count() == 2)
    graph.publisher.publish(picture(6))
    graph.spin_until(lambda: heard)
    ((taken, info),) = heard
    assert message_of(taken) == picture(6)
    assert info["source_timestamp"] > 0


def test_without_rcl_as_a_library_rclpys_copies_serve(graph, monkeypatch):
    def not_found(*arguments, **options):
        raise OSError("librcl.so: cannot open shared object file")

    monkeypatch.setattr(one_thread, "Serialised", not_found)
    graph.executor._serialised = one_thread._serialised()
    taken = graph.send(4)
    assert isinstance(taken, bytes)
    assert message_of(taken) == picture(4)
