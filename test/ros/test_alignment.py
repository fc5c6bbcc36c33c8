"""Depth in another frame than colour is registered here or refused by name, never taken as it is."""

import numpy as np
import pytest
import stand_in_tf
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fake_pipeline import FakePipeline
from graph import FRAME, HEIGHT, MUG, WIDTH
from graph_views import status_of, wait_for_level
from sensor_msgs.msg import CameraInfo

from n3d_ros.errors import ResultCode
from n3d_ros.srv import Ground, GroundImage

DEPTH_FRAME = "camera_depth_optical_frame"


@pytest.fixture
def world(monkeypatch):
    """Depth sits 10 cm left of colour: at 1 m and fx = 60 colour sees everything 6 pixels farther left."""
    made = stand_in_tf.install(monkeypatch)
    made.poses[FRAME, DEPTH_FRAME] = stand_in_tf.Still(x=-0.1)
    return made


class Seeing(FakePipeline):
    """Keeps the depth that it was given."""

    def ground(self, observation, words, **options):
        self.depth = observation.depth
        return super().ground(observation, words, **options)


def unaligned(graph):
    rgb, depth, info = graph.messages()
    depth.header.frame_id = DEPTH_FRAME
    return rgb, depth, info


def send_until(graph, condition, what, info=None):
    """Unaligned frames, with the depth camera's info where given."""
    publisher = graph.client.create_publisher(CameraInfo, "depth/camera_info", 5)

    def step():
        if info is not None:
            publisher.publish(info)
        graph.publish(unaligned(graph))
        return condition()

    return graph.wait(step, what)


def ask(graph, info=None):
    """Ground about a frame that has what was published."""
    graph.connect_camera()
    topics = graph.node.camera.topics
    send_until(graph, lambda: graph.newest_ns() and (info is None or topics.depth_info), "a frame", info)
    stamp = graph.publish(unaligned(graph))
    graph.wait(lambda: graph.newest_ns() == stamp, "the frame")
    return graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))


def depth_info():
    return CameraInfo(width=WIDTH, height=HEIGHT, k=[60.0, 0.0, 31.5, 0.0, 60.0, 23.5, 0.0, 0.0, 1.0])


def test_depth_of_another_camera_is_registered_by_tf(make_graph, world):
    graph = make_graph(Seeing([MUG]), diagnostics__period_s=0.1)
    lines = graph.collect(DiagnosticArray, "/diagnostics")
    response = ask(graph, depth_info())
    assert (response.code, response.message) == (ResultCode.OK, "")
    expected = np.full((HEIGHT, WIDTH), 1.0, np.float32)
    expected[:, -6:] = np.nan
    np.testing.assert_array_equal(graph.pipeline.depth, expected)
    stamp = response.boxes.header.stamp
    assert (FRAME, DEPTH_FRAME, stamp.sec * 10**9 + stamp.nanosec) in world.asked

    def said():
        one = status_of(lines, "alignment")
        return one if one is not None and "registered to colour by this node" in one.message else None

    assert graph.wait(said, "the line").level == DiagnosticStatus.OK


def test_it_is_refused_where_tf_does_not_know_the_cameras(make_graph, world):
    world.poses.clear()
    response = ask(make_graph(Seeing([MUG])), depth_info())
    assert response.code == ResultCode.BAD_INPUT
    for named in (FRAME, DEPTH_FRAME, "does not exist", "align_depth.enable"):
        assert named in response.message


def test_it_is_refused_without_the_depth_cameras_info(make_graph, world):
    graph = make_graph(Seeing([MUG]), diagnostics__period_s=0.1)
    lines = graph.collect(DiagnosticArray, "/diagnostics")
    response = ask(graph)
    assert response.code == ResultCode.BAD_INPUT
    assert "nothing came on /depth/camera_info" in response.message
    assert "/depth/camera_info" in wait_for_level(graph, lines, "alignment", DiagnosticStatus.ERROR).message


def test_it_is_refused_without_tf(make_graph, monkeypatch):
    monkeypatch.setattr("n3d_ros.node.optional_packages.has_tf", lambda: False)
    response = ask(make_graph(Seeing([MUG])), depth_info())
    assert response.code == ResultCode.BAD_INPUT
    assert "tf2_ros does not import" in response.message


def test_it_is_refused_where_the_operator_says_so(make_graph, world):
    response = ask(make_graph(Seeing([MUG]), depth__align="error"), depth_info())
    assert (response.code, "expected it registered" in response.message) == (ResultCode.BAD_INPUT, True)


def test_it_is_taken_as_it_is_where_the_operator_says_so(make_graph, world):
    graph = make_graph(Seeing([MUG]), depth__align="off")
    assert ask(graph).code == ResultCode.OK
    assert np.isfinite(graph.pipeline.depth).all()


def test_pictures_in_a_request_are_held_to_the_same(make_graph):
    graph = make_graph(Seeing([MUG]))
    rgb, depth, info = unaligned(graph)
    request = GroundImage.Request(rgb=rgb, depth=depth, camera_info=info, prompt="red mug")
    response = graph.call(GroundImage, "n3d/ground_image", request)
    assert response.code == ResultCode.BAD_INPUT
    assert DEPTH_FRAME in response.message


def test_aligned_depth_costs_no_further_subscription(make_graph):
    graph = make_graph(Seeing([MUG]))
    graph.one_frame()
    assert [one.name for one in graph.node.camera.topics.inputs] == ["rgb", "camera_info", "depth"]
