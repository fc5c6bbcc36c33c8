"""The message types of a recording: those of ROS 2, and this package's own from its `.msg` files.

Out: a typestore of rosbags, and topics told apart by their types.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
INFO = "sensor_msgs/msg/CameraInfo"
BOXES, ANSWER = "n3d_ros/msg/Box3DArray", "n3d_ros/msg/SpatialAnswer"
CORRECTION = "n3d_ros/msg/Correction"
PARAMETERS = "diagnostic_msgs/msg/DiagnosticArray"
RESULTS = (BOXES, ANSWER)
CAMERA = (IMAGE, COMPRESSED, INFO)
_CHECKOUT = Path(__file__).resolve().parents[2] / "msg"


def message_store() -> Any:
    """With ROS 2's types and ours. FileNotFoundError where our `.msg` files are not to be found."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    types: dict[str, Any] = {}
    for path in sorted(interface_folder().glob("*.msg")):
        types.update(get_types_from_msg(path.read_text(encoding="utf-8"), f"n3d_ros/msg/{path.stem}"))
    store.register(types)
    return store


def interface_folder() -> Path:
    """Where this package's `.msg` files lie: in the checkout, or in the share folder of an installation."""
    folders = [_CHECKOUT, *(one / "share" / "n3d_ros" / "msg" for one in Path(__file__).resolve().parents)]
    for folder in folders:
        if (folder / "Box3DArray.msg").is_file():
            return folder
    raise FileNotFoundError(f"message definitions: expected Box3DArray.msg in {_CHECKOUT}, found none")
