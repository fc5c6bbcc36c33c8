"""The files an operator edits name topics and parameters that exist."""

import pytest
import yaml
from places import CHECKOUT

CONFIG = CHECKOUT / "config"
PRESETS = sorted((CONFIG / "cameras").glob("*.yaml"))


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_remaps_the_three_inputs(path):
    topics = yaml.safe_load(path.read_text())["topics"]
    assert set(topics) == {"rgb/image", "rgb/camera_info", "depth/image"}
    assert all(topic.startswith("/") for topic in topics.values())


def test_presets_for_the_common_cameras():
    assert {"realsense", "zed", "zed_before_5_1", "orbbec", "generic"} <= {path.stem for path in PRESETS}
