"""Start the node behind a camera: `ros2 launch n3d_ros n3d.launch.py camera:=realsense prompt:="red mug"`.

It starts no camera driver, downloads nothing and installs nothing. `rviz:=true` shows what it finds;
`build_only:=true` builds the TensorRT engine of the model for this machine's GPU instead, and ends.
"""

import sys
from pathlib import Path

import yaml
from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction, Shutdown
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
BOOLEANS = ["true", "false"]


def arguments() -> list[DeclareLaunchArgument]:
    """Every argument with its default, choices and description."""
    rviz_frame = "fixed frame of RViz; empty: output_frame, else the camera's where the preset names it"
    as_file = "; empty: as in the parameters file"
    return [
        DeclareLaunchArgument("camera", default_value="generic", choices=CAMERAS, description="topic preset"),
        DeclareLaunchArgument("name", default_value="n3d", description="node name"),
        DeclareLaunchArgument("namespace", default_value="", description="one per camera"),
        DeclareLaunchArgument(
            "params_file", default_value=str(CONFIG / "n3d.yaml"), description="parameters"
        ),
        DeclareLaunchArgument("log_level", default_value="info", description="debug, info, warn or error"),
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
    """What the arguments ask for: the build alone, or the node and perhaps RViz."""
    given = {one.name: str(LaunchConfiguration(one.name).perform(context)) for one in arguments()}
    if given["build_only"] == "true":
        return [build(given)]
    preset = yaml.safe_load((CONFIG / "cameras" / f"{given['camera']}.yaml").read_text(encoding="utf-8"))
    topics = {**preset["topics"], **{topic: given[name] for name, topic, _ in TOPICS if given[name]}}
    shown = [rviz(given, topics, preset.get("frame", ""))] if given["rviz"] == "true" else []
    return [*shown, node(given, topics)]  # where rviz2 is missing no node is left running


def node(given: dict[str, str], topics: dict[str, str]) -> Node:
    """The node behind these topics; arguments that are given win over the parameters file."""
    overrides = {parameter: given[name] for name, _, parameter in PARAMETERS if given[name]}
    overrides |= {one: given[name] for name, _, _, sets in CHOICES if given[name] for one in sets}
    return Node(
        package="n3d_ros",
        executable="n3d_node",
        name=given["name"],
        namespace=given["namespace"],
        parameters=[
            given["params_file"],
            overrides,
            {name: given[name] == "true" for name, _, _ in SWITCHES},
        ],
        remappings=list(topics.items()),
        arguments=["--ros-args", "--log-level", given["log_level"]],
        respawn=given["respawn"] == "true",
        output="screen",
    )


def rviz(given: dict[str, str], topics: dict[str, str], camera_frame: str) -> Node:
    """RViz with `config/n3d.rviz`, whose topics follow the node's.

    The cloud wants a camera info beside its depth. Registered depth has colour's.
    """
    seen = {"depth/camera_info": topics["rgb/camera_info"], **topics}
    seen |= {f"n3d/{topic}": f"{given['name']}/{topic}" for topic in ("markers", "debug/image")}
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
        on_exit=[Shutdown(reason="n3d build has ended")],
        output="screen",
    )


def generate_launch_description() -> LaunchDescription:
    """Arguments, and what they ask for."""
    return LaunchDescription([*arguments(), OpaqueFunction(function=start)])
