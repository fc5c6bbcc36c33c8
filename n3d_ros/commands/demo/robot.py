"""The demo's robot: a simulated scene seen by a camera that it moves, published as RGB-D with its truth.

In: which scene. Out: topics. Beside the three of a camera it publishes `~/truth` (std_msgs/String): JSON with
stamp_ns, frame_id and the exact boxes of that very picture; and where tf2_msgs imports /tf: the camera in
`map`, the scene's world, at each picture's stamp.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import rclpy
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String

from n3d_ros.boxes import Box3D
from n3d_ros.commands.play.camera import CameraPublisher
from n3d_ros.files.frames import RgbdFrame
from n3d_ros.node.optional_packages import has_tf_messages
from n3d_ros.node.transforms import quaternion
from n3d_ros.node.transport import make_room_for_images
from n3d_ros.sim import RgbdCamera, View, generate, orbit_camera

FRAME_ID = "sim_camera_color_optical_frame"
WORLD_FRAME_ID = "map"
MILLIMETRES = 1000.0
# at 30 degrees to each side and 0.85 m, at most 14 cm/s
SWAY_PERIOD_S = 20.0


def box_json(box: Box3D) -> dict[str, Any]:
    """Optical frame, metres, radians."""
    return {"label": box.label, "center_m": box.center, "size_m": box.size, "yaw_rad": box.yaw}


def truth_json(stamp_ns: int, view: View) -> str:
    """What `~/truth` carries: boxes in the optical frame, metres; visible 0..1 of each and its pixels."""
    objects = [
        {**box_json(box), "visible": visible, "visible_px": visible_px}
        for box, visible, visible_px in zip(view.boxes, view.visible, view.visible_px, strict=True)
    ]
    return json.dumps({"stamp_ns": stamp_ns, "frame_id": FRAME_ID, "objects": objects})


def depth_millimetres(depth: np.ndarray) -> np.ndarray:
    """(H, W) float32 metres, NaN = none -> uint16 millimetres, 0 = none, as depth cameras send it."""
    millimetres = np.nan_to_num(depth * MILLIMETRES, nan=0.0)
    return np.clip(np.rint(millimetres), 0, np.iinfo(np.uint16).max).astype(np.uint16)


def camera_in_world(T_world_camera: np.ndarray, stamp: Any) -> Any:
    """tf2_msgs/TFMessage of one pose (4, 4), metres."""
    from geometry_msgs.msg import TransformStamped, Vector3
    from tf2_msgs.msg import TFMessage

    one = TransformStamped(child_frame_id=FRAME_ID)
    one.header.frame_id, one.header.stamp = WORLD_FRAME_ID, stamp
    x, y, z = T_world_camera[:3, 3].tolist()
    one.transform.translation = Vector3(x=x, y=y, z=z)
    one.transform.rotation = quaternion(T_world_camera[:3, :3])
    return TFMessage(transforms=[one])


def publish(seed: int, width: int, height: int, rate_hz: float, ros_args: Sequence[str]) -> None:
    """Until KeyboardInterrupt, which it raises."""
    scene = generate(seed)
    make_room_for_images()
    # rclpy's own handlers would end the context under a publishing callback.
    rclpy.init(args=ros_args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = rclpy.create_node("sim_camera")
        try:
            with RgbdCamera(scene, width, height) as camera:
                robot = _Robot(node, camera)
                node.create_timer(1.0 / rate_hz, robot.look)
                rclpy.spin(node)
        finally:
            node.destroy_node()
    finally:
        rclpy.try_shutdown()


class _Robot:
    """Moves the camera, takes the picture of this instant and publishes it with its truth."""

    def __init__(self, node: Any, camera: Any) -> None:
        self._node, self._camera = node, camera
        self._topics = CameraPublisher(node, FRAME_ID)
        self._truth = node.create_publisher(String, "~/truth", 10)
        self._tf = None
        if has_tf_messages():
            from tf2_msgs.msg import TFMessage

            self._tf = node.create_publisher(TFMessage, "/tf", 100)
        self._start = node.get_clock().now()

    def look(self) -> None:
        now = self._node.get_clock().now()
        time_s = (now - self._start).nanoseconds * 1e-9
        camera = self._camera
        pose = orbit_camera(camera.scene, time_s, camera.width, camera.height, period_s=SWAY_PERIOD_S)
        view = camera.render(pose)
        if self._tf is not None:
            self._tf.publish(camera_in_world(view.camera.T_world_camera, now.to_msg()))
        self._truth.publish(String(data=truth_json(now.nanoseconds, view)))
        frame = RgbdFrame(view.rgb, depth_millimetres(view.depth), "16UC1", view.camera.intrinsics)
        self._topics.publish(frame, now.to_msg())
