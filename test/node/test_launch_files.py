"""The launch files around `n3d.launch.py`, read with stand-ins for launch, which PyPI lacks.

Each is started for real with launch_ros by hand (docs/interface.md).
"""

import importlib.util
import re
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from places import CHECKOUT

ament_index = pytest.importorskip("ament_index_python.packages")
LAUNCH = CHECKOUT / "launch"
OTHERS = sorted(path.name for path in LAUNCH.glob("*.launch.py") if path.name != "n3d.launch.py")
NAMES = {
    "launch": ("LaunchContext", "LaunchDescription"),
    "launch.actions": (
        "DeclareLaunchArgument", "ExecuteProcess", "GroupAction", "IncludeLaunchDescription",
        "OpaqueFunction", "Shutdown",
    ),
    "launch.events": (),
    "launch.events.process": ("ProcessExited",),
    "launch.launch_description_sources": ("PythonLaunchDescriptionSource",),
    "launch.substitutions": ("LaunchConfiguration", "PathJoinSubstitution", "ThisLaunchFileDir"),
    "launch_ros": (),
    "launch_ros.actions": ("Node",),
    "launch_ros.substitutions": ("FindPackageShare",),
}  # fmt: skip


class Recorded:
    """Keeps what it is given; a launch configuration has the value of the context."""

    def __init__(self, *given: Any, **named: Any):
        self.given, self.named = given, named

    def perform(self, context: dict[str, str]) -> str:
        return context[self.given[0]]


@pytest.fixture
def read(monkeypatch):
    """A launch file as a module; classes by their names, so that what it builds can be looked at."""
    for name, members in NAMES.items():
        module = ModuleType(name)
        for member in members:
            setattr(module, member, type(member, (Recorded,), {}))
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(ament_index, "get_package_share_directory", lambda _: str(CHECKOUT))

    def load(name):
        spec = importlib.util.spec_from_file_location(name.removesuffix(".launch.py"), LAUNCH / name)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def built(one, kind):
    """Everything of a kind within what a launch file built."""
    if isinstance(one, (list, tuple)):
        return [found for inner in one for found in built(inner, kind)]
    if not isinstance(one, Recorded):
        return []
    here = [one] if type(one).__name__ == kind else []
    return here + built(list(one.given), kind) + built(list(one.named.values()), kind)


def declared(description):
    return {one.given[0] for one in built(description, "DeclareLaunchArgument")}


@pytest.fixture
def arguments_of_the_node(read):
    return declared(read("n3d.launch.py").generate_launch_description())


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_passed_on_is_an_argument_of_the_node_or_of_a_driver(read, arguments_of_the_node, name):
    module = read(name)
    description = module.generate_launch_description()
    passed = [
        argument
        for include in built(description, "IncludeLaunchDescription")
        for argument, _ in include.named.get("launch_arguments", [])
    ]
    driver = set(getattr(module, "DRIVER", {}))
    assert set(passed) <= arguments_of_the_node | driver
    assert not (declared(description) - {"camera", "cameras"}) & arguments_of_the_node, (
        "an argument of two meanings"
    )


@pytest.mark.parametrize(("engine", "processes"), [("shared", ["front,left"]), ("own", ["front", "left"])])
def test_cameras_share_a_process_or_have_one_each(read, engine, processes):
    groups = read("multi_camera.launch.py").start({"cameras": "/front, left/", "engine": engine})
    passed = [dict(built(group, "IncludeLaunchDescription")[0].named["launch_arguments"]) for group in groups]
    assert passed == [{"cameras": names} for names in processes]
    assert all(group.named["scoped"] for group in groups)


@pytest.mark.parametrize(
    ("is_recording", "passed", "options"),
    [
        (True, {}, ["--loop", "--speed", "2.0"]),
        (
            False,
            {"rgb_topic": "/rgb/image", "info_topic": "/rgb/camera_info", "depth_topic": "/depth/image"},
            ["--loop"],
        ),
    ],
)
def test_the_node_listens_where_frames_are_played(read, tmp_path, is_recording, passed, options):
    if is_recording:
        (tmp_path / "metadata.yaml").touch()
    started = read("bag_demo.launch.py").start({"bag": str(tmp_path), "speed": "2.0"})
    [play], [node] = built(started, "ExecuteProcess"), built(started, "IncludeLaunchDescription")
    assert play.named["cmd"][3:] == ["play", str(tmp_path), *options]
    assert dict(node.named["launch_arguments"]) == passed


def test_a_recording_that_plays_no_longer_ends_the_launch(read, tmp_path):
    started = read("bag_demo.launch.py").start({"bag": str(tmp_path), "speed": "1.0"})
    on_exit = started[0].named["on_exit"]
    live, over = SimpleNamespace(is_shutdown=False), SimpleNamespace(is_shutdown=True)
    with pytest.raises(RuntimeError, match="n3d play ended with code 2"):
        on_exit(SimpleNamespace(returncode=2), live)
    assert type(on_exit(SimpleNamespace(returncode=0), live)).__name__ == "Shutdown"
    assert on_exit(SimpleNamespace(returncode=-2), over) is None


def test_they_share_it_unless_told_otherwise(read):
    description = read("multi_camera.launch.py").generate_launch_description()
    [engine] = [one for one in built(description, "DeclareLaunchArgument") if one.given[0] == "engine"]
    assert (engine.named["default_value"], engine.named["choices"]) == ("shared", ["shared", "own"])


@pytest.mark.parametrize("cameras", ["front,front", "front,/front", "front,", ""])
def test_cameras_of_one_name_are_refused(read, cameras):
    with pytest.raises(ValueError, match="expected different names"):
        read("multi_camera.launch.py").start({"cameras": cameras, "engine": "own"})


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_is_installed_or_downloaded_at_launch(name):
    text = (LAUNCH / name).read_text()
    assert not re.search(r"\b(pip|uv|apt|wget|curl|hub:|https?://(?!github\.com/realsenseai))", text)


def test_rviz_shows_the_nodes_topics():
    config = yaml.safe_load((CHECKOUT / "config" / "n3d.rviz").read_text())
    displays = {one["Name"]: one for one in config["Visualization Manager"]["Displays"]}
    assert displays["Boxes"]["Topic"]["Value"] == "n3d/markers"
    assert displays["Boxes"]["Topic"]["Durability Policy"] == "Transient Local"
    assert displays["Picture with boxes"]["Topic"]["Value"] == "n3d/debug/image"
    assert displays["Cloud"]["Color Image Topic"] == "rgb/image"
