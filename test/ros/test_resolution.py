"""A camera that changes its resolution or its K while it runs: no picture is measured with another K."""

from functools import partial

import numpy as np
import pytest
from fake_pipeline import FakePipeline
from graph import MUG
from sensor_msgs.msg import CompressedImage

from n3d_ros.errors import ResultCode
from n3d_ros.node.conversions import fill_image
from n3d_ros.node.conversions.images import fill_jpeg
from n3d_ros.srv import Ground


def frame(graph, width, height, fx=60.0, info_px=None):
    """Messages of one stamp; info_px: the size that camera info names, None: the picture's."""
    rgb, depth, info = graph.messages(fx=fx)
    fill_image(rgb, np.full((height, width, 3), 90, np.uint8), "rgb8")
    fill_image(depth, np.full((height, width), 1000, np.uint16), "16UC1")
    info.width, info.height = info_px or (width, height)
    info.k[2], info.k[5] = (info.width - 1) / 2, (info.height - 1) / 2
    return rgb, depth, info


@pytest.fixture
def seen(make_graph):
    """Start a node and show it frames: code, message and fx of the result about each."""
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0)
    graph.connect_camera()

    def show(messages, topics=("info", "depth", "rgb")):
        stamp = graph.publish(messages, topics)
        graph.wait(lambda: graph.newest_ns() == stamp, "frame")
        result = graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))
        return result.code, result.message, result.boxes.intrinsics.fx

    return graph, show


PICTURE = ("depth", "rgb")


def test_the_first_picture_of_another_size_waits_for_its_own_camera_info(seen):
    graph, show = seen
    assert show(frame(graph, 64, 48)) == (ResultCode.OK, "", 60.0)
    code, message, _ = show(frame(graph, 128, 96), PICTURE)
    assert (code, "got one of an earlier picture of another size" in message) == (ResultCode.BAD_INPUT, True)
    # twice the pixels of twice the view
    assert show(frame(graph, 128, 96)) == (ResultCode.OK, "", 60.0)
    assert show(frame(graph, 128, 96), PICTURE)[0] == ResultCode.OK, "camera info that is a little late"


def test_a_compressed_picture_of_another_size_waits_for_its_own_camera_info_too(make_graph):
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0, rgb__transport="compressed")
    graph.rgb = graph.client.create_publisher(CompressedImage, "rgb/image/compressed", 5)
    graph.connect_camera()
    codes = []
    for size, topics in (
        ((64, 48), ("info", *PICTURE)),
        ((128, 96), PICTURE),
        ((128, 96), ("info", *PICTURE)),
    ):
        rgb, depth, info = frame(graph, *size)
        jpeg = fill_jpeg(CompressedImage(header=rgb.header), np.full((size[1], size[0], 3), 90, np.uint8))
        stamp = graph.publish((jpeg, depth, info), topics)
        graph.wait(lambda expected=stamp: graph.newest_ns() == expected, "frame")
        codes.append(graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code)
    assert codes == [ResultCode.OK, ResultCode.BAD_INPUT, ResultCode.OK]


def test_another_mode_is_served_although_its_camera_info_is_always_late(seen):
    graph, show = seen
    show(frame(graph, 64, 48))
    late = frame(graph, 128, 96, fx=70.0)
    graph.publish(late, ("info",))
    graph.wait(lambda: graph.num_received("camera_info") == 2, "camera info")
    assert show(frame(graph, 128, 96), PICTURE) == (ResultCode.OK, "", 70.0)


def test_resized_pictures_of_one_camera_info_are_served(seen):
    graph, show = seen
    whole = (128, 96)
    assert show(frame(graph, 64, 48, fx=120.0, info_px=whole)) == (ResultCode.OK, "", 60.0)
    assert show(frame(graph, 32, 24, fx=120.0, info_px=whole)) == (ResultCode.OK, "", 30.0)


def test_where_camera_info_came_once_every_size_is_scaled(seen):
    graph, show = seen
    graph.publish(frame(graph, 64, 48), ("info",))
    graph.wait(lambda: graph.num_received("camera_info"), "camera info")
    assert show(frame(graph, 64, 48), PICTURE) == (ResultCode.OK, "", 60.0)
    assert show(frame(graph, 128, 96), PICTURE) == (ResultCode.OK, "", 120.0)


# Messages of two pictures, the number in their names, and which is the newest complete one at the end.
ORDERS = {
    "camera info of the next picture before depth of this one": ("info1", "rgb1", "info2", "depth1"),
    "camera info after its picture": ("info1", "rgb1", "depth1", "rgb2", "depth2", "info2"),
}
INPUT = {"info": "camera_info", "rgb": "rgb", "depth": "depth"}


@pytest.mark.parametrize(("order", "newest"), zip(ORDERS.values(), "12", strict=True), ids=ORDERS)
def test_a_picture_is_measured_with_its_own_k_where_only_k_changes(seen, order, newest):
    graph, show = seen
    for _ in range(3):
        show(frame(graph, 64, 48, fx=60.0))
    pictures = {"1": frame(graph, 64, 48, fx=60.0), "2": frame(graph, 64, 48, fx=120.0)}
    stamps = {}
    for topic, number in [(part[:-1], part[-1]) for part in order]:
        heard = graph.num_received(INPUT[topic]) + 1
        stamps[number] = graph.publish(pictures[number], (topic,))
        graph.wait(partial(is_heard, graph, INPUT[topic], heard), topic)
    graph.wait(lambda: graph.newest_ns() == stamps[newest], "frame")
    result = graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))
    assert result.boxes.intrinsics.fx == {"1": 60.0, "2": 120.0}[newest]


def is_heard(graph, name, count):
    return graph.num_received(name) >= count
