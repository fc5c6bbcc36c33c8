"""A slower machine's engine: the same results, later, and a cancelled one is not waited for."""

import time

import numpy as np
import pytest
from fake_pipeline import FakePipeline

pytest.importorskip("rclpy")
pytest.importorskip("n3d_ros.msg")

from n3d_ros.boxes import Box3D
from n3d_ros.commands.soak.slow_node import SlowEngine
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.types import Listener

MUG = Box3D("red mug", (0.0, 0.1, 1.0), (0.1, 0.1, 0.1))


@pytest.fixture
def observation():
    black = np.zeros((8, 8, 3), np.uint8)
    return Observation(black, Intrinsics(8.0, 8.0, 4.0, 4.0, 8, 8), depth=np.ones((8, 8), np.float32))


def test_a_request_takes_its_time_and_says_so(observation):
    began = time.perf_counter()
    result = SlowEngine(FakePipeline([MUG]), 60.0).ground(
        observation, "red mug", listener=Listener(should_cancel=lambda: False), max_tokens=9
    )
    assert [one.box for one in result.objects] == [MUG]
    assert 60.0 <= result.timing.total_ms <= (time.perf_counter() - began) * 1e3


def test_an_answer_comes_later_too(observation):
    result = SlowEngine(FakePipeline([MUG]), 60.0).ask(
        observation, "how far is it?", listener=Listener(should_cancel=lambda: False), max_tokens=9
    )
    assert result.answer == "It is 1.25 meters away." and result.timing.total_ms >= 60.0


def test_what_is_cancelled_is_not_waited_for(observation):
    hour_ms = 3.6e6
    listener = Listener(should_cancel=lambda: True)
    result = SlowEngine(FakePipeline([]), hour_ms).ground(
        observation, "red mug", listener=listener, max_tokens=9
    )
    assert result.timing.total_ms < hour_ms
