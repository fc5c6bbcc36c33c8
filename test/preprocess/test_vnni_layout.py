"""Weights as bytes: they add up, their sources are those of the pass, and what does not fit is None."""

import numpy as np
import pytest

from n3d_ros.preprocess.resample import BICUBIC, BICUBIC_INT16, LANCZOS, ResizePass, resize_pass
from n3d_ros.preprocess.vnni_layout import LIMBS, VECTOR, resize_stages, stage

SCALE = 256 ** np.arange(LIMBS)
CASES = [
    (1280, 640, LANCZOS),
    (640, 644, BICUBIC),
    (480, 476, BICUBIC_INT16),
    (23, 96, LANCZOS),
    (66, 22, BICUBIC),
]


@pytest.mark.parametrize(("before", "after", "resample"), CASES)
def test_bytes_of_the_column_pass_are_its_weights_at_its_sources(before, after, resample) -> None:
    plan = resize_pass(before, after, resample)
    found = stage(plan, plan)
    blocks, groups = found.start.shape
    index, limbs = found.table[:, :, 0].astype(int), found.table[:, :, 1:].view(np.int8).astype(int)
    weights = np.einsum("l,bglv->bgv", SCALE, limbs).reshape(blocks, groups, VECTOR // 4, 4)
    source = (found.start[..., None] + index).reshape(blocks, groups, VECTOR // 4, 4)
    assert source.min() >= 0 and source.max() < 3 * before and (found.start + VECTOR <= 3 * before).all()
    dense = np.zeros((after * 3, before * 3), dtype=np.int64)
    for output in range(after * 3):
        block, lane = divmod(output, VECTOR // 4)
        np.add.at(dense[output], source[block, :, lane].ravel(), weights[block, :, lane].ravel())
    np.testing.assert_array_equal(dense, np.kron(_dense(plan), np.eye(3, dtype=np.int64)))


@pytest.mark.parametrize(("before", "after", "resample"), CASES)
def test_bytes_of_the_row_pass_are_its_weights_at_its_rows(before, after, resample) -> None:
    plan = resize_pass(before, after, resample)
    found = stage(plan, plan)
    limbs = np.ascontiguousarray(found.limbs).view(np.int8).reshape(after, -1, LIMBS, 4).astype(int)
    weights = np.einsum("l,ygln->ygn", SCALE, limbs).reshape(after, -1)
    dense = np.zeros((after, -(-before // 4) * 4), dtype=np.int64)
    for y in range(after):
        dense[y, 4 * found.quad[y] : 4 * found.quad[y] + weights.shape[1]] = weights[y]
    np.testing.assert_array_equal(dense[:, :before], _dense(plan))
    assert not dense[:, before:].any()


def test_resizes_that_change_nothing_are_left_out() -> None:
    assert resize_stages((640, 480), ((640, 480), LANCZOS), ((640, 480), BICUBIC)) == ()
    (one,) = resize_stages((640, 480), ((640, 480), LANCZOS), ((644, 480), BICUBIC))
    assert (one.in_hw, one.out_hw) == ((480, 640), (480, 644))
    first, second = resize_stages((1280, 720), ((640, 360), LANCZOS), ((644, 364), BICUBIC))
    assert (first.in_hw, first.out_hw, second.in_hw) == ((720, 1280), (360, 640), (360, 640))


def test_what_the_kernel_cannot_do_is_none() -> None:
    fits = resize_pass(64, 32, BICUBIC)
    assert stage(fits, fits) is not None
    assert stage(resize_pass(21, 30, BICUBIC), fits) is None  # a row of less than 64 bytes
    assert stage(resize_pass(640, 100, LANCZOS), fits) is None  # 16 outputs need more than 64 bytes
    assert stage(fits, resize_pass(640, 80, LANCZOS)) is None  # more rows than the kernel holds
    heavy = ResizePass(64, 1, np.zeros(1, np.int32), np.full((1, 4), 1 << 23, np.int32))
    assert stage(heavy, fits) is None and stage(fits, heavy) is None
    assert resize_stages((3840, 2160), ((640, 360), LANCZOS), ((644, 364), BICUBIC)) is None


def _dense(plan: ResizePass) -> np.ndarray:
    """(size_out, size_in) weights."""
    dense = np.zeros((plan.size_out, plan.size_in), dtype=np.int64)
    for output in range(plan.size_out):
        dense[output, plan.first[output] : plan.first[output] + plan.taps] = plan.weights[output]
    return dense
