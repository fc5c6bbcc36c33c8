"""Recordings of made-up samples with round numbers, for tests of what is made of them."""

import numpy as np

from n3d_ros.engines.bench.measure import Recording
from n3d_ros.engines.bench.memory import Peak
from n3d_ros.engines.bench.options import BenchOptions
from n3d_ros.engines.bench.samples import (
    AGAIN,
    ASK,
    GROUND,
    STAGES,
    BenchSample,
    BenchScene,
    CpuTimes,
    TextCost,
)
from n3d_ros.engines.bench.steps import PASS_LENGTHS, StepSample
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.backends.factory import default_model_dir


def sample(system="ort", query=ASK, total=100.0, boxes=50.0, ids=((1, 2), (3,)), first_token=None, **changes):
    """A sample of round numbers: 10 tokens in 5 passes of box text, 20 in 4 of reasoning."""
    values = {
        "system": system,
        "query": query,
        "seed": 1,
        "repetition": 0,
        "stages": {**dict.fromkeys(STAGES, 10.0), "total": total},
        "box": TextCost(10, 5, 4.0, 20.0),
        "reasoning": TextCost(20, 4, 4.0, 40.0) if query == ASK else None,
        "first_token_ms": first_token,
        "first_box_ms": 20.0,
        "boxes_ms": boxes,
        "num_boxes": 3,
        "ids": ids,
        "cpu": CpuTimes(total / 2, first_token and first_token / 2, boxes / 2),
    }
    return BenchSample(**{**values, **changes})


def recording(samples, systems=("ort", "torch", "huggingface"), steps=(), peaks=None):
    options = BenchOptions(model=default_model_dir(), systems=systems, num_scenes=1, repetitions=1)
    machine = {"gpu": [], "board": None, "processor": "a processor", "cores": 2, "load_average": 0.5}
    return Recording(
        options,
        machine,
        dict.fromkeys(systems, 8_000_000),
        samples=list(samples),
        steps=list(steps),
        copy_gb_s=[(10.0, 16.0), (12.0, 16.0)],
        peaks=peaks or {},
    )


def steps_of(**ms):
    return [StepSample(name, n, 100, ms_ * n, ms_ * n / 2) for name, ms_ in ms.items() for n in PASS_LENGTHS]


def full_recording():
    """Two questions a system, Hugging Face four times slower than ort."""
    samples = [
        sample(name, query, factor * 100.0, factor * 50.0, first_token=first_token * factor)
        for name, factor in (("ort", 1.0), ("torch", 2.0), ("huggingface", 4.0))
        for query, first_token in ((GROUND, 40.0), (AGAIN, 10.0), (ASK, None))
        if first_token is not None or query == ASK
        for first_token in [first_token or 0.0]
    ]
    return recording(samples, steps=steps_of(ort=1.0, torch=2.5), peaks={"ort": Peak(200.0, None)})


def plain_scene():
    """A picture without anything to find: what the model says does not matter here."""
    rng = np.random.default_rng(0)
    intrinsics = Intrinsics(150.0, 150.0, 79.5, 59.5, 160, 120)
    observation = Observation(
        rgb=rng.integers(0, 255, (120, 160, 3), dtype=np.uint8),
        intrinsics=intrinsics,
        depth=rng.uniform(0.5, 1.5, (120, 160)).astype(np.float32),
    )
    question = "Which is closer to the red mug, the blue bowl or the green box?"
    return BenchScene(7, observation, question, "the red mug", "the blue bowl")
