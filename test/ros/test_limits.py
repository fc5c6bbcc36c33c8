"""What a request or a topic may bring: more is refused by name, reaches neither log nor diagnostics, and the
node lives on.
"""

import io

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from fake_pipeline import FakePipeline
from graph import FRAME, HEIGHT, MUG, WIDTH
from PIL import Image
from rcl_interfaces.msg import Log
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import String

from n3d_ros.action import Ground as GroundAction
from n3d_ros.errors import ResultCode
from n3d_ros.msg import Box3DArray
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.srv import Ask, AskImage, Ground, GroundImage, Recall, SetPrompt

MEGABYTE = "mug!" * 250_000
WORDS_OPTION, PICTURE_OPTION = "limits.max_words_chars", "limits.max_picture_megapixels"
# Of one frame of the graph's camera: just what it has.
FITS = WIDTH * HEIGHT / 1e6


def said_by(graph):
    """Log and diagnostics of the node, as lists that fill."""
    return graph.collect(Log, "/rosout"), graph.collect(DiagnosticArray, "/diagnostics")


def longest_text(logs, diagnostics):
    texts = [log.msg for log in logs]
    for status in (one for message in diagnostics for one in message.status):
        texts += [status.message, *(pair.value for pair in status.values)]
    return max(texts, key=len, default="")


def test_a_megabyte_of_words_is_refused_by_name_by_every_request_and_quoted_nowhere(make_graph):
    graph = make_graph(FakePipeline([MUG]), diagnostics__period_s=0.1)
    logs, diagnostics = said_by(graph)
    graph.one_frame()
    rgb, depth, info = graph.messages()
    pictures = {"rgb": rgb, "depth": depth, "camera_info": info}
    for kind, name, request in (
        (Ground, "n3d/ground", Ground.Request(prompt=MEGABYTE)),
        (Ground, "n3d/ground", Ground.Request(labels=["mug"] * 1000)),
        (Ask, "n3d/ask", Ask.Request(question=MEGABYTE)),
        (GroundImage, "n3d/ground_image", GroundImage.Request(prompt=MEGABYTE, **pictures)),
        (AskImage, "n3d/ask_image", AskImage.Request(question=MEGABYTE, **pictures)),
    ):
        response = graph.call(kind, name, request)
        assert response.code == ResultCode.BAD_INPUT
        assert WORDS_OPTION in response.message and len(response.message) < 400
    ended = graph.result(graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt=MEGABYTE))).result
    assert ended.code == ResultCode.BAD_INPUT and len(ended.boxes.words) < 5000
    graph.wait(lambda: any(WORDS_OPTION in log.msg for log in logs), "log line")
    graph.wait(lambda: any(WORDS_OPTION in s.message for d in diagnostics for s in d.status), "diagnostics")
    assert len(longest_text(logs, diagnostics)) < 500
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.OK


def test_a_prompt_without_end_leaves_the_old_one_standing(make_graph):
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug", diagnostics__period_s=0.1)
    logs, diagnostics = said_by(graph)
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    response = graph.call(SetPrompt, "n3d/set_prompt", SetPrompt.Request(prompt=MEGABYTE))
    assert not response.success
    assert WORDS_OPTION in response.message and len(response.message) < 300
    publisher = graph.client.create_publisher(String, "prompt", 1)
    graph.wait(publisher.get_subscription_count, "subscription of prompt")
    publisher.publish(String(data=MEGABYTE))
    graph.wait(lambda: boxes, "typed reason")
    assert boxes[0].code == ResultCode.BAD_INPUT and WORDS_OPTION in boxes[0].message
    assert len(boxes[0].words) < 5000
    graph.wait(lambda: any(WORDS_OPTION in log.msg for log in logs), "log line")
    graph.wait(lambda: any(WORDS_OPTION in s.message for d in diagnostics for s in d.status), "diagnostics")
    assert len(longest_text(logs, diagnostics)) < 500
    assert graph.node.live.now.continuous_prompt == "red mug"
    graph.connect_camera()
    graph.publish_until(lambda: any(one.code == ResultCode.OK for one in boxes), "boxes of the old words")


def test_words_at_the_limit_are_served(make_graph):
    graph = make_graph(FakePipeline([MUG]), limits__max_words_chars=7)
    graph.one_frame()
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.OK
    response = graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mugs"))
    assert (response.code, "at most 7 characters" in response.message) == (ResultCode.BAD_INPUT, True)


def test_a_text_that_a_publisher_writes_is_cut_in_diagnostics(make_graph):
    graph = make_graph(FakePipeline([MUG]), diagnostics__period_s=0.1)
    logs, diagnostics = said_by(graph)
    graph.connect_camera()
    rgb, depth, info = graph.messages()
    rgb.encoding, rgb.header.frame_id = "e" * 100_000, "f" * 100_000
    graph.publish((rgb, depth, info))
    graph.wait(lambda: len(longest_text(logs, diagnostics)) > 1000, "diagnostics")
    assert len(longest_text(logs, diagnostics)) <= 4000


def test_a_name_that_another_program_writes_is_cut_in_results_and_in_the_log(make_graph):
    graph = make_graph(FakePipeline([MUG]), memory__enabled=True, memory__camera_is_still=True)
    logs, _ = said_by(graph)
    graph.one_frame()
    pictures = dict(zip(("rgb", "depth", "camera_info"), graph.messages(), strict=True))
    seen = graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))
    pictures["rgb"].header.frame_id = "\x1b[2J" + "f" * 100_000
    differ = graph.call(GroundImage, "n3d/ground_image", GroundImage.Request(prompt="red mug", **pictures))
    pictures["rgb"].header.frame_id = FRAME
    pictures["camera_info"].distortion_model, pictures["camera_info"].d = "m" * 100_000, [0.1]
    lens = graph.call(GroundImage, "n3d/ground_image", GroundImage.Request(prompt="red mug", **pictures))
    assert (seen.code, differ.code, lens.code) == (ResultCode.OK, ResultCode.BAD_INPUT, ResultCode.BAD_INPUT)
    messages = graph.messages()
    for message in messages:
        message.header.frame_id = "\x1b[2J" + "f" * 100_000
    graph.publish(messages)
    graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))
    recalled = graph.call(Recall, "n3d/recall", Recall.Request(words="red mug"))
    graph.wait(lambda: any("not remembered" in log.msg for log in logs), "log line")
    said = [differ.message, differ.boxes.message, lens.message, recalled.message, *(log.msg for log in logs)]
    assert max(map(len, said)) < 4200 and not any("\x1b" in text for text in said)
    assert len(lens.message) < 400


def test_a_larger_picture_is_refused_by_name_and_the_next_one_is_served(make_graph):
    graph = make_graph(FakePipeline([MUG]), limits__max_picture_megapixels=FITS / 1.01)
    graph.one_frame()
    rgb, depth, info = graph.messages()
    request = GroundImage.Request(rgb=rgb, depth=depth, camera_info=info, prompt="red mug")
    for response in (
        graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")),
        graph.call(GroundImage, "n3d/ground_image", request),
    ):
        assert response.code == ResultCode.BAD_INPUT
        assert PICTURE_OPTION in response.message and f"{WIDTH}x{HEIGHT}" in response.message
    assert graph.node.live.set("limits.max_picture_megapixels", FITS).successful
    assert graph.call(GroundImage, "n3d/ground_image", request).code == ResultCode.OK
    graph.publish()
    graph.wait(lambda: graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == 0, "OK")


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("large", ["rgb", "depth"])
def test_a_compressed_picture_is_refused_by_its_header(make_graph, large):
    graph = make_graph(
        FakePipeline([MUG]),
        rgb__transport="compressed",
        depth__transport="compressed",
        limits__max_picture_megapixels=FITS,
        continuous__prompt="red mug",
    )
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    senders = {
        "rgb": graph.client.create_publisher(CompressedImage, "rgb/image/compressed", 5),
        "depth": graph.client.create_publisher(CompressedImage, "depth/image/compressedDepth", 5),
    }
    for sender in senders.values():
        graph.wait(sender.get_subscription_count, f"subscription of {sender.topic_name}")
    graph.wait(graph.info.get_subscription_count, "subscription of camera info")
    rgb, depth, info = graph.messages()
    size = {name: 2 if name == large else 1 for name in senders}
    colour = np.full((HEIGHT * size["rgb"], WIDTH * size["rgb"], 3), 90, np.uint8)
    metres = np.full((HEIGHT * size["depth"], WIDTH * size["depth"]), 1000, np.uint16)
    graph.info.publish(info)
    senders["depth"].publish(
        CompressedImage(
            header=depth.header, format="16UC1; compressedDepth png", data=bytes(12) + png(metres)
        )
    )
    senders["rgb"].publish(CompressedImage(header=rgb.header, format="png", data=png(colour)))
    graph.wait(lambda: boxes, "typed reason")
    assert (boxes[0].code, list(boxes[0].boxes)) == (ResultCode.BAD_INPUT, [])
    assert PICTURE_OPTION in boxes[0].message and f"{2 * WIDTH}x{2 * HEIGHT}" in boxes[0].message


def test_the_pipeline_gets_the_limits_of_the_parameters():
    wanted = Parameters(limits_max_words_chars=5, limits_max_label_chars=6)
    assert (wanted.limits.max_words_chars, wanted.limits.max_label_chars) == (5, 6)
    with pytest.raises(ValueError, match="at most 5 characters"):
        Parameters(limits_max_words_chars=5, continuous_prompt="red mug")
