"""Speed without real weights: a checkpoint of real shapes with random values, asked about pictures of noise.

In: a preset of `synthetic`. Out: a model folder and scenes. What such a model says means nothing, so replies
run to a fixed length and no boxes are expected; sizes of picture, prompt and reply are those of the release.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from n3d_ros.engines.bench.samples import AGAIN, GROUND, BenchScene
from n3d_ros.engines.synthetic.checkpoint import write_synthetic
from n3d_ros.engines.synthetic.config import PRESETS
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.prepare import Observation

QUERIES = (GROUND, AGAIN)
# About three boxes in Qwen's tokens.
NUM_TOKENS = 120
# Tokens in the cache while passes are timed: a prompt of 500 and half a reply.
CONTEXT = 560
WIDTH_PX, HEIGHT_PX = 640, 480


@contextlib.contextmanager
def synthetic_folder(
    preset: str, folder: Path | None, on_bytes: Callable[[int], object] | None = None
) -> Iterator[Path]:
    """`folder` if it already holds a model, else a new one written there; None: a temporary one."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="n3d-bench-") as scratch:
            yield write_synthetic(Path(scratch) / preset, preset, on_bytes=on_bytes)
    elif (folder / "config.json").is_file():
        yield folder
    else:
        yield write_synthetic(folder, preset, on_bytes=on_bytes)


def noise_scenes() -> Iterator[BenchScene]:
    """Pictures of noise, 640 x 480, depth 0.5 to 3 m."""
    seed = 0
    while True:
        rng = np.random.default_rng(seed)
        observation = Observation(
            rgb=rng.integers(0, 256, (HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8),
            intrinsics=Intrinsics(600.0, 600.0, WIDTH_PX / 2 - 0.5, HEIGHT_PX / 2 - 0.5, WIDTH_PX, HEIGHT_PX),
            depth=rng.uniform(0.5, 3.0, (HEIGHT_PX, WIDTH_PX)).astype(np.float32),
        )
        yield BenchScene(seed, observation, "How wide is the person?", "the person", "the chair")
        seed += 1


__all__ = ["CONTEXT", "NUM_TOKENS", "PRESETS", "QUERIES", "noise_scenes", "synthetic_folder"]
