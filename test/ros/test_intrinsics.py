"""Whose K results rest on: they say it, and intrinsics.override puts another in the camera info's place."""

import threading
from dataclasses import replace

import pytest
import rclpy
from byte_backend import ByteBackend
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fake_pipeline import FakePipeline
from graph import HEIGHT, MUG, WIDTH
from graph_views import LOG, status_of
from rcl_interfaces.msg import Log
from rclpy.parameter import Parameter

from n3d_ros.action import Ask, Ground
from n3d_ros.cameras.used_camera import used_camera
from n3d_ros.errors import ResultCode
from n3d_ros.geometry import Distortion, Intrinsics, project
from n3d_ros.msg import Box3DArray, SpatialAnswer
from n3d_ros.node.conversions import observation
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.srv import Ask as AskService
from n3d_ros.srv import AskImage, GroundImage
from n3d_ros.srv import Ground as GroundService

OF_INFO = Intrinsics(60.0, 60.0, 31.5, 23.5, WIDTH, HEIGHT)
# Of a picture twice as large as the camera's.
OVERRIDE = "fx=180 fy=182 cx=65.5 cy=47.5 size=128x96"
OVERRIDDEN = Intrinsics(90.0, 91.0, 32.5, 23.5, WIDTH, HEIGHT)
REPLY = "bbox_0=Bbox(mug,250,600,600,500,100,100,100)"


def cameras(results):
    """(camera, whether it is overridden) of each message."""
    return [(used_camera(one.intrinsics), one.intrinsics.is_overridden) for one in results]


def ground(graph, words="red mug"):
    return graph.call(GroundService, "n3d/ground", GroundService.Request(prompt=words))


def test_boxes_move_as_another_k_moves_them(make_graph, tmp_path):
    """With the real pipeline: the model's words stay, so the box stays at its pixel and leaves its place."""
    graph = make_graph(Pipeline(ByteBackend(tmp_path, [REPLY] * 3)), max_frame_age_s=0.0)
    graph.connect_camera()
    messages = graph.messages()
    graph.publish(messages)
    (before,) = ground(graph).boxes.boxes
    graph.node.set_parameters([Parameter("intrinsics.override", value=OVERRIDE)])
    (after,) = ground(graph).boxes.boxes
    places = [(one.pose.position.x, one.pose.position.y, one.pose.position.z) for one in (before, after)]
    pixel = (0.25 * WIDTH - 0.5, 0.6 * HEIGHT - 0.5)
    assert project(places[0], OF_INFO).tolist() == pytest.approx(pixel)
    assert project(places[1], OVERRIDDEN).tolist() == pytest.approx(pixel)
    assert places[1] != pytest.approx(places[0], rel=0.2)
    seen = replace(observation(*messages), intrinsics=OVERRIDDEN)
    (known,) = Pipeline(ByteBackend(tmp_path, [REPLY])).ground(seen, "red mug").objects
    assert (known.box.center, known.box.size) == (places[1], (after.size.x, after.size.y, after.size.z))


@pytest.mark.parametrize(("override", "expected"), [("", (OF_INFO, False)), (OVERRIDE, (OVERRIDDEN, True))])
def test_every_result_carries_the_camera_that_it_rests_on(make_graph, override, expected):
    graph = make_graph(
        FakePipeline([MUG]), continuous__prompt="red mug", intrinsics__override=override, max_frame_age_s=0.0
    )
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    answers = graph.collect(SpatialAnswer, "n3d/answer")
    graph.one_frame()
    graph.wait(lambda: boxes, "boxes")
    goals = [
        graph.result(graph.goal(kind, f"n3d/{name}", goal)).result
        for kind, name, goal in (
            (Ground, "ground", Ground.Goal(prompt="red mug")),
            (Ask, "ask", Ask.Goal(question="How far is it?")),
        )
    ]
    asked = graph.call(AskService, "n3d/ask", AskService.Request(question="How far is it?"))
    graph.wait(lambda: answers, "answer")
    found = [boxes[0], goals[0].boxes, goals[1].answer, ground(graph).boxes, asked.answer, answers[0]]
    assert cameras(found) == [expected] * len(found)


def test_a_lens_is_told_with_its_camera(make_graph):
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0)
    rgb, depth, info = graph.messages()
    info.distortion_model, info.d = "plumb_bob", [0.01, 0.0, 0.0, 0.0, 0.0]
    graph.connect_camera()
    graph.publish((rgb, depth, info))
    bent = replace(OF_INFO, distortion=Distortion("plumb_bob", (0.01, 0.0, 0.0, 0.0, 0.0)))
    assert cameras([ground(graph).boxes]) == [(bent, False)]


def test_results_that_failed_say_the_camera_where_there_was_a_picture(make_graph):
    class Failing(FakePipeline):
        def ground(self, observation, words, **options):
            raise MemoryError

    graph = make_graph(Failing([]), frame_timeout_s=0.1, max_frame_age_s=0.0)
    graph.wait_for_engine()
    without = ground(graph)
    assert (without.code != ResultCode.OK, cameras([without.boxes])) == (True, [(None, False)])
    graph.one_frame()
    failed = ground(graph)
    assert (failed.code != ResultCode.OK, cameras([failed.boxes])) == (True, [(OF_INFO, False)])


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("fx=180 fy=180 cx=64 cy=48", "intrinsics.override: expected 'fx="),
        (
            "fx=0 fy=180 cx=64 cy=48 size=128x96",
            "intrinsics.override: intrinsics: fx must be positive, got 0.0",
        ),
        (
            "fx=nan fy=180 cx=64 cy=48 size=128x96",
            "intrinsics.override: intrinsics: fx must be finite, got nan",
        ),
    ],
)
def test_what_is_no_camera_is_refused_at_the_start_and_while_running(make_graph, value, named):
    graph = make_graph(FakePipeline([]))
    (result,) = graph.node.set_parameters([Parameter("intrinsics.override", value=value)])
    assert (result.successful, result.reason.startswith(named)) == (False, True), result.reason
    assert graph.node.live.now.intrinsics_override == ""
    with pytest.raises((ValueError, rclpy.exceptions.InvalidParameterValueException), match="intrinsics"):
        make_graph(FakePipeline([]), intrinsics__override=value)


def test_an_override_of_another_shape_refuses_every_request(make_graph):
    graph = make_graph(
        FakePipeline([MUG]),
        intrinsics__override="fx=90 fy=90 cx=31.5 cy=17.5 size=64x36",
        max_frame_age_s=0.0,
    )
    graph.one_frame()
    response = ground(graph)
    assert response.code == ResultCode.BAD_INPUT
    assert "expected the picture's 64x48 or its proportions, got 64x36" in response.message
    assert graph.pipeline.calls == []


def test_pictures_of_a_request_keep_their_own_camera(make_graph):
    graph = make_graph(FakePipeline([MUG]), intrinsics__override=OVERRIDE)
    rgb, depth, info = graph.messages(stamp_ns=1_500_000_000)
    found = graph.call(
        GroundImage,
        "n3d/ground_image",
        GroundImage.Request(rgb=rgb, depth=depth, camera_info=info, prompt="mug"),
    )
    asked = graph.call(
        AskImage,
        "n3d/ask_image",
        AskImage.Request(rgb=rgb, depth=depth, camera_info=info, question="How far?"),
    )
    assert cameras([found.boxes, asked.answer]) == [(OF_INFO, False)] * 2
    assert graph.node.desk.results.camera is None, "diagnostics tell of the node's camera alone"


def test_a_result_keeps_the_camera_that_it_was_made_with(make_graph):
    """Changed while the engine was at work, and the same frame looked at anew meanwhile."""
    gate = threading.Semaphore(0)
    graph = make_graph(FakePipeline([MUG], gate), max_frame_age_s=0.0)
    graph.one_frame()
    client = graph.client.create_client(GroundService, "n3d/ground")
    graph.wait(client.service_is_ready, "service")
    first = client.call_async(GroundService.Request(prompt="red mug"))
    graph.wait(lambda: graph.pipeline.stamps, "the engine to begin")
    graph.node.set_parameters([Parameter("intrinsics.override", value=OVERRIDE)])
    graph.node.camera.frames.frame.observe(graph.node.live.now)
    second = client.call_async(GroundService.Request(prompt="red mug"))
    gate.release(100)
    graph.wait(lambda: first.done() and second.done(), "both")
    results = [one.result().boxes for one in (first, second)]
    assert cameras(results) == [(OF_INFO, False), (OVERRIDDEN, True)]


@pytest.mark.parametrize("fx", [None, 0.0])
def test_with_an_override_camera_info_may_be_absent_or_of_zeros(make_graph, fx):
    graph = make_graph(FakePipeline([MUG]), intrinsics__override=OVERRIDE, max_frame_age_s=0.0)
    diagnostics = graph.collect(DiagnosticArray, "/diagnostics")
    graph.connect_camera()
    messages, topics = (
        (graph.messages(), ("depth", "rgb"))
        if fx is None
        else (graph.messages(fx=fx), ("info", "depth", "rgb"))
    )
    stamp = graph.publish(messages, topics)
    graph.wait(lambda: graph.newest_ns() == stamp, "frame")
    assert cameras([ground(graph).boxes]) == [(OVERRIDDEN, True)]
    if fx is None:
        del diagnostics[:]
        said = graph.wait(lambda: status_of(diagnostics, "camera_info"), "diagnostics")
        assert (said.level, said.message) == (
            DiagnosticStatus.OK,
            "no message on /rgb/camera_info, and none is needed with intrinsics.override",
        )


def test_without_the_override_camera_info_is_needed_again(make_graph):
    graph = make_graph(
        FakePipeline([MUG]), intrinsics__override=OVERRIDE, max_frame_age_s=0.0, frame_timeout_s=0.2
    )
    graph.connect_camera()
    stamp = graph.publish(topics=("depth", "rgb"))
    graph.wait(lambda: graph.newest_ns() == stamp, "frame")
    graph.node.set_parameters([Parameter("intrinsics.override", value="")])
    response = ground(graph)
    assert (response.code, "got fx=0" in response.message) == (ResultCode.BAD_INPUT, True)
    handle = graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="red mug", frame_policy=Ground.Goal.NEXT))
    graph.publish(topics=("depth", "rgb"))
    result = graph.result(handle).result
    assert (result.code, "/rgb/camera_info" in result.message) == (ResultCode.NO_CAMERA_INFO, True)


def test_the_log_says_it_once_for_each_change_and_diagnostics_always(make_graph):
    graph = make_graph(
        FakePipeline([MUG]), intrinsics__override=OVERRIDE, max_frame_age_s=0.0, diagnostics__period_s=0.1
    )
    log = graph.collect(Log, "/rosout", LOG)
    diagnostics = graph.collect(DiagnosticArray, "/diagnostics")

    def lines():
        return [one.msg for one in log if one.msg.startswith("intrinsics.override")]

    graph.one_frame()
    ground(graph)
    ground(graph)
    del diagnostics[:]
    said = graph.wait(lambda: status_of(diagnostics, "intrinsics"), "diagnostics")
    assert said.message == f"intrinsics.override in place of the camera info's K: {OVERRIDE}"
    assert {one.key: one.value for one in said.values} == {
        "intrinsics.override": OVERRIDE,
        "camera info": "fx=60 fy=60 cx=31.5 cy=23.5 size=64x48",
        "newest result": "fx=90 fy=91 cx=32.5 cy=23.5 size=64x48",
        "newest result is overridden": "True",
    }
    graph.node.set_parameters([Parameter("intrinsics.override", value="")])
    graph.node.set_parameters([Parameter("depth.max_m", value=3.0)])
    ground(graph)
    del diagnostics[:]
    said = graph.wait(lambda: status_of(diagnostics, "intrinsics"), "diagnostics")
    assert said.message == "K of the camera info"
    assert said.values[2].value == "fx=60 fy=60 cx=31.5 cy=23.5 size=64x48"
    graph.wait(lambda: len(lines()) == 2, "log")
    assert lines() == [
        f"intrinsics.override: {OVERRIDE}, in place of the camera info's K",
        "intrinsics.override: none; K is the camera info's",
    ]
