"""`n3d bench host`: how long one frame takes from arrays to model inputs, beside the plain transcription.

In: sizes and repetitions. Out: times of every stage, the ratio to `engines.oracle` and the difference between
the two; and of what stands before the arrays: depth of 16 bits or floats made metres, depth registered to
colour. The ways take turns, so that a busy moment of the machine hits all of them. One thread: neither the
kernels nor numpy nor Pillow start others here, and the CPU time of the whole process stands beside the wall
time to show it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.engines.oracle import OracleInputs, oracle_inputs
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess import kernels
from n3d_ros.preprocess.metres import measured_depth
from n3d_ros.preprocess.pictures import picture_rows
from n3d_ros.preprocess.point_code import round_coordinates
from n3d_ros.preprocess.pooling import PooledScene, pool_depth, thin_depth
from n3d_ros.preprocess.prepare import ModelInputs, Observation, PreprocessConfig, prepare
from n3d_ros.preprocess.registration import register_depth
from n3d_ros.text_table import text_table

# (width, height) -> most milliseconds that the median of `prepare` may take.
GOALS_MS = {(640, 480): 3.0, (1280, 720): 4.0}
GOAL_RATIO = 5.0
PREPARE, WITHOUT_KERNELS, ORACLE = "prepare", "prepare, numpy and Pillow", "plain transcription"
REGISTER, BASELINE_M = "depth registered here", 0.015
# Ways that take tens of milliseconds run in every fifth repetition only.
SLOW = (REGISTER, WITHOUT_KERNELS, ORACLE)
SLOW_SHARE = 5
WARM_UP = 3

Times = dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class HostResult:
    """times: way or stage -> (wall, CPU) milliseconds of every repetition.

    Differences are to the transcription's result.
    """

    width: int
    height: int
    times: Times
    max_pixel_difference: float
    num_coords: int
    num_coords_differ: int

    def wall_ms(self, name: str, percentile: float = 50.0) -> float:
        return float(np.percentile([wall for wall, _ in self.times[name]], percentile))

    def cpu_ms(self, name: str) -> float:
        return float(np.median([cpu for _, cpu in self.times[name]]))

    @property
    def ratio(self) -> float:
        """How many times faster than the plain transcription, medians of wall time."""
        return self.wall_ms(ORACLE) / self.wall_ms(PREPARE)

    @property
    def equal(self) -> bool:
        """Rounded coordinates exact, grey levels within the recorded tolerance (1e-5)."""
        return self.num_coords_differ == 0 and self.max_pixel_difference <= 1e-5


def measure(width: int, height: int, repetitions: int, on_repetition: Callable[[], object]) -> HostResult:
    """Time all ways and stages on one made-up frame of this size."""
    buffers = example_frame(width, height)
    camera = Intrinsics(0.9 * width, 0.9 * width, 0.49 * width, 0.52 * height, width, height)
    observation = view(buffers, camera)
    ways = _ways(buffers, observation)
    times: Times = {name: [] for name in ways}
    for repetition in range(-WARM_UP, repetitions):
        for name, way in ways.items():
            if name in SLOW and repetition % SLOW_SHARE:
                continue
            sample = _timed(way)
            if repetition >= 0:
                times[name].append(sample)
        on_repetition()
    return _compared(width, height, times, prepare(observation), ways[ORACLE]())


def example_frame(width: int, height: int) -> tuple[bytes, bytes]:
    """Bytes of an RGB picture and of float32 depth in metres as messages carry them; a tenth has no depth."""
    random = np.random.default_rng(0)
    rgb = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    slope = np.linspace(0.6, 4.0, width) + np.linspace(1.0, 0.0, height)[:, None]
    depth = (slope + random.normal(0.0, 0.01, (height, width))).astype(np.float32)
    depth[random.random((height, width)) < 0.1] = np.nan
    return rgb.tobytes(), depth.tobytes()


def view(buffers: tuple[bytes, bytes], camera: Intrinsics) -> Observation:
    """The frame as arrays over the same bytes; nothing is copied."""
    size = camera.height, camera.width
    rgb = np.frombuffer(buffers[0], dtype=np.uint8).reshape(*size, 3)
    return Observation(rgb, camera, np.frombuffer(buffers[1], dtype=np.float32).reshape(size))


def results_text(results: Sequence[HostResult]) -> str:
    """For people: one table per size, milliseconds."""
    others = ", ".join(kernels.paths())
    lines = [
        f"one thread, milliseconds; numpy {np.__version__}; kernels: {kernels.path()} "
        f"(this machine has {others})"
    ]
    for result in results:
        size = f"{result.width}x{result.height}"
        rows = [[size, "p50", "p95", "p99", "best", "CPU p50"]]
        for name in result.times:
            walls = [result.wall_ms(name, percentile) for percentile in (50, 95, 99, 0)]
            rows.append([name, *(f"{value:.3f}" for value in (*walls, result.cpu_ms(name)))])
        lines += ["", text_table(rows), *_verdicts(result)]
    return "\n".join(lines)


def as_json(result: HostResult) -> dict[str, Any]:
    """Figures and raw samples of one size."""
    return {
        "kernels": kernels.path(),
        "width": result.width,
        "height": result.height,
        "p50_ms": {name: result.wall_ms(name) for name in result.times},
        "p95_ms": {name: result.wall_ms(name, 95) for name in result.times},
        "p99_ms": {name: result.wall_ms(name, 99) for name in result.times},
        "best_ms": {name: result.wall_ms(name, 0) for name in result.times},
        "cpu_p50_ms": {name: result.cpu_ms(name) for name in result.times},
        "ratio_to_plain": result.ratio,
        "max_pixel_difference": result.max_pixel_difference,
        "coords": result.num_coords,
        "coords_differ": result.num_coords_differ,
        "samples_ms": {name: [wall for wall, _ in samples] for name, samples in result.times.items()},
    }


def _ways(buffers: tuple[bytes, bytes], observation: Observation) -> dict[str, Callable[[], Any]]:
    config, camera, depth = PreprocessConfig(), observation.intrinsics, observation.depth
    assert depth is not None
    millimetres, beside = np.nan_to_num(depth * 1000).astype(np.uint16), np.eye(4)
    beside[0, 3] = BASELINE_M
    grid_hw = prepare(observation).grid_hw

    def pool() -> PooledScene:
        return pool_depth(*thin_depth(depth, camera, config.long_side_px), grid_hw)

    pooled = pool()
    return {
        "view of the messages": lambda: view(buffers, camera),
        "16 bits to metres": lambda: measured_depth(millimetres, "16UC1"),
        "floats to metres": lambda: measured_depth(depth, "32FC1"),
        REGISTER: lambda: register_depth(depth, camera, camera, beside),
        "picture to patch rows": lambda: picture_rows(observation.rgb, config.long_side_px, config.layout),
        "depth to patch points": pool,
        "points to steps": lambda: round_coordinates(pooled.points, config.point_encoding),
        PREPARE: lambda: prepare(observation, config),
        WITHOUT_KERNELS: lambda: _without_kernels(observation, config),
        ORACLE: lambda: oracle_inputs(observation.rgb, depth, camera.fx, camera.fy, camera.cx, camera.cy),
    }


def _without_kernels(observation: Observation, config: PreprocessConfig) -> ModelInputs:
    with kernels.using(kernels.NUMPY):
        return prepare(observation, config)


def _timed(way: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    way()
    return 1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu)


def _compared(width: int, height: int, times: Times, ours: ModelInputs, plain: OracleInputs) -> HostResult:
    differ = int(np.count_nonzero(ours.coords != plain.coords))
    pixels: npt.NDArray[np.float32] = np.abs(ours.pixel_values - plain.pixel_values)
    return HostResult(width, height, times, float(pixels.max()), plain.coords.size, differ)


def _verdicts(result: HostResult) -> list[str]:
    goal = GOALS_MS.get((result.width, result.height))
    lines = [
        f"largest difference: {result.max_pixel_difference:.1e} in pixel values, "
        f"{result.num_coords_differ} of {result.num_coords} rounded coordinates",
        f"{result.ratio:.1f} times faster than the plain transcription (goal {GOAL_RATIO:.0f})",
    ]
    if goal is not None:
        met = "met" if result.wall_ms(PREPARE) <= goal else "missed"
        lines.append(f"goal: p50 of {PREPARE} at most {goal:.0f} ms: {met}")
    return lines
