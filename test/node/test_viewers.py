"""The files for RViz and Foxglove name displays, panels and settings that these viewers have."""

import json

import pytest
import viewer_settings as known
import yaml
from places import CHECKOUT
from viewer_settings import keys

RVIZ = yaml.safe_load((CHECKOUT / "config" / "n3d.rviz").read_text())
MANAGER = RVIZ["Visualization Manager"]
LAYOUT = json.loads((CHECKOUT / "config" / "foxglove.json").read_text())


@pytest.mark.parametrize("display", MANAGER["Displays"], ids=lambda one: one["Name"])
def test_rviz_has_the_display_and_its_settings(display):
    assert set(keys(display, but=("Topic", "Namespaces"))) <= known.RVIZ_DISPLAYS[display["Class"]]


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


def test_foxgloves_layout_shows_each_panel_once():
    def shown(part):
        return [part] if isinstance(part, str) else [*shown(part["first"]), *shown(part["second"])]

    assert sorted(shown(LAYOUT["layout"])) == sorted(LAYOUT["configById"])
