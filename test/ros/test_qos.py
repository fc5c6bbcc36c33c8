"""Subscriptions find their publishers, and say which they cannot hear."""

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fake_pipeline import FakePipeline
from graph import MUG
from graph_views import LATCHED, LOG, wait_for_level
from rcl_interfaces.msg import Log
from rclpy.qos import qos_profile_sensor_data as SENSOR_DATA
from sensor_msgs.msg import CameraInfo, Image

from n3d_ros.node.plain.inputs.qos import Quality


def qualities(graph):
    return {one.name: one.quality for one in graph.node.camera.topics.inputs}


def auto(make_graph, **parameters):
    return make_graph(FakePipeline([MUG]), qos__rgb="auto", qos__depth="auto", qos__info="auto", **parameters)


def test_auto_becomes_reliable_when_every_publisher_is_and_follows_when_one_is_not(make_graph):
    graph = auto(make_graph)
    graph.wait(lambda: set(qualities(graph).values()) == {Quality(reliable=True)}, "reliable subscriptions")
    graph.publish_until(lambda: graph.node.camera.frames.frame, "a frame")
    careless = graph.client.create_publisher(Image, "rgb/image", SENSOR_DATA)
    graph.wait(lambda: qualities(graph)["rgb"] == Quality(), "the weaker QoS that all can serve")
    picture, _, _ = graph.messages(stamp_ns=12345)
    graph.wait(
        lambda: careless.publish(picture) or graph.node.camera.topics.inputs[0].last_stamp_ns == 12345,
        "a picture of the careless publisher",
    )
    graph.client.destroy_publisher(careless)
    graph.wait(lambda: qualities(graph)["rgb"] == Quality(reliable=True), "reliable again")


def test_a_camera_info_that_was_sent_once_before_is_received(make_graph):
    graph = auto(make_graph, autostart=False)
    graph.client.destroy_publisher(graph.info)
    graph.info = graph.client.create_publisher(CameraInfo, "rgb/camera_info", LATCHED)
    graph.info.publish(graph.messages()[2])
    graph.node.trigger_configure()
    graph.node.trigger_activate()
    graph.wait(lambda: graph.num_received("camera_info"), "the latched camera info")
    graph.publish_until(lambda: graph.node.camera.frames.frame, "a frame", topics=("depth", "rgb"))


def test_a_publisher_that_cannot_be_heard_is_one_line_until_it_goes(make_graph):
    graph = make_graph(FakePipeline([MUG]), diagnostics__period_s=0.1)
    diagnostics = graph.collect(DiagnosticArray, "/diagnostics")
    log = graph.collect(Log, "/rosout", LOG)
    graph.one_frame()
    careless = graph.client.create_publisher(Image, "rgb/image", SENSOR_DATA)
    one = wait_for_level(graph, diagnostics, "rgb", DiagnosticStatus.ERROR)
    assert one.message.startswith(
        "/rgb/image: 1 of 2 publishers offer best effort, and qos.rgb asks for reliable"
    )
    graph.wait(lambda: any(line.msg == one.message for line in log), "a line in the log")
    graph.client.destroy_publisher(careless)
    graph.publish_until(
        lambda: any("/rgb/image: all right again" in line.msg for line in log), "the end of it"
    )
    assert sum(line.msg == one.message for line in log) == 1


@pytest.mark.parametrize("asked", ["reliable", "sensor_data"])
def test_what_was_sent_once_and_is_not_asked_for_is_said_with_the_parameter(make_graph, asked):
    graph = make_graph(FakePipeline([MUG]), qos__info=asked, diagnostics__period_s=0.1, autostart=False)
    graph.client.destroy_publisher(graph.info)
    graph.client.create_publisher(CameraInfo, "rgb/camera_info", LATCHED).publish(graph.messages()[2])
    graph.node.trigger_configure()
    graph.node.trigger_activate()
    diagnostics = graph.collect(DiagnosticArray, "/diagnostics")

    def said():
        lines = [one for message in diagnostics for one in message.status]
        return any("set qos.info to auto" in one.message for one in lines if "camera_info" in one.name)

    graph.wait(said, "a line that names the parameter")
