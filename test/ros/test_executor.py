"""The node's executor: everything is served, it looks no oftener than something comes, and it ends whole."""

import threading
import time
from functools import partial

import pytest
import rclpy
from rclpy.executors import ExternalShutdownException
from std_msgs.msg import String
from std_srvs.srv import Trigger

from n3d_ros.commands.graph.isolation import take_domain
from n3d_ros.node.executor import OneThreadExecutor, one_thread

DEADLINE_S = 30.0
MAX_LOOKS = 1000


class Counting(OneThreadExecutor):
    """looks: how many wait sets were made, and looks of rclpy's."""

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


@pytest.fixture
def words(graph):
    """A subscription and its publisher, which have met: the messages heard, and what sends one."""
    node, executor = graph
    heard = []
    node.create_subscription(String, "words", lambda message: heard.append(message.data), 10)
    publisher = node.create_publisher(String, "words", 10)
    spin_until(executor, publisher.get_subscription_count)
    spin_until_quiet(executor)
    return heard, lambda text: publisher.publish(String(data=text))


def without_events(executor):
    """Events are due far from now, and nothing else is left to be looked at."""
    executor._events_s = time.monotonic() + 4 * DEADLINE_S
    executor.spin_once(timeout_sec=0.0)


def test_messages_need_no_wait_set_of_their_own(graph, words):
    _, executor = graph
    heard, say = words
    without_events(executor)
    before = executor.looks
    for count in range(5):
        say("mug")
        executor.spin_once(timeout_sec=DEADLINE_S)
        assert len(heard) == count + 1
    assert executor.looks == before


def test_guard_conditions_need_none_either(graph, words):
    node, executor = graph
    done = []
    guard = node.create_guard_condition(lambda: done.append(None))
    spin_until_quiet(executor)
    without_events(executor)
    before = executor.looks
    for count in range(3):
        guard.trigger()
        executor.spin_once(timeout_sec=DEADLINE_S)
        assert len(done) == count + 1
    assert executor.looks == before


def test_timers_need_none_either(graph):
    node, executor = graph
    calls = []
    node.create_timer(0.001, lambda: calls.append(None))
    spin_until(executor, lambda: calls)
    without_events(executor)
    executor.spin_once(timeout_sec=DEADLINE_S)
    before = executor.looks
    for _ in range(5):
        executor.spin_once(timeout_sec=DEADLINE_S)
    assert len(calls) >= 7
    assert executor.looks == before


def test_a_flood_of_messages_starves_nothing(graph, words):
    node, executor = graph
    heard, say = words
    done = []
    node.create_service(Trigger, "asked", lambda _, response: done.append("service") or response)
    client = node.create_client(Trigger, "asked")
    guard = node.create_guard_condition(lambda: done.append("guard"))
    spin_until(executor, client.service_is_ready)
    future = client.call_async(Trigger.Request())
    guard.trigger()
    executor.create_task(done.append, "task")
    for _ in range(MAX_LOOKS):
        say("mug")
        executor.spin_once(timeout_sec=DEADLINE_S)
        if future.done() and len(done) == 3:
            break
    assert sorted(done) == ["guard", "service", "task"]
    assert heard


def test_a_guard_condition_is_not_lost_beside_another_callback(graph, words):
    node, executor = graph
    _, say = words
    done = []
    guards = [node.create_guard_condition(partial(done.append, number)) for number in range(3)]
    spin_until_quiet(executor)
    without_events(executor)
    for guard in guards:
        guard.trigger()
    executor.create_task(say, "mug")
    executor.spin_once(timeout_sec=0.1)  # the task, by rclpy's look, which finds the guards too
    spin_until(executor, lambda: len(done) == len(guards))
    assert sorted(done) == [0, 1, 2]
    executor.spin_once(timeout_sec=0.1)
    assert len(done) == len(guards), "each is called once"


def test_a_guard_condition_whose_callback_is_a_coroutine_is_not_lost(graph, words):
    node, executor = graph
    _, say = words
    done = []

    async def finish():
        done.append(None)

    guard = node.create_guard_condition(finish)
    executor.spin_once(timeout_sec=0.1)
    for count in range(3):
        guard.trigger()
        say("mug")
        spin_until(executor, lambda expected=count + 1: len(done) == expected)


def test_a_subscription_whose_callback_is_a_coroutine_is_awaited(graph):
    node, executor = graph
    heard, goes_on = [], rclpy.Future(executor=executor)

    async def hear(message):
        await goes_on
        heard.append(message.data)

    node.create_subscription(String, "slow", hear, 10)
    publisher = node.create_publisher(String, "slow", 10)
    spin_until(executor, publisher.get_subscription_count)
    spin_until_quiet(executor)
    without_events(executor)
    publisher.publish(String(data="mug"))
    for _ in range(3):
        executor.spin_once(timeout_sec=0.1)
    assert heard == []
    goes_on.set_result(None)
    spin_until(executor, lambda: heard)


def test_what_a_callback_makes_is_served(graph, words):
    node, executor = graph
    _, say = words
    heard = []
    publisher = node.create_publisher(String, "later", 10)
    node.create_subscription(
        String,
        "begin",
        lambda _: node.create_subscription(String, "later", lambda message: heard.append(message), 10),
        10,
    )
    beginning = node.create_publisher(String, "begin", 10)
    spin_until(executor, beginning.get_subscription_count)
    say("mug")
    executor.spin_once(timeout_sec=DEADLINE_S)
    beginning.publish(String())
    spin_until(executor, publisher.get_subscription_count)
    publisher.publish(String())
    spin_until(executor, lambda: heard)


def test_a_node_that_a_callback_adds_is_served(graph, words):
    node, executor = graph
    _, say = words
    calls = []
    added = rclpy.create_node("added", context=node.context)
    added.create_timer(0.001, lambda: calls.append(None))
    node.create_subscription(String, "words", lambda _: executor.add_node(added), 10)
    spin_until_quiet(executor)
    without_events(executor)
    say("mug")
    spin_until(executor, lambda: calls)
    executor.remove_node(added)
    added.destroy_node()


def test_what_is_destroyed_before_the_wait_is_left_out(graph, words, monkeypatch):
    node, executor = graph
    heard, say = words
    ended = node.create_subscription(String, "ended", heard.append, 10)
    spin_until_quiet(executor)

    def destroy_meanwhile(entity):
        if entity is ended:
            node.destroy_subscription(ended)
        return True

    executor.spin_once(timeout_sec=0.1)
    executor._drop_kept()
    monkeypatch.setattr(executor, "can_execute", destroy_meanwhile)
    executor.spin_once(timeout_sec=0.1)
    monkeypatch.undo()
    say("mug")
    spin_until(executor, lambda: heard == ["mug"])


def test_what_another_thread_destroys_meanwhile_is_not_called(graph, words):
    node, executor = graph
    heard, say = words
    spinning = threading.Thread(target=executor.spin_once)
    spinning.start()
    (subscription,) = [one for one in node.subscriptions if one.topic_name.endswith("words")]
    assert node.destroy_subscription(subscription)
    say("mug")
    executor.create_task(lambda: None)
    spinning.join(DEADLINE_S)
    assert not spinning.is_alive()
    executor.spin_once(timeout_sec=0.2)
    assert heard == []


def test_an_error_of_a_callback_is_raised(graph):
    node, executor = graph

    def hear(message):
        raise LookupError(message.data)

    node.create_subscription(String, "words", hear, 10)
    publisher = node.create_publisher(String, "words", 10)
    spin_until(executor, publisher.get_subscription_count)
    spin_until_quiet(executor)
    publisher.publish(String(data="mug"))
    with pytest.raises(LookupError, match="mug"):
        spin_until(executor, lambda: False)


def test_a_context_that_is_shut_down_ends_it():
    context, domain = rclpy.Context(), take_domain()
    rclpy.init(context=context, domain_id=domain.id)
    executor = OneThreadExecutor(context=context)
    executor.add_node(rclpy.create_node("served", context=context))
    for _ in range(3):
        executor.spin_once(timeout_sec=0.1)
    rclpy.shutdown(context=context)
    with pytest.raises(ExternalShutdownException):
        executor.spin_once()
    executor.shutdown()
    domain.release()


def test_an_rclpy_that_is_not_known_goes_its_own_way(monkeypatch):
    monkeypatch.setattr(one_thread, "OF_RCLPY", ("_what_comes_next",))
    context, domain = rclpy.Context(), take_domain()
    rclpy.init(context=context, domain_id=domain.id)
    executor, calls = OneThreadExecutor(context=context), []
    node = rclpy.create_node("served", context=context)
    executor.add_node(node)
    node.create_timer(0.01, lambda: calls.append("timer"))
    executor.create_task(calls.append, "task")
    spin_until(executor, lambda: {"timer", "task"} <= set(calls))
    assert executor._kept is None
    assert executor.shutdown(DEADLINE_S)
    node.destroy_node()
    rclpy.shutdown(context=context)
    domain.release()


def test_a_wait_that_nothing_ends_takes_its_time(graph):
    _, executor = graph
    spin_until_quiet(executor)
    without_events(executor)
    begun_s = time.monotonic()
    executor.spin_once(timeout_sec=0.3)
    assert time.monotonic() - begun_s >= 0.29


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
