"""Which precision, context and parts a board gets, and where a decoder is cut: numbers alone."""

from itertools import combinations

import pytest

from n3d_ros.engines.tensorrt.boards import Board, Preset, board, choose_preset, estimate_memory
from n3d_ros.engines.tensorrt.layer_split import ModelSize, largest_part, layer_ranges
from n3d_ros.errors import OutOfMemoryError
from n3d_ros.runtime.backends.trt.api import TENSORRT

# bf16 bytes, docs/specification/engines.md 10.
SEVEN_B = ModelSize(products=14.14e9, rest=1.35e9, kv_per_token=57_344, head=1.09e9, layers=28)


@pytest.mark.parametrize(
    ("name", "precision", "context", "parts"),
    [
        ("orin-16", "int8", 2048, 2),
        ("orin-32", "bf16", 4096, 2),
        ("orin-64", "bf16", 4096, 1),
        ("thor", "bf16", 4096, 1),
        ("rtx-8", "int4", 2048, 1),
        ("rtx-12", "int8", 2048, 1),
        ("rtx-16", "int8", 4096, 1),
        ("rtx-24", "bf16", 4096, 1),
        ("data-centre", "bf16", 8192, 1),
        ("sm75", "fp16", 4096, 1),
        ("sm89", "bf16", 4096, 1),
    ],
)
def test_the_preset_of_a_board_for_the_7b(name, precision, context, parts):
    """16 bits need 16.7 GB to run, 35 to build where the GPU's copy lies beside (18 in two parts), 21 else;
    8 bits 9.5 GB to run, 18 to build (9.4 in two parts).
    """
    assert choose_preset(board(name), SEVEN_B) == Preset(precision, context, parts)


@pytest.mark.parametrize(("name", "precision"), [("orin-16", "int4"), ("orin-32", "int8")])
def test_without_a_split_a_smaller_precision_is_taken(name, precision):
    assert choose_preset(board(name), SEVEN_B, parts=1) == Preset(precision, board(name).context, 1)


def test_a_small_model_is_never_cut_and_gets_the_best_that_the_gpu_computes_with():
    small = ModelSize(7e6, 6e6, 5000, head=1e6, layers=5)
    assert choose_preset(board("orin-16"), small) == Preset("bf16", 2048, 1)
    assert choose_preset(board("sm75"), small) == Preset("fp16", 4096, 1)


def test_a_model_that_runs_but_builds_only_in_many_parts_gets_as_few_as_do():
    tight = Board("tight", ("sm87",), TENSORRT, 17.0, unified=True)
    assert choose_preset(tight, SEVEN_B) == Preset("bf16", 4096, 3)
    two, three = (estimate_memory(SEVEN_B, "bf16", 4096, True, parts).build_gb for parts in (2, 3))
    assert two > 17 > three


@pytest.mark.parametrize(
    ("parts", "ranges"),
    [
        (1, [(0, 28)]),
        (2, [(0, 15), (15, 28)]),
        (4, [(0, 8), (8, 16), (16, 24), (24, 28)]),
        (8, [(0, 3), (3, 7), (7, 11), (11, 15), (15, 19), (19, 23), (23, 27), (27, 28)]),
    ],
)
def test_the_head_counts_with_the_last_part(parts, ranges):
    """It weighs 2.3 layers."""
    assert layer_ranges(SEVEN_B, parts) == ranges


@pytest.mark.parametrize("head", [0.0, 0.4, 2.3, 9.0])
def test_no_other_cut_makes_the_largest_part_smaller(head):
    size = ModelSize(6.0 + head, 0, 0, head, 6)
    for parts in range(2, 7):
        others = []
        for cuts in combinations(range(1, 6), parts - 1):
            widths = [stop - first for first, stop in zip((0, *cuts), (*cuts, 6), strict=True)]
            others.append(max(*widths[:-1], widths[-1] + head))
        assert largest_part(size, parts) == pytest.approx(min(others))


@pytest.mark.parametrize("parts", [1, 2, 3, 4, 5])
def test_every_part_has_a_layer_and_every_layer_a_part_however_large_the_head_is(parts):
    for head in (0.0, 1.0, 40.0):
        ranges = layer_ranges(ModelSize(5.0 + head, 0, 0, head, 5), parts)
        assert [layer for first, stop in ranges for layer in range(first, stop)] == [0, 1, 2, 3, 4]
        assert len(ranges) == parts and all(first < stop for first, stop in ranges)


def test_a_split_lowers_the_build_and_not_the_run_and_never_below_the_vision_tower():
    whole, halves, eighths = (estimate_memory(SEVEN_B, "int4", 2048, True, n) for n in (1, 2, 8))
    assert whole.run_gb == halves.run_gb == eighths.run_gb
    assert whole.build_gb > halves.build_gb > eighths.build_gb == 1.35 * 2.45 + 0.5


def test_estimates_stay_near_what_was_measured():
    """docs/specification/engines.md 10: 4 bits 10.8 GB, 16 bits about 20 GB with a stream writer."""
    assert 10.5 < estimate_memory(SEVEN_B, "int4", 4096, unified=False).build_gb < 11.5
    assert 19 < estimate_memory(SEVEN_B, "bf16", 4096, unified=False).build_gb < 22


def test_a_model_that_cannot_run_in_any_precision_is_refused_with_what_it_needs():
    huge = ModelSize(140e9, 1e9, 300_000, head=2e9, layers=80)
    words = r"orin-16: expected .* into 14 GB, .* 14.7 GB to build in 8 parts and 37.6 GB to run; take"
    with pytest.raises(OutOfMemoryError, match=words):
        choose_preset(board("orin-16"), huge)
