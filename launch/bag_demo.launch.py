"""A recording played in front of the node: `ros2 launch n3d_ros bag_demo.launch.py bag:=PATH
camera:=realsense`.

`n3d play` moves the stamps to now, so that nothing needs `use_sim_time`. It needs rosbags
(requirements/recordings.txt). A folder of RGB-D frames needs no preset: the node listens where it is played.
The launch ends with the player.
"""

import sys
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    Shutdown,
)
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, ThisLaunchFileDir

from n3d_ros.commands.play.bags import is_bag

# Where `n3d play` publishes folders of frames.
TOPICS = {"rgb_topic": "/rgb/image", "info_topic": "/rgb/camera_info", "depth_topic": "/depth/image"}


def start(context: LaunchContext) -> list[ExecuteProcess | IncludeLaunchDescription]:
    """The player as a process of this Python, and n3d.launch.py, whose arguments hold here too."""
    bag = Path(LaunchConfiguration("bag").perform(context))
    is_recording = is_bag(bag)
    speed = ["--speed", LaunchConfiguration("speed").perform(context)] if is_recording else []
    node = PathJoinSubstitution([ThisLaunchFileDir(), "n3d.launch.py"])
    return [
        ExecuteProcess(
            cmd=[sys.executable, "-m", "n3d_ros.cli", "play", str(bag), "--loop", *speed],
            name="n3d_play",
            on_exit=ended,
            output="screen",
        ),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(node),
            launch_arguments=[] if is_recording else list(TOPICS.items()),
        ),
    ]


def ended(event: ProcessExited, context: LaunchContext) -> Shutdown | None:
    """The end of the launch, which fails where the player did: the node would have no input any more."""
    if context.is_shutdown:
        return None
    if event.returncode:
        raise RuntimeError(f"n3d play ended with code {event.returncode}; the reason stands above")
    return Shutdown(reason="n3d play has ended")


def generate_launch_description() -> LaunchDescription:
    """What to play, and how fast."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="recording of ROS 1 or 2, or a folder of RGB-D frames"),
            DeclareLaunchArgument(
                "speed", default_value="1.0", description="recordings: times as fast as it was recorded"
            ),
            OpaqueFunction(function=start),
        ]
    )
