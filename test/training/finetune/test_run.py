"""A whole run: both stages, a kill in between, adapters, and several processes."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from places import CHECKOUT

torch = pytest.importorskip("torch")
pytest.importorskip("datasets")
pytest.importorskip("accelerate")

from question_sets import questions_about, small_base, small_set, write_picture, write_set  # noqa: E402

from n3d_ros.child_process import package_environment  # noqa: E402
from n3d_ros.errors import CommandFailed  # noqa: E402
from n3d_ros.model.checkpoint import load_model  # noqa: E402
from n3d_ros.training.finetune import run as running  # noqa: E402
from n3d_ros.training.finetune.configs import PRESETS, Ablation, Lora  # noqa: E402
from n3d_ros.training.finetune.run import FineTuner, run  # noqa: E402

ROWS = replace(PRESETS["debug"], max_tokens=400, rows_per_step=2)


class Killed(Exception):
    """Stands for SIGKILL: nothing is saved on the way out."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    small_set(folder)
    small_base(folder / "base")
    return folder


@pytest.fixture
def config(home):
    return replace(ROWS, base=str(home / "base"))


def weights(folder):
    return load_model(folder).state_dict()


def losses(stage):
    """(step, loss, learning rate) of a stage, as TensorBoard and the checkpoint have them."""
    newest = max(stage.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    history = json.loads((newest / "trainer_state.json").read_text())["log_history"]
    return [(line["step"], line["loss"], line["learning_rate"]) for line in history if "loss" in line]


def test_both_stages_run_and_leave_a_folder_that_the_robot_loads(home, config, tmp_path):
    from n3d_ros.runtime.pipeline import Pipeline
    from n3d_ros.training.qa.sets import load_observation, read_questions

    model = run(config, home / "questions", tmp_path)
    assert model == tmp_path / "stage2_reasoning" / "model"
    first = losses(tmp_path / "stage1_grounding")
    assert [step for step, *_ in first] == [1, 2, 3, 4] and first[-1][1] < first[0][1]
    assert list(tmp_path.glob("stage*/runs/**/events*")), "expected TensorBoard's logs"
    question = next(read_questions(home / "questions"))
    result = Pipeline.load(model, "torch").ground(load_observation(question.picture), "red mug", max_tokens=4)
    assert result.valid_ratio > 0


def one_strange_of_two(folder):
    """A set of which the second stage can ask every question, and the first one half."""
    mug, _, *spatial = questions_about(write_picture(folder / "pictures", 0))
    write_set(folder / "questions", [mug, replace(mug, id="strange", text="the xylophone"), *spatial])
    return folder / "questions"


def test_nothing_is_trained_where_too_much_would_be_left_out(config, tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(running, "train_stage", lambda job: trained.append(job.stage.name))
    questions = one_strange_of_two(tmp_path)
    with pytest.raises(CommandFailed) as failed:
        run(config, questions, tmp_path / "out", max_left_out=0.49)
    said = str(failed.value)
    assert "stage1_grounding: expected at most 49 % of the first 2 questions left out, got 1" in said
    assert "cannot be asked 1; `n3d make-qa --words-of MODEL`" in said and trained == []
    run(config, questions, tmp_path / "out", max_left_out=0.5)
    assert trained == ["stage1_grounding", "stage2_reasoning"]


def test_a_later_stage_is_looked_at_before_the_first_is_trained(home, config, tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(running, "train_stage", lambda job: trained.append(job.stage.name))
    # Longer than any question for boxes, shorter than any evidence for a question about space.
    short = replace(config, max_tokens=60)
    with pytest.raises(CommandFailed, match=r"stage2_reasoning: .* too long \d+; max_tokens of the config"):
        run(short, home / "questions", tmp_path, max_left_out=0.2)
    assert trained == []


def half_written(stage):
    """A later checkpoint that a kill left without Trainer's state."""
    shutil.copytree(stage / "checkpoint-2", stage / "checkpoint-3")
    (stage / "checkpoint-3" / "trainer_state.json").unlink()


def test_a_killed_run_goes_on_to_the_same_losses_and_weights(home, config, tmp_path, monkeypatch):
    run(config, home / "questions", tmp_path / "whole")
    calls = []
    step = FineTuner.training_step

    def killed_in_the_third(self, *arguments, **named):
        calls.append(self.state.global_step)
        if len(calls) > 2 * config.rows_per_step + 1:
            raise Killed
        return step(self, *arguments, **named)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(FineTuner, "training_step", killed_in_the_third)
        run(config, home / "questions", tmp_path / "killed")
    assert not (tmp_path / "killed" / "stage1_grounding" / "done.json").exists()
    half_written(tmp_path / "killed" / "stage1_grounding")
    run(config, home / "questions", tmp_path / "killed")
    for stage in ("stage1_grounding", "stage2_reasoning"):
        assert losses(tmp_path / "killed" / stage) == losses(tmp_path / "whole" / stage)
        expected = weights(tmp_path / "whole" / stage / "model")
        for name, found in weights(tmp_path / "killed" / stage / "model").items():
            assert torch.equal(found, expected[name]), name


def test_a_run_says_what_it_will_leave_out_and_when_it_is_stopped_what_it_did(
    home, config, tmp_path, monkeypatch, caplog
):
    def step(*_):
        raise Killed

    monkeypatch.setattr(FineTuner, "training_step", step)
    caplog.set_level("INFO")
    with pytest.raises(Killed):
        run(replace(config, max_tokens=50), home / "questions", tmp_path, max_left_out=1.0)
    before, _, after = caplog.text.partition("of the first 8 will be left out: {'too long': 4}")
    assert "left out so far" not in before
    assert "stage1_grounding: left out so far: {'too long': " in after


def test_a_finished_run_is_not_trained_again(home, config, tmp_path, monkeypatch):
    run(config, home / "questions", tmp_path)
    monkeypatch.setattr(running, "train_stage", lambda *_: pytest.fail("trained again"))
    run(config, home / "questions", tmp_path)


def test_another_config_does_not_go_on_in_the_same_folder(home, config, tmp_path):
    run(config, home / "questions", tmp_path)
    with pytest.raises(ValueError, match="got another config"):
        run(replace(config, seed=7), home / "questions", tmp_path)


def test_other_questions_do_not_go_on_in_the_same_folder(home, config, tmp_path):
    """Else a set that was made anew would seem to be trained on, and nothing would be."""
    run(config, home / "questions", tmp_path / "out")
    other = shutil.copytree(home / "questions", tmp_path / "questions")
    run(config, other, tmp_path / "out")  # the same ones elsewhere
    (other / "manifest.json").write_text((other / "manifest.json").read_text() + " ")
    with pytest.raises(ValueError, match="got other ones"):
        run(config, other, tmp_path / "out")


@pytest.mark.filterwarnings("error:Unable to fetch remote file")
def test_adapters_change_the_layers_they_are_on_and_are_merged(home, config, tmp_path):
    before = weights(home / "base")
    lora = replace(config, lora=Lora(rank=4, alpha=8, tower=False))
    after = weights(run(lora, home / "questions", tmp_path))
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed and all("language_model.layers" in name and "_proj" in name for name in changed)


def test_adapters_reach_the_tower_where_they_should(home, config, tmp_path):
    before = weights(home / "base")
    after = weights(run(replace(config, lora=Lora(rank=4, alpha=8)), home / "questions", tmp_path))
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert any("visual.blocks" in name for name in changed)


def test_the_order_of_the_code_is_saved_with_the_weights(home, config, tmp_path):
    raster = replace(config, ablation=Ablation(code_order="raster"), stages=config.stages[:1])
    model = load_model(run(raster, home / "questions", tmp_path))
    assert model.model.visual.config.point_encoding_order == "raster"


def test_checkpointing_changes_no_loss(home, config, tmp_path):
    one_stage = replace(config, stages=config.stages[:1])
    run(one_stage, home / "questions", tmp_path / "plain")
    run(replace(one_stage, checkpointing=True), home / "questions", tmp_path / "again")
    plain, again = (losses(tmp_path / name / "stage1_grounding") for name in ("plain", "again"))
    assert [loss for _, loss, _ in plain] == pytest.approx([loss for _, loss, _ in again], rel=1e-4)


def one_step(mode, folder, processes):
    """The weights and the loss after one step of `processes`, by torchrun where there are several."""
    script = [str(CHECKOUT / "test" / "helpers" / "train_ranks.py"), str(folder / f"{mode}.pt"), mode]
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(launcher if processes > 1 else []), *script]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=package_environment(), capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(folder / f"{mode}.pt", weights_only=True)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["ddp", "fsdp"])
def test_two_processes_one_without_pictures_learn_what_one_learns_of_both_rows(mode, tmp_path):
    alone, together = one_step("alone", tmp_path, 1), one_step(mode, tmp_path, 2)
    assert together["loss"] == pytest.approx(alone["loss"], rel=1e-5)
    for name, expected in alone["weights"].items():
        torch.testing.assert_close(together["weights"][name], expected, rtol=1e-4, atol=1e-5)


def test_every_learned_token_of_a_step_weighs_the_same_whatever_row_it_is_in(tmp_path):
    import train_ranks
    from small_model import make_model

    train_ranks.main(tmp_path / "alone.pt", "alone")
    model, _ = make_model(patch_position="sincos")
    rows = train_ranks.both_rows(model)
    total = sum(row["labels"].numel() for row in rows)
    expected = sum(model(**row, num_items_in_batch=total).loss.item() for row in rows)
    found = torch.load(tmp_path / "alone.pt", weights_only=True)["loss"]
    assert found == pytest.approx(expected, rel=1e-5)
