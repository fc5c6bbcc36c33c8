"""The node's executor: everything is served, it looks no oftener than something comes, and it ends whole."""

import threading

import pytest
import rclpy
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import String

from n3d_ros.commands.graph.isolation import take_domain
from n3d_ros.node.executor import OneThreadExecutor

DEADLINE_S = 30.0
MAX_LOOKS = 1000


class Counting(OneThreadExecutor):
    """looks: how many wait sets were made."""

    looks = 0

    def get_nodes(self):
        self.looks += 1
        return super().get_nodes()


@pytest.fixture
def graph():
    """A node and its executor."""
    context, domain = rclpy.Context(), take_domain()
    rclpy.init(context=context, domain_id=domain.id)
    node = rclpy.create_node("served", context=context)
    executor = Counting(context=context)
    executor.add_node(node)
    yield node, executor
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown(context=context)
    domain.release()


def spin_until(executor, condition):
    for _ in range(MAX_LOOKS):
        if condition():
            return
        executor.spin_once(timeout_sec=0.05)
    raise AssertionError("it did not happen")


def spin_until_quiet(executor):
    """Until a look finds nothing."""
    before = None
    while executor.looks - 1 != before:
        before = executor.looks
        executor.spin_once(timeout_sec=0.2)


def test_one_message_is_one_look(graph):
    node, executor = graph
    heard = []
    node.create_subscription(String, "words", lambda message: heard.append(message.data), 10)
    publisher = node.create_publisher(String, "words", 10)
    spin_until(executor, publisher.get_subscription_count)
    spin_until_quiet(executor)
    before = executor.looks
    publisher.publish(String(data="mug"))
    executor.spin_once(timeout_sec=DEADLINE_S)
    assert heard == ["mug"]
    executor.spin_once(timeout_sec=0.2)
    assert executor.looks == before + 2, "one that found the message, one that found nothing"


def test_events_of_publishers_are_told(graph):
    node, executor = graph
    told = []
    node.create_publisher(
        String,
        "words",
        QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT),
        event_callbacks=PublisherEventCallbacks(incompatible_qos=told.append),
    )
    spin_until_quiet(executor)
    reliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
    node.create_subscription(String, "words", lambda message: None, reliable)
    spin_until(executor, lambda: told)
    assert told[0].total_count == 1


def test_a_task_that_a_task_makes_is_run_in_the_next_look(graph):
    _, executor = graph
    run = []
    spin_until_quiet(executor)
    executor.create_task(lambda: executor.create_task(run.append, "inner"))
    executor.spin_once(timeout_sec=1.0)
    assert run == []
    executor.spin_once(timeout_sec=1.0)
    assert run == ["inner"], "nothing else ends that wait"


def test_a_shutdown_ends_another_threads_wait(graph):
    _, executor = graph
    spin_until_quiet(executor)
    spinning = threading.Thread(target=executor.spin_once)
    spinning.start()
    assert executor.shutdown(DEADLINE_S)
    spinning.join(DEADLINE_S)
    assert not spinning.is_alive(), "without a timer and without a limit nothing else ends it"


def test_a_shutdown_leaves_what_another_thread_is_about_to_wait_for(graph, monkeypatch):
    _, executor = graph
    spin_until_quiet(executor)
    ending = threading.Thread(target=executor.shutdown)
    nodes = executor.get_nodes()

    def shut_down_meanwhile():
        ending.start()
        ending.join(0.5)  # it does not end before this look has
        return nodes

    monkeypatch.setattr(executor, "get_nodes", shut_down_meanwhile)
    executor.spin_once()
    ending.join(DEADLINE_S)
    assert not ending.is_alive()


def test_a_shutdown_says_that_a_callback_goes_on(graph):
    _, executor = graph
    begun, ends = threading.Event(), threading.Event()

    def long_callback():
        begun.set()
        ends.wait(DEADLINE_S)

    executor.create_task(long_callback)
    spinning = threading.Thread(target=executor.spin_once)
    spinning.start()
    assert begun.wait(DEADLINE_S)
    assert not executor.shutdown(0.0)
    ends.set()
    assert executor.shutdown(DEADLINE_S)
    spinning.join(DEADLINE_S)
    assert not spinning.is_alive()


def test_a_callback_may_shut_it_down(graph):
    _, executor = graph
    executor.create_task(executor.shutdown)
    executor.spin_once(timeout_sec=1.0)
    executor.spin_once()
