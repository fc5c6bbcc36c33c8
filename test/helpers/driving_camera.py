"""A camera that drives and turns in `map`, and where a point of its picture lies there."""

import math

from geometry_msgs.msg import Quaternion

LATENCY_NS = 3 * 10**9
SPEED_M_S, TURN_RAD_S = 0.5, 0.4


def pose_at(start_ns):
    """The camera in `map`: it drives along x at 0.5 m/s and turns about its y axis at 0.4 rad/s."""

    def pose(at_ns):
        s = (at_ns - start_ns) / 1e9
        half = TURN_RAD_S * s / 2
        return Quaternion(y=math.sin(half), w=math.cos(half)), (SPEED_M_S * s, 0.2, -1.0)

    return pose


def in_map(point, at_ns, start_ns):
    """By sines and cosines: independent of the code under test."""
    s = (at_ns - start_ns) / 1e9
    c, n = math.cos(TURN_RAD_S * s), math.sin(TURN_RAD_S * s)
    x, y, z = point
    return (c * x + n * z + SPEED_M_S * s, y + 0.2, -n * x + c * z - 1.0)
