"""Start the node behind a camera: `ros2 launch n3d_ros n3d.launch.py camera:=realsense prompt:="red mug"`.

It starts no camera driver, downloads nothing and installs nothing. `rviz:=true` shows what it finds;
`build_only:=true` builds the TensorRT engine of the model for this machine's GPU instead, and ends. With
`cameras:=front,left` a node stands below each of these names, all in one process: see multi_camera.launch.py.
"""

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction, Shutdown
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

CONFIG = Path(get_package_share_directory("n3d_ros")) / "config"
CAMERAS = sorted(path.stem for path in (CONFIG / "cameras").glob("*.yaml"))
# argument, description, parameter that it sets when it is not empty
PARAMETERS = (
    ("model", "model folder; empty: the n3d-nano that ships", "model.path"),
    ("backend", "auto, ort, torch:cuda ...; empty: as in the parameters file", "backend"),
    ("prompt", "words to look for all the time; empty: only when asked", "continuous.prompt"),
    ("output_frame", "tf frame of the results; empty: the camera's optical frame", "output_frame"),
)
TOPICS = (
    ("rgb_topic", "rgb/image", "colour image; empty: the preset's"),
    ("info_topic", "rgb/camera_info", "camera info of the colour image; empty: the preset's"),
    ("depth_topic", "depth/image", "depth image; empty: the preset's"),
    ("depth_info_topic", "depth/camera_info", "of depth that is not registered; empty: the preset's"),
)
# argument, choices, description, parameters that it sets when it is not empty
CHOICES = (
    (
        "qos",
        ("auto", "sensor_data", "reliable"),
        "of the camera's topics",
        ("qos.rgb", "qos.depth", "qos.info"),
    ),
    ("rgb_transport", ("raw", "compressed"), "of the colour image", ("rgb.transport",)),
    ("depth_transport", ("raw", "compressed"), "of the depth image", ("depth.transport",)),
)
# argument, default, description; each becomes a parameter of its name
SWITCHES = (
    ("use_sim_time", "false", "true for recordings and simulators"),
    ("autostart", "true", "configure and activate at once; false: a lifecycle manager does"),
)
# argument, description; all are false
EXTRAS = (
    ("respawn", "start the node again when it ends"),
    ("rviz", "show picture, cloud and boxes in RViz, where rviz2 is installed"),
    ("build_only", "build the engine for this machine's GPU (n3d build) and end; no node"),
)
LOG_LEVELS = ["debug", "info", "warn", "error", "fatal"]
BOOLEANS = ["true", "false"]
# Numbers and booleans to ROS, which launch_ros writes without quotes: they are none to PyYAML.
NO_TEXT = re.compile(
    r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|0x[0-9a-f.]+p[+-]?\d+|inf|infinity|nan)|[yn]", re.IGNORECASE
)


def arguments() -> list[DeclareLaunchArgument]:
    """Every argument with its default, choices and description."""
    rviz_frame = "fixed frame of RViz; empty: output_frame, else the camera's where the preset names it"
    as_file = "; empty: as in the parameters file"
    cameras = "names with commas between: a node below each, all in one process; empty: one node"
    return [
        DeclareLaunchArgument("camera", default_value="generic", choices=CAMERAS, description="topic preset"),
        DeclareLaunchArgument("cameras", default_value="", description=cameras),
        DeclareLaunchArgument("name", default_value="n3d", description="node name"),
        DeclareLaunchArgument("namespace", default_value="", description="one per camera"),
        DeclareLaunchArgument(
            "params_file", default_value=str(CONFIG / "n3d.yaml"), description="parameters"
        ),
        DeclareLaunchArgument(
            "log_level", default_value="info", choices=LOG_LEVELS, description="from which severity on"
        ),
        *(
            DeclareLaunchArgument(name, default_value=value, choices=BOOLEANS, description=text)
            for name, value, text in (*SWITCHES, *((name, "false", text) for name, text in EXTRAS))
        ),
        *(
            DeclareLaunchArgument(name, default_value="", choices=["", *some], description=text + as_file)
            for name, some, text, _ in CHOICES
        ),
        *(DeclareLaunchArgument(name, default_value="", description=text) for name, text, _ in PARAMETERS),
        *(DeclareLaunchArgument(name, default_value="", description=text) for name, _, text in TOPICS),
        DeclareLaunchArgument("rviz_frame", default_value="", description=rviz_frame),
    ]


def start(context: LaunchContext) -> list[ExecuteProcess]:
    """What the arguments ask for: the build alone, or the node and perhaps RViz, one for each camera."""
    given = {one.name: str(LaunchConfiguration(one.name).perform(context)) for one in arguments()}
    if given["build_only"] == "true":
        return [build(given)]
    if not Path(given["params_file"]).is_file():  # launch_ros would go on without the parameters
        raise ValueError(f"params_file: expected a file, got '{given['params_file']}'")
    preset = yaml.safe_load((CONFIG / "cameras" / f"{given['camera']}.yaml").read_text(encoding="utf-8"))
    topics = {**preset["topics"], **{topic: given[name] for name, topic, _ in TOPICS if given[name]}}
    cameras = {name: below(name, topics) for name in names_of(given["cameras"])}
    views = {"/".join(filter(None, (given["namespace"], name))): seen for name, seen in cameras.items()}
    shown = [
        rviz(given | {"namespace": namespace}, seen, preset.get("frame", ""))
        for namespace, seen in (views or {given["namespace"]: topics}).items()
        if given["rviz"] == "true"
    ]
    # where rviz2 is missing no node is left running
    return [*shown, nodes(given, cameras) if cameras else node(given, topics)]


def names_of(cameras: str) -> list[str]:
    """Of `cameras:=front, left`; a namespace's slashes (`/front/`) are none of the name's."""
    return [name.strip(" /") for name in cameras.split(",") if name.strip(" /")]


def below(name: str, topics: dict[str, str]) -> dict[str, str]:
    """The topics with their first name replaced by that of the camera."""
    return {ours: f"/{name}/{theirs.lstrip('/').partition('/')[2]}" for ours, theirs in topics.items()}


def node(given: dict[str, str], topics: dict[str, str]) -> Node:
    """The node behind these topics."""
    return process(given, name=given["name"], remappings=list(topics.items()))


def nodes(given: dict[str, str], cameras: dict[str, dict[str, str]]) -> Node:
    """A node behind each camera's topics, all in one process. It gets no name from launch: parameters would
    then hold for a node of that name alone.
    """
    wanted = [
        shlex.join([name, *(part for rule in topics.items() for part in ("-r", ":=".join(rule)))])
        for name, topics in cameras.items()
    ]
    return process(
        given,
        arguments=[part for one in wanted for part in ("--camera", one)],
        ros_arguments=["-r", f"__node:={given['name']}"],
    )


def process(
    given: dict[str, str], arguments: Sequence[str] = (), ros_arguments: Sequence[str] = (), **named: Any
) -> Node:
    """The node's process; arguments that are given win over the parameters file."""
    overrides = {parameter: given[name] for name, _, parameter in PARAMETERS if given[name]}
    if NO_TEXT.fullmatch(given["prompt"]):
        overrides["continuous.prompt"] += " "  # launch_ros quotes it then, and the node takes the blank off
    overrides |= {one: given[name] for name, _, _, sets in CHOICES if given[name] for one in sets}
    return Node(
        package="n3d_ros",
        executable="n3d_node",
        namespace=given["namespace"],
        parameters=[
            given["params_file"],
            overrides,
            {name: given[name] == "true" for name, _, _ in SWITCHES},
        ],
        arguments=[*arguments, "--ros-args", "--log-level", given["log_level"], *ros_arguments],
        respawn=given["respawn"] == "true",
        output="screen",
        **named,
    )


def rviz(given: dict[str, str], topics: dict[str, str], camera_frame: str) -> Node:
    """RViz with `config/n3d.rviz`, whose topics follow the node's.

    The cloud wants a camera info beside its depth. Registered depth has colour's.
    """
    seen = {"depth/camera_info": topics["rgb/camera_info"], **topics}
    seen |= {
        f"n3d/{topic}": f"{given['name']}/{topic}" for topic in ("markers", "debug/image", "object_cloud")
    }
    frame = given["rviz_frame"] or given["output_frame"] or camera_frame
    return Node(
        package="rviz2",
        executable="rviz2",
        name="rviz",
        namespace=given["namespace"],
        parameters=[{"use_sim_time": given["use_sim_time"] == "true"}],
        remappings=list(seen.items()),
        arguments=["-d", str(CONFIG / "n3d.rviz"), *(["-f", frame] if frame else [])],
        output="screen",
    )


def build(given: dict[str, str]) -> ExecuteProcess:
    """`n3d build` of this Python, without a network; the launch ends with it."""
    model = ["--model", given["model"]] if given["model"] else []
    return ExecuteProcess(
        cmd=[sys.executable, "-m", "n3d_ros.cli", "build", *model],
        name="n3d_build",
        additional_env={"HF_HUB_OFFLINE": "1"},
        on_exit=ended,
        output="screen",
    )


def ended(event: ProcessExited, _: LaunchContext) -> Shutdown:
    """The end of the launch, which fails where the build did."""
    if event.returncode:
        raise RuntimeError(f"n3d build ended with code {event.returncode}")
    return Shutdown(reason="n3d build has ended")


def generate_launch_description() -> LaunchDescription:
    """Arguments, and what they ask for."""
    return LaunchDescription([*arguments(), OpaqueFunction(function=start)])
