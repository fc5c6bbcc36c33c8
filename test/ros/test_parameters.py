"""Parameters of a running node: bounds, descriptions, what may change while the node runs."""

import pytest
import rclpy
from fake_pipeline import FakePipeline
from graph import MUG
from graph_views import LATCHED, scene
from rclpy.parameter import Parameter
from visualization_msgs.msg import Marker, MarkerArray

from n3d_ros.errors import ResultCode
from n3d_ros.node.parameters.declared import DECLARATIONS
from n3d_ros.srv import Ground


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("markers.alpha", 1.5, "markers.alpha"),
        ("markers.style", "round", "wire, solid"),
        ("depth.min_m", 50.0, "depth.max_m"),
    ],
)
def test_a_value_out_of_bounds_is_refused_and_the_old_one_stays(make_graph, name, value, named):
    graph = make_graph(FakePipeline([]))
    before = graph.node.live.now
    (result,) = graph.node.set_parameters([Parameter(name, value=value)])
    assert not result.successful
    assert named in result.reason
    assert graph.node.live.now == before


def test_dynamic_parameters_change_and_read_only_ones_do_not(make_graph):
    graph = make_graph(FakePipeline([]))
    (result,) = graph.node.set_parameters([Parameter("depth.max_m", value=3.0)])
    assert (result.successful, graph.node.live.now.depth_max_m) == (True, 3.0)
    (result,) = graph.node.set_parameters([Parameter("backend", value="torch")])
    assert (result.successful, graph.node.live.now.backend) == (False, "auto")


def test_a_bad_value_at_the_start_names_the_parameter(make_graph):
    with pytest.raises(
        (ValueError, rclpy.exceptions.InvalidParameterValueException), match=r"continuous\.rate_hz"
    ):
        make_graph(FakePipeline([]), continuous__rate_hz=-1.0)


def test_every_parameter_is_described(make_graph):
    graph = make_graph(FakePipeline([]))
    for one in DECLARATIONS:
        descriptor = graph.node.describe_parameter(one.name)
        assert one.description in descriptor.description
        assert descriptor.additional_constraints == (one.bounds if one.choices else "")
        ranges = [*descriptor.floating_point_range, *descriptor.integer_range]
        assert [(span.from_value, span.to_value) for span in ranges] == (
            [] if one.low is None else [(one.low, one.high)]
        )
        assert ("read when the node is configured" in descriptor.description) is not one.dynamic


def test_a_limit_of_depth_holds_for_the_newest_frame_at_once(make_graph):
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0)
    graph.one_frame()
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.OK
    graph.node.set_parameters([Parameter("depth.max_m", value=0.5)])
    response = graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))
    assert (response.code, "in 0..0.5 m" in response.message) == (ResultCode.NO_DEPTH, True)


def test_markers_change_their_looks_and_go_at_once(make_graph):
    graph = make_graph(FakePipeline([MUG]), continuous__prompt="red mug")
    arrays = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    graph.one_frame()
    graph.wait(lambda: scene(arrays), "markers")
    before = scene(arrays)
    graph.node.set_parameters([Parameter("markers.style", value="solid")])
    graph.wait(lambda: len(arrays) == 2, "the new style")
    after = scene(arrays)
    assert set(after) == set(before)
    kinds = [{one.type for one in shown.values()} - {Marker.TEXT_VIEW_FACING} for shown in (before, after)]
    assert kinds == [{Marker.LINE_LIST}, {Marker.CUBE}]
    assert all(after[key].pose == before[key].pose for key in before)
    graph.node.set_parameters([Parameter("markers.enabled", value=False)])
    graph.wait(lambda: not scene(arrays), "an empty scene")
