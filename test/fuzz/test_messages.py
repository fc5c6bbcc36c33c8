"""Whatever messages come, the node's conversions return or end in a typed error on one short line.

Fields have the types that ROS gives them: whole numbers of 32 bits, floats of any value, bytes, text.
"""

from functools import partial
from types import SimpleNamespace

import numpy as np
from fuzz_readers import ends_well
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from n3d_ros.errors import N3DError
from n3d_ros.node.conversions import depth_array, intrinsics_of, rgb_array
from n3d_ros.node.conversions.images import LAYOUTS

STEADY = settings(
    max_examples=200,
    derandomize=True,  # the same on every machine: what fails here is a change of ours
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
SIDES = st.integers(0, 5) | st.sampled_from([1 << 16, (1 << 32) - 1])
NUMBERS = st.floats() | st.sampled_from([0.0, 1.0, 2.0, 300.0])
# Of a camera that can be, now and then, so that what lies behind the first check is reached too.
MATRICES = st.just([300.0, 0.0, 2.0, 0.0, 300.0, 1.5, 0.0, 0.0, 1.0]) | st.lists(
    NUMBERS, min_size=9, max_size=9
)
IMAGES = st.builds(
    SimpleNamespace,
    width=SIDES,
    height=SIDES,
    step=st.integers(0, 40) | SIDES,
    is_bigendian=st.integers(0, 255),
    encoding=st.sampled_from([*LAYOUTS, "bayer_rggb8", "rgb16"]) | st.text(max_size=300),
    data=st.binary(max_size=200),
)
COMPRESSED = st.builds(
    SimpleNamespace,
    format=st.sampled_from(["png", "16UC1; compressedDepth png", "32FC1; compressedDepth", "jpeg"])
    | st.text(max_size=300),
    data=st.binary(max_size=200),
)
INFOS = st.builds(
    SimpleNamespace,
    width=SIDES,
    height=SIDES,
    k=MATRICES,
    d=st.lists(NUMBERS, max_size=15),
    p=st.lists(NUMBERS, min_size=12, max_size=12),
    distortion_model=st.sampled_from(["", "plumb_bob", "rational_polynomial", "equidistant"])
    | st.text(max_size=300),
    binning_x=SIDES,
    binning_y=SIDES,
    roi=st.builds(SimpleNamespace, x_offset=SIDES, y_offset=SIDES, width=SIDES, height=SIDES),
)


@STEADY
@given(IMAGES | COMPRESSED)
def test_images_of_any_fields_end_well(image):
    for read in (rgb_array, depth_array):
        with np.errstate(all="ignore"):
            ends_well(partial(read, image), N3DError)


@STEADY
@given(INFOS, st.integers(1, 8), st.integers(1, 8), st.sampled_from(["auto", "raw", "rectified"]))
def test_camera_infos_of_any_fields_end_well(info, width, height, kind):
    ends_well(lambda: intrinsics_of(info, width, height, kind), N3DError)
