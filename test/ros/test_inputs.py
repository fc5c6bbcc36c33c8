"""Compressed pictures, depth codes and whole frames in one message, each by its own topic."""

import struct
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from fake_pipeline import FakePipeline
from graph import FRAME, HEIGHT, MUG, WIDTH
from image_messages import encode_rvl
from sensor_msgs.msg import CompressedImage

from n3d_ros.errors import ResultCode
from n3d_ros.msg import Box3DArray
from n3d_ros.node import optional_packages
from n3d_ros.node.conversions import depth_array

MILLIMETRES = np.arange(1000, 1000 + WIDTH * HEIGHT, dtype=np.uint16).reshape(HEIGHT, WIDTH)


def png(pixels):
    return cv2.imencode(".png", pixels)[1].tobytes()


def in_millimetres_by_png():
    return "16UC1; compressedDepth png", bytes(12) + png(MILLIMETRES)


def in_millimetres_by_rvl():
    rows = struct.pack("<ii", WIDTH, HEIGHT) + encode_rvl(MILLIMETRES.ravel().tolist())
    return "16UC1; compressedDepth rvl", bytes(12) + rows


def in_metres_quantised():
    return "32FC1; compressedDepth png", struct.pack("<iff", 1, 4000.0, 10.0) + png(MILLIMETRES)


class Seeing(FakePipeline):
    """Keeps what it was given."""

    def ground(self, observation, words, **options):
        self.seen = observation
        return super().ground(observation, words, **options)


@pytest.mark.parametrize("depth", [in_millimetres_by_png, in_millimetres_by_rvl, in_metres_quantised])
def test_compressed_pictures_are_served_as_raw_ones(make_graph, depth):
    graph = make_graph(
        Seeing([MUG]),
        continuous__prompt="red mug",
        rgb__transport="compressed",
        depth__transport="compressed",
    )
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    graph.rgb = graph.client.create_publisher(CompressedImage, "rgb/image/compressed", 5)
    graph.depth = graph.client.create_publisher(CompressedImage, "depth/image/compressedDepth", 5)
    graph.connect_camera()
    raw, _, info = graph.messages()
    picture = np.full((HEIGHT, WIDTH, 3), (200, 30, 90), np.uint8)
    name, data = depth()
    rgb = CompressedImage(header=raw.header, format="rgb8; png compressed bgr8", data=png(picture[..., ::-1]))
    graph.publish((rgb, CompressedImage(header=raw.header, format=name, data=data), info))
    (result,) = graph.wait(lambda: boxes, "boxes")
    assert (result.code, result.header) == (ResultCode.OK, raw.header)
    np.testing.assert_array_equal(graph.pipeline.seen.rgb, picture)
    expected = depth_array(SimpleNamespace(format=name, data=data))
    np.testing.assert_array_equal(graph.pipeline.seen.depth, expected)


def test_a_compressed_topic_follows_the_remapping_of_the_raw_one(make_graph):
    graph = make_graph(FakePipeline([MUG]), remap="rgb/image:=/eye/color", rgb__transport="compressed")
    assert graph.node.camera.topics.rgb_topic() == "/eye/color/compressed"
    publisher = graph.client.create_publisher(CompressedImage, "/eye/color/compressed", 5)
    graph.wait(publisher.get_subscription_count, "the subscription")


@pytest.mark.skipif(not optional_packages.has_rgbd(), reason="needs realsense2_camera_msgs")
def test_a_frame_in_one_message_needs_no_pairing(make_graph):
    graph = make_graph(Seeing([MUG]), continuous__prompt="red mug", rgbd__enabled=True, qos__rgb="reliable")
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    kind = optional_packages.rgbd_type()
    publisher = graph.client.create_publisher(kind, "rgbd", 5)
    graph.wait(publisher.get_subscription_count, "subscription of rgbd")
    rgb, depth, info = graph.messages()
    depth.header.stamp.nanosec = (depth.header.stamp.nanosec + 30_000_000) % 10**9
    message = kind(rgb=rgb, depth=depth, rgb_camera_info=info, depth_camera_info=info)
    message.header.frame_id = "camera_rgbd_optical_frame"
    publisher.publish(message)
    (result,) = graph.wait(lambda: boxes, "boxes")
    assert (result.code, result.header.frame_id) == (ResultCode.OK, FRAME)
    assert result.header.stamp == rgb.header.stamp
    publisher.publish(message)
    rgb, depth, info = graph.messages()
    publisher.publish(kind(rgb=rgb, depth=depth, rgb_camera_info=info, depth_camera_info=info))
    graph.wait(lambda: len(boxes) == 2, "boxes of the second frame")
    assert boxes[1].header.stamp == rgb.header.stamp, "the same frame is given once"


def test_a_frame_in_one_message_is_refused_without_its_type(make_graph, monkeypatch):
    monkeypatch.setattr(optional_packages, "has_rgbd", lambda: False)
    with pytest.raises(ValueError, match=r"rgbd\.enabled: realsense2_camera_msgs does not import"):
        make_graph(FakePipeline([]), rgbd__enabled=True)
