"""`n3d eval --questions` from the command line, on a model that knows the boxes."""

import json

import pytest
from known_answers import KnowingPipeline, five, picture, write_set

pytest.importorskip("pyarrow")

from n3d_ros.cli import main
from n3d_ros.runtime import pipeline as runtime


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model folder that loads as a KnowingPipeline; the list of those that were loaded."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    loaded = []

    def load(*args, **kwargs):
        loaded.append(KnowingPipeline())
        return loaded[-1]

    monkeypatch.setattr(runtime.Pipeline, "load", load)
    return folder, loaded


@pytest.fixture
def questions(tmp_path):
    return write_set(tmp_path / "set", five(picture(tmp_path / "pictures")))


def run(*words):
    return main(["eval", *map(str, words)])


def test_a_set_is_measured_and_everything_is_written(model, questions, tmp_path, capsys):
    folder, _ = model
    out = tmp_path / "out"
    assert (
        run(
            "--model",
            folder,
            "--questions",
            questions,
            "--out",
            out,
            "--mirror",
            "--json",
            tmp_path / "f.json",
        )
        == 0
    )
    printed = capsys.readouterr().out
    assert "100.0 %" in printed and "In the mirror" in printed and str(out / "page.html") in printed
    report = json.loads((out / "report.json").read_text())
    assert report["answers"]["all"]["right"]["num"] == 5 and report["run"]["format"] == "n3d"
    assert json.loads((tmp_path / "f.json").read_text())["boxes"] == report["boxes"]
    assert (out / "page.html").read_text().startswith("<!DOCTYPE html>")


def test_a_second_run_asks_nothing_again(model, questions, tmp_path):
    folder, loaded = model
    words = ("--model", folder, "--questions", questions, "--out", tmp_path / "out")
    assert run(*words, "--limit", 2) == 0 and run(*words) == 0 and run(*words) == 0
    assert [len(one.asked) for one in loaded] == [2, 4, 0]


def test_a_folder_of_another_run_is_refused(model, questions, tmp_path, capsys):
    folder, _ = model
    words = ("--model", folder, "--questions", questions, "--out", tmp_path / "out")
    assert run(*words) == 0
    assert run(*words, "--regions", "text") == 2
    assert "got another regions" in capsys.readouterr().err


def test_answers_of_an_earlier_set_or_model_in_the_same_place_are_not_its_own(
    model, questions, tmp_path, capsys
):
    folder, _ = model
    words = ("--model", folder, "--questions", questions, "--out", tmp_path / "out")
    assert run(*words) == 0
    (folder / "config.json").write_text('{"trained": "again"}')
    assert run(*words) == 2
    assert "got another model_sha256" in capsys.readouterr().err
    (folder / "config.json").write_text("{}")
    manifest = questions / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    assert run(*words) == 2
    assert "got another questions_sha256" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "expected --out"),
        (("--out", "OUT", "--limit", 0), "at least 1, got 0"),
        (("--out", "OUT", "--judge-url", "http://x"), "--judge-model, or neither"),
        (("--out", "OUT", "--depth-model", "moge-2"), "--depth-weights, or neither"),
        (("--out", "OUT", "--format", "objects365-3d"), "never published"),
        (("--out", "OUT", "--judge-url", "x", "--judge-model", "m"), "starts with http"),
    ],
)
def test_options_that_do_not_fit_are_one_line(model, questions, tmp_path, capsys, words, why):
    folder, loaded = model
    words = [tmp_path / "out" if word == "OUT" else word for word in words]
    assert run("--model", folder, "--questions", questions, *words) == 2
    assert why in capsys.readouterr().err and loaded == [] and not (tmp_path / "out").exists()


@pytest.mark.parametrize("scenes", [0, -3])
def test_scenes_that_are_none_are_refused_by_name(capsys, scenes):
    assert run("--scenes", scenes) == 2
    assert f"--scenes: expected at least 1, got {scenes}" in capsys.readouterr().err


@pytest.mark.parametrize("command", [("eval",), ("bench",), ("bench", "host")])
def test_a_file_that_cannot_be_written_is_told_before_the_work(tmp_path, capsys, command):
    assert main([*command, "--json", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"expected a file, got the folder '{tmp_path}'" in line
