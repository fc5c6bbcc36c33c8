"""n3d doctor beside a real node: a healthy graph, and what is wrong with others."""

import itertools
import json
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
import stand_in_tf
from fake_pipeline import FakePipeline
from graph import FRAME, HEIGHT, MUG, WIDTH
from rclpy.client import Client
from rclpy.qos import qos_profile_sensor_data
from rclpy.task import Future
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from n3d_ros import cli
from n3d_ros.commands.doctor.look import graph as look
from n3d_ros.commands.doctor.look import listening
from n3d_ros.node.conversions import fill_image


@pytest.fixture
def doctor(monkeypatch, capsys):
    """Runs n3d doctor in a thread while the graph goes on: exit code, and findings by name."""
    monkeypatch.setattr(look, "FIND_S", 20.0)
    monkeypatch.setattr(look, "ANSWER_S", 20.0)
    monkeypatch.setattr(look, "DIAGNOSTICS_S", 20.0)

    def run(graph, step, *options):
        monkeypatch.setenv("ROS_DOMAIN_ID", str(graph.context.get_domain_id()))
        codes = []
        arguments = ["doctor", "--json", "--seconds", "1", *options]
        thread = threading.Thread(target=lambda: codes.append(cli.main(arguments)))
        thread.start()
        try:
            graph.wait(lambda: step() or not thread.is_alive(), "end of doctor")
        finally:
            thread.join()
        told = json.loads(capsys.readouterr().out)
        return codes[0], {one["name"]: one for one in told["findings"]}

    return run


@pytest.fixture
def make(make_graph):
    """A node that says often how it is."""
    return lambda **more: make_graph(FakePipeline([MUG]), diagnostics__period_s=0.1, **more)


def sending(graph, messages=None, topics=("info", "depth", "rgb")):
    """A step that publishes 20 frames a second."""
    last_s = [0.0]

    def step():
        if graph.now_s() - last_s[0] > 0.05:
            last_s[0] = graph.now_s()
            graph.publish(None if messages is None else messages(), topics=topics)

    return step


def wrong(findings):
    """Names of what is wrong, this machine aside."""
    return sorted(
        name for name, one in findings.items() if one["level"] == "ERROR" and one["area"] != "machine"
    )


def test_a_healthy_graph_is_right(make, doctor):
    graph = make()
    graph.wait_for_engine()
    code, found = doctor(graph, sending(graph))
    assert wrong(found) == []
    assert code == 0
    assert found["rgb"]["what"].startswith("/rgb/image: ")
    assert found["camera info"]["what"] == "K, fx 60.0 px, 56 degrees wide"
    assert found["depth"]["what"] == f"16UC1 {WIDTH}x{HEIGHT}, 100% measured, median 1.00 m"
    assert found["engine"]["what"].startswith("ready: ")


def test_the_time_that_looking_at_a_frame_takes_is_not_the_cameras_silence(make, doctor, monkeypatch):
    passed_s, look_at_frame = [0.0], listening.Listening.frame

    def slowly(self, wait_for_tf):
        passed_s[0] = 10.0
        return look_at_frame(self, wait_for_tf)

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed_s[0])
    monkeypatch.setattr(listening, "time", clock)
    monkeypatch.setattr(listening.Listening, "frame", slowly)
    graph = make()
    graph.wait_for_engine()
    code, found = doctor(graph, sending(graph))
    assert (code, wrong(found)) == (0, [])
    assert float(found["rgb"]["what"].removeprefix("/rgb/image: ").partition(" Hz")[0]) > 1


def test_a_wrong_name_is_led_to_the_right_one(make, doctor):
    graph = make()
    graph.client.destroy_publisher(graph.depth)
    graph.depth = graph.client.create_publisher(Image, "/camera/depth/image_raw", 5)
    code, found = doctor(graph, sending(graph))
    assert (code, wrong(found)) == (1, ["depth"])
    assert found["depth"]["what"] == "nobody publishes /depth/image"
    assert found["depth"]["mend"].endswith("depth_topic:=/camera/depth/image_raw")


def test_a_compressed_form_that_the_node_cannot_read_is_not_offered(make, doctor):
    graph = make(depth__transport="compressed")
    topics = ("/depth/image/compressed", "/cam/depth_rect/compressedDepth")
    publishers = [graph.client.create_publisher(CompressedImage, topic, 5) for topic in topics]
    code, found = doctor(graph, sending(graph, topics=("info", "rgb")))
    assert (code, wrong(found), len(publishers)) == (1, ["depth"], 2)
    assert found["depth"]["mend"].endswith(" depth_topic:=/cam/depth_rect")


def test_a_camera_of_other_names_that_is_only_compressed_is_offered(make, doctor):
    graph = make()
    topics = {"/oak/rgb/image_rect/compressed": CompressedImage, "/oak/stereo/image_raw": Image}
    publishers = [graph.client.create_publisher(kind, topic, 5) for topic, kind in topics.items()]
    for one in (graph.rgb, graph.depth):
        graph.client.destroy_publisher(one)
    code, found = doctor(graph, sending(graph, topics=("info",)))
    assert (code, wrong(found), len(publishers)) == (1, ["depth", "rgb"], 2)
    assert found["rgb"]["mend"].endswith(
        "rgb_topic:=/oak/rgb/image_rect info_topic:=/rgb/camera_info depth_topic:=/oak/stereo/image_raw "
        "rgb_transport:=compressed"
    )


def test_a_node_that_tells_seldom_how_it_is_is_waited_for(make_graph, doctor, monkeypatch):
    monkeypatch.setattr(look, "DIAGNOSTICS_S", 4.0)
    graph = make_graph(FakePipeline([MUG]), diagnostics__period_s=6.0)
    code, found = doctor(graph, sending(graph, topics=("info", "rgb")))
    assert (code, wrong(found)) == (1, ["depth"])


def test_incompatible_quality_is_wrong_and_what_comes_is_still_read(make, doctor):
    graph = make()
    graph.client.destroy_publisher(graph.rgb)
    graph.rgb = graph.client.create_publisher(Image, "rgb/image", qos_profile_sensor_data)
    code, found = doctor(graph, sending(graph))
    assert (code, wrong(found)) == (1, ["rgb"])
    assert "1 of 1 publishers offer best effort, and qos.rgb asks for reliable" in found["rgb"]["what"]
    assert found["rgb"]["mend"].endswith(" depth_topic:=/depth/image qos:=auto")
    assert found["colour"]["what"] == f"rgb8 {WIDTH}x{HEIGHT} in '{FRAME}'"


def test_two_cameras_on_the_same_topics_are_wrong_and_named(make, doctor):
    graph = make()
    graph.wait_for_engine()
    other = rclpy.create_node("other", context=graph.context)
    publishers = [
        (other.create_publisher(kind, topic, 5), at)
        for at, (kind, topic) in enumerate(
            [(Image, "rgb/image"), (Image, "depth/image"), (CameraInfo, "rgb/camera_info")]
        )
    ]
    first = sending(graph)
    last_s = [0.0]

    def step():
        first()
        if graph.now_s() - last_s[0] > 0.05:
            last_s[0] = graph.now_s()
            messages = graph.messages(fx=90.0)
            for publisher, at in publishers:
                publisher.publish(messages[at])

    try:
        code, found = doctor(graph, step)
    finally:
        other.destroy_node()
    assert (code, wrong(found)) == (1, ["publishers"])
    assert found["publishers"]["what"].endswith("/client, /other")
    assert "to and fro on /rgb/camera_info: " in found["publishers"]["why"]
    assert "alignment" not in found


def unaligned(graph):
    """Depth of another camera."""
    rgb, depth, info = graph.messages()
    depth.header.frame_id = "depth_optical"
    return rgb, depth, info


def test_depth_that_nobody_can_register_is_wrong(make, doctor):
    graph = make()
    code, found = doctor(graph, sending(graph, lambda: unaligned(graph)))
    assert (code, wrong(found)) == (1, ["alignment"])
    assert "depth is in 'depth_optical'" in found["alignment"]["what"]


def test_depth_of_other_proportions_is_wrong(make, doctor):
    graph = make()

    def messages():
        rgb, depth, info = graph.messages()
        fill_image(depth, np.full((HEIGHT, WIDTH // 2), 1000, np.uint16), "16UC1")
        return rgb, depth, info

    code, found = doctor(graph, sending(graph, messages))
    assert (code, wrong(found)) == (1, ["together"])
    assert f"{WIDTH // 2}x{HEIGHT}" in found["together"]["what"]


def test_depth_that_the_node_registers_is_right(make, doctor, monkeypatch):
    world = stand_in_tf.install(monkeypatch)
    world.poses[FRAME, "depth_optical"] = stand_in_tf.Still(x=-0.1)
    graph = make()
    publisher = graph.client.create_publisher(CameraInfo, "depth/camera_info", 5)
    step = sending(graph, lambda: unaligned(graph))
    graph.wait(lambda: step() or graph.node.camera.topics.depth_frame, "depth")
    code, found = doctor(graph, lambda: (step(), publisher.publish(graph.messages()[2]))[0])
    assert (code, wrong(found)) == (0, [])
    assert found["alignment"]["what"] == "depth in 'depth_optical' is registered by the node"


def test_camera_info_that_never_comes_is_wrong(make, doctor):
    graph = make()
    code, found = doctor(graph, sending(graph, topics=("depth", "rgb")))
    assert (code, wrong(found)) == (1, ["camera_info"])
    assert found["camera_info"]["what"].startswith("nothing on /rgb/camera_info for ")


def test_with_an_override_camera_info_may_be_absent(make, doctor):
    graph = make(intrinsics__override="fx=90 fy=90 cx=31.5 cy=23.5 size=64x48")
    code, found = doctor(graph, sending(graph, topics=("depth", "rgb")))
    assert (code, wrong(found)) == (0, [])
    assert found["camera_info"]["what"].endswith("none is needed with intrinsics.override")
    assert found["camera info"]["what"].startswith("K given in place of the camera info's, fx 90.0 px")


def test_an_override_of_another_shape_is_wrong(make, doctor):
    graph = make(intrinsics__override="fx=90 fy=90 cx=31.5 cy=17.5 size=64x36")
    code, found = doctor(graph, sending(graph))
    assert (code, wrong(found)) == (1, ["camera info"])
    assert "got 64x36" in found["camera info"]["what"]
    assert found["camera info"]["mend"] == "correct it: ros2 param set /n3d intrinsics.override ..."


def test_camera_info_of_zeros_is_wrong(make, doctor):
    graph = make()
    code, found = doctor(graph, sending(graph, lambda: graph.messages(fx=0.0)))
    assert (code, wrong(found)) == (1, ["camera info"])
    assert "got fx=0 fy=0" in found["camera info"]["what"]


def test_stamps_of_long_ago_are_wrong(make, doctor):
    graph = make()
    step = sending(graph, lambda: graph.messages(graph.node.now_ns() - 60 * 10**9))
    code, found = doctor(graph, step)
    assert (code, wrong(found)) == (1, ["stamps"])
    assert "behind the node's clock" in found["stamps"]["what"]


@pytest.mark.parametrize("stamp_ns", [0, 5 * 10**9])
def test_stamps_that_the_driver_does_not_set_are_not_the_clocks_fault(make, doctor, stamp_ns):
    graph, greys = make(), itertools.cycle(range(200))

    def messages():
        rgb, depth, info = graph.messages(stamp_ns)
        fill_image(rgb, np.full((HEIGHT, WIDTH, 3), next(greys), np.uint8), "rgb8")
        return rgb, depth, info

    code, found = doctor(graph, sending(graph, messages))
    assert (code, wrong(found)) == (1, ["pairing", "stamps"])
    assert found["stamps"]["mend"] == found["pairing"]["mend"] == "have the driver stamp each image"


def test_a_place_that_tf_does_not_know_is_wrong(make, doctor, monkeypatch):
    world = stand_in_tf.install(monkeypatch)
    world.poses["odom", FRAME] = stand_in_tf.Still(x=1.0)
    remembers = {"memory__enabled": True, "memory__frame": "world"}
    graph = make(output_frame="map", tracking_frame="odom", **remembers)
    code, found = doctor(graph, sending(graph))
    assert (code, wrong(found)) == (1, ["tf 'map'", "tf 'world'"])
    assert found["tf 'map'"]["why"] == "results end with the code TF"
    assert found["tf 'world'"]["why"] == "nothing is remembered"
    assert found["tf 'odom'"]["level"] == "OK"


def test_an_inactive_node_is_wrong_and_its_topics_are_not_judged(make, doctor):
    graph = make()
    graph.wait_for_engine()
    graph.node.trigger_deactivate()
    code, found = doctor(graph, sending(graph))
    assert (code, wrong(found)) == (1, ["lifecycle"])
    assert found["lifecycle"]["mend"] == "ros2 lifecycle set /n3d activate"


def test_simulated_time_without_a_clock_is_wrong(make, doctor):
    graph = make(use_sim_time=True)
    code, found = doctor(graph, lambda: None)
    assert code == 1
    assert found["clock"]["what"] == "use_sim_time is set, and nobody publishes /clock"


def test_an_answer_that_is_lost_is_asked_for_again(make, doctor, monkeypatch):
    send, asked = Client.call_async, []

    def lose_the_first(client, request):
        asked.append(client.srv_name)
        return Future() if asked.count(client.srv_name) == 1 else send(client, request)

    monkeypatch.setattr(Client, "call_async", lose_the_first)
    graph = make()
    graph.wait_for_engine()
    code, found = doctor(graph, sending(graph))
    assert (code, wrong(found)) == (0, [])
    assert len(asked) > len(set(asked)) == 3


def test_another_name_is_wrong_and_the_node_is_named(make, doctor, monkeypatch):
    graph = make(namespace="/robot1")
    monkeypatch.setattr(look, "FIND_S", 5.0)
    code, found = doctor(graph, lambda: None)
    assert (code, wrong(found)) == (1, ["node"])
    assert found["node"]["mend"] == "n3d doctor --node n3d --namespace /robot1"


@pytest.mark.parametrize(
    "options", [("--namespace", "/robot1"), ("--namespace", "robot1/"), ("--node", "/robot1/n3d")]
)
def test_a_namespace_is_followed(make, doctor, options):
    graph = make(namespace="/robot1")
    graph.wait_for_engine()
    code, found = doctor(graph, sending(graph), *options)
    assert (code, wrong(found)) == (0, [])
    assert found["rgb"]["what"].startswith("/robot1/rgb/image: ")


def test_what_another_node_takes_or_publishes_is_not_offered(make, doctor):
    front = make(namespace="/front")
    left = make(namespace="/left", beside=front)
    for publisher in (left.rgb, left.depth, left.info):
        left.client.destroy_publisher(publisher)
    code, found = doctor(front, sending(front), "--namespace", "/left")
    assert (code, wrong(found)) == (1, ["camera_info", "depth", "rgb"])
    assert found["rgb"]["why"].endswith("is published either, but for what /front/n3d may take")
    assert found["rgb"]["mend"] == "start the camera's driver; ros2 topic list"


def test_a_camera_that_is_discovered_after_the_node_is_waited_for(make, doctor, monkeypatch):
    graph, has_looked, found = make(), threading.Event(), []
    look_for, listen = look._Look._has_publishers, look.Listening
    graph.client.destroy_publisher(graph.depth)
    graph.depth = None

    def listening(node, topics, wanted):
        found.append([node.count_publishers(topic) for topic in topics.values()])
        return listen(node, topics, wanted)

    def has_publishers(self):
        has_looked.set()
        return look_for(self)

    def step():
        if has_looked.is_set() and graph.depth is None:
            graph.depth = graph.client.create_publisher(Image, "depth/image", 5)

    monkeypatch.setattr(look, "Listening", listening)
    monkeypatch.setattr(look._Look, "_has_publishers", has_publishers)
    monkeypatch.setattr(look, "PUBLISHERS_S", 20.0)
    doctor(graph, step)
    assert found == [[1, 1, 1]]
