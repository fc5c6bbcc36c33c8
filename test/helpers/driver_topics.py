"""What camera drivers publish, as their newest sources that could be had say; no camera was asked."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Driver:
    """source: version, commit and files. colour, depth: encodings, the first by default. frame: of the colour
    image by default, "" where the driver gives none. All of them publish reliably by default.
    """

    source: str
    colour: tuple[str, ...]
    depth: tuple[str, ...]
    frame: str
    topics: str
    lenses: tuple[tuple[str, int], ...] = ()


REALSENSE = Driver(
    "4.58.2, https://github.com/realsenseai/realsense-ros/tree/775b167c (2026-06): README.md, 'Available "
    "Topics', and in realsense2_camera/ src/rs_node_setup.cpp, src/base_realsense_node.cpp (formats), "
    "include/constants.h (IMAGE_QOS SYSTEM_DEFAULT); lenses: the second file as of 1cbd81be "
    "(2024-09)",
    colour=("rgb8", "bgr8", "rgba8", "bgra8", "yuv422", "yuv422_yuy2", "mono8", "mono16"),
    depth=("16UC1",),
    frame="camera_color_optical_frame",
    topics="""
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
    lenses=(("plumb_bob", 5), ("equidistant", 4)),
)
ZED_LENSES = (("plumb_bob", 5), ("rational_polynomial", 8), ("equidistant", 4))
ZED = "https://github.com/stereolabs/zed-ros2-wrapper/tree/33dfefa0 (2026-07)"
DRIVERS = {
    "realsense": REALSENSE,
    "realsense_unaligned": REALSENSE,
    "zed": Driver(
        f"5.4.1, {ZED}: in zed_components/src/ zed_camera_component_video_depth.cpp "
        "(initVideoDepthPublishers), sl_type_adapter.hpp; camera info beside each image; "
        "depth.openni_depth_mode makes mono16; lenses: the same file, fillCamInfo",
        colour=("bgra8", "bgr8"),
        depth=("32FC1", "mono16"),
        frame="zed_left_camera_frame_optical",
        topics="""
            /zed/zed_node/left/color/rect/image
            /zed/zed_node/left/color/rect/camera_info
            /zed/zed_node/right/color/rect/image
            /zed/zed_node/rgb/color/rect/camera_info
            /zed/zed_node/rgb/color/rect/image
            /zed/zed_node/rgb/color/raw/image
            /zed/zed_node/rgb/gray/rect/image
            /zed/zed_node/depth/depth_info
            /zed/zed_node/depth/camera_info
            /zed/zed_node/depth/depth_registered
            /zed/zed_node/point_cloud/cloud_registered
        """,
        lenses=ZED_LENSES,
    ),
    "zed_before_5_1": Driver(
        f"up to 5.0, {ZED}: CHANGELOG.rst of 5.1.0, the names of topics and frames before",
        colour=("bgra8",),
        depth=("32FC1", "16UC1"),
        frame="zed_left_camera_optical_frame",
        topics="""
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
        lenses=ZED_LENSES,
    ),
    "orbbec": Driver(
        "2.6.3, https://github.com/orbbec/OrbbecSDK_ROS2/tree/a7ccc5c4 (v2-main, 2026-01): in orbbec_camera/ "
        "src/ob_camera_node.cpp, src/utils.cpp (convertToCameraInfo, getDistortionModels), "
        "launch/gemini_330_series.launch.py; "
        "https://orbbec.github.io/OrbbecSDK_ROS2/en/source/4_application_guide/topics.html",
        colour=("rgb8", "bgra8", "rgba8", "mono8", "mono16"),
        depth=("16UC1",),
        frame="camera_color_optical_frame",
        topics="""
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
        lenses=(("plumb_bob", 8), ("equidistant", 8)),
    ),
    "oak": Driver(
        "2.10.3, https://github.com/luxonis/depthai-ros/tree/9132443a (humble, 2024-10): in "
        "depthai_ros_driver/ launch/rgbd_pcl.launch.py, launch/camera.launch.py (rectify_rgb), "
        "src/dai_nodes/sensors/img_pub.cpp, src/dai_nodes/sensors/stereo.cpp, "
        "and depthai_bridge/src/ImageConverter.cpp; of 3.x, from there: launch/driver.launch.py of 05537aae, "
        "src/dai_nodes/sensors/camera.cpp of 11597ad3",
        colour=("rgb8", "bgr8", "rgba8", "yuv422", "mono8"),
        depth=("16UC1",),
        frame="oak_rgb_camera_optical_frame",
        topics="""
            /oak/rgb/image_raw
            /oak/rgb/image_rect
            /oak/rgb/camera_info
            /oak/stereo/image_raw
            /oak/stereo/camera_info
            /oak/points
        """,
        lenses=(("rational_polynomial", 8),),
    ),
    "gazebo": Driver(
        "2.1.1, https://github.com/gazebosim/ros_gz/tree/a4d00a90 (2024-10): "
        "ros_gz_sim_demos/launch/rgbd_camera_bridge.launch.py, and in ros_gz_bridge/src/ "
        "convert/sensor_msgs.cpp, factory.hpp; lenses: "
        "https://github.com/gazebosim/gz-sensors/tree/9ba02f24 (2026-05), src/CameraSensor.cc",
        colour=("rgb8", "bgr8", "mono8", "mono16"),
        depth=("32FC1",),
        frame="",
        topics="""
            /rgbd_camera/image
            /rgbd_camera/camera_info
            /rgbd_camera/depth_image
            /rgbd_camera/points
        """,
        lenses=(("plumb_bob", 5),),
    ),
    "generic": Driver(
        "https://docs.ros.org/en/rolling/p/depth_image_proc/: what point_cloud_xyzrgb reads, in /camera",
        colour=("rgb8", "bgr8", "mono8"),
        depth=("16UC1", "32FC1"),
        frame="",
        topics="""
            /camera/rgb/image_rect_color
            /camera/rgb/camera_info
            /camera/depth_registered/image_rect
        """,
    ),
}


def topics_of(preset):
    """The set of topics."""
    return set(DRIVERS[preset].topics.split())
