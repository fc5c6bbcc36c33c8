"""A node behind each of several cameras: `ros2 launch n3d_ros multi_camera.launch.py cameras:=front,left`.

Of a preset's topics the first name is replaced by the camera's: with camera:=realsense, front's colour
image is /front/camera/color/image_raw, which `camera_namespace:=front` makes the driver publish. Every node
lives in the namespace of its camera. They share one process, and one loaded model where they want the same;
with engine:=own each has a process and a model of its own.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

SHARE = Path(get_package_share_directory("n3d_ros"))


def start(context: LaunchContext) -> list[GroupAction]:
    """n3d.launch.py once for all cameras, or once for each."""
    names = [name.strip(" /") for name in LaunchConfiguration("cameras").perform(context).split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise ValueError(f"cameras: expected different names with commas between, got {names}")
    is_shared = LaunchConfiguration("engine").perform(context) == "shared"
    source = PythonLaunchDescriptionSource(str(SHARE / "launch" / "n3d.launch.py"))
    return [
        GroupAction([IncludeLaunchDescription(source, launch_arguments=[("cameras", one)])], scoped=True)
        for one in ([",".join(names)] if is_shared else names)
    ]


def generate_launch_description() -> LaunchDescription:
    """The list of cameras and their nodes; n3d.launch.py's other arguments hold for all of them."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("cameras", description="names, with commas between"),
            DeclareLaunchArgument("camera", default_value="realsense", description="topic preset of all"),
            DeclareLaunchArgument(
                "engine",
                default_value="shared",
                choices=["shared", "own"],
                description="shared: one process for all, and one model; own: one of each for each camera",
            ),
            OpaqueFunction(function=start),
        ]
    )
