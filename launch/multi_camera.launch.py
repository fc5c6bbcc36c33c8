"""A node behind each of several cameras: `ros2 launch n3d_ros multi_camera.launch.py cameras:=front,left`.

Of a preset's topics the first name is replaced by the camera's: with camera:=realsense, front's colour
image is /front/camera/color/image_raw, which `camera_namespace:=front` makes the driver publish. Every node
lives in the namespace of its camera and loads the model for itself.
"""

from pathlib import Path

import yaml
from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

SHARE = Path(get_package_share_directory("n3d_ros"))
ARGUMENTS = {"rgb/image": "rgb_topic", "rgb/camera_info": "info_topic", "depth/image": "depth_topic"}


def topics_of(preset: dict[str, str], name: str) -> list[tuple[str, str]]:
    """The preset's topics as arguments of n3d.launch.py, below the camera's name."""
    below = {ARGUMENTS[ours]: theirs.lstrip("/").partition("/")[2] for ours, theirs in preset.items()}
    return [(argument, f"/{name}/{topic}") for argument, topic in below.items()]


def start(context: LaunchContext) -> list[GroupAction]:
    """n3d.launch.py once a camera, each with its own arguments."""
    names = [name.strip() for name in LaunchConfiguration("cameras").perform(context).split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise ValueError(f"cameras: expected different names with commas between, got {names}")
    preset = SHARE / "config" / "cameras" / f"{LaunchConfiguration('camera').perform(context)}.yaml"
    topics = yaml.safe_load(preset.read_text(encoding="utf-8"))["topics"]
    source = PythonLaunchDescriptionSource(str(SHARE / "launch" / "n3d.launch.py"))
    return [
        GroupAction(
            [
                IncludeLaunchDescription(
                    source, launch_arguments=[("namespace", name), *topics_of(topics, name)]
                )
            ],
            scoped=True,
        )
        for name in names
    ]


def generate_launch_description() -> LaunchDescription:
    """The list of cameras and their nodes; n3d.launch.py's other arguments hold for all of them."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("cameras", description="names, with commas between"),
            DeclareLaunchArgument("camera", default_value="realsense", description="topic preset of all"),
            OpaqueFunction(function=start),
        ]
    )
