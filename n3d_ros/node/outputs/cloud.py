"""`ObjectPoints` -> sensor_msgs/PointCloud2.

In: points of an optical frame, the header of the result that they belong to, and how its frame is reached.
Out: the message. Which points these are is decided in `n3d_ros.object_points`.
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from n3d_ros.geometry import transform_points
from n3d_ros.object_points import ObjectPoints

# "rgb" is 0x00RRGGBB in the bytes of a float, as PCL, depth_image_proc and the viewers have it:
# https://pointclouds.org/documentation/structpcl_1_1_point_x_y_z_r_g_b.html
LAYOUT = np.dtype([("x", "f4"), ("y", "f4"), ("z", "f4"), ("rgb", "u4"), ("object", "u4")])
FIELDS = tuple(
    PointField(name=name, offset=4 * place, datatype=datatype, count=1)
    for place, (name, datatype) in enumerate(
        [
            ("x", PointField.FLOAT32),
            ("y", PointField.FLOAT32),
            ("z", PointField.FLOAT32),
            ("rgb", PointField.FLOAT32),
            ("object", PointField.UINT32),
        ]
    )
)


def cloud(
    about: Header, points: ObjectPoints, T_result_optical: npt.NDArray[np.float64] | None
) -> PointCloud2:
    """One row of points. T_result_optical: (4, 4) from the optical frame to the result's; None: they are
    one.
    """
    rows = np.empty(len(points.objects), LAYOUT)
    positions = points.positions
    if T_result_optical is not None:
        positions = transform_points(T_result_optical, positions)
    rows["x"], rows["y"], rows["z"] = np.moveaxis(positions, -1, 0)
    red, green, blue = points.colours.T.astype(np.uint32)
    rows["rgb"], rows["object"] = red << 16 | green << 8 | blue, points.objects
    return PointCloud2(
        header=about,
        height=1,
        width=len(rows),
        fields=list(FIELDS),
        is_bigendian=sys.byteorder == "big",
        point_step=LAYOUT.itemsize,
        row_step=LAYOUT.itemsize * len(rows),
        data=rows.tobytes(),
        is_dense=True,
    )
