"""`n3d eval --kinds` on a model that lacks words: said before the first scene, and what is left out after."""

import json
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from n3d_ros.cli import main
from n3d_ros.runtime import pipeline as runtime
from n3d_ros.sim import KINDS, WIDE_KINDS
from n3d_ros.training.evaluation.simulated import grounding
from n3d_ros.training.evaluation.simulated.answers import Answered, Refusal
from n3d_ros.training.evaluation.simulated.grounding import Trial
from n3d_ros.training.nano.tokenizer import build_tokenizer
from n3d_ros.training.nano.vocabulary import known_words


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """A tokenizer that knows the fourteen kinds, without its model; what was to be measured."""
    found, file = [], tmp_path / "tokenizer.json"
    file.write_text(build_tokenizer(known_words(KINDS)).to_str())
    backend = SimpleNamespace(tokenizer_path=file)
    monkeypatch.setattr(runtime.Pipeline, "load", lambda *_, **__: SimpleNamespace(backend=backend))

    def trials(pipeline, num_scenes, first_seed, **how):
        found.append(how)
        question = Answered("How tall is the red mug?", "0.1 m", True, True, True, "")
        return [Trial(1, "red mug", 0.5, 0.01, 1, 0, 1.0, Refusal("red can", 0), question)]

    monkeypatch.setattr(grounding, "trials", trials)
    return found


def test_kinds_that_a_model_cannot_name_are_told_before_the_first_scene(asked, capsys):
    assert main(["eval", "--scenes", "1", "--kinds", "wide"]) == 2
    said = capsys.readouterr().err
    assert "model that can name all 30 kinds, got one without words for 16 (teapot, " in said
    assert "--kinds known measures it on the other 14 alone" in said and not asked


def test_known_kinds_alone_are_measured_and_what_was_left_out_is_said(asked, tmp_path, capsys):
    file = tmp_path / "eval.json"
    assert main(["eval", "--scenes", "1", "--kinds", "known", "--json", str(file)]) == 0
    assert asked[0]["kinds"] == tuple(KINDS) and asked[0]["world"].kinds == "wide"
    said = capsys.readouterr().out
    assert said.count("on scenes of 14 kinds; the model cannot name the other 16, which no scene holds") == 2
    written = json.loads(file.read_text())
    assert written["kinds"] == list(KINDS)
    assert written["kinds_left_out"] == [kind for kind in WIDE_KINDS if kind not in KINDS]


def test_of_a_world_that_a_model_can_name_nothing_is_left_out(asked, capsys):
    assert main(["eval", "--scenes", "1"]) == 0
    assert asked[0]["kinds"] == tuple(KINDS) and "cannot name" not in capsys.readouterr().out
