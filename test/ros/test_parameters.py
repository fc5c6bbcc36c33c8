"""Parameters of a running node: bounds, descriptions, what may change while the node runs."""

import pytest
import rclpy
import stand_in_tf
from fake_pipeline import FakePipeline
from graph import BOX, FRAME, MUG
from graph_views import LATCHED, scene
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from visualization_msgs.msg import Marker, MarkerArray

from n3d_ros.action import Ask
from n3d_ros.action import Ground as GroundAction
from n3d_ros.errors import ResultCode
from n3d_ros.node import optional_packages
from n3d_ros.node.parameters.declared import DECLARATIONS
from n3d_ros.srv import Ground


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("markers.alpha", 1.5, "markers.alpha"),
        ("markers.style", "round", "wire, solid"),
        ("depth.min_m", 50.0, "depth.max_m"),
        ("continuous.prompt", "a\x01b", "continuous.prompt: words: expected text"),
    ],
)
def test_a_value_out_of_bounds_is_refused_and_the_old_one_stays(make_graph, name, value, named):
    graph = make_graph(FakePipeline([]))
    before = graph.node.live.now
    (result,) = graph.node.set_parameters([Parameter(name, value=value)])
    assert not result.successful
    assert named in result.reason
    assert graph.node.live.now == before


def test_what_this_machine_cannot_serve_is_refused_by_the_name_of_its_parameter(make_graph, monkeypatch):
    for what in ("has_tf", "has_tf_messages"):
        monkeypatch.setattr(optional_packages, what, lambda: False)
    live = make_graph(FakePipeline([])).node.live
    assert live.set("continuous.publish_tf", True).reason.startswith("continuous.publish_tf: tf2_msgs")
    assert live.set("output_frame", "a\x01b").reason.startswith("output_frame 'a\\x01b': tf2_ros")


def test_dynamic_parameters_change_and_read_only_ones_do_not(make_graph):
    graph = make_graph(FakePipeline([]))
    (result,) = graph.node.set_parameters([Parameter("depth.max_m", value=3.0)])
    assert (result.successful, graph.node.live.now.depth_max_m) == (True, 3.0)
    (result,) = graph.node.set_parameters([Parameter("backend", value="torch")])
    assert (result.successful, graph.node.live.now.backend) == (False, "auto")


def asked(graph, is_atomic, *wanted):
    """(whether it was set, reason) of a request to the node's service. wanted: names and values."""
    parameters = [ParameterMessage(name=name, value=value) for name, value in wanted]
    if is_atomic:
        request = SetParametersAtomically.Request(parameters=parameters)
        results = [graph.call(SetParametersAtomically, "n3d/set_parameters_atomically", request).result]
    else:
        request = SetParameters.Request(parameters=parameters)
        results = graph.call(SetParameters, "n3d/set_parameters", request).results
    return [(one.successful, one.reason) for one in results]


@pytest.mark.parametrize("is_atomic", [False, True])
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("depth.max_m", ParameterValue(type=77), "depth.max_m: expected a type of"),
        ("depth.mx_m", ParameterValue(type=3, double_value=1.0), "do you mean depth.max_m?"),
        (
            "depth.max_m",
            ParameterValue(type=2, integer_value=3),
            "expected double, got integer; a whole number",
        ),
        ("continuous.prompt", ParameterValue(type=1), "expected string, got bool; text that reads"),
        ("max_queued_goals", ParameterValue(type=9), "expected integer, got string array"),
        ("use_sim_time", ParameterValue(), "expected bool, got no value; a parameter of this node cannot"),
    ],
)
def test_a_request_that_rclpy_does_not_answer_by_name_is_refused(make_graph, is_atomic, name, value, said):
    graph = make_graph(FakePipeline([]))
    right = ("depth.min_m", ParameterValue(type=3, double_value=0.5))
    answers = asked(graph, is_atomic, right, (name, value))
    assert (answers[-1][0], said in answers[-1][1], name in answers[-1][1]) == (False, True, True)
    assert graph.node.live.now.depth_min_m == (0.0 if is_atomic else 0.5)
    assert asked(graph, is_atomic, right) == [(True, "")]


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
    again = graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))
    assert (again.code, again.message) == (response.code, response.message), "no depth of the limit before"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("depth.max_m", 0.5, ResultCode.NO_DEPTH),
        ("intrinsics.override", "fx=60 fy=60 cx=31.5 cy=31.5 size=64x64", ResultCode.BAD_INPUT),
    ],
)
def test_what_a_frame_is_refused_for_holds_as_often_as_it_is_asked_about(make_graph, name, value, code):
    """The second answer was about what the frame showed by the value before."""
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0)
    graph.one_frame()
    request = Ground.Request(prompt="red mug")
    before = graph.node.get_parameter(name).value
    assert graph.call(Ground, "n3d/ground", request).code == ResultCode.OK
    graph.node.set_parameters([Parameter(name, value=value)])
    refused = [graph.call(Ground, "n3d/ground", request) for _ in range(2)]
    assert [one.code for one in refused] == [code, code]
    assert refused[0].message == refused[1].message
    graph.node.set_parameters([Parameter(name, value=before)])
    assert graph.call(Ground, "n3d/ground", request).code == ResultCode.OK


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


OTHER_VALUES = {
    "continuous.enabled": False,
    "continuous.prompt": "blue mug; box",
    "continuous.rate_hz": 5.0,
    "continuous.publish_tf": False,
    "rgb.picture": "raw",
    "intrinsics.override": "fx=90 fy=91 cx=32.5 cy=23.5 size=64x48",
    "early_start": False,
    "depth.scale_m": 0.002,
    "depth.align": "off",
    "depth.is_estimated": True,
    "depth.min_m": 0.5,
    "depth.max_m": 3.0,
    "max_frame_age_s": 600.0,
    "frame_timeout_s": 30.0,
    "output_frame": "map",
    "tf_timeout_s": 0.1,
    "tracking_frame": "odom",
    "markers.enabled": False,
    "markers.style": "solid",
    "markers.alpha": 0.5,
    "markers.label_height_m": 0.0,
    "markers.lifetime_s": 2.5,
    "debug_image.enabled": False,
    "generation.max_tokens": 64,
    "goal_timeout_s": 50.0,
    "limits.max_picture_megapixels": 1.0,
}


def test_every_dynamic_one_may_change_and_change_back_in_bursts_while_goals_run(make_graph, monkeypatch):
    world = stand_in_tf.install(monkeypatch)
    for frame in ("map", "odom"):
        world.poses[frame, FRAME] = stand_in_tf.Still(x=5.0)
    assert set(OTHER_VALUES) == {one.name for one in DECLARATIONS if one.dynamic}
    graph = make_graph(FakePipeline([MUG, BOX]), continuous__prompt="red mug", max_frame_age_s=0.0)
    graph.one_frame()
    before = graph.node.live.now
    setting = graph.client.create_client(
        SetParameters, "n3d/set_parameters", qos_profile=QoSProfile(depth=1000)
    )
    graph.wait(setting.service_is_ready, "parameter service")
    for _ in range(3):
        goals = [
            graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt="red mug")) for _ in range(2)
        ]
        goals.append(graph.goal(Ask, "n3d/ask", Ask.Goal(question="How far is the red mug?")))
        burst = [
            setting.call_async(
                SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
            )
            for name, other in OTHER_VALUES.items()
            for value in (other, getattr(before, name.replace(".", "_")))
        ]
        graph.publish()
        graph.wait(lambda burst=burst: all(one.done() for one in burst), "the burst")
        refused = [one.result().results[0].reason for one in burst if not one.result().results[0].successful]
        assert refused == []
        assert [graph.result(goal).result.code for goal in goals] == [ResultCode.OK] * 3
    assert graph.node.live.now == before
    assert [graph.node.get_parameter(name).value for name in OTHER_VALUES] == [
        getattr(before, name.replace(".", "_")) for name in OTHER_VALUES
    ]
