"""A simulated robot camera and the node behind it: `ros2 launch n3d_ros sim_demo.launch.py prompt:="red
mug"`.

The same scene as `make demo`; it needs mujoco (requirements/demo.txt) and no camera.
"""

import sys

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, ThisLaunchFileDir

# Where the simulated camera publishes.
TOPICS = {"rgb_topic": "/rgb/image", "info_topic": "/rgb/camera_info", "depth_topic": "/depth/image"}


def generate_launch_description() -> LaunchDescription:
    """The camera as a process of this Python, and n3d.launch.py, whose arguments hold here too."""
    camera = [sys.executable, "-m", "n3d_ros.commands.demo.camera"]
    return LaunchDescription(
        [
            DeclareLaunchArgument("seed", default_value="7", description="which simulated scene"),
            DeclareLaunchArgument("rate_hz", default_value="2.0", description="pictures a second"),
            ExecuteProcess(
                cmd=[
                    *camera,
                    "--seed",
                    LaunchConfiguration("seed"),
                    "--rate-hz",
                    LaunchConfiguration("rate_hz"),
                ],
                name="sim_camera",
                output="screen",
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(PathJoinSubstitution([ThisLaunchFileDir(), "n3d.launch.py"])),
                launch_arguments=list(TOPICS.items()),
            ),
        ]
    )
