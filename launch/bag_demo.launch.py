"""A recording played in front of the node: `ros2 launch n3d_ros bag_demo.launch.py bag:=PATH
camera:=realsense`.

`n3d play` moves the stamps to now, so that nothing needs `use_sim_time`. It needs rosbags
(requirements/recordings.txt).
"""

import sys

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, ThisLaunchFileDir


def generate_launch_description() -> LaunchDescription:
    """The player as a process of this Python, and n3d.launch.py, whose arguments hold here too."""
    play = [sys.executable, "-m", "n3d_ros.cli", "play", LaunchConfiguration("bag")]
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="recording of ROS 1 or 2, or a folder of RGB-D frames"),
            DeclareLaunchArgument(
                "speed", default_value="1.0", description="times as fast as it was recorded"
            ),
            ExecuteProcess(
                cmd=[*play, "--loop", "--speed", LaunchConfiguration("speed")],
                name="n3d_play",
                output="screen",
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(PathJoinSubstitution([ThisLaunchFileDir(), "n3d.launch.py"]))
            ),
        ]
    )
