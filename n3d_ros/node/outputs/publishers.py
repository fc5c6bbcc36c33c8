"""The node's topics: what is published for a result.

In: finished `Box3DArray`s and `SpatialAnswer`s. Out: ~/boxes, ~/detections, ~/markers, ~/answer, ~/timing,
~/debug/image, ~/debug/image/compressed, ~/object_cloud.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CompressedImage, Image, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from n3d_ros.boxes import Box3D
from n3d_ros.msg import Box3DArray, SpatialAnswer, Timing
from n3d_ros.node import optional_packages
from n3d_ros.node.conversions import fill_image, fill_jpeg, stamp_ns
from n3d_ros.node.outputs import messages
from n3d_ros.node.outputs.cloud import cloud
from n3d_ros.node.outputs.markers import MarkerStyle, MarkerTracker
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.object_points import object_points
from n3d_ros.overlay import draw_boxes
from n3d_ros.preprocess.prepare import Observation

LOG_PERIOD_S = 5.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Publishers:
    """Creates the topics and knows which of them somebody needs."""

    def __init__(self, node: Node) -> None:
        self._boxes = node.create_publisher(Box3DArray, "~/boxes", 10)
        self._markers = node.create_publisher(MarkerArray, "~/markers", LATCHED)
        self._answer = node.create_publisher(SpatialAnswer, "~/answer", LATCHED)
        self._timing = node.create_publisher(Timing, "~/timing", 10)
        self._debug = node.create_publisher(Image, "~/debug/image", 1)
        # Where image_transport's subscribers look for it.
        self._debug_compressed = node.create_publisher(CompressedImage, "~/debug/image/compressed", 1)
        self._cloud = node.create_publisher(PointCloud2, "~/object_cloud", 1)
        self._log = node.get_logger()
        self._detections = None
        if optional_packages.has_detections():
            from vision_msgs.msg import Detection3DArray

            self._detections = node.create_publisher(Detection3DArray, "~/detections", 10)
        self._tf = None
        if optional_packages.has_tf_messages():
            from tf2_msgs.msg import TFMessage

            self._tf = node.create_publisher(TFMessage, "/tf", 100)
        # The stamp of what was sent to tf last, and its frames.
        self._tf_stamp_ns = -1
        self._tf_sent: set[str] = set()
        self._name = node.get_fully_qualified_name().strip("/")
        self._tracker = MarkerTracker(node.get_namespace().strip("/") or node.get_name())

    def boxes(self, result: Box3DArray) -> None:
        """~/boxes."""
        self._boxes.publish(result)

    def detections(self, result: Box3DArray) -> None:
        """~/detections where vision_msgs imports, of a result that was answered: the message has no code, and
        an empty one says that nothing is there.
        """
        if self._detections is not None:
            self._detections.publish(messages.detections(result))

    def answer(self, answer: SpatialAnswer) -> None:
        """~/answer, latched."""
        self._answer.publish(answer)

    def timing(self, timing: Timing) -> None:
        """~/timing."""
        self._timing.publish(timing)

    def tf(self, result: Box3DArray) -> None:
        """/tf: the pose of each box, as <node>/<id>, where tf2_msgs imports."""
        if self._tf is None or not result.boxes:
            return
        if not result.header.frame_id:
            self._log.warning(
                "publish_tf: the colour image has no frame_id, so nothing is sent to tf: have its driver "
                "set one",
                throttle_duration_sec=LOG_PERIOD_S,
            )
            return
        message = messages.transforms(result, self._name)
        message.transforms = [one for one in message.transforms if self._is_new_to_tf(one)]
        if message.transforms:
            self._tf.publish(message)

    def _is_new_to_tf(self, transform: TransformStamped) -> bool:
        """Of a second result about one picture every listener would warn, for each thing (TF_REPEATED_DATA),
        and so it would of a frame in itself.
        """
        stamp, child = stamp_ns(transform.header.stamp), transform.child_frame_id
        if stamp != self._tf_stamp_ns:
            self._tf_stamp_ns, self._tf_sent = stamp, set()
        is_new = child not in self._tf_sent and child != transform.header.frame_id
        self._tf_sent.add(child)
        return is_new

    def markers(self, slot: str, result: Box3DArray, parameters: Parameters) -> None:
        """~/markers: what `slot` shows from now on."""
        if parameters.markers_enabled:
            self._markers.publish(self._tracker.show(slot, result, _style(parameters)))

    def restyle(self, before: Parameters, after: Parameters) -> None:
        """What is shown now, as it should be from now on."""
        if before.markers_enabled and not after.markers_enabled:
            self.clear_markers()
        elif after.markers_enabled and _style(before) != _style(after):
            self._markers.publish(self._tracker.restyle(_style(after)))

    def clear_markers(self, slot: str | None = None) -> None:
        """Delete what a slot, or everything, shows."""
        cleared = self._tracker.clear() if slot is None else self._tracker.clear_slot(slot)
        if cleared.markers:
            self._markers.publish(cleared)

    def debug_image(
        self, about: Header, seen: Observation, boxes: Sequence[Box3D], parameters: Parameters
    ) -> None:
        """~/debug/image with the boxes projected into it, raw and as JPEG, while somebody subscribes to
        either.
        """
        is_wanted, is_wanted_compressed = (
            parameters.debug_image_enabled and one.get_subscription_count() > 0
            for one in (self._debug, self._debug_compressed)
        )
        if not (is_wanted or is_wanted_compressed):
            return
        picture = draw_boxes(seen.rgb, boxes, seen.intrinsics)
        if is_wanted:
            self._debug.publish(fill_image(Image(header=about), picture, "rgb8"))
        if is_wanted_compressed:
            self._publish_compressed(about, picture)

    def object_cloud(
        self,
        about: Header,
        seen: Observation,
        boxes: Sequence[Box3D],
        T_result_optical: npt.NDArray[np.float64] | None,
    ) -> None:
        """~/object_cloud with the depth points in each box, while somebody subscribes. about: of the result;
        T_result_optical: from the camera's frame to its frame, None: they are one.
        """
        if self._cloud.get_subscription_count() and seen.depth is not None:
            self._cloud.publish(cloud(about, object_points(seen, boxes), T_result_optical))

    def _publish_compressed(self, about: Header, picture: npt.NDArray[np.uint8]) -> None:
        try:
            self._debug_compressed.publish(fill_jpeg(CompressedImage(header=about), picture))
        except ValueError as error:
            self._log.warning(f"~/debug/image/compressed: {error}", throttle_duration_sec=LOG_PERIOD_S)


def _style(parameters: Parameters) -> MarkerStyle:
    return MarkerStyle(
        parameters.markers_style == "solid",
        parameters.markers_alpha,
        parameters.markers_label_height_m,
        parameters.markers_lifetime_s,
    )
