"""The whole recipe: one command that renders, trains, averages, exports, measures and describes."""

import json
import os
import signal
import time
from argparse import Namespace
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)
pytest.importorskip("onnxruntime")

from n3d_ros.cli import main  # noqa: E402
from n3d_ros.commands.train.nano import command_line, evaluations  # noqa: E402
from n3d_ros.runtime.backends.factory import default_model_dir  # noqa: E402
from n3d_ros.sim import KINDS, WIDE_KINDS  # noqa: E402
from n3d_ros.training.evaluation.simulated.nameable import nameable  # noqa: E402
from n3d_ros.training.nano import configs, recipe  # noqa: E402
from n3d_ros.training.nano.ledger import Ledger, forget_peak, peak_mb  # noqa: E402
from n3d_ros.training.nano.world_mix import WORLDS  # noqa: E402

from .test_nano import SHALLOW, SMALL  # noqa: E402


@pytest.fixture
def small(monkeypatch):
    """The command with a model of one layer, and stages that watch it."""

    def stages(minutes):
        made = configs.from_nothing(minutes)
        few = {"pictures_per_step": 4, "questions_per_view": 2, "reasons_per_view": 1}
        return tuple(replace(stage, **SHALLOW, **few) for stage in made)

    monkeypatch.setattr(recipe.Recipe, "preset", SMALL)
    monkeypatch.setattr(recipe, "from_nothing", stages)


def command(out, *more):
    return main(["train", "--out", str(out), "--minutes", "0.01", "--eval-scenes", "1", *more])


def test_one_command_makes_a_measured_model_with_its_card(small, tmp_path, capsys):
    assert command(tmp_path / "run") == 0
    engine = tmp_path / "run" / "n3d-nano"
    assert (engine / "manifest.json").is_file() and (engine / "decoder.onnx").is_file()
    card = (engine / "README.md").read_text()
    assert "written by `n3d train --config nano --minutes 0.01`" in card
    assert "views of 4 simulated scenes (seeds 1000000 to 1000003)" in card
    assert "Measured by `n3d eval --scenes 1 --seed 90000 --noise`" in card
    steps = json.loads((tmp_path / "run" / "steps.json").read_text())["steps"]
    assert list(steps) == [
        "render", "train tower", "train whole", "train reasoning", "train choice", "average",
        "export", "eval", "card",
    ]  # fmt: skip
    assert all(step["done"] for step in steps.values())
    assert all(
        f"| {name} | {spent['seconds']:.0f} | " in card for name, spent in steps.items() if name != "card"
    )
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert command(tmp_path / "run") == 0
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert before == after, "a run that is done does nothing"


def test_a_run_is_not_gone_on_with_in_another_world_and_one_of_before_is_of_nanos_own(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(
        "n3d_ros.commands.train.nano.all_steps", lambda *_: [recipe.Step("first", lambda: None)]
    )
    with Ledger(tmp_path, {"minutes": "0.01", "scenes": "4 from 1000000", "start_from": ""}).measured(
        "first"
    ):
        pass
    assert command(tmp_path) == 0
    assert command(tmp_path, "--world", "wide") == 2
    assert "expected a run with" in (said := capsys.readouterr().err) and "wide 65 %" in said
    assert command(tmp_path / "wide", "--world", "wide") == 0
    assert command(tmp_path / "wide") == 2
    assert "got one with" in (said := capsys.readouterr().err) and "wide 65 %" in said


def test_a_world_that_holds_what_never_trains_is_refused_before_anything_is_made(tmp_path, capsys):
    world = tmp_path / "world.json"
    world.write_text('{"textures": "held_out"}')
    assert command(tmp_path / "run", "--world", str(world)) == 2
    assert "held_out is for measuring and never trains" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("world", "every"),
    [
        ("nano", {"eval": []}),
        (
            "wide",
            {
                "eval": ["--textures", "held_out"],
                "eval plain": [],
                "eval wide": ["--kinds", "wide", "--textures", "held_out"],
            },
        ),
    ],
)
def test_a_run_is_measured_on_patterns_that_it_did_not_see_on_plain_ones_and_on_all_its_kinds(world, every):
    scenes = ["--scenes", "3", "--seed", "90000", "--noise"]
    found = evaluations(Namespace(eval_scenes=3, eval_seed=90000), WORLDS[world])
    assert found == {name: [*scenes, *options] for name, options in every.items()}


def test_the_card_names_every_option_that_made_the_run(tmp_path):
    args = Namespace(minutes=5.0, world="wide", start_from=None, scenes_rendered=7, first_seed=2_000_000)
    assert command_line(args) == (
        "n3d train --config nano --minutes 5 --world wide --scenes-rendered 7 --first-seed 2000000"
    )


def test_a_run_in_a_wide_world_has_words_for_its_things(tmp_path):
    few = tmp_path / "few" / "tokenizer.json"
    few.parent.mkdir()
    few.write_text(recipe.run_tokenizer(recipe.Recipe(tmp_path, 1, 4)).to_str())
    assert nameable(few, tuple(WIDE_KINDS)) == tuple(KINDS)
    for begin in (None, few.parent, default_model_dir()):
        made = recipe.Recipe(tmp_path, 1, 4, begin, worlds=WORLDS["wide"])
        file = tmp_path / "wide.json"
        file.write_text(recipe.run_tokenizer(made).to_str())
        assert nameable(file, tuple(WIDE_KINDS)) == tuple(WIDE_KINDS)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=lambda stop: stop.name)
def test_a_run_that_was_stopped_goes_on_at_the_step_that_was_not_done(tmp_path, monkeypatch, stop):
    done = []

    def second():
        done.append("second")
        if done.count("second") == 1:
            time.sleep(0.06)
            os.kill(os.getpid(), stop)

    steps = [
        recipe.Step("first", lambda: done.append("first")),
        recipe.Step("second", second),
        recipe.Step("third", lambda: done.append("third")),
    ]
    monkeypatch.setattr("n3d_ros.commands.train.nano.all_steps", lambda *_: steps)
    try:
        code = command(tmp_path)
    except SystemExit as end:
        code = end.code
    assert code == 128 + stop
    took = json.loads((tmp_path / "steps.json").read_text())["steps"]["second"]
    assert took["seconds"] >= 0.1 and not took["done"]
    assert command(tmp_path) == 0
    assert done == ["first", "second", "second", "third"]


def test_a_run_is_not_gone_on_with_under_other_options(small, tmp_path, capsys):
    Ledger(tmp_path, {"minutes": "5"})
    with Ledger(tmp_path, {"minutes": "5"}).measured("render"):
        pass
    assert command(tmp_path) == 2
    assert "got one with {'minutes': '5'}; give the same options or another --out" in capsys.readouterr().err


def test_nothing_to_do_is_said(tmp_path, capsys):
    assert main(["train", "--out", str(tmp_path), "--minutes", "0"]) == 2
    assert "expected --minutes above 0, or --start-from" in capsys.readouterr().err


def test_a_step_that_failed_counts_its_time_and_is_not_done(tmp_path):
    ledger = Ledger(tmp_path, {})
    with pytest.raises(RuntimeError), ledger.measured("train"):
        raise RuntimeError
    again = Ledger(tmp_path, {})
    assert not again.is_done("train") and again.steps["train"].peak_mb > 0
    with again.measured("train"):
        pass
    assert Ledger(tmp_path, {}).is_done("train")


@pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="the system keeps one peak for all"
)
def test_the_peak_of_a_step_is_not_that_of_the_step_before():
    block = bytearray(200_000_000)
    block[::4096] = b"x" * len(block[::4096])
    high = peak_mb()
    del block
    forget_peak()
    assert peak_mb() < high - 150


def test_the_averaged_model_is_the_mean_of_the_snapshots(tmp_path):
    from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration
    from n3d_ros.training.nano.model import build_nano

    made = recipe.Recipe(tmp_path, 1, 4, preset=SMALL)
    model = build_nano(SMALL, recipe.run_tokenizer(made))
    (tmp_path / "snapshots").mkdir()
    for number, shift in enumerate((0.5, 1.5)):
        weights = {name: p.detach() + shift for name, p in model.named_parameters()}
        torch.save(weights, tmp_path / "snapshots" / f"{number}.pt")
    recipe.average(made)
    saved = N3DForConditionalGeneration.from_pretrained(tmp_path / "model", dtype=torch.float32)
    for name, p in saved.named_parameters():
        torch.testing.assert_close(p, dict(model.named_parameters())[name] + 1.0)
