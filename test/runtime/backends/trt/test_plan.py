"""Where a pass is laid onto an engine: profile, bound rows, the new rows' place, what is masked."""

import numpy as np
import pytest

from n3d_ros.errors import BadInputError
from n3d_ros.model_folder.config import load_config
from n3d_ros.runtime.backends.factory import default_model_dir
from n3d_ros.runtime.backends.positions import MASKED
from n3d_ros.runtime.backends.trt.plan import (
    Chunk,
    PassPlan,
    buffer_rows,
    capacity_within,
    chunks,
    pass_bias,
    plan_pass,
)
from n3d_ros.runtime.backends.trt.shapes import (
    DECODE,
    PREFILL,
    EngineShapes,
    decoder_profiles,
    shapes_for,
    vision_profiles,
)

SHAPES = EngineShapes(context=2048, prompt=1024, draft=16, windows=36, image_tokens=576)


def test_new_rows_go_right_behind_the_old_ones():
    assert plan_pass(0, 440, SHAPES, fixed=False) == PassPlan(PREFILL, 440, 1, 0, 1, False)
    assert plan_pass(440, 1, SHAPES, fixed=False) == PassPlan(DECODE, 1, 441, 440, 441, False)


def test_fixed_passes_bind_whole_buckets_within_the_profile():
    assert plan_pass(440, 1, SHAPES, fixed=True) == PassPlan(DECODE, 1, 512, 440, 441, True)
    assert plan_pass(511, 16, SHAPES, fixed=True).num_past == 512
    assert plan_pass(512, 1, SHAPES, fixed=True).num_past == 1024
    assert plan_pass(2040, 1, EngineShapes(2045, 99, 16, 1, 1), fixed=True).num_past == 2045
    assert plan_pass(0, 17, SHAPES, fixed=True) == PassPlan(PREFILL, 17, 1, 0, 1, False)


def test_a_buffer_holds_every_row_that_can_be_bound_or_written():
    for capacity in (1, 60, 511, 512, 2047):
        rows = buffer_rows(capacity, SHAPES)
        for length, new in ((0, 1), (capacity - 1, 1), (max(capacity - 16, 0), min(16, capacity))):
            plan = plan_pass(length, new, SHAPES, fixed=True)
            assert plan.num_past <= rows and plan.first_row + new <= rows, (capacity, length)


def test_the_mask_shows_the_real_past_and_earlier_new_tokens_only():
    bias = pass_bias(PassPlan(DECODE, 2, 6, 3, 4, True))
    m = MASKED
    np.testing.assert_array_equal(bias, [[m, 0, 0, 0, m, m, 0, m], [m, 0, 0, 0, m, m, 0, 0]])


def test_prompts_are_cut_to_the_profile_and_know_their_rows():
    wanted = np.array([1023, 1500])
    assert chunks(1600, wanted, SHAPES) == [Chunk(0, 1024, (1023,)), Chunk(1024, 1600, (476,))]
    assert chunks(1600, np.array([1599]), SHAPES)[0] == Chunk(0, 1024, ())
    assert [len(c.rows) for c in chunks(20, np.arange(20), SHAPES)] == [16, 4]


@pytest.mark.parametrize("wanted", [[], [-1], [5]])
def test_rows_outside_the_pass_are_refused(wanted):
    with pytest.raises(ValueError, match="logit rows: expected some of 0 to 4"):
        chunks(5, np.array(wanted, dtype=np.int64), SHAPES)


def test_capacity_is_cut_to_the_engine():
    assert (capacity_within(4096, SHAPES), capacity_within(9, SHAPES)) == (2047, 9)


def test_profiles_hold_the_shapes_of_a_model():
    config = load_config(default_model_dir())
    shapes = shapes_for(config, 2048)
    assert shapes == EngineShapes(2048, 1024, 16, 16, 169)
    prefill, decode = decoder_profiles(config, shapes)
    assert prefill["inputs_embeds"] == ((1, 256), (512, 256), (1024, 256))
    assert prefill["past_kv"] == ((1, 10, 2, 64), (1, 10, 2, 64), (2048, 10, 2, 64))
    assert decode["attn_bias"] == ((1, 2), (1, 641), (16, 2064))
    vision = vision_profiles(config, shapes)[0]
    assert vision["row_slots"] == ((4,), (508,), (676,))
    assert vision["window_rows"] == ((1, 64), (12, 64), (16, 64))
    assert vision["patch_pos"][2] == (676, 192)


def test_impossible_sizes_are_named():
    with pytest.raises(BadInputError, match="draft must be positive, got 0"):
        EngineShapes(10, 5, 0, 1, 1)
    with pytest.raises(BadInputError, match="prompt 20 must fit into context 10"):
        EngineShapes(10, 20, 1, 1, 1)
