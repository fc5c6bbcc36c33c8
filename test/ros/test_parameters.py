"""Parameters: the shipped file, bounds, descriptions, what may change while the node runs."""

import pytest
import rclpy
import yaml
from fake_pipeline import FakePipeline
from places import CHECKOUT
from rclpy.parameter import Parameter

from n3d_ros.node.parameters import PARAMETERS, defaults, field_name

SHIPPED = CHECKOUT / "config" / "n3d.yaml"


def flat(values, prefix=""):
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def test_the_shipped_file_names_only_parameters_that_exist_with_values_in_bounds():
    given = dict(flat(yaml.safe_load(SHIPPED.read_text())["/**"]["ros__parameters"]))
    assert set(given) <= {row.name for row in PARAMETERS}
    assert type(defaults())(
        **{**vars(defaults()), **{field_name(name): value for name, value in given.items()}}
    )


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
    before = graph.node.parameters
    (result,) = graph.node.set_parameters([Parameter(name, value=value)])
    assert not result.successful
    assert named in result.reason
    assert graph.node.parameters == before


def test_dynamic_parameters_change_and_read_only_ones_do_not(make_graph):
    graph = make_graph(FakePipeline([]))
    (result,) = graph.node.set_parameters([Parameter("depth.max_m", value=3.0)])
    assert (result.successful, graph.node.parameters.depth_max_m) == (True, 3.0)
    (result,) = graph.node.set_parameters([Parameter("backend", value="torch")])
    assert (result.successful, graph.node.parameters.backend) == (False, "auto")


def test_a_bad_value_at_the_start_names_the_parameter(make_graph):
    with pytest.raises(
        (ValueError, rclpy.exceptions.InvalidParameterValueException), match=r"continuous\.rate_hz"
    ):
        make_graph(FakePipeline([]), continuous__rate_hz=-1.0)


def test_the_node_takes_the_backends_that_the_commands_take():
    values = vars(defaults())
    assert type(defaults())(**{**values, "backend": "torch:cuda:bf16"}).backend == "torch:cuda:bf16"
    with pytest.raises(ValueError, match="backend: expected auto, trt, ort, torch .*got 'cuda'"):
        type(defaults())(**{**values, "backend": "cuda"})


def test_every_parameter_is_described(make_graph):
    graph = make_graph(FakePipeline([]))
    for row in PARAMETERS:
        descriptor = graph.node.describe_parameter(row.name)
        assert len(descriptor.description) > 10
        assert descriptor.read_only is not row.dynamic
