"""`n3d.launch.py`: presets become remappings. launch and launch_ros come with a ROS distribution and not from
PyPI: stand-ins record what the file says to them.
"""

import importlib.util
import shlex
import shutil
import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from places import CHECKOUT

ament_index = pytest.importorskip("ament_index_python.packages")
CONFIG = CHECKOUT / "config"
PRESETS = sorted(path.stem for path in (CONFIG / "cameras").glob("*.yaml"))


@dataclass
class DeclareLaunchArgument:
    name: str
    default_value: str
    description: str
    choices: list = field(default_factory=list)


@dataclass
class LaunchConfiguration:
    name: str

    def perform(self, context):
        return context[self.name]


class Recorded:
    """Keeps what it is given."""

    def __init__(self, *given, **named):
        self.given, self.named = given, named


class Launch:
    """The launch file, read in a copy of `config/`."""

    def __init__(self):
        spec = importlib.util.spec_from_file_location("n3d_launch", CHECKOUT / "launch" / "n3d.launch.py")
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.arguments = {
            one.name: one
            for one in self.module.generate_launch_description().given[0]
            if isinstance(one, DeclareLaunchArgument)
        }

    def node(self, **given):
        """The node that is started when these arguments are given on the command line."""
        return self.started(**given)[-1].named

    def started(self, **given):
        """All that is started."""
        context = {name: one.default_value for name, one in self.arguments.items()} | given
        for name, value in given.items():
            assert not self.arguments[name].choices or value in self.arguments[name].choices
        return self.module.start(context)


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A package share with a copy of `config/`; what is dropped into it counts."""
    modules: dict[str, dict[str, Any]] = {
        "launch": {"LaunchContext": dict, "LaunchDescription": Recorded},
        "launch.actions": {"DeclareLaunchArgument": DeclareLaunchArgument, "OpaqueFunction": Recorded}
        | {name: type(name, (Recorded,), {}) for name in ("ExecuteProcess", "Shutdown")},
        "launch.events": {},
        "launch.events.process": {"ProcessExited": Recorded},
        "launch.substitutions": {"LaunchConfiguration": LaunchConfiguration},
        "launch_ros": {},
        "launch_ros.actions": {"Node": Recorded},
    }
    for name, members in modules.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    shutil.copytree(CONFIG, tmp_path / "config")
    monkeypatch.setattr(ament_index, "get_package_share_directory", lambda package: str(tmp_path))
    return tmp_path / "config"


def test_a_preset_is_one_file(config):
    topics = {"rgb/image": "/eye/rgb", "rgb/camera_info": "/eye/info", "depth/image": "/eye/depth"}
    (config / "cameras" / "third_eye.yaml").write_text(yaml.safe_dump({"topics": topics}))
    launch = Launch()
    assert launch.arguments["camera"].choices == sorted([*PRESETS, "third_eye"])
    assert dict(launch.node(camera="third_eye")["remappings"]) == topics


@pytest.mark.parametrize("camera", PRESETS)
def test_every_shipped_preset_is_a_choice(config, camera):
    topics = yaml.safe_load((CONFIG / "cameras" / f"{camera}.yaml").read_text())["topics"]
    assert dict(Launch().node(camera=camera)["remappings"]) == topics


def test_a_topic_given_by_hand_wins_over_the_preset(config):
    remappings = dict(Launch().node(camera="zed", depth_topic="/other/depth")["remappings"])
    assert remappings["depth/image"] == "/other/depth"
    assert remappings["rgb/image"].startswith("/zed/")


def test_arguments_become_parameters_after_the_file_and_empty_ones_do_not(config):
    node = Launch().node(prompt="red mug", use_sim_time="true")
    file, overrides, time = node["parameters"]
    assert file == str(config / "n3d.yaml")
    assert overrides == {"continuous.prompt": "red mug"}
    assert time == {"use_sim_time": True, "autostart": True}


@pytest.mark.parametrize("word", ["1e3", "1E-3", "08", "nan", "Infinity", "0x1p3", "y", "N"])
def test_a_word_that_ros_would_read_as_a_number_or_a_truth_is_written_with_quotes(config, word):
    _, overrides, _ = Launch().node(prompt=word)["parameters"]
    assert f"'{word} '" in yaml.dump(overrides), "as launch_ros writes it"
    assert overrides["continuous.prompt"].strip() == word


def test_one_quality_of_service_for_the_three_inputs(config):
    _, overrides, _ = Launch().node(qos="reliable")["parameters"]
    assert overrides == {"qos.rgb": "reliable", "qos.depth": "reliable", "qos.info": "reliable"}


def test_a_lifecycle_manager_may_start_it(config):
    *_, switches = Launch().node(autostart="false")["parameters"]
    assert switches == {"use_sim_time": False, "autostart": False}


def test_a_severity_that_ros_does_not_have_is_refused(config):
    node = Launch().node(log_level="debug")
    assert node["arguments"] == ["--ros-args", "--log-level", "debug"]
    assert "foo" not in Launch().arguments["log_level"].choices


def test_pictures_may_come_compressed(config):
    _, overrides, _ = Launch().node(rgb_transport="compressed", depth_transport="compressed")["parameters"]
    assert overrides == {"rgb.transport": "compressed", "depth.transport": "compressed"}


def test_rviz_sees_the_nodes_topics_from_the_cameras_frame(config):
    rviz, node = Launch().started(camera="realsense", rviz="true", name="eyes", namespace="robot")
    seen = dict(rviz.named["remappings"])
    assert (rviz.named["package"], rviz.named["namespace"]) == ("rviz2", "robot")
    shown = {"markers", "debug/image", "object_cloud"}
    assert {topic: seen[f"n3d/{topic}"] for topic in shown} == {topic: f"eyes/{topic}" for topic in shown}
    assert set(dict(node.named["remappings"]).items()) <= set(seen.items())
    assert seen["depth/camera_info"] == seen["rgb/camera_info"], "registered depth has colour's"
    assert rviz.named["arguments"] == ["-d", str(config / "n3d.rviz"), "-f", "camera_color_optical_frame"]


def test_depth_of_its_own_camera_is_seen_through_its_own_info(config):
    rviz, _ = Launch().started(camera="realsense_unaligned", rviz="true")
    assert dict(rviz.named["remappings"])["depth/camera_info"] == "/camera/camera/depth/camera_info"


def test_rviz_stands_in_the_frame_of_the_results_or_where_it_is_told_to(config):
    launch = Launch()
    for given, frame in (
        ({"output_frame": "map"}, ["-f", "map"]),
        ({"rviz_frame": "odom"}, ["-f", "odom"]),
        ({}, []),
    ):
        rviz, _ = launch.started(camera="gazebo", rviz="true", **given)
        assert rviz.named["arguments"][2:] == frame


def test_the_topics_of_the_rviz_file_are_those_that_are_remapped(config):
    displays = yaml.safe_load((config / "n3d.rviz").read_text())["Visualization Manager"]["Displays"]
    named = {one["Topic"]["Value"] for one in displays if "Topic" in one}
    named |= {one[key] for one in displays for key in ("Depth Map Topic", "Color Image Topic") if key in one}
    rviz, _ = Launch().started(rviz="true")
    assert named <= set(dict(rviz.named["remappings"]))


def test_several_cameras_are_one_process_with_the_presets_topics_below_their_names(config):
    (started,) = Launch().started(
        camera="realsense_unaligned", cameras="front,left", namespace="robot", name="eye"
    )
    arguments = started.named["arguments"]
    assert arguments[0::2][:2] == ["--camera", "--camera"] and "--ros-args" in arguments[4:]
    front, left = (shlex.split(one) for one in arguments[1:4:2])
    assert (front[0], left[0]) == ("front", "left")
    assert front[1:3] == ["-r", "rgb/image:=/front/camera/color/image_raw"]
    assert "depth/camera_info:=/left/camera/depth/camera_info" in left
    assert arguments[-2:] == ["-r", "__node:=eye"]
    (spaced,) = Launch().started(camera="realsense_unaligned", cameras="/front/, left,")
    assert spaced.named["arguments"][:4] == arguments[:4]
    assert "name" not in started.named, "launch would address the parameters to a node of that name"
    assert started.named["namespace"] == "robot" and len(started.named["parameters"]) == 3


def test_every_camera_has_an_rviz_of_its_own(config):
    *shown, _ = Launch().started(camera="realsense", cameras="front,left", namespace="robot", rviz="true")
    assert [one.named["namespace"] for one in shown] == ["robot/front", "robot/left"]
    assert dict(shown[1].named["remappings"])["rgb/image"] == "/left/camera/color/image_raw"


def test_build_only_builds_without_a_network_and_ends(config):
    (build,) = Launch().started(build_only="true", model="/models/mine", rviz="true")
    assert build.named["cmd"][1:] == ["-m", "n3d_ros.cli", "build", "--model", "/models/mine"]
    assert build.named["additional_env"] == {"HF_HUB_OFFLINE": "1"}
    on_exit = build.named["on_exit"]
    assert type(on_exit(SimpleNamespace(returncode=0), {})).__name__ == "Shutdown"
    with pytest.raises(RuntimeError, match="n3d build ended with code 2"):
        on_exit(SimpleNamespace(returncode=2), {})


def test_no_argument_asks_for_a_pictures_size(config):
    assert not {name for name in Launch().arguments if "width" in name or "height" in name}


def test_a_parameters_file_that_is_not_there_is_refused(config):
    with pytest.raises(ValueError, match="params_file: expected a file, got '/none.yaml'"):
        Launch().node(params_file="/none.yaml")
