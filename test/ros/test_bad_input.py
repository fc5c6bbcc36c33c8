"""Unusable input gives a typed code that names what was expected and what came, and the node goes on."""

import pytest
from fake_pipeline import FakePipeline
from graph import MUG
from std_msgs.msg import String

from n3d_ros.action import Ground as GroundAction
from n3d_ros.errors import ResultCode
from n3d_ros.msg import Box3DArray
from n3d_ros.node.engine import load_pipeline
from n3d_ros.srv import Ask, GetInfo, Ground, GroundImage


def spoil_rgb_encoding(rgb, depth, info):
    rgb.encoding = "nv42"


def spoil_depth_encoding(rgb, depth, info):
    depth.encoding = "16SC1"


def zero_focal_length(rgb, depth, info):
    info.k[0] = 0.0


def truncate_rgb(rgb, depth, info):
    rgb.data = rgb.data[:100]


def no_depth(rgb, depth, info):
    depth.data = bytes(len(depth.data))


def depth_in_millimetres_as_float(rgb, depth, info):
    depth.encoding, depth.step = "32FC1", depth.width * 4
    depth.data = b"\x00\x00\x7a\x44" * (depth.width * depth.height)  # 1000.0f


def other_proportions(rgb, depth, info):
    info.width *= 2


SPOILED = [
    (spoil_rgb_encoding, ResultCode.BAD_INPUT, "nv42"),
    (spoil_depth_encoding, ResultCode.BAD_INPUT, "16SC1"),
    (zero_focal_length, ResultCode.BAD_INPUT, "fx=0"),
    (truncate_rgb, ResultCode.BAD_INPUT, "100 bytes"),
    (no_depth, ResultCode.NO_DEPTH, "no valid depth"),
    (depth_in_millimetres_as_float, ResultCode.BAD_INPUT, "millimetres"),
    (other_proportions, ResultCode.BAD_INPUT, "128x48"),
]


@pytest.mark.parametrize(
    ("spoil", "code", "named"), SPOILED, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_spoiled_frame_is_typed_and_the_next_good_one_is_served(make_graph, spoil, code, named):
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug")
    results = graph.collect(Box3DArray, "n3d/boxes")
    graph.connect_camera()
    messages = graph.messages()
    spoil(*messages)
    graph.publish(messages)
    graph.wait(lambda: results, "typed reason")
    assert (results[0].code, list(results[0].boxes)) == (code, [])
    assert named in results[0].message
    assert results[0].header == messages[0].header
    graph.publish()
    graph.wait(lambda: len(results) == 2, "result of the good frame")
    assert (results[1].code, len(results[1].boxes)) == (ResultCode.OK, 1)


@pytest.mark.parametrize("data", [b"", b"\0\1\0\0\x01\0\0\0"], ids=len)
@pytest.mark.parametrize(("topic", "kind"), [("rgb", "Image"), ("depth", "Image"), ("info", "CameraInfo")])
def test_bytes_that_are_no_message_are_said_and_the_next_frame_is_served(
    make_graph, capfd, topic, kind, data
):
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug")
    results = graph.collect(Box3DArray, "n3d/boxes")
    graph.connect_camera()
    getattr(graph, topic).publish(data)
    messages = graph.messages()
    graph.publish(messages, topics=("info",))
    graph.wait(lambda: graph.num_received("camera_info"), "camera info")
    graph.publish(messages, topics=("depth", "rgb"))
    graph.wait(lambda: results, "result of the good frame")
    assert results[0].code == ResultCode.OK
    # A message of no bytes is refused before, by some middlewares.
    said = f"expected a {kind}, got {len(data)} bytes" if data else ": expected "
    assert said in capfd.readouterr().err


def test_an_image_service_refuses_bad_pictures_with_the_same_code(make_graph):
    graph = make_graph(FakePipeline([MUG]))
    rgb, depth, info = graph.messages()
    zero_focal_length(rgb, depth, info)
    response = graph.call(
        GroundImage,
        "n3d/ground_image",
        GroundImage.Request(rgb=rgb, depth=depth, camera_info=info, prompt="red mug"),
    )
    assert (response.code, len(response.boxes.boxes)) == (ResultCode.BAD_INPUT, 0)
    assert "focal" in response.message


@pytest.mark.parametrize(
    ("given", "code"),
    [("", ResultCode.BAD_INPUT), ("  ", ResultCode.BAD_INPUT), ("florble", ResultCode.BAD_INPUT)],
)
def test_words_that_mean_nothing_are_refused(make_graph, given, code):
    graph = make_graph(FakePipeline([MUG]))
    graph.one_frame()
    ground = graph.call(Ground, "n3d/ground", Ground.Request(prompt=given))
    assert (ground.code, len(ground.boxes.boxes)) == (code, 0)
    assert "expected" in ground.message
    if not given.strip():
        assert graph.call(Ask, "n3d/ask", Ask.Request(question=given)).code == code


@pytest.mark.parametrize(
    ("published", "code"),
    [
        ((), ResultCode.NO_FRAME),
        (("depth", "info"), ResultCode.NO_FRAME),
        (("rgb", "depth"), ResultCode.NO_CAMERA_INFO),
        (("rgb", "info"), ResultCode.NO_DEPTH),
    ],
)
def test_a_missing_topic_is_named(make_graph, published, code):
    graph = make_graph(FakePipeline([MUG]), frame_timeout_s=0.5)
    graph.connect_camera()
    rgb, depth, info = graph.messages()
    for name, message in (("rgb", rgb), ("depth", depth), ("info", info)):
        if name in published:
            getattr(graph, name).publish(message)
    graph.wait(
        lambda: sum(one.arrivals.num for one in graph.node.camera.topics.inputs) == len(published),
        "the messages",
    )
    response = graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))
    assert response.code == code
    assert all(
        one.topic in response.message for one in graph.node.camera.topics.inputs if not one.arrivals.num
    )


def test_a_topic_of_unreadable_messages_is_not_called_silent(make_graph):
    graph = make_graph(FakePipeline([MUG]), frame_timeout_s=0.3)
    graph.connect_camera()
    rgb, _, info = graph.messages()
    graph.rgb.publish(rgb)
    graph.info.publish(info)
    graph.depth.publish(b"\0\1\0\0\x01\0\0\0")
    graph.wait(lambda: depth_input(graph).unreadable, "the message that is none")
    response = graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))
    assert response.code == ResultCode.NO_DEPTH
    assert "cannot be read: expected a Image, got 8 bytes" in response.message
    graph.publish()
    graph.wait(lambda: graph.num_received("depth"), "a depth image")
    assert not depth_input(graph).unreadable


def depth_input(graph):
    return next(one for one in graph.node.camera.topics.inputs if one.name == "depth")


def test_a_simulation_that_stands_still_does_not_stop_timeouts(make_graph):
    graph = make_graph(FakePipeline([MUG]), frame_timeout_s=0.2, use_sim_time=True)
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.NO_FRAME


def test_old_frames_are_stale(make_graph):
    graph = make_graph(FakePipeline([MUG]), frame_timeout_s=0.2)
    graph.connect_camera()
    graph.publish(graph.messages(stamp_ns=graph.node.now_ns() - 5 * 10**9))
    graph.wait(lambda: graph.node.camera.frames.frame, "a frame")
    response = graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))
    assert response.code == ResultCode.STALE
    assert "max_frame_age_s" in response.message


def test_a_model_that_does_not_load_is_reported_and_requests_end(make_graph):
    def load(_):
        raise ValueError("engines/n3d-nano: expected a folder, got nothing")

    graph = make_graph(load=load)
    graph.one_frame()
    response = graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))
    assert response.code == ResultCode.BAD_INPUT
    assert "expected a folder" in response.message
    assert graph.call(GetInfo, "n3d/get_info", GetInfo.Request()).state.startswith("failed")


def test_a_wrong_model_path_is_bad_input_and_is_named(make_graph):
    graph = make_graph(load=load_pipeline, model__path="/nowhere/at/all")
    graph.one_frame()
    response = graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))
    assert response.code == ResultCode.BAD_INPUT
    assert "/nowhere/at/all" in response.message


def test_an_engine_defect_is_internal_and_the_node_goes_on(make_graph):
    pipeline = FakePipeline([MUG])
    graph = make_graph(pipeline)
    graph.one_frame()
    pipeline.boxes = None
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.INTERNAL
    pipeline.boxes = [MUG]
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.OK


def test_output_frame_without_tf2_is_refused_as_a_parameter(make_graph, monkeypatch):
    monkeypatch.setattr("n3d_ros.node.optional_packages.has_tf", lambda: False)
    with pytest.raises(ValueError, match="output_frame .map.: tf2_ros"):
        make_graph(FakePipeline([]), output_frame="map")


def test_the_prompt_topic_is_as_good_as_the_service(make_graph):
    graph = make_graph(FakePipeline([MUG]))
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    publisher = graph.client.create_publisher(String, "prompt", 1)
    graph.wait(publisher.get_subscription_count, "subscription of prompt")
    publisher.publish(String(data="red mug"))
    graph.connect_camera()
    graph.publish_until(lambda: boxes, "boxes")


@pytest.mark.parametrize("stamp_ns", [0, 1_700_000_000_000_000_000])
def test_pictures_whose_stamp_stands_still_are_not_answered_from_the_first_one(make_graph, stamp_ns):
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0, frame_timeout_s=0.5)
    graph.connect_camera()
    request = Ground.Request(prompt="red mug")
    graph.publish(graph.messages(stamp_ns))
    assert graph.call(Ground, "n3d/ground", request).code == ResultCode.OK
    graph.publish(graph.messages(stamp_ns))
    assert graph.call(Ground, "n3d/ground", request).code == ResultCode.OK, "the same picture again"
    another = graph.messages(stamp_ns, depth_m=2.0)
    another[0].data[0] = 0
    graph.publish(another)
    graph.wait(lambda: graph.num_received("rgb") == 3, "another picture")
    result = graph.call(Ground, "n3d/ground", request)
    assert (result.code, "one stamp again and again" in result.message) == (ResultCode.BAD_INPUT, True)
    graph.publish(graph.messages(stamp_ns + 33_000_000))
    graph.wait(lambda: graph.newest_ns() == stamp_ns + 33_000_000, "a stamp that advances")
    assert graph.call(Ground, "n3d/ground", request).code == ResultCode.OK


def test_nor_is_who_asks_for_a_stamp_that_several_pictures_have(make_graph):
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0, frame_timeout_s=0.5)
    stamp = graph.one_frame()
    another = graph.messages(stamp)
    another[0].data[0] = 0
    graph.publish(another)
    graph.wait(lambda: graph.num_received("rgb") == 2, "another picture")
    wanted = GroundAction.Goal(prompt="red mug", stamp=another[0].header.stamp)
    result = graph.result(graph.goal(GroundAction, "n3d/ground", wanted)).result
    assert (result.code, "one stamp again and again" in result.message) == (ResultCode.BAD_INPUT, True)
