"""Faults one by one and in pairs on a real graph: what happened is said, it ends with its cause, nothing is
left.
"""

import itertools
import subprocess
import sys
import threading

import pytest
import rclpy
from fake_pipeline import FakePipeline
from faults import CAMERA, ENGINE, FAULTS, TF, FaultyGraph, as_table
from graph import MUG
from map_tf import map_tf
from places import CHECKOUT
from rclpy.action import ActionClient

from n3d_ros.action import Ground as GroundAction
from n3d_ros.errors import ResultCode
from n3d_ros.node.plain.engine import worker
from n3d_ros.node.plain.inputs import arrivals
from n3d_ros.srv import Ground

PAIRS = [
    *itertools.product(CAMERA, ENGINE + TF),
    *itertools.product(ENGINE, TF),
    *(pair for pair in itertools.combinations(CAMERA, 2) if not all("clock" in one.name for one in pair)),
]


@pytest.fixture
def faulty(make_graph, monkeypatch):
    """What takes seconds on a robot takes tenths here; afterwards nobody waits and nothing runs."""
    monkeypatch.setattr(arrivals, "LATE_S", 0.4)
    monkeypatch.setattr(arrivals, "FIRST_LATE_S", 0.4)
    monkeypatch.setattr(worker, "STOP_GRACE_S", 0.1)
    made = FaultyGraph(make_graph, map_tf(monkeypatch))
    yield made
    made.begin()
    desk, tickets = made.graph.node.desk, made.graph.node.tickets
    made.graph.wait(lambda: not tickets.open and not desk.worker.is_running, "the desk to be empty")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_said_and_ends_with_its_cause(faulty, fault):
    faulty.begin(fault)
    faulty.until_said(fault)
    faulty.end()


@pytest.mark.parametrize("first", CAMERA + ENGINE, ids=lambda fault: fault.name)
def test_of_two_faults_one_is_said_then_the_other_when_the_first_has_ended(faulty, first):
    for one, other in PAIRS:
        if one is first:
            faulty.begin(one, other)
            faulty.until_said(one, other)
            faulty.begin(other)
            faulty.until_said(other)
            faulty.end()


CAMERA_PROCESS = """
import sys, time
import numpy as np
import rclpy
from sensor_msgs.msg import CameraInfo, Image

rclpy.init(domain_id=int(sys.argv[1]))
node = rclpy.create_node("camera")
info, depth, rgb = CameraInfo(), Image(encoding="16UC1", step=128), Image(encoding="rgb8", step=192)
depth.data, rgb.data = np.full(64 * 48, 1000, np.uint16).tobytes(), bytes(64 * 48 * 3)
info.k = [60.0, 0.0, 31.5, 0.0, 60.0, 23.5, 0.0, 0.0, 1.0]
topics = {"rgb/camera_info": info, "depth/image": depth, "rgb/image": rgb}
publishers = {topic: node.create_publisher(type(one), topic, 5) for topic, one in topics.items()}
while True:
    stamp = node.get_clock().now().to_msg()
    for topic, message in topics.items():
        message.width, message.height = 64, 48
        message.header.stamp, message.header.frame_id = stamp, "camera_color_optical_frame"
        publishers[topic].publish(message)
    time.sleep(0.03)
"""


@pytest.fixture
def start_camera():
    """A camera driver's process in the graph of this one."""
    processes = []

    def start(domain):
        command = [sys.executable, "-c", CAMERA_PROCESS, str(domain)]
        processes.append(subprocess.Popen(command, cwd=CHECKOUT))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_a_driver_that_is_killed_is_missed_and_its_successor_is_served(make_graph, monkeypatch, start_camera):
    monkeypatch.setattr(arrivals, "LATE_S", 0.4)
    graph = make_graph(FakePipeline([MUG]), frame_timeout_s=0.3, max_frame_age_s=0.5)
    domain = graph.context.get_domain_id()

    def until(code, said=""):
        def answered():
            answer = graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))
            return answer.code == code and said in answer.message

        graph.wait(answered, f"{code.name} {said}")

    for _ in range(2):
        driver = start_camera(domain)
        until(ResultCode.OK)
        driver.kill()
        until(ResultCode.NO_FRAME, "nothing on /rgb/image")


def test_a_client_that_goes_away_with_open_requests_leaves_nothing(make_graph):
    gate = threading.Semaphore(0)
    graph = make_graph(FakePipeline([MUG], gate), max_frame_age_s=0.0, goal_timeout_s=0.3)
    graph.one_frame()
    gone = rclpy.create_node("gone", context=graph.context)
    actions = ActionClient(gone, GroundAction, "n3d/ground")
    services = gone.create_client(Ground, "n3d/ground")
    graph.wait(lambda: actions.server_is_ready() and services.service_is_ready(), "servers")
    actions.send_goal_async(GroundAction.Goal(prompt="red mug"))
    services.call_async(Ground.Request(prompt="red mug"))
    graph.wait(lambda: len(graph.node.tickets.open) == 2, "both requests")
    actions.destroy()
    gone.destroy_node()
    graph.wait(lambda: not graph.node.tickets.open, "their end")
    gate.release(100)
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.OK


def test_another_lens_is_used_from_its_first_info_on(make_graph):
    seen = []

    class Seeing(FakePipeline):
        def ground(self, observation, words, **options):
            seen.append(observation.intrinsics.fx)
            return super().ground(observation, words, **options)

    graph = make_graph(Seeing([MUG]), max_frame_age_s=0.0)
    graph.connect_camera()
    for fx in (60.0, 75.0, 60.0):
        stamp = graph.publish(graph.messages(fx=fx))
        graph.wait(lambda stamp=stamp: graph.newest_ns() == stamp, "the frame")
        assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.OK
    assert seen == [60.0, 75.0, 60.0]


def test_the_page_has_the_table_of_faults():
    assert as_table() in (CHECKOUT / "docs" / "reliability.md").read_text()
