"""Recorded steps of the torch backend, run here without recording them: any few tokens, any place."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from n3d_ros.runtime.backends.pytorch import step as torch_step  # noqa: E402
from n3d_ros.runtime.backends.pytorch.backend import TorchBackend  # noqa: E402
from n3d_ros.runtime.backends.pytorch.options import TorchOptions  # noqa: E402
from n3d_ros.runtime.backends.pytorch.step import StepRunner, width_for  # noqa: E402

IDS = np.random.default_rng(0).integers(20, 900, 60).tolist()


class NotRecorded:
    """Runs a step's operations instead of replaying them; CUDA graphs need a GPU."""

    used: list[tuple[int, int]] = []

    def __init__(self, step):
        self.step = step

    def run(self, past, embeds, positions):
        self.used.append((past, embeds.shape[1]))
        self.step.load(past, embeds, positions)
        return self.step.run()


@pytest.fixture
def backends(checkpoint, monkeypatch):
    folder, _ = checkpoint(order="aligned")
    monkeypatch.setattr(torch_step, "CapturedStep", NotRecorded)
    plain, stepping = (TorchBackend(folder, 1, TorchOptions("cpu")) for _ in range(2))
    stepping._steps = StepRunner(stepping.model, stepping.config.text)
    NotRecorded.used.clear()
    return plain, stepping


def forward(backend, cache, ids):
    positions = np.tile(cache.length + np.arange(len(ids)), (3, 1))
    return backend.forward(cache, backend.embed(ids), positions, np.arange(len(ids)))


def test_steps_of_any_width_give_the_logits_of_one_pass_and_padding_leaves_no_trace(backends):
    plain, stepping = backends
    expected = forward(plain, plain.new_cache(60), IDS)
    cache, found = stepping.new_cache(60), []
    for num in (20, 1, 3, 5, 1, 16, 9, 2, 3):
        found.append(forward(stepping, cache, IDS[cache.length : cache.length + num]))
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-3)
    assert NotRecorded.used == [(20, 1), (21, 3), (24, 5), (29, 1), (30, 16), (55, 2)]


def test_guesses_that_did_not_hold_are_overwritten(backends):
    plain, stepping = backends
    expected = forward(plain, plain.new_cache(60), IDS[:12])[10:]
    cache = stepping.new_cache(60)
    forward(stepping, cache, IDS[:10])
    forward(stepping, cache, IDS[30:35])
    cache.truncate(10)
    np.testing.assert_allclose(forward(stepping, cache, IDS[10:12]), expected, atol=1e-3)


def test_widths_are_powers_of_two_up_to_a_guess_and_the_token_before_it():
    assert [width_for(num) for num in (1, 2, 3, 9, 16, 99)] == [1, 2, 4, 16, 16, 16]
    assert StepRunner.takes(40, 9, 60) and not StepRunner.takes(46, 9, 60) and not StepRunner.takes(0, 17, 60)
