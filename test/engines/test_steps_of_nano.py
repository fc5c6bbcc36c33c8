"""The shipped n3d-nano on ONNX Runtime: fewer forward passes write the same tokens, and a second question on
a frame starts after its picture.
"""

from dataclasses import replace

import numpy as np
import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.engines.export.folder import export
from n3d_ros.errors import ResultCode
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.backends.factory import create_backend, default_model_dir
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.runtime.steps import LOSSLESS
from n3d_ros.runtime.types import GroundedObject, GroundResult, Timing

THINGS = (
    Box3D("red mug", (-0.15, 0.05, 0.71), (0.09, 0.1, 0.08)),
    Box3D("blue bowl", (0.2, 0.1, 0.83), (0.2, 0.12, 0.2)),
)
QUESTIONS = (
    "What is the distance between the red mug and the blue bowl?",
    "Which is taller, the red mug or the blue bowl?",
    "How wide is the blue bowl?",
)
# Nano has not learned such names: whatever it writes about them must stay the same, too.
BY_ID = ("Which is taller, 0_red mug or 1_blue bowl?", "How wide is 1_blue bowl?")


@pytest.fixture(scope="module")
def backend():
    return create_backend(default_model_dir(), "ort", threads=1)


@pytest.fixture(scope="module")
def observation():
    """A blurred noise picture: what the model finds in it does not matter here, only that it writes."""
    rng = np.random.default_rng(5)
    rgb = np.kron(rng.integers(0, 255, (6, 8, 3)), np.ones((20, 20, 1))).astype(np.uint8)
    depth = np.kron(rng.uniform(0.6, 1.0, (6, 8)), np.ones((20, 20))).astype(np.float32)
    return Observation(rgb, Intrinsics(150.0, 150.0, 79.5, 59.5, 160, 120), depth)


@pytest.fixture(scope="module")
def found(observation):
    """The objects of a first stage, made up."""
    objects = tuple(
        GroundedObject(f"{n}_{box.label}", box, None, box.label, n) for n, box in enumerate(THINGS)
    )
    return GroundResult(
        objects, "", (), (), ResultCode.OK, "", Timing(), "", 1.0, frame_id=observation.frame_id
    )


@pytest.fixture(scope="module")
def replies(backend, observation, found):
    """`replies(steps)`: results of the answers and two searches."""

    def run(steps):
        pipeline = Pipeline(backend, steps=steps)
        answers = [pipeline.ask_about(observation, question, found) for question in (*QUESTIONS, *BY_ID)]
        return answers + [pipeline.ground(observation, thing.label) for thing in THINGS]

    return run


@pytest.fixture(scope="module")
def usual(replies):
    return replies(LOSSLESS)


@pytest.mark.parametrize("off", ["jump_forward", "trace_drafts", "frame_reuse"])
def test_each_way_of_saving_passes_leaves_every_token_as_it_is(replies, usual, off):
    others = replies(replace(LOSSLESS, **{off: False}))
    assert [result.token_ids for result in others] == [result.token_ids for result in usual]
    assert sum(len(result.token_ids) for result in usual) > 100


def test_an_answer_takes_fewer_forward_passes_than_tokens(usual):
    """`n3d bench` measures how many; here the numbers are made up, and the model need not reason well."""
    timings = [result.timing for result in usual[: len(QUESTIONS)]]
    assert sum(t.num_answer_forward_passes for t in timings) < 0.3 * sum(t.num_answer_tokens for t in timings)


def test_a_second_question_keeps_the_picture_and_most_of_its_prompt(backend, observation, monkeypatch):
    pipeline, pictures, encode = Pipeline(backend), [], backend.encode_image
    monkeypatch.setattr(backend, "encode_image", lambda inputs: pictures.append(1) or encode(inputs))
    pipeline.ground(observation, "the red mug")
    second = pipeline.ground(observation, "the blue bowl")
    assert len(pictures) == 1 and second.timing.vision_ms == 0.0
    assert second.timing.num_reused_tokens >= 0.7 * len(pipeline._frame.prompt)


def test_a_picture_begun_before_its_depth_gives_the_same_reply(observation, tmp_path):
    export(default_model_dir(), tmp_path / "nano")
    pipeline = Pipeline(create_backend(tmp_path / "nano", "ort", threads=1))
    whole = pipeline.ground(observation, "the red mug")
    assert pipeline.start(observation.rgb)
    assert pipeline.ground(replace(observation), "the red mug").token_ids == whole.token_ids
