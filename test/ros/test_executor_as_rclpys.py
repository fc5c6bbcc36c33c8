"""What a program may expect of rclpy's executor, and of the node's as well."""

import threading
import time

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (make ros)")

import rclpy
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import String
from std_srvs.srv import Trigger

from n3d_ros.commands.graph.isolation import take_domain
from n3d_ros.node.executor import OneThreadExecutor

pytestmark = pytest.mark.ros
DEADLINE_S = 20.0


@pytest.fixture(params=[SingleThreadedExecutor, OneThreadExecutor])
def graph(request):
    """Context, node and executor; nothing is left to be served."""
    context, domain = rclpy.Context(), take_domain()
    rclpy.init(context=context, domain_id=domain.id)
    node, executor = rclpy.create_node("served", context=context), request.param(context=context)
    executor.add_node(node)
    look_at_all(executor)
    yield context, node, executor
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown(context=context)
    domain.release()


def look_at_all(executor):
    for _ in range(10):
        executor.spin_once(timeout_sec=0)


def spin_until(executor, condition):
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s
        executor.spin_once(timeout_sec=0.1)


def due(timers):
    """Once all of them are."""
    end_s = time.monotonic() + DEADLINE_S
    while not all(timer.is_ready() for timer in timers):
        assert time.monotonic() < end_s


@pytest.mark.parametrize("how", ["cancel", "reset"])
def test_a_timer_that_another_one_stopped_is_not_called(graph, how):
    _, node, executor = graph
    called = []

    def stop_second():
        called.append("first")
        getattr(second, how)()

    first = node.create_timer(0.2, stop_second)
    second = node.create_timer(0.2, lambda: called.append("second"))
    look_at_all(executor)
    due([first, second])
    executor.spin_once(timeout_sec=0)
    executor.spin_once(timeout_sec=0)
    assert called == ["first"]


def test_messages_that_never_end_keep_no_service_waiting(graph):
    _, node, executor = graph
    publisher, heard = node.create_publisher(String, "words", 10), []
    node.create_subscription(String, "words", lambda m: heard.append(m) or publisher.publish(m), 10)
    node.create_service(Trigger, "ask", lambda request, response: response)
    client = node.create_client(Trigger, "ask")
    spin_until(executor, lambda: client.service_is_ready() and publisher.get_subscription_count())
    publisher.publish(String())
    spin_until(executor, lambda: len(heard) > 20)
    before, answer = len(heard), client.call_async(Trigger.Request())
    spin_until(executor, lambda: answer.done() or len(heard) > before + 200)
    assert answer.done()


def test_a_context_that_ends_under_a_wait_is_told_by_its_exception(graph):
    context, _, executor = graph
    ending = threading.Timer(0.1, rclpy.shutdown, kwargs={"context": context})
    ending.start()
    with pytest.raises(ExternalShutdownException):
        executor.spin()
    ending.join()


def test_a_node_that_was_removed_is_served_no_more(graph):
    context, _, executor = graph
    other, called = rclpy.create_node("other", context=context), []
    timer = other.create_timer(0.01, lambda: called.append(1))
    executor.add_node(other)
    spin_until(executor, lambda: called)
    look_at_all(executor)
    executor.remove_node(other)
    called.clear()
    due([timer])
    look_at_all(executor)
    assert not called
    other.destroy_node()


def test_an_event_that_waits_does_not_keep_it_busy(graph):
    _, node, executor = graph
    told = []
    node.create_publisher(
        String,
        "words",
        QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT),
        event_callbacks=PublisherEventCallbacks(incompatible_qos=told.append),
    )
    look_at_all(executor)
    reliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
    node.create_subscription(String, "words", lambda message: None, reliable)
    for _ in range(20):
        executor.spin_once(timeout_sec=0.1)
    assert told


def test_a_guard_condition_that_is_triggered_and_destroyed_ends_nothing():
    context, domain = rclpy.Context(), take_domain()
    rclpy.init(context=context, domain_id=domain.id)
    node, executor = rclpy.create_node("served", context=context), OneThreadExecutor(context=context)
    executor.add_node(node)
    guard = node.create_guard_condition(lambda: None)
    look_at_all(executor)
    guard.trigger()
    # As another thread does: the set that is kept still has it.
    guard.destroy()
    look_at_all(executor)
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown(context=context)
    domain.release()
