"""From a frame's stamp until its pixels are in a program's hands: this node beside message_filters and
cv_bridge on the same pictures, in turn: `python test/helpers/input_paths.py 1280x720`.

Both come with a ROS distribution. The other node does what a node written with them does: three subscribers,
an approximate synchroniser, arrays of the pixels. It finds nothing; it answers with the time.
"""

import os
import sys
import tempfile
from argparse import Namespace
from pathlib import Path

import numpy as np

from n3d_ros.child_process import package_environment
from n3d_ros.commands.graph.children import Children
from n3d_ros.commands.graph.isolation import isolation, namespace
from n3d_ros.commands.soak.run import NODE, Watcher
from n3d_ros.node.transport import make_room_for_images

OTHER = [sys.executable, __file__, "message_filters"]
ROUNDS, SLOP_S, QUEUE_SIZE = 2, 0.02, 10
SHORT = {"minutes": 0.1, "rate_hz": 3.0, "sample_s": 3.0}


def main(size):
    """Print each round's times of both."""
    folder = Path(tempfile.mkdtemp())
    os.environ.update(isolation())
    for _ in range(ROUNDS):
        for name, command in (("n3d_ros", NODE), ("message_filters", OTHER)):
            begun_ms = [way.begun for way in one_by_one(command, size, folder)]
            p50, p99 = np.percentile(begun_ms, [50, 99])
            print(f"{name:16} {len(begun_ms):4} frames, stamp to pixels p50 {p50:5.1f} ms, p99 {p99:5.1f} ms")
    return 0


def one_by_one(command, size, folder):
    """Two hundred frames, each published when the one before was answered."""
    import rclpy

    with Children({**package_environment(), **isolation()}, folder) as children:
        options = ["-r", f"__ns:={namespace('soak')}", "-p", "continuous.prompt:=red mug"]
        children.start("node", [*command, "--ros-args", *options, "-p", "early_start:=false"])
        make_room_for_images()
        rclpy.init()
        node = rclpy.create_node("camera", namespace=namespace("soak"))
        watcher = Watcher(node, children, size)
        watcher.watch(Namespace(**SHORT, out=folder))
        watcher.end()  # the last frame is answered
        ways = watcher.one_by_one()
        node.destroy_node()
        rclpy.try_shutdown()
        children.stop()
    return ways


def other():
    """The node with message_filters."""
    import rclpy
    from cv_bridge import CvBridge
    from message_filters import ApproximateTimeSynchronizer, Subscriber
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import CameraInfo, Image

    from n3d_ros.msg import Timing

    make_room_for_images()
    rclpy.init()
    node = rclpy.create_node("n3d")
    publisher, bridge = node.create_publisher(Timing, "~/timing", 10), CvBridge()

    def answer(rgb, depth, _):
        pixels = bridge.imgmsg_to_cv2(rgb, "rgb8"), bridge.imgmsg_to_cv2(depth, "passthrough")
        assert all(len(part) for part in pixels)
        stamp_ns = rgb.header.stamp.sec * 10**9 + rgb.header.stamp.nanosec
        age_ms = (node.get_clock().now().nanoseconds - stamp_ns) / 1e6
        publisher.publish(Timing(header=rgb.header, queue_age_ms=age_ms, end_to_end_ms=age_ms))

    topics = ((Image, "rgb/image"), (Image, "depth/image"), (CameraInfo, "rgb/camera_info"))
    filters = [Subscriber(node, kind, topic, qos_profile=qos_profile_sensor_data) for kind, topic in topics]
    synchronised = ApproximateTimeSynchronizer(filters, QUEUE_SIZE, SLOP_S)
    synchronised.registerCallback(answer)
    rclpy.spin(node)


if __name__ == "__main__":
    if sys.argv[1] == "message_filters":
        other()
    else:
        sys.exit(main(tuple(map(int, sys.argv[1].split("x")))))
