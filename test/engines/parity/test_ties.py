"""A rounded coordinate that float32 noise can push over a half is a tie; any other difference is a miss."""

import numpy as np
import pytest

pytest.importorskip("torch")

from n3d_ros.engines.parity.inputs import RELEASE, check_rounded, grid_of
from n3d_ros.engines.parity.report import ParityReport, Record, merged
from n3d_ros.preprocess.point_code import round_coordinates, scale_coordinates

SUMMED = 200


def compared(pooled, recorded, num_summed=SUMMED):
    report = ParityReport()
    recorded = np.asarray(recorded, np.float32)
    check_rounded(report, "A", pooled, recorded, num_summed=num_summed, note="whole way")
    (line,) = report.lines
    return line


def with_step(step):
    """Pooled points of which the first coordinate lies at that step; the mean of all is 0."""
    points = np.zeros((4, 3))
    points[0, 0], points[1, 0] = step * RELEASE.unit, -step * RELEASE.unit
    points[2, 1], points[3, 1] = 1.0, -1.0  # the scene's size, which the noise follows
    return points.astype(np.float32)


@pytest.mark.parametrize(
    ("step", "recorded", "is_tie"),
    [(20.5003, 20, True), (20.4997, 21, True), (20.51, 20, False), (20.5003, 22, False), (20.0, 21, False)],
)
def test_only_the_neighbour_across_a_near_half_is_a_tie(step, recorded, is_tie):
    pooled = with_step(step)
    rounded = round_coordinates(pooled, RELEASE)
    rounded[0, 0] = recorded
    line = compared(pooled, rounded)
    assert (line.passed, line.error) == (is_tie, 0.0 if is_tie else 1.0)
    assert ("1 of 12 are ties: within" in line.note) == is_tie


def test_equal_coordinates_are_no_ties_and_another_shape_is_a_miss():
    pooled = with_step(20.5003)
    assert compared(pooled, round_coordinates(pooled, RELEASE)).note == "whole way"
    assert not compared(pooled, np.zeros((3, 3))).passed


def test_points_that_were_not_summed_have_less_noise():
    pooled = with_step(20.5015)
    rounded = round_coordinates(pooled, RELEASE)
    rounded[0, 0] = 20
    assert compared(pooled, rounded).passed
    assert not compared(pooled, rounded, num_summed=1).passed


def test_float32_sums_in_another_order_differ_by_ties_alone_and_all_are_counted():
    """What the release does, at the size of its own vectors: sums in float32, one number after the other."""
    num_ties = 0
    for seed in range(6):
        random = np.random.default_rng(seed)
        cells = random.uniform(0, 2, (7272 // 3, 1, 3)) + random.normal(0, 0.01, (7272 // 3, SUMMED, 3))
        cells = cells.astype(np.float32)
        pooled = cells.mean(axis=1, dtype=np.float64).astype(np.float32)
        one_by_one = np.cumsum(cells, axis=1, dtype=np.float32)[:, -1] / np.float32(SUMMED)
        recorded = round_coordinates(one_by_one, RELEASE)
        num_different = int((recorded != round_coordinates(pooled, RELEASE)).sum())
        line = compared(pooled, recorded)
        assert line.passed and (f"{num_different} of 7272 are ties" in line.note) == (num_different > 0)
        num_ties += num_different
    assert num_ties > 0


def test_no_coordinate_of_the_release_may_move_by_one_but_those_at_a_tie(golden_dir):
    record = Record.load(golden_dir / "case_A_landscape.npz")
    pooled, recorded = record["pooled_hw3"].reshape(-1, 3), record["coords_rounded"]
    steps = scale_coordinates(pooled, RELEASE)
    grid = grid_of(record)
    num_summed = record["pcd"][..., 0].size / (grid[0] * grid[1])
    for direction in (1, -1):
        line = compared(pooled, recorded + direction, num_summed)
        near = np.abs(steps - np.floor(steps) - 0.5) < 0.03
        assert steps.size - near.sum() <= line.error <= steps.size


def test_a_tie_is_printed_beside_the_lines_that_have_none():
    report, pooled = ParityReport(), with_step(20.5003)
    rounded = round_coordinates(pooled, RELEASE)
    for case in "ABCDE":
        check_rounded(report, case, pooled, rounded, num_summed=SUMMED)
    rounded[0, 0] = 20
    check_rounded(report, "F", pooled, rounded, num_summed=SUMMED)
    printed = [str(line) for line in merged(report.lines)]
    assert len(printed) == 2 and "5 cases" in printed[0] and "1 of 12 are ties" in printed[1]
