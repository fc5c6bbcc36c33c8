"""`n3d train` and `n3d claims`: which way a config means, what is printed and what is refused."""

import pytest

from n3d_ros.cli import main


def test_the_memory_of_a_step_is_printed_without_weights_or_questions(capsys):
    pytest.importorskip("transformers")
    assert main(["train", "--config", "debug", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "untrained: 0.01 billion weights" in out and "sum for one process" in out


def test_fine_tuning_needs_questions(capsys):
    assert main(["train", "--config", "debug"]) == 2
    assert "expected --questions with a set of questions, got none" in capsys.readouterr().err


@pytest.mark.parametrize("share", ["1.5", "-0.1", "nan"])
def test_a_share_of_left_outs_that_cannot_be_is_refused(share, tmp_path, capsys):
    pytest.importorskip("datasets")
    options = ["--questions", str(tmp_path), "--out", str(tmp_path / "out"), "--max-left-out", share]
    assert main(["train", "--config", "debug", *options]) == 2
    assert f"max_left_out: expected a share within 0..1, got {share}" in capsys.readouterr().err


def test_an_unknown_config_is_refused_with_the_known_ones(capsys):
    assert main(["train", "--config", "70b"]) == 2
    assert "expected one of debug, 3b_lora, 7b_full or a .json file" in capsys.readouterr().err


def test_an_unfinished_set_is_refused(tmp_path, capsys):
    pytest.importorskip("datasets")
    out = str(tmp_path / "out")
    assert main(["train", "--config", "debug", "--questions", str(tmp_path), "--out", out]) == 2
    assert "expected a finished set with 'manifest.json'" in capsys.readouterr().err


def test_fine_tuning_runs_both_stages_with_the_steps_asked_for(tmp_path, capsys):
    pytest.importorskip("datasets")
    from question_sets import small_base, small_set

    small_set(tmp_path, num_pictures=2)
    base = small_base(tmp_path / "base")
    options = ["--base", str(base), "--steps", "1", "--out", str(tmp_path / "out")]
    questions = str(tmp_path / "questions")
    assert main(["train", "--config", "debug+aligned", "--questions", questions, *options]) == 0
    model = tmp_path / "out" / "stage2_reasoning" / "model"
    assert str(model) in capsys.readouterr().out
    assert (model / "config.json").is_file() and (model / "tokenizer.json").is_file()


def test_claims_refuses_a_budget_that_cannot_be(capsys):
    pytest.importorskip("datasets")
    pytest.importorskip("n3d_ros.sim", exc_type=ImportError)
    assert main(["claims", "--seeds", "0"]) == 2
    assert "seeds expected a positive number, got 0" in capsys.readouterr().err
