"""The files an operator edits name topics and parameters that exist."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import yaml
from driver_topics import DRIVERS, topics_of
from places import CHECKOUT

from n3d_ros.cameras.camera_info import RECTIFIED, kind_of_topic
from n3d_ros.child_process import package_environment
from n3d_ros.errors import BadInputError
from n3d_ros.node.conversions import colour, depth, intrinsics_of
from n3d_ros.node.parameters.declared import DECLARATIONS, Parameters
from n3d_ros.node.parameters.table import parameters_of, values_in

CONFIG = CHECKOUT / "config"
PRESETS = sorted((CONFIG / "cameras").glob("*.yaml"))


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_remaps_the_inputs_to_topics_that_its_driver_publishes(path):
    topics = yaml.safe_load(path.read_text())["topics"]
    inputs = {"rgb/image", "rgb/camera_info", "depth/image"}
    assert inputs <= set(topics) <= inputs | {"depth/camera_info"}
    assert set(topics.values()) <= topics_of(path.stem)


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_what_a_presets_driver_sends_is_read_and_its_frame_is_the_drivers(path):
    driver, preset = DRIVERS[path.stem], yaml.safe_load(path.read_text())
    assert set(driver.colour) <= set(colour.ENCODINGS)
    assert set(driver.depth) <= set(depth.ENCODINGS)
    assert preset.get("frame", "") == driver.frame


def test_a_presets_colour_is_taken_as_rectified_where_its_driver_rectifies_it():
    kinds = {
        path.stem: kind_of_topic(yaml.safe_load(path.read_text())["topics"]["rgb/image"]) for path in PRESETS
    }
    assert {name for name, kind in kinds.items() if kind == RECTIFIED} == {
        "zed",
        "zed_before_5_1",
        "oak",
        "generic",
    }


# Of these only zeros are read: Orbbec's driver has k3 and k4 elsewhere, and no camera info says so.
REFUSED = ("equidistant", 8)


@pytest.mark.parametrize("name", [name for name, driver in DRIVERS.items() if driver.lenses])
def test_the_lenses_of_a_presets_driver_are_read_with_as_many_coefficients_as_it_writes(name):
    for model, count in DRIVERS[name].lenses:
        straight = lens_of_info(model, [0.0] * count)
        assert straight is None if model != "equidistant" else straight.coefficients == (0.0,) * 4
        if (model, count) == REFUSED:
            with pytest.raises(BadInputError, match="which of them are k1 k2 k3 k4 is not known"):
                lens_of_info(model, [0.01] * count)
        else:
            assert lens_of_info(model, [0.01] * count).coefficients == (0.01,) * count


def lens_of_info(model, d):
    """Of the picture that a camera info with these coefficients is of."""
    k = [600.0, 0.0, 319.5, 0.0, 600.0, 239.5, 0.0, 0.0, 1.0]
    info = SimpleNamespace(k=k, d=d, distortion_model=model, width=640, height=480)
    return intrinsics_of(info, 640, 480).distortion


def test_presets_for_the_common_cameras():
    assert {path.stem for path in PRESETS} == set(DRIVERS)
    assert all("https://" in driver.source for driver in DRIVERS.values())


SHIPPED = CONFIG / "n3d.yaml"


def test_the_shipped_file_names_only_parameters_that_exist_with_their_defaults():
    given = values_in(yaml.safe_load(SHIPPED.read_text()))
    assert parameters_of(given) == Parameters()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"depth": {"max_km": 1.0}}, "depth.max_km"),
        ({"depth": {"max_m": 0.0}}, r"depth.max_m: expected 0.01..1000"),
        ({"depth": {"max_m": float("nan")}}, "depth.max_m"),
        ({"depth": {"min_m": 20.0}}, "less than depth.max_m"),
        ({"markers": {"style": "round"}}, "wire, solid"),
        ({"model": {"threads": "two"}}, "expected int, got 'two'"),
        ({"sync": {"queue_size": True}}, "expected int, got True"),
        ({"early_start": 1}, "expected bool, got 1"),
    ],
)
def test_a_file_with_something_else_is_refused_by_name(given, named):
    with pytest.raises(ValueError, match=named):
        parameters_of(values_in({"/**": {"ros__parameters": given}}))


def test_the_table_in_the_documentation_is_the_printed_one():
    printed = subprocess.run(
        [sys.executable, "-m", "n3d_ros.node.parameters"],
        cwd=CHECKOUT,
        env=package_environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.count("\n") == len(DECLARATIONS) + 2
    assert printed in (CHECKOUT / "docs" / "interface.md").read_text()


@pytest.mark.parametrize("one", DECLARATIONS, ids=lambda one: one.name)
def test_a_declaration_is_complete(one):
    assert one.description
    assert hasattr(Parameters(), one.field_name)
    has_bounds = one.low is not None and one.high is not None
    assert has_bounds is (one.type_name in ("int", "float"))


def test_the_node_takes_the_backends_that_the_commands_take():
    assert Parameters(backend="torch:cuda:bf16").backend == "torch:cuda:bf16"
    with pytest.raises(ValueError, match="backend: expected auto, trt, ort, torch .*got 'cuda'"):
        Parameters(backend="cuda")


def test_units_come_from_the_names():
    units = {one.name: one.unit for one in DECLARATIONS}
    assert units["depth.max_m"] == "m" and units["sync.max_slop_ms"] == "ms"
    assert units["continuous.rate_hz"] == "Hz" and units["goal_timeout_s"] == "s"
    assert units["markers.alpha"] == units["backend"] == ""
