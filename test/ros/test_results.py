"""What the node publishes and answers for a camera's frames."""

import math
import shutil
import threading

import pytest
from fake_pipeline import FakePipeline
from graph import BOX, FRAME, MUG
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool

from n3d_ros.errors import ResultCode
from n3d_ros.model_folder.manifest import FILE_NAME
from n3d_ros.msg import Box3DArray, SpatialAnswer, Timing
from n3d_ros.node.engine import load_pipeline
from n3d_ros.node.outputs import publishers
from n3d_ros.runtime.backends.factory import default_model_dir
from n3d_ros.srv import Ask, AskImage, GetInfo, Ground, GroundImage, SetPrompt


def stamp_ns(header):
    return header.stamp.sec * 10**9 + header.stamp.nanosec


def test_boxes_carry_the_stamp_and_the_optical_frame_of_the_image(make_graph):
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug")
    boxes, timings = graph.collect(Box3DArray, "n3d/boxes"), graph.collect(Timing, "n3d/timing")
    graph.connect_camera()
    stamp = graph.publish()
    result = graph.wait(lambda: boxes and timings and boxes[0], "boxes")
    assert (stamp_ns(result.header), result.header.frame_id) == (stamp, FRAME)
    assert (result.code, result.words, result.valid_ratio) == (ResultCode.OK, "red mug", 0.75)
    (found,) = result.boxes
    position, turn, region = found.pose.position, found.pose.orientation, found.region
    assert (position.x, position.y, position.z) == MUG.center
    assert (found.size.x, found.size.y, found.size.z) == MUG.size
    assert (turn.x, turn.y, turn.z, turn.w) == (0.0, math.sin(0.25), 0.0, math.cos(0.25))
    assert (region.x_offset, region.y_offset, region.width, region.height) == (10, 20, 21, 20)
    assert (found.id, found.label, found.words) == ("red mug/0", "red mug", "red mug")
    assert found.score == pytest.approx(0.9)
    assert stamp_ns(timings[0].header) == stamp
    assert (timings[0].vision_ms, timings[0].num_tokens, timings[0].num_forward_passes) == (2.0, 7, 8)
    assert timings[0].end_to_end_ms >= timings[0].queue_age_ms > 0


def test_an_object_keeps_its_id_when_the_list_is_reordered(make_graph):
    pipeline = FakePipeline([MUG, BOX])
    graph = make_graph(pipeline, continuous__prompt="red mug")
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    graph.connect_camera()
    graph.publish()
    graph.wait(lambda: len(boxes) == 1, "first boxes")
    pipeline.boxes = [BOX, MUG]
    graph.publish()
    graph.wait(lambda: len(boxes) == 2, "second boxes")
    where = [{found.id: found.pose.position.x for found in result.boxes} for result in boxes]
    assert where[0] == where[1] == {"red mug/0": 0.1, "red mug/1": -0.4}


def test_services_answer_about_the_newest_frame(make_graph):
    graph = make_graph(FakePipeline([MUG]))
    answers = graph.collect(SpatialAnswer, "n3d/answer")
    stamp = graph.one_frame()
    ground = graph.call(Ground, "n3d/ground", Ground.Request(prompt="the red mug"))
    assert (ground.code, ground.raw_text, len(ground.boxes.boxes)) == (ResultCode.OK, "raw", 1)
    ask = graph.call(Ask, "n3d/ask", Ask.Request(question="How far is the red mug?"))
    answer = ask.answer
    assert (ask.code, answer.code, stamp_ns(answer.header)) == (ResultCode.OK, ResultCode.OK, stamp)
    assert (answer.has_value, answer.value, answer.unit, answer.relation) == (True, 1.25, "m", "distance")
    assert (answer.answer, answer.reasoning) == ("It is 1.25 meters away.", "because")
    assert answer.consistent == SpatialAnswer.CONSISTENT_YES
    assert [found.label for found in answer.evidence] == ["red mug"]
    graph.wait(lambda: answers, "answer topic")
    assert answers[0] == answer


def test_a_waiting_service_request_holds_up_neither_images_nor_other_requests(make_graph):
    gate = threading.Semaphore(0)
    graph = make_graph(FakePipeline([MUG], gate))
    graph.one_frame()
    client = graph.client.create_client(Ground, "n3d/ground")
    graph.wait(client.service_is_ready, "service")
    waiting = client.call_async(Ground.Request(prompt="red mug"))
    graph.wait(lambda: graph.pipeline.stamps, "the engine to begin")
    stamp = graph.publish()
    graph.wait(lambda: graph.newest_ns() == stamp, "the next frame")
    assert graph.call(GetInfo, "n3d/get_info", GetInfo.Request()).state == "ready"
    assert not waiting.done()
    gate.release(2)
    graph.wait(waiting.done, "response")


def test_labels_are_asked_for_in_turn_and_max_boxes_limits(make_graph):
    graph = make_graph(FakePipeline([MUG, BOX]))
    graph.one_frame()
    both = graph.call(Ground, "n3d/ground", Ground.Request(labels=["red mug", "box"]))
    assert [found.words for found in both.boxes.boxes] == ["red mug"] * 2 + ["box"] * 2
    assert both.timing.num_tokens == 14
    one = graph.call(Ground, "n3d/ground", Ground.Request(labels=["red mug", "box"], max_boxes=1))
    assert len(one.boxes.boxes) == 1


def test_pictures_in_the_request_need_no_camera(make_graph):
    graph = make_graph(FakePipeline([MUG]))
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    rgb, depth, info = graph.messages(stamp_ns=1_500_000_000, encoding="32FC1")
    request = GroundImage.Request(rgb=rgb, depth=depth, camera_info=info, prompt="red mug")
    response = graph.call(GroundImage, "n3d/ground_image", request)
    assert (response.code, len(response.boxes.boxes)) == (ResultCode.OK, 1)
    assert (stamp_ns(response.boxes.header), response.boxes.header.frame_id) == (1_500_000_000, FRAME)
    asked = AskImage.Request(rgb=rgb, depth=depth, camera_info=info, question="How far is it?")
    assert graph.call(AskImage, "n3d/ask_image", asked).answer.value == 1.25
    assert not boxes, "foreign pictures must not appear among the camera's results"


@pytest.mark.parametrize("is_estimated", [False, True])
def test_what_rests_on_guessed_depth_says_so_in_every_result(make_graph, is_estimated):
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug", depth__is_estimated=is_estimated)
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    graph.one_frame()
    graph.wait(lambda: boxes, "boxes")
    rgb, depth, info = graph.messages(stamp_ns=1_500_000_000, encoding="32FC1")
    request = GroundImage.Request(rgb=rgb, depth=depth, camera_info=info, prompt="red mug")
    found = graph.call(GroundImage, "n3d/ground_image", request)
    asked = AskImage.Request(rgb=rgb, depth=depth, camera_info=info, question="How far is it?")
    answer = graph.call(AskImage, "n3d/ask_image", asked).answer
    results = (boxes[0], found.boxes, answer)
    assert [one.depth_is_estimated for one in results] == [is_estimated] * 3
    assert [one.valid_ratio for one in results] == [0.75] * 3


def test_set_prompt_starts_and_stops_the_continuous_query(make_graph):
    graph = make_graph(FakePipeline([MUG]))
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    assert graph.call(SetPrompt, "n3d/set_prompt", SetPrompt.Request(prompt="red mug")).success
    graph.one_frame()
    graph.wait(lambda: boxes, "boxes")
    assert graph.call(SetPrompt, "n3d/set_prompt", SetPrompt.Request(prompt="")).success
    graph.one_frame()
    assert len(graph.pipeline.stamps) == 1


def test_set_prompt_and_enable_say_what_is_looked_for_now(make_graph):
    graph = make_graph(FakePipeline([MUG]))

    def prompt(words):
        return graph.call(SetPrompt, "n3d/set_prompt", SetPrompt.Request(prompt=words)).message

    def enable(is_on):
        return graph.call(SetBool, "n3d/enable", SetBool.Request(data=is_on)).message

    off = "the continuous query is off (continuous.enabled); ~/enable switches it on"
    nothing = "the continuous query is off: continuous.prompt names nothing"
    assert [prompt("red mug; box"), prompt(" ; ")] == ["looking for 'red mug', 'box'", nothing]
    assert [enable(False), prompt("red mug"), enable(True)] == [off, off, "looking for 'red mug'"]


@pytest.mark.parametrize(
    "change", [("enabled", False), ("prompt", "box")], ids=["switched off", "other words"]
)
def test_a_look_that_nobody_wants_any_more_leaves_the_engine_to_requests(make_graph, change):
    gate = threading.Semaphore(0)
    graph = make_graph(FakePipeline([MUG], gate), continuous__prompt="red mug", max_frame_age_s=0.0)
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    graph.one_frame()
    graph.wait(lambda: graph.pipeline.stamps, "the look to begin")
    name, value = change
    graph.node.set_parameters([Parameter(f"continuous.{name}", value=value)])
    graph.wait(lambda: graph.node.desk.worker.urgency() is None and not busy(graph), "the look to end")
    gate.release(2)
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="blue mug")).code == ResultCode.OK
    graph.wait(lambda: boxes, "its boxes")
    assert [one.words for one in boxes] == ["blue mug"]


def test_a_look_that_was_given_up_is_no_result_where_its_words_are_wanted_again(make_graph):
    gate = threading.Semaphore(0)
    graph = make_graph(FakePipeline([MUG], gate), continuous__prompt="red mug", max_frame_age_s=0.0)
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    graph.one_frame()
    graph.wait(lambda: graph.pipeline.stamps, "the look to begin")
    for is_on in (False, True):
        graph.node.set_parameters([Parameter("continuous.enabled", value=is_on)])
    graph.wait(lambda: not busy(graph), "the look to end")
    gate.release(2)
    stamp = graph.one_frame()
    graph.wait(lambda: boxes, "the next frame's boxes")
    assert [(one.code, stamp_ns(one.header)) for one in boxes] == [(ResultCode.OK, stamp)]
    assert graph.node.desk.codes == {"OK": 1}


def busy(graph):
    return graph.node.desk.worker._running is not None


def test_overlay_is_drawn_only_while_somebody_subscribes(make_graph, monkeypatch):
    drawn = []
    draw = publishers.draw_boxes
    monkeypatch.setattr(publishers, "draw_boxes", lambda *given: drawn.append(given) or draw(*given))
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug")
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    graph.connect_camera()
    graph.publish()
    graph.wait(lambda: boxes, "boxes")
    # a second result comes only after all of the first is done
    graph.publish()
    graph.wait(lambda: len(boxes) == 2, "second boxes")
    assert drawn == []
    pictures = graph.collect(Image, "n3d/debug/image")
    stamp = graph.publish()
    graph.wait(lambda: pictures and stamp_ns(pictures[-1].header) == stamp, "overlay")
    assert pictures[-1].encoding == "rgb8"
    assert any(value != 90 for value in pictures[-1].data)


def test_info_names_state_and_what_is_absent(make_graph):
    graph = make_graph(FakePipeline([]))
    graph.wait_for_engine()
    info = graph.call(GetInfo, "n3d/get_info", GetInfo.Request())
    assert (info.state, info.model, info.backend, info.model_path) == (
        "ready",
        "fake",
        "fake",
        "/models/fake",
    )
    assert {"ground", "ask"} <= set(info.capabilities)


def test_info_is_about_the_model_that_runs_whatever_became_of_its_folder(make_graph, tmp_path):
    """Another one may be exported over it. A half-written manifest ended the node."""
    folder = tmp_path / "model"
    shutil.copytree(default_model_dir(), folder)
    graph = make_graph(None, load_pipeline, model__path=str(folder), backend="ort")
    graph.wait_for_engine()
    before = graph.call(GetInfo, "n3d/get_info", GetInfo.Request())
    assert before.model.startswith("n3d-nano ") and "computing fp32" in before.precision
    (folder / FILE_NAME).write_text('{"name": "anoth')
    assert graph.call(GetInfo, "n3d/get_info", GetInfo.Request()) == before


def test_thirty_hertz_before_a_slow_model_builds_no_lag(make_graph):
    gate = threading.Semaphore(0)
    pipeline = FakePipeline([MUG], gate)
    graph = make_graph(pipeline, continuous__prompt="red mug")
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    graph.connect_camera()
    first = graph.publish_until(lambda: pipeline.stamps, "the engine to begin")[0]
    begin = graph.node.now_ns()
    for index in range(1, 31):
        stamp = begin + index * 33_000_000
        graph.publish(graph.messages(stamp_ns=stamp))
        graph.wait(lambda stamp=stamp: graph.newest_ns() == stamp, "the frame")
    gate.release(4)
    graph.wait(lambda: len(boxes) == 2, "two results")
    assert [stamp_ns(result.header) for result in boxes] == [first, stamp], "the 29 between are skipped"
    assert graph.node.desk.worker.num_superseded >= 29
