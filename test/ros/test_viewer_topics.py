"""Pictures and clouds for viewers: made while somebody looks, under its result's stamp, in its frame."""

import numpy as np
import pytest
import stand_in_tf
from fake_pipeline import FakePipeline
from geometry_msgs.msg import Quaternion
from graph import FRAME, MUG
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image, PointCloud2, PointField

from n3d_ros.boxes import Box3D
from n3d_ros.errors import ResultCode
from n3d_ros.msg import Box3DArray
from n3d_ros.node.conversions import fill_image, rgb_array, stamp_ns
from n3d_ros.node.outputs import publishers
from n3d_ros.srv import Ground

COMPRESSED, CLOUD = "n3d/debug/image/compressed", "n3d/object_cloud"
# Of the graph's camera, fx 60, cx 31.5, cy 23.5: a metre ahead the box holds 4 x 2 pixels from (30, 23) on.
SMALL = Box3D("red mug", (0.0, 0.0, 1.0), (0.06, 0.02, 0.1))


def ground(graph):
    return graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))


def rows(cloud):
    """A message's points as a structured array, laid out by its own fields."""
    kinds = {PointField.FLOAT32: "f4", PointField.UINT32: "u4"}
    layout = np.dtype(
        {
            "names": [one.name for one in cloud.fields],
            "formats": [kinds[one.datatype] for one in cloud.fields],
            "offsets": [one.offset for one in cloud.fields],
            "itemsize": cloud.point_step,
        }
    )
    assert len(cloud.data) == cloud.row_step * cloud.height == cloud.width * cloud.point_step
    return np.frombuffer(bytes(cloud.data), layout)


@pytest.fixture
def counted(monkeypatch):
    """How often something was made for viewers, by the function's name."""
    made = []
    for name in ("draw_boxes", "object_points"):
        real = getattr(publishers, name)
        monkeypatch.setattr(
            publishers, name, lambda *given, real=real, name=name: made.append(name) or real(*given)
        )
    return made


def test_nothing_is_made_while_nobody_looks(make_graph, counted):
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0)
    graph.one_frame()
    assert ground(graph).code == ground(graph).code == ResultCode.OK
    assert counted == []


def test_the_compressed_overlay_is_the_raw_one_as_jpeg(make_graph, counted):
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0)
    compressed = graph.collect(CompressedImage, COMPRESSED)
    stamp = graph.one_frame()
    ground(graph)
    graph.wait(lambda: compressed, "compressed overlay")
    assert counted == ["draw_boxes"]
    raw = graph.collect(Image, "n3d/debug/image")
    ground(graph)
    graph.wait(lambda: raw and len(compressed) == 2, "both")
    assert counted == ["draw_boxes"] * 2, "drawn once for both"
    jpeg = compressed[1]
    assert (stamp_ns(jpeg.header.stamp), jpeg.header.frame_id) == (stamp, FRAME)
    assert (jpeg.format, bytes(jpeg.data[:3])) == ("rgb8; jpeg compressed bgr8", b"\xff\xd8\xff")
    difference = rgb_array(jpeg).astype(int) - rgb_array(raw[0])
    assert difference.shape == (48, 64, 3) and np.abs(difference).mean() < 6
    assert np.ptp(rgb_array(jpeg)) > 100, "something is drawn"


def test_neither_overlay_comes_where_they_are_switched_off(make_graph, counted):
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0)
    pictures = graph.collect(CompressedImage, COMPRESSED)
    graph.collect(Image, "n3d/debug/image")
    graph.one_frame()
    graph.node.set_parameters([Parameter("debug_image.enabled", value=False)])
    ground(graph)
    assert counted == []
    graph.node.set_parameters([Parameter("debug_image.enabled", value=True)])
    ground(graph)
    graph.wait(lambda: pictures, "overlay")
    assert counted == ["draw_boxes"]


def test_the_cloud_has_the_points_in_the_boxes_with_colour_and_box(make_graph):
    graph = make_graph(FakePipeline([MUG, SMALL]), max_frame_age_s=0.0)
    boxes, clouds = graph.collect(Box3DArray, "n3d/boxes"), graph.collect(PointCloud2, CLOUD)
    rgb, depth, info = graph.messages()
    picture = np.full((48, 64, 3), 90, np.uint8)
    picture[23, 30] = (200, 100, 50)
    fill_image(rgb, picture, "rgb8")
    metres = np.full((48, 64), 3.0, np.float32)
    metres[20:28, 26:38] = 1.0
    metres[24, 31] = np.nan
    fill_image(depth, metres, "32FC1")
    graph.connect_camera()
    stamp = graph.publish((rgb, depth, info))
    graph.wait(lambda: graph.newest_ns() == stamp, "frame")
    ground(graph)
    graph.wait(lambda: clouds and boxes, "cloud")
    cloud = clouds[0]
    assert cloud.header == boxes[0].header
    assert (stamp_ns(cloud.header.stamp), cloud.header.frame_id) == (stamp, FRAME)
    assert [one.name for one in cloud.fields] == ["x", "y", "z", "rgb", "object"]
    assert cloud.is_dense and (cloud.height, cloud.width) == (1, 7)
    points = rows(cloud)
    pixels = [(u, v) for v in (23, 24) for u in (30, 31, 32, 33) if (u, v) != (31, 24)]
    assert points["x"].tolist() == pytest.approx([(u - 31.5) / 60 for u, _ in pixels])
    assert points["y"].tolist() == pytest.approx([(v - 23.5) / 60 for _, v in pixels])
    assert points["z"].tolist() == [1.0] * 7
    assert boxes[0].boxes[1].size.x == SMALL.size[0] and points["object"].tolist() == [1] * 7
    colours = points["rgb"].view("u4")
    assert colours[0] == 200 << 16 | 100 << 8 | 50 and set(colours[1:].tolist()) == {90 << 16 | 90 << 8 | 90}


def test_the_cloud_is_in_the_frame_of_its_result(make_graph, monkeypatch):
    world = stand_in_tf.install(monkeypatch)
    # a body 1.5 m above the ground that looks along x
    world.poses["map", FRAME] = stand_in_tf.Still(
        x=0.5, z=1.5, rotation=Quaternion(x=-0.5, y=0.5, z=-0.5, w=0.5)
    )
    graph = make_graph(FakePipeline([SMALL]), output_frame="map", max_frame_age_s=0.0)
    clouds = graph.collect(PointCloud2, CLOUD)
    stamp = graph.one_frame()
    assert ground(graph).boxes.header.frame_id == "map"
    graph.wait(lambda: clouds, "cloud")
    assert (stamp_ns(clouds[0].header.stamp), clouds[0].header.frame_id) == (stamp, "map")
    points = rows(clouds[0])
    assert points["x"].tolist() == pytest.approx([1.5] * 8)
    assert points["y"].tolist() == pytest.approx([-(u - 31.5) / 60 for u in (30, 31, 32, 33)] * 2)
    assert points["z"].tolist() == pytest.approx([1.5 + 0.5 / 60] * 4 + [1.5 - 0.5 / 60] * 4)


def test_where_nothing_was_found_the_cloud_is_empty(make_graph):
    graph = make_graph(FakePipeline([]), max_frame_age_s=0.0)
    clouds = graph.collect(PointCloud2, CLOUD)
    stamp = graph.one_frame()
    assert ground(graph).code == ResultCode.OK
    graph.wait(lambda: clouds, "cloud")
    assert (stamp_ns(clouds[0].header.stamp), clouds[0].width, len(clouds[0].data)) == (stamp, 0, 0)
