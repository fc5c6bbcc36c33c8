"""A RealSense with what the node needs switched on, and the node: `ros2 launch n3d_ros realsense.launch.py`.

The driver is realsense2_camera, which has to be installed; depth is aligned to colour and both are
synchronised (https://github.com/realsenseai/realsense-ros).
"""

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution, ThisLaunchFileDir
from launch_ros.substitutions import FindPackageShare

DRIVER = {"align_depth.enable": "true", "enable_sync": "true"}


def generate_launch_description() -> LaunchDescription:
    """Driver and node; the arguments of both hold here."""
    driver = PathJoinSubstitution([FindPackageShare("realsense2_camera"), "launch", "rs_launch.py"])
    node = PathJoinSubstitution([ThisLaunchFileDir(), "n3d.launch.py"])
    return LaunchDescription(
        [
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(driver), launch_arguments=list(DRIVER.items())
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(node), launch_arguments=[("camera", "realsense")]
            ),
        ]
    )
