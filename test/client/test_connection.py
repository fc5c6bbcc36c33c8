"""The client's thread outlives what goes wrong in it, and whoever waits for it is told how it ended."""

import asyncio
import subprocess
import sys
import threading

import pytest
from fake_pipeline import FakePipeline
from graph import BOX, DEADLINE_S, MUG
from held_feedback import hold_back_feedback
from rclpy.action import ActionClient

from n3d_ros.child_process import package_environment
from n3d_ros.client import N3DClient, NoNodeError, RequestFailed
from n3d_ros.errors import ResultCode

pytestmark = pytest.mark.ros

# A goal that waits is not to end by its time, whatever the machine does.
LONG_S = 10 * DEADLINE_S


def raising(error):
    """A function of a box."""

    def on_box(box):
        raise error

    return on_box


@pytest.mark.parametrize("error", [ZeroDivisionError("a fault"), TimeoutError("a fault"), SystemExit(3)])
def test_what_on_box_raises_is_raised_where_was_asked_and_stops_the_node(error, make_robot):
    robot = make_robot(FakePipeline([MUG, BOX], threading.Semaphore(1)))
    asks = [
        lambda n3d: n3d.ground("the mug", on_box=raising(error)),
        lambda n3d: n3d.ask("How far is the mug?", on_box=raising(error)),
        lambda n3d: asyncio.run(n3d.ground_async("the mug", on_box=raising(error))),
    ]
    with N3DClient(domain_id=robot.domain_id, timeout_s=LONG_S) as n3d:
        for number, ask in enumerate(asks, start=1):
            with pytest.raises(type(error)) as raised:
                ask(n3d)
            assert raised.value.args == error.args
            robot.graph.wait(lambda n=number: robot.graph.node.desk.codes["CANCELED"] == n, "canceled goal")
            robot.graph.pipeline.gate.release()
        assert n3d.info().state == "ready"


def test_what_on_box_raises_after_the_result_is_raised_too(make_robot, monkeypatch):
    robot = make_robot(FakePipeline([MUG]))
    with N3DClient(domain_id=robot.domain_id, timeout_s=LONG_S) as n3d:
        hold_back_feedback(n3d, monkeypatch)
        with pytest.raises(ZeroDivisionError):
            n3d.ground("the mug", on_box=lambda box: 1 / 0)
        assert len(n3d.ground("the mug").boxes) == 1


@pytest.mark.parametrize(
    "again",
    [
        lambda n3d: n3d.ground("the mug"),
        lambda n3d: n3d.recall("the mug"),
        lambda n3d: n3d.info(),
        lambda n3d: next(n3d.boxes("the mug")),
        lambda n3d: asyncio.run(n3d.ask_async("How far is the mug?")),
        lambda n3d: n3d.close(),
    ],
)
def test_on_box_may_not_wait_for_its_own_client(again, make_robot):
    robot = make_robot(FakePipeline([MUG]))
    with N3DClient(domain_id=robot.domain_id, timeout_s=LONG_S) as n3d:
        with pytest.raises(RuntimeError, match="call it from another thread"):
            n3d.ground("the mug", on_box=lambda box: again(n3d))
        assert len(n3d.ground("the mug").boxes) == 1


def test_what_cannot_be_sent_is_raised_where_was_asked(make_robot, monkeypatch):
    robot = make_robot(FakePipeline([MUG]))
    with N3DClient(domain_id=robot.domain_id, timeout_s=LONG_S) as n3d:
        with monkeypatch.context() as broken:
            broken.setattr(ActionClient, "send_goal_async", lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                n3d.ground("the mug")
        n3d.info()
        with monkeypatch.context() as broken:
            broken.setattr(n3d._connection._clients["get_info"], "call_async", lambda _: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                n3d.info()
        assert len(n3d.ground("the mug").boxes) == 1


def start(ask):
    """A thread that asks, and what it heard."""
    heard = []

    def asking():
        try:
            ask()
        except RequestFailed as error:
            heard.append(error)

    thread = threading.Thread(target=asking)
    thread.start()
    return thread, heard


def assert_told(thread, heard, said):
    thread.join(DEADLINE_S)
    assert [(one.code, str(one)) for one in heard] == [(ResultCode.CANCELED, f"CANCELED: {said}")]


@pytest.mark.parametrize(
    "ask",
    [
        lambda n3d: n3d.ground("the mug"),
        lambda n3d: list(n3d.boxes("the mug")),
        lambda n3d: asyncio.run(n3d.ask_async("How far is the mug?")),
    ],
)
def test_closing_tells_whoever_waits_for_an_answer(ask, make_robot):
    robot = make_robot(FakePipeline([MUG], threading.Semaphore(0)))
    n3d = N3DClient(domain_id=robot.domain_id, timeout_s=LONG_S)
    thread, heard = start(lambda: ask(n3d))
    robot.graph.wait(lambda: robot.graph.pipeline.calls, "request")
    n3d.close()
    assert_told(thread, heard, "the client was closed")


def test_closing_tells_whoever_waits_for_a_node(empty_domain, monkeypatch):
    n3d, looks = N3DClient(domain_id=empty_domain, timeout_s=LONG_S), threading.Event()
    look = n3d._connection._look
    monkeypatch.setattr(n3d._connection, "_look", lambda is_there: looks.set() or look(is_there))
    thread, heard = start(n3d.info)
    assert looks.wait(DEADLINE_S)
    n3d.close()
    assert_told(thread, heard, "the client was closed")


def test_a_loop_ends_although_its_client_still_waits_for_a_node(empty_domain, monkeypatch):
    has_ended = []

    async def cancelled(n3d):
        task = asyncio.create_task(n3d.recall_async("the mug"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with N3DClient(domain_id=empty_domain, timeout_s=5.0) as n3d:
        service = n3d._connection.service

        def waited(*given):
            try:
                return service(*given)
            finally:
                has_ended.append(True)

        monkeypatch.setattr(n3d._connection, "service", waited)
        asyncio.run(cancelled(n3d))
        assert not has_ended


def test_awaited_without_asyncio_nothing_is_sent_and_it_says_what_to_call(make_robot):
    """As in a coroutine that an executor of rclpy awaits."""
    pipeline = FakePipeline([MUG])
    robot = make_robot(pipeline)
    with N3DClient(domain_id=robot.domain_id, timeout_s=LONG_S) as n3d:
        for asked in (n3d.ground_async("mug"), n3d.ask_async("How far?"), n3d.recall_async("mug")):
            with pytest.raises(RuntimeError, match="got none, as in a callback of rclpy: there call ground"):
                asked.send(None)
        assert n3d.ground("mug").boxes
    assert [name for name, _ in pipeline.calls if name == "ground"] == ["ground"]


def test_two_clients_of_a_program_make_no_warning(empty_domain, capfd):
    with N3DClient(domain_id=empty_domain), N3DClient(domain_id=empty_domain):
        pass
    assert "already registered" not in capfd.readouterr().err


def test_however_many_tasks_wait_for_a_node_each_waits_its_own_time(empty_domain, monkeypatch):
    together = threading.Barrier(40)

    def absent(*_):
        together.wait(DEADLINE_S)
        raise NoNodeError("none")

    async def all_at_once(n3d):
        return await asyncio.gather(*[n3d.recall_async("x") for _ in range(40)], return_exceptions=True)

    with N3DClient(domain_id=empty_domain) as n3d:
        monkeypatch.setattr(n3d._connection, "service", absent)
        assert {type(one) for one in asyncio.run(all_at_once(n3d))} == {NoNodeError}


FORKED = """
import os
from n3d_ros.client import N3DClient
n3d = N3DClient(domain_id=int(os.environ["DOMAIN"]))
if os.fork() == 0:
    try:
        n3d.info()
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)  # as multiprocessing does; DDS does not survive another end
else:
    print("the child ended with", os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


def test_a_forked_process_is_told_that_the_client_is_not_its_own(empty_domain):
    # Python warns of a fork beside threads from 3.12 on.
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED],
        env={**package_environment(), "DOMAIN": str(empty_domain)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "expected a client of this process" in ended.stdout
    assert "the child ended with 0" in ended.stdout


def test_a_shutdown_of_ros_tells_whoever_waits(make_robot):
    """As rclpy's handler of SIGINT does it, of every context of the process."""
    robot = make_robot(FakePipeline([MUG], threading.Semaphore(0)))
    n3d = N3DClient(domain_id=robot.domain_id, timeout_s=LONG_S)
    thread, heard = start(lambda: n3d.ground("the mug"))
    robot.graph.wait(lambda: robot.graph.pipeline.calls, "request")
    n3d._connection._context.try_shutdown()
    assert_told(thread, heard, "the client's ROS context was shut down")
    n3d.close()
    assert not n3d._connection._thread.is_alive()


@pytest.mark.parametrize(
    "ask",
    [
        lambda n3d, found: n3d.ground("the mug"),
        lambda n3d, found: n3d.ask("How far is the mug?"),
        lambda n3d, found: n3d.info(),
        lambda n3d, found: n3d.recall("the mug"),
        lambda n3d, found: next(n3d.boxes("the mug")),
        lambda n3d, found: n3d.correct(found, is_right=True),
    ],
)
def test_a_closed_client_says_so(ask, make_robot):
    robot = make_robot(FakePipeline([MUG]))
    with N3DClient(domain_id=robot.domain_id, timeout_s=LONG_S) as n3d:
        found = n3d.ground("the mug")
        n3d.info()
    with pytest.raises(RequestFailed, match="^CANCELED: the client was closed$"):
        ask(n3d, found)


UNCLOSED = """
import atexit, threading
atexit.register(lambda: print([one.name for one in threading.enumerate()]))  # the first one is run last
from n3d_ros.client import N3DClient
clients = [N3DClient(domain_id={domain_id}) for _ in range(2)]
"""


def test_a_program_that_does_not_close_ends_without_its_threads(empty_domain):
    """One that waits in rcl while Python ends is unwound, and C++ aborts the process, most of the times."""
    ended = subprocess.run(
        [sys.executable, "-c", UNCLOSED.format(domain_id=empty_domain)],
        env=package_environment(),
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE_S,
    )
    assert (ended.stdout, ended.returncode) == ("['MainThread']\n", 0), ended.stderr


def meet(n3d, graph, name="n3d"):
    """Until the client sees the node; then it waits for nothing any more."""
    node = n3d._connection._node
    graph.wait(lambda: name in node.get_node_names(), f"{name} in the client's graph")
    n3d._timeout_s = 0.01


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (lambda n3d: n3d.ground("the mug"), "the action '/nope/ground'"),
        (lambda n3d: n3d.info(), "the service '/nope/get_info'"),
    ],
)
def test_a_node_that_is_not_there_is_told_beside_those_that_are(ask, what, make_robot):
    """Fast DDS names the services that clients ask for among those that are there."""
    robot = make_robot(FakePipeline([MUG]))
    with N3DClient("nope", domain_id=robot.domain_id) as n3d:
        meet(n3d, robot.graph)
        services = n3d._connection._node.get_service_names_and_types
        robot.graph.wait(lambda: "/n3d/get_info" in dict(services()), "its service")
        for _ in range(2):  # the second time the graph knows for sure what this client asks for
            with pytest.raises(
                NoNodeError, match=f"^expected {what} .* got n3d nodes /n3d in this ROS domain"
            ):
                ask(n3d)


def test_a_domain_without_nodes_has_none(empty_domain):
    with (
        N3DClient("/far/n3d", domain_id=empty_domain, timeout_s=0.1) as n3d,
        pytest.raises(NoNodeError, match="expected the service '/far/n3d/get_info' .* got no n3d node in"),
    ):
        n3d.info()


def test_a_node_that_is_not_configured_is_said_with_the_command(make_graph):
    graph = make_graph(FakePipeline([MUG]), autostart=False)
    with N3DClient(domain_id=graph.context.get_domain_id()) as n3d:
        meet(n3d, graph)
        with pytest.raises(NoNodeError, match="got /n3d without it.*ros2 lifecycle set /n3d configure"):
            n3d.info()
