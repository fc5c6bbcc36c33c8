"""Markers as a viewer receives them."""

from fake_pipeline import FakePipeline
from graph import BOX, MUG
from graph_views import LATCHED, scene
from std_srvs.srv import Trigger
from visualization_msgs.msg import Marker, MarkerArray


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


def test_clear_deletes_everything(make_graph):
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug")
    arrays = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    graph.connect_camera()
    graph.publish()
    graph.wait(lambda: scene(arrays), "markers")
    assert graph.call(Trigger, "n3d/clear", Trigger.Request()).success
    graph.wait(lambda: not scene(arrays), "empty scene")
