"""Evaluation on other worlds: their things are asked for, by their names, through their sensor."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from n3d_ros.sim import KINDS, WIDE_KINDS
from n3d_ros.sim.world import World
from n3d_ros.training.evaluation.simulated.answers import try_absent
from n3d_ros.training.evaluation.simulated.grounding import run_trial


class Blind:
    """Finds nothing, and keeps what it is shown and asked."""

    def __init__(self):
        self.seen = []

    def ground(self, observation, words):
        self.seen.append((observation, words))
        return SimpleNamespace(objects=(), malformed=(), timing=SimpleNamespace(total_ms=1.0))

    def ask(self, observation, question):
        timing = SimpleNamespace(num_answer_tokens=1, num_answer_forward_passes=1)
        return SimpleNamespace(answer="", consistent=None, raw_text="", timing=timing)


def tried(world, seed=90001):
    pipeline = Blind()
    return run_trial(pipeline, seed, world=world), pipeline.seen[0][0]


def test_textures_capture_and_sensor_change_what_is_shown_and_not_what_is_asked():
    (plain, shown), (other, changed) = (
        tried(world) for world in (World(), World(textures="held_out", capture="handheld", sensor="stereo"))
    )
    assert (plain.words, plain.refusal, plain.answered) == (other.words, other.refusal, other.answered)
    assert not np.array_equal(shown.rgb, changed.rgb)
    assert not np.isnan(shown.depth).any() and np.isnan(changed.depth).mean() > 0.01


def test_things_of_a_wide_world_are_asked_for():
    words = [tried(World(kinds="wide"), seed)[0].words.split()[1] for seed in range(90001, 90007)]
    assert set(words) <= set(WIDE_KINDS) and set(words) - set(KINDS)


def test_what_is_absent_is_of_the_same_world():
    rng, kinds = np.random.default_rng(0), set()
    for _ in range(60):
        refusal = try_absent(Blind(), None, [("red", "mug")], rng, ("mug", "teapot", "fork"))
        kinds.add(refusal.words.split()[1])
    assert kinds == {"mug", "teapot", "fork"}


def test_a_scene_of_few_kinds_holds_no_other():
    trial = run_trial(Blind(), 90001, world=World(kinds="wide"), kinds=("teapot", "fork"))
    assert trial.words.split()[1] in ("teapot", "fork") and trial.refusal.words.split()[1] in (
        "teapot",
        "fork",
    )
