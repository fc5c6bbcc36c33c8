"""Depth in another frame than colour is registered here or refused by name, never taken as it is."""

from functools import partial

import numpy as np
import pytest
import stand_in_tf
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fake_pipeline import FakePipeline
from graph import FRAME, HEIGHT, MUG, WIDTH
from graph_views import status_of, wait_for_level
from sensor_msgs.msg import CameraInfo

from n3d_ros.action import Ground as Action
from n3d_ros.errors import ResultCode
from n3d_ros.node.conversions import fill_image, stamp_ns
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
    send_until(graph, lambda: graph.newest_ns() and (info is None or topics.depth_info(0)), "a frame", info)
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


def stamped(message, stamp):
    message.header.stamp = stamp
    return message


@pytest.fixture
def camera(make_graph, world):
    """A graph that has heard the depth camera, and what shows it messages: pairs of topic and message."""
    graph = make_graph(Seeing([MUG]), max_frame_age_s=0.0)
    infos = graph.client.create_publisher(CameraInfo, "depth/camera_info", 5)
    ask(graph, depth_info())
    graph.wait(infos.get_subscription_count, "subscription of depth/camera_info")
    publishers = {"info": graph.info, "rgb": graph.rgb, "depth": graph.depth, "depth_info": infos}
    names = {"info": "camera_info"}

    def show(messages):
        for name, message in messages:
            count = graph.num_received(names.get(name, name)) + 1
            publishers[name].publish(message)
            graph.wait(partial(has_heard, graph, names.get(name, name), count), name)

    return graph, show


def has_heard(graph, name, count):
    return graph.num_received(name) >= count


def ground(graph):
    return graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))


def test_depth_is_registered_with_the_camera_info_of_its_own_stamp(camera):
    """With fx = 60 colour sees depth 6 pixels farther left; that of the next picture is another."""
    graph, show = camera
    rgb, depth, info = unaligned(graph)
    own, following = (
        stamped(depth_info(), depth.header.stamp),
        stamped(depth_info(), graph.node.get_clock().now().to_msg()),
    )
    following.k[0] = following.k[4] = 120.0
    show([("info", info), ("depth", depth), ("depth_info", own), ("depth_info", following), ("rgb", rgb)])
    assert ground(graph).code == ResultCode.OK
    expected = np.full((HEIGHT, WIDTH), 1.0, np.float32)
    expected[:, -6:] = np.nan
    np.testing.assert_array_equal(graph.pipeline.depth, expected)


def test_the_first_depth_of_another_size_waits_for_its_own_camera_info(camera):
    graph, show = camera
    rgb, depth, info = unaligned(graph)
    show(
        [
            ("info", info),
            ("depth_info", stamped(depth_info(), depth.header.stamp)),
            ("depth", depth),
            ("rgb", rgb),
        ]
    )
    assert ground(graph).code == ResultCode.OK
    rgb, depth, info = unaligned(graph)
    fill_image(depth, np.full((2 * HEIGHT, 2 * WIDTH), 1000, np.uint16), "16UC1")
    show([("info", info), ("depth", depth), ("rgb", rgb)])
    response = ground(graph)
    assert (response.code, "got one of an earlier picture of another size" in response.message) == (
        ResultCode.BAD_INPUT,
        True,
    )
    rgb, depth, info = unaligned(graph)
    fill_image(depth, np.full((2 * HEIGHT, 2 * WIDTH), 1000, np.uint16), "16UC1")
    # twice the pixels of twice the view
    own = CameraInfo(width=2 * WIDTH, height=2 * HEIGHT, k=[60.0, 0.0, 63.5, 0.0, 60.0, 47.5, 0.0, 0.0, 1.0])
    show([("info", info), ("depth_info", stamped(own, depth.header.stamp)), ("depth", depth), ("rgb", rgb)])
    assert ground(graph).code == ResultCode.OK
    assert np.isfinite(graph.pipeline.depth).all(), "the wider view has all that colour sees"


def test_it_is_refused_where_tf_does_not_know_the_cameras(make_graph, world):
    world.poses.clear()
    response = ask(make_graph(Seeing([MUG])), depth_info())
    assert response.code == ResultCode.BAD_INPUT
    for named in (FRAME, DEPTH_FRAME, "does not exist", "align_depth.enable"):
        assert named in response.message


def test_tf_that_is_late_is_waited_for(camera, world):
    """As `output_frame` waits: tf is sent more seldom than pictures, and after them."""
    graph, show = camera
    assert graph.node.live.set("tf_timeout_s", 10.0).successful
    rgb, depth, info = unaligned(graph)
    own = stamped(depth_info(), depth.header.stamp)
    stamp = stamp_ns(rgb.header.stamp)
    world.last_ns = stamp - 1
    show([("info", info), ("depth_info", own), ("depth", depth), ("rgb", rgb)])
    handle = graph.goal(Action, "n3d/ground", Action.Goal(prompt="red mug"))
    graph.wait(lambda: world.asked.count((FRAME, DEPTH_FRAME, stamp)) > 1, "the node to ask tf again")
    lines = graph.collect(DiagnosticArray, "/diagnostics")
    line = graph.wait(lambda: status_of(lines, "alignment"), "the line")
    assert (line.level, line.message) == (DiagnosticStatus.OK, "tf of the newest picture is still to come")
    world.last_ns = stamp
    assert graph.result(handle).result.code == ResultCode.OK


def test_tf_that_stays_away_is_named(camera, world):
    graph, show = camera
    rgb, depth, info = unaligned(graph)
    own = stamped(depth_info(), depth.header.stamp)
    world.last_ns = stamp_ns(rgb.header.stamp) - 1
    show([("info", info), ("depth_info", own), ("depth", depth), ("rgb", rgb)])
    response = ground(graph)
    assert (response.code, "extrapolation" in response.message) == (ResultCode.BAD_INPUT, True)


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
