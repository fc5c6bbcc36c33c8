"""What camera drivers publish, as their documentation and launch files say; no camera was asked."""

REALSENSE = (
    "https://github.com/IntelRealSense/realsense-ros, README.md, 'Available Topics' (ros2-master, 2024-09)",
    """
    /camera/camera/aligned_depth_to_color/camera_info
    /camera/camera/aligned_depth_to_color/image_raw
    /camera/camera/color/camera_info
    /camera/camera/color/image_raw
    /camera/camera/color/metadata
    /camera/camera/depth/camera_info
    /camera/camera/depth/color/points
    /camera/camera/depth/image_rect_raw
    /camera/camera/depth/metadata
    /camera/camera/extrinsics/depth_to_color
    /camera/camera/imu
    """,
)
# preset -> (where it says so, the topics)
DRIVERS = {
    "realsense": REALSENSE,
    "realsense_unaligned": REALSENSE,
    "zed": (
        "https://github.com/stereolabs/zed-ros2-wrapper, CHANGELOG.rst of 5.1.0: the renamed topics; "
        "https://www.stereolabs.com/docs/ros2/zed-node",
        """
        /zed/zed_node/left/color/rect/image
        /zed/zed_node/right/color/rect/image
        /zed/zed_node/rgb/color/rect/camera_info
        /zed/zed_node/rgb/color/rect/image
        /zed/zed_node/rgb/color/raw/image
        /zed/zed_node/rgb/gray/rect/image
        /zed/zed_node/depth/camera_info
        /zed/zed_node/depth/depth_registered
        /zed/zed_node/point_cloud/cloud_registered
        """,
    ),
    "zed_before_5_1": (
        "https://github.com/stereolabs/zed-ros2-wrapper, CHANGELOG.rst of 5.1.0: the names before; "
        "https://www.stereolabs.com/docs/ros2/zed-node",
        """
        /zed/zed_node/left/image_rect_color
        /zed/zed_node/right/image_rect_color
        /zed/zed_node/rgb/camera_info
        /zed/zed_node/rgb/image_rect_color
        /zed/zed_node/rgb_raw/image_raw_color
        /zed/zed_node/rgb_gray/image_rect_gray
        /zed/zed_node/depth/camera_info
        /zed/zed_node/depth/depth_registered
        /zed/zed_node/point_cloud/cloud_registered
        """,
    ),
    "orbbec": (
        "https://orbbec.github.io/OrbbecSDK_ROS2/en/source/4_application_guide/topics.html",
        """
        /camera/color/image_raw
        /camera/color/camera_info
        /camera/color/metadata
        /camera/depth/image_raw
        /camera/depth/camera_info
        /camera/depth/metadata
        /camera/ir/image_raw
        /camera/ir/camera_info
        /camera/depth/points
        /camera/depth_registered/points
        """,
    ),
    "oak": (
        "https://github.com/luxonis/depthai-ros, depthai_ros_driver/launch/pointcloud.launch.py and "
        "camera_as_part_of_a_robot.launch.py, config/rviz/rgbd.rviz (v2.10.3-humble)",
        """
        /oak/rgb/image_raw
        /oak/rgb/image_rect
        /oak/rgb/camera_info
        /oak/stereo/image_raw
        /oak/stereo/camera_info
        /oak/points
        """,
    ),
    "gazebo": (
        "https://github.com/gazebosim/ros_gz, ros_gz_sim_demos/launch/rgbd_camera_bridge.launch.py (2024-10)",
        """
        /rgbd_camera/image
        /rgbd_camera/camera_info
        /rgbd_camera/depth_image
        /rgbd_camera/points
        """,
    ),
    "generic": (
        "https://docs.ros.org/en/rolling/p/depth_image_proc/: what point_cloud_xyzrgb reads, in /camera",
        """
        /camera/rgb/image_rect_color
        /camera/rgb/camera_info
        /camera/depth_registered/image_rect
        """,
    ),
}


def topics_of(preset):
    """The set of topics."""
    return set(DRIVERS[preset][1].split())
