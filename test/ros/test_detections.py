"""~/detections where the real vision_msgs imports: what a node that knows no code may take as found."""

import pytest
import stand_in_tf
from fake_pipeline import FakePipeline
from geometry_msgs.msg import Quaternion
from graph import BOX, FRAME, MUG

from n3d_ros.errors import ResultCode
from n3d_ros.msg import Box3DArray
from n3d_ros.srv import Ask, Ground

pytest.importorskip("vision_msgs")


def ground(graph, *names):
    return graph.call(Ground, "n3d/ground", Ground.Request(labels=list(names)))


@pytest.fixture
def heard(make_graph):
    """Start a node with one frame: the graph, what ~/detections and ~/boxes bring."""

    def start(boxes, **parameters):
        from vision_msgs.msg import Detection3DArray

        graph = make_graph(FakePipeline(boxes), max_frame_age_s=0.0, **parameters)
        detections = graph.collect(Detection3DArray, "n3d/detections")
        boxes = graph.collect(Box3DArray, "n3d/boxes")
        graph.one_frame()
        return graph, detections, boxes

    return start


def test_each_box_is_a_detection_under_the_header_of_its_result(heard, monkeypatch):
    world = stand_in_tf.install(monkeypatch)
    world.poses["map", FRAME] = stand_in_tf.Still(x=5.0, rotation=Quaternion(x=-0.5, y=0.5, z=-0.5, w=0.5))
    graph, detections, boxes = heard([MUG, BOX], output_frame="map")
    assert ground(graph, "red mug").code == ResultCode.OK
    graph.wait(lambda: detections and boxes, "both")
    [array], [result] = detections, boxes
    assert array.header == result.header and array.header.frame_id == "map"
    for one, box in zip(array.detections, result.boxes, strict=True):
        assert (one.header, one.id, one.bbox.center, one.bbox.size) == (
            array.header,
            box.id,
            box.pose,
            box.size,
        )
        [hypothesis] = one.results
        assert (hypothesis.hypothesis.class_id, hypothesis.pose.pose) == (box.label, box.pose)
        assert hypothesis.hypothesis.score == pytest.approx(box.score)
    assert [one.id for one in array.detections] == ["red mug/0", "red mug/1"]


def test_nothing_found_is_an_empty_array_and_what_failed_is_none(heard):
    graph, detections, boxes = heard([])
    assert ground(graph, "florble").code == ResultCode.BAD_INPUT
    assert ground(graph, "red mug").code == ResultCode.OK
    graph.wait(lambda: detections and len(boxes) == 2, "both results")
    assert [len(one.detections) for one in detections] == [0]
    assert detections[0].header == boxes[1].header


def test_of_several_names_those_that_were_answered_are_there(heard):
    graph, detections, boxes = heard([MUG])
    assert ground(graph, "red mug", "florble", "blue mug").code == ResultCode.BAD_INPUT
    graph.wait(lambda: detections, "an array")
    assert len(detections[0].detections) == len(boxes[0].boxes) == 2


def test_evidence_of_an_answer_is_none(heard):
    graph, detections, boxes = heard([MUG])
    assert graph.call(Ask, "n3d/ask", Ask.Request(question="How far is the red mug?")).code == ResultCode.OK
    assert ground(graph, "red mug").code == ResultCode.OK
    graph.wait(lambda: detections and boxes, "both")
    assert len(detections) == len(boxes) == 1
