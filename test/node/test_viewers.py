"""The files for RViz and Foxglove name displays, panels and settings that these viewers have."""

import json
import re
from xml.etree import ElementTree

import pytest
import viewer_settings as known
import yaml
from places import CHECKOUT
from viewer_settings import keys

RVIZ = yaml.safe_load((CHECKOUT / "config" / "n3d.rviz").read_text())
MANAGER = RVIZ["Visualization Manager"]
LAYOUT = json.loads((CHECKOUT / "config" / "foxglove.json").read_text())
# Of the node, as test/ros/test_policy.py holds against a graph.
TOPICS = {
    f"/{one.text.lstrip('/')}"
    for one in ElementTree.parse(CHECKOUT / "config" / "sros2_policy.xml").iter("topic")
}


@pytest.mark.parametrize("display", MANAGER["Displays"], ids=lambda one: one["Name"])
def test_rviz_has_the_display_and_its_settings(display):
    assert set(keys(display, but=("Topic", "Namespaces"))) <= known.RVIZ_DISPLAYS[display["Class"]]


@pytest.mark.parametrize("display", MANAGER["Displays"], ids=lambda one: one["Name"])
def test_rviz_knows_how_points_are_drawn(display):
    for key in known.RVIZ_POINTS.keys() & display.keys():
        assert display[key] in known.RVIZ_POINTS[key], key


def test_both_viewers_colour_the_points_of_each_object_by_a_field_that_the_cloud_has():
    pytest.importorskip("rclpy", reason="rclpy is not installed (make ros)")
    from n3d_ros.node.outputs.cloud import FIELDS

    fields = {one.name for one in FIELDS}
    [cloud] = [one for one in MANAGER["Displays"] if one["Class"] == "rviz_default_plugins/PointCloud2"]
    assert cloud["Topic"]["Value"] == "n3d/object_cloud"
    assert cloud["Color Transformer"] == "Intensity" and cloud["Channel Name"] in fields
    shown = LAYOUT["configById"]["3D!n3d"]["topics"]["/n3d/object_cloud"]
    assert shown["visible"] and shown["colorField"] in fields
    assert shown["colorMode"] in known.FOXGLOVE_COLOR_MODES


def test_rviz_has_the_rest():
    assert {one["Class"] for one in RVIZ["Panels"]} <= known.RVIZ_PANELS
    assert {one["Class"] for one in MANAGER["Tools"]} <= known.RVIZ_TOOLS
    assert set(MANAGER["Global Options"]) <= known.RVIZ_OPTIONS
    view = MANAGER["Views"]["Current"]
    assert set(keys(view)) <= known.RVIZ_VIEWS[view["Class"]]


@pytest.mark.parametrize("display", MANAGER["Displays"], ids=lambda one: one["Name"])
def test_rviz_knows_the_qos_of_each_topic(display):
    for key, value in display.get("Topic", {}).items():
        allowed = known.RVIZ_TOPIC[key]
        assert isinstance(value, allowed) if isinstance(allowed, type) else value in allowed, key


def test_foxglove_has_the_panels_and_their_settings():
    for name, config in LAYOUT["configById"].items():
        assert set(keys(config, but=("topics",))) <= known.FOXGLOVE_PANELS[name.split("!")[0]], name


def test_foxglove_has_the_settings_of_each_topic():
    for config in LAYOUT["configById"].values():
        for topic, settings in config.get("topics", {}).items():
            assert set(settings) <= known.FOXGLOVE_TOPIC, topic


def test_foxgloves_layout_shows_each_panel_once():
    def shown(part):
        return [part] if isinstance(part, str) else [*shown(part["first"]), *shown(part["second"])]

    assert sorted(shown(LAYOUT["layout"])) == sorted(LAYOUT["configById"])


def named(part):
    """Values of a layout that are topics, wherever in it, and keys of `topics`."""
    for key, value in part.items():
        if key.startswith("topic") and isinstance(value, dict):
            yield from value
        elif isinstance(value, dict):
            yield from named(value)
        elif re.search("[tT]opic", key):
            yield value


def test_both_viewers_show_topics_that_the_node_has():
    rviz = [one.get("Topic", {}).get("Value") for one in MANAGER["Displays"]]
    rviz += [one.get(f"{kind} Topic") for one in MANAGER["Displays"] for kind in ("Depth Map", "Color Image")]
    assert {f"/{topic}" for topic in rviz if topic} <= TOPICS
    foxglove = [topic.partition(".") for topic in named(LAYOUT["configById"])]
    assert {topic for topic, _, _ in foxglove} <= TOPICS
    [field] = [field for _, _, field in foxglove if field]
    assert f"\nstring {field} " in (CHECKOUT / "msg" / "SpatialAnswer.msg").read_text()
    assert len(rviz) > 4 and len(foxglove) > 6
