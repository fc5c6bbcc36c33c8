"""Markers as a viewer receives them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import stand_in_tf
from fake_pipeline import FakePipeline
from geometry_msgs.msg import Quaternion
from graph import BOX, FRAME, MUG
from graph_views import LATCHED, scene
from std_srvs.srv import Trigger
from visualization_msgs.msg import Marker, MarkerArray

from n3d_ros.errors import ResultCode
from n3d_ros.node.outputs.markers import DELETED_S, LABEL_GAP_M, THINNEST_M
from n3d_ros.srv import Ground

# REP 103: optical z is the body's x, optical x its -y, optical y its -z.
OPTICAL_TO_BODY = Quaternion(x=-0.5, y=0.5, z=-0.5, w=0.5)


def test_a_vanished_object_leaves_no_ghost_and_the_others_do_not_blink(make_graph):
    pipeline = FakePipeline([MUG, BOX])
    graph = make_graph(pipeline, continuous__prompt="red mug")
    arrays = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    graph.connect_camera()
    graph.publish()
    graph.wait(lambda: arrays, "markers")
    before = scene(arrays)
    assert len(before) == 4, "an outline and a label each"
    pipeline.boxes = [BOX]
    graph.publish()
    graph.wait(lambda: len(arrays) == 2, "second markers")
    kept = {(m.ns, m.id) for m in arrays[1].markers if m.action == Marker.ADD}
    deleted = {(m.ns, m.id) for m in arrays[1].markers if m.action == Marker.DELETE}
    assert len(kept) == len(deleted) == 2
    assert kept | deleted == set(before)
    assert set(scene(arrays)) == kept


def test_a_viewer_that_missed_messages_keeps_no_ghost(standing, monkeypatch):
    graph, arrays, look = standing
    now_s = [100.0]
    monkeypatch.setattr("n3d_ros.node.outputs.markers.time", SimpleNamespace(monotonic=lambda: now_s[0]))
    look([MUG, BOX])
    look([BOX])
    look([BOX])
    assert scene([arrays[0], arrays[2]]) == scene(arrays)
    now_s[0] += DELETED_S
    look([BOX])
    assert {one.action for one in arrays[3].markers} == {Marker.ADD}, "a message does not grow for ever"


def test_a_label_stands_above_its_box_in_whatever_frame(make_graph, monkeypatch):
    """In base_link up is z; the box stands 0.2 m below the camera, which stands 1 m high."""
    world = stand_in_tf.install(monkeypatch)
    world.poses["base_link", FRAME] = stand_in_tf.Still(z=1.0, rotation=OPTICAL_TO_BODY)
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug", output_frame="base_link")
    arrays = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    graph.one_frame()
    graph.wait(lambda: arrays, "markers")
    [label] = [one for one in arrays[0].markers if one.type == Marker.TEXT_VIEW_FACING]
    position = label.pose.position
    above = 0.8 + MUG.size[1] / 2 + LABEL_GAP_M
    assert (position.x, position.y, position.z) == pytest.approx((1.0, -0.1, above))


def test_a_box_without_thickness_has_a_scale_that_viewers_take(make_graph):
    flat = replace(MUG, size=(0.3, 0.0, 0.2))
    graph = make_graph(FakePipeline([flat]), continuous__prompt="red mug", markers__style="solid")
    arrays = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    graph.one_frame()
    graph.wait(lambda: arrays, "markers")
    [solid] = [one for one in arrays[0].markers if one.type == Marker.CUBE]
    assert (solid.scale.x, solid.scale.y, solid.scale.z) == (0.3, THINNEST_M, 0.2)


def test_clear_deletes_everything(make_graph):
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug")
    arrays = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    graph.connect_camera()
    graph.publish()
    graph.wait(lambda: scene(arrays), "markers")
    assert graph.call(Trigger, "n3d/clear", Trigger.Request()).success
    graph.wait(lambda: not scene(arrays), "empty scene")


@pytest.fixture
def standing(make_graph):
    """A graph with a standing prompt, its markers, and `look`: what one more frame shows, by label."""
    pipeline = FakePipeline([MUG])
    graph = make_graph(pipeline, continuous__prompt="red mug")
    arrays = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    graph.connect_camera()

    def look(boxes, depth_m=1.0):
        pipeline.boxes, count = boxes, len(arrays)
        graph.publish(graph.messages(depth_m=depth_m))
        graph.wait(lambda: len(arrays) > count, "markers")
        return {marker.text: marker for marker in scene(arrays).values()}

    return graph, arrays, look


def moved(box, z):
    return replace(box, center=(*box.center[:2], z))


def test_a_request_does_not_hold_the_marker_of_what_is_seen_again(standing):
    graph, arrays, look = standing
    look([MUG])
    count = len(arrays)
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.OK
    graph.wait(lambda: len(arrays) > count, "markers of the request")
    assert look([moved(MUG, 1.05)])[MUG.label].pose.position.z == 1.05
    assert look([]) == {}, "what is looked for and not found is shown by no slot"


def test_another_request_leaves_what_the_standing_words_show(standing):
    graph, arrays, look = standing
    look([MUG])
    count = len(arrays)
    graph.node.desk.worker.engine.boxes = [BOX]
    graph.call(Ground, "n3d/ground", Ground.Request(prompt="blue box"))
    graph.wait(lambda: len(arrays) > count, "markers of the request")
    assert {one.text for one in scene(arrays).values()} == {"", MUG.label, BOX.label}
    assert set(look([MUG])) == {"", MUG.label, BOX.label}


def test_what_a_request_showed_is_dropped_after_its_lifetime_however_often_others_are_shown(
    standing, monkeypatch
):
    graph, arrays, look = standing
    now_s = [100.0]
    monkeypatch.setattr("n3d_ros.node.outputs.markers.time", SimpleNamespace(monotonic=lambda: now_s[0]))
    assert graph.node.live.set("markers.lifetime_s", 2.5).successful
    graph.wait(lambda: arrays, "markers in the new style")
    look([MUG])
    blue = replace(BOX, label="blue box")
    graph.node.desk.worker.engine.boxes, count = [blue], len(arrays)
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="blue box")).code == ResultCode.OK
    graph.wait(lambda: len(arrays) > count, "markers of the request")
    now_s[0] += 2.0
    left = {text: marker.lifetime for text, marker in look([MUG]).items() if text}
    assert {text: (one.sec, one.nanosec) for text, one in left.items()} == {
        MUG.label: (2, 500_000_000),
        blue.label: (0, 500_000_000),
    }
    now_s[0] += 1.0
    assert set(look([MUG])) == {"", MUG.label}


def test_markers_go_when_the_standing_words_cannot_be_looked_for(standing):
    graph, arrays, look = standing
    look([MUG])
    assert look([MUG], depth_m=0.0) == {}
    assert set(look([MUG])) == {"", MUG.label}
