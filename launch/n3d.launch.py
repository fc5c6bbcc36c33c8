"""Start the node behind a camera: `ros2 launch n3d_ros n3d.launch.py camera:=realsense prompt:="red mug"`.

It starts no camera driver, downloads nothing and installs nothing.
"""

from pathlib import Path

import yaml
from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

CONFIG = Path(get_package_share_directory("n3d_ros")) / "config"
CAMERAS = sorted(path.stem for path in (CONFIG / "cameras").glob("*.yaml"))
# argument, default, description, parameter that it sets when it is not empty
PARAMETERS = (
    ("model", "", "model folder; empty: the n3d-nano that ships", "model.path"),
    ("backend", "", "auto, ort, torch:cuda ...; empty: as in the parameters file", "backend"),
    ("prompt", "", "words to look for all the time; empty: only when asked", "continuous.prompt"),
    ("output_frame", "", "tf frame of the results; empty: the camera's optical frame", "output_frame"),
)
TOPICS = (
    ("rgb_topic", "rgb/image", "colour image; empty: the preset's"),
    ("info_topic", "rgb/camera_info", "camera info of the colour image; empty: the preset's"),
    ("depth_topic", "depth/image", "depth image; empty: the preset's"),
    ("depth_info_topic", "depth/camera_info", "of depth that is not registered; empty: the preset's"),
)
# argument, default, description; each becomes a parameter of its name
SWITCHES = (
    ("use_sim_time", "false", "true for recordings and simulators"),
    ("autostart", "true", "configure and activate at once; false: a lifecycle manager does"),
)
QOS = ("", "auto", "sensor_data", "reliable")


def start_node(context: LaunchContext) -> list[Node]:
    """The node with the preset's topics, overridden by those given."""

    def given(name: str) -> str:
        return str(LaunchConfiguration(name).perform(context))

    preset = yaml.safe_load((CONFIG / "cameras" / f"{given('camera')}.yaml").read_text(encoding="utf-8"))
    topics = {**preset["topics"], **{topic: given(name) for name, topic, _ in TOPICS if given(name)}}
    overrides = {parameter: given(name) for name, _, _, parameter in PARAMETERS if given(name)}
    overrides |= {f"qos.{one}": given("qos") for one in ("rgb", "depth", "info") if given("qos")}
    return [
        Node(
            package="n3d_ros",
            executable="n3d_node",
            name=given("name"),
            namespace=given("namespace"),
            parameters=[
                given("params_file"),
                overrides,
                {name: given(name) == "true" for name, _, _ in SWITCHES},
            ],
            remappings=list(topics.items()),
            arguments=["--ros-args", "--log-level", given("log_level")],
            respawn=given("respawn") == "true",
            output="screen",
        )
    ]


def generate_launch_description() -> LaunchDescription:
    """Arguments and the node."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "camera", default_value="generic", choices=CAMERAS, description="topic preset"
            ),
            DeclareLaunchArgument("name", default_value="n3d", description="node name"),
            DeclareLaunchArgument("namespace", default_value="", description="one per camera"),
            DeclareLaunchArgument(
                "params_file", default_value=str(CONFIG / "n3d.yaml"), description="parameters"
            ),
            *(
                DeclareLaunchArgument(name, default_value=value, choices=["true", "false"], description=text)
                for name, value, text in SWITCHES
            ),
            DeclareLaunchArgument(
                "qos",
                default_value="",
                choices=list(QOS),
                description="of the camera's topics; empty: as in the parameters file",
            ),
            DeclareLaunchArgument(
                "respawn",
                default_value="false",
                choices=["true", "false"],
                description="start the node again when it ends",
            ),
            DeclareLaunchArgument(
                "log_level", default_value="info", description="debug, info, warn or error"
            ),
            *(
                DeclareLaunchArgument(name, default_value=default, description=text)
                for name, default, text, _ in PARAMETERS
            ),
            *(DeclareLaunchArgument(name, default_value="", description=text) for name, _, text in TOPICS),
            OpaqueFunction(function=start_node),
        ]
    )
