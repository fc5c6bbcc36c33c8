"""`n3d make-qa` at the command line: options, errors, rewording."""

import json

import pytest
from chat_server import chat_server
from qa_sets import row, thing, write_lifted

from n3d_ros.cli import main
from n3d_ros.runtime.backends.factory import default_model_dir
from n3d_ros.training.qa.sets import read_questions
from n3d_ros.training.run_folder import checksum


@pytest.fixture
def arguments(tmp_path):
    """Of a run over four pictures."""
    write_lifted(tmp_path / "lifted", 4)
    return ["make-qa", str(tmp_path / "lifted"), "--out", str(tmp_path / "out"), "--page-samples", "0"]


def test_a_configuration_decides_what_is_made(arguments, tmp_path):
    path = tmp_path / "qa.json"
    path.write_text(json.dumps({"num_a_picture": 5, "shares": {"distance": 1.0}}))
    assert main([*arguments, "--config", str(path)]) == 0
    assert {one.category for one in read_questions(tmp_path / "out")} == {"distance"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected JSON of shares and thresholds"),
        ('{"colour": 1}', "qa config: expected some of shares"),
    ],
)
def test_a_wrong_configuration_is_one_line(content, message, arguments, tmp_path, capsys):
    path = tmp_path / "qa.json"
    path.write_text(content)
    assert main([*arguments, "--config", str(path)]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def test_what_is_no_lifted_set_is_one_line(tmp_path, capsys):
    assert main(["make-qa", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "expected 'manifest.json' of a finished `n3d lift`" in capsys.readouterr().err


@pytest.mark.parametrize("options", [(), ("--benchmark", "--questions", "20")], ids=["training", "benchmark"])
def test_a_set_without_questions_ends_with_why_and_is_no_set(options, tmp_path, capsys):
    unusable = row(thing("007", (0.0, 0.0, 1.0)), index=1)
    rows = [row(index=0), unusable, row(index=2, fault="unreadable")]
    write_lifted(tmp_path / "lifted", rows=rows, shard_size=3)
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.json").write_text('{"questions": 0, "shards": []}')
    assert main(["make-qa", str(tmp_path / "lifted"), "--out", str(out), *options]) == 1
    printed = capsys.readouterr().err.splitlines()[-1]
    assert "expected questions of 3 pictures, got none" in printed
    assert "pictures left out: no_objects 2, picture_rejected 1; objects left out: name_unusable 1" in printed
    with pytest.raises(FileNotFoundError, match="expected a finished set"):
        list(read_questions(out))


def test_wordings_are_those_that_a_model_can_write(arguments, tmp_path, capsys):
    assert main([*arguments, "--words-of", str(default_model_dir())]) == 0
    assert "words_unknown" in capsys.readouterr().out
    stated = json.loads((tmp_path / "out/run.json").read_text())["words_of"]
    assert stated == checksum(default_model_dir() / "tokenizer.json")
    assert main(arguments) == 2, "a run begun with a model's words goes on with them"
    assert "another words_of" in capsys.readouterr().err
    assert main([*arguments, "--words-of", str(tmp_path)]) == 2
    assert "expected a tokenizer file" in capsys.readouterr().err


def test_rewording_needs_both_url_and_model(arguments, capsys):
    assert main([*arguments, "--reword-url", "http://127.0.0.1:1/v1"]) == 2
    assert "expected both or none" in capsys.readouterr().err


def test_questions_are_reworded_by_an_endpoint(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SOME_KEY", "secret")
    with chat_server(lambda text: f"Please tell me: {text}") as server:
        options = ["--reword-url", server.url, "--reword-model", "m", "--reword-key", "SOME_KEY"]
        assert main([*arguments, *options, "--reword-share", "1"]) == 0
        assert server.headers["Authorization"] == "Bearer secret"
    assert any(one.form.endswith("_reworded") for one in read_questions(tmp_path / "out"))
    assert "rewordings" in capsys.readouterr().out
    assert "secret" not in (tmp_path / "out/run.json").read_text()


def test_an_endpoint_that_is_not_there_stops_the_run(arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("n3d_ros.training.chat.MAX_WAIT_S", 0.0)
    options = ["--reword-url", "http://127.0.0.1:1/v1", "--reword-model", "m"]
    assert main([*arguments, *options]) == 1
    assert "requests in a row failed" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("shard-*"))
