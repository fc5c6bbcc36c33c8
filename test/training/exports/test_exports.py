"""Questions in other programs' formats: what readers find, going on after a stop, broken pictures."""

import hashlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from question_sets import questions_about, write_picture, write_set

from n3d_ros.cli import main
from n3d_ros.files.frames import read_depth
from n3d_ros.preprocess.metres import measured_depth
from n3d_ros.preprocess.prepare import Observation, prepare
from n3d_ros.protocol import prompts
from n3d_ros.protocol.box_codec import decode
from n3d_ros.training.exports.exchanges import user_words
from n3d_ros.training.exports.files import FORMS
from n3d_ros.training.finetune.turns import turns

SIX = 6  # exchanges of `questions_about`: two for boxes, two of two calls
MESSAGES = ("ms-swift", "llama-factory")


@pytest.fixture
def questions(tmp_path):
    """Of three pictures, in two shards; one question draws a rectangle."""
    found = [one for n in range(3) for one in questions_about(write_picture(tmp_path / "pictures", n))]
    found[4] = replace(found[4], drawn_px=((10.0, 12.0, 30.0, 28.0),))
    write_set(tmp_path / "questions", found, per_shard=8)
    return found


def export(tmp_path, form, *options):
    arguments = ["export-data", str(tmp_path / "questions"), "--format", form, "--out", str(tmp_path / form)]
    return main([*arguments, *options])


def rows(out):
    return [json.loads(line) for path in sorted((out / "data").iterdir()) for line in path.open()]


def samples(out):
    """A WebDataset read as its documentation says: neighbours with the same name up to the first dot."""
    found = {}
    for path in sorted((out / "data").glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, suffix = member.name.partition(".")
                found.setdefault(key, {})[suffix] = tar.extractfile(member).read()
    return found


def files(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize("form", MESSAGES)
def test_messages_are_the_robots_calls_around_the_picture(tmp_path, questions, form):
    assert export(tmp_path, form) == 0
    found = rows(tmp_path / form)
    wanted = [(question, turn) for question in questions for turn in turns(question)]
    assert len(found) == len(wanted) == 3 * SIX
    for row, (question, turn) in zip(found, wanted, strict=True):
        assert [one["role"] for one in row["messages"]] == ["system", "user", "assistant"]
        system, user, reply = (one["content"] for one in row["messages"])
        assert system == prompts.SYSTEM and user.count("<image>") == len(row["images"]) == 1
        assert prompts.chat(user) == turn.prompt and prompts.TURN_END not in user + reply
        assert row["id"] == f"{question.id}/{row['call']}" and Path(row["images"][0]).is_absolute()
        assert row["depths"] == [question.picture.depth_file] and row["camera"] == [60.0, 60.0, 31.5, 23.5]


def test_the_second_call_reasons_with_the_boxes_and_the_first_finds_them(tmp_path, questions):
    assert export(tmp_path, "ms-swift") == 0
    spatial = next(one for one in questions if one.kind == "spatial")
    calls = {
        row["call"]: row["messages"]
        for row in rows(tmp_path / "ms-swift")
        if row["id"].startswith(f"{spatial.id}/")
    }
    picture = spatial.picture
    depth = measured_depth(*read_depth(Path(picture.depth_file)), None)
    seen = Observation(np.asarray(Image.open(picture.file)), picture.intrinsics, depth=depth)
    boxes = decode(calls["grounding"][2]["content"], prepare(seen).scene, picture.intrinsics).boxes
    assert [one.box.label for one in boxes] == ["red mug", "blue bowl"]
    for found, known in zip(boxes, spatial.boxes, strict=True):
        assert np.abs(np.subtract(found.box.center, known.center_m)).max() < 0.03
    assert "The 3D bbox of red mug is" in calls["reasoning"][1]["content"]
    assert prompts.split_answer(calls["reasoning"][2]["content"]) == (spatial.reasoning, spatial.answer)


def test_drawn_rectangles_are_in_the_picture_that_is_named(tmp_path, questions):
    assert export(tmp_path, "ms-swift") == 0
    drawn = [row for row in rows(tmp_path / "ms-swift") if row["id"].startswith(f"{questions[4].id}/")]
    [path] = {row["images"][0] for row in drawn}
    others = [row for row in rows(tmp_path / "ms-swift") if row["id"].startswith(f"{questions[5].id}/")]
    assert {row["images"][0] for row in others} == {questions[4].picture.file}
    assert path.startswith(str(tmp_path / "ms-swift/images"))
    shown, plain = (np.asarray(Image.open(file)) for file in (path, questions[4].picture.file))
    assert shown[12, 20].tolist() == [255, 0, 0] and (shown[20, 20] == plain[20, 20]).all()


def test_llama_factory_is_told_how_to_read_the_rows(tmp_path, questions):
    """Fields of its data/README.md: a sharegpt set of OpenAI's roles with a column of pictures."""
    assert export(tmp_path, "llama-factory") == 0
    [(name, stated)] = json.loads((tmp_path / "llama-factory/dataset_info.json").read_text()).items()
    assert name == "n3d" and stated["formatting"] == "sharegpt"
    assert (tmp_path / "llama-factory" / stated["file_name"]).is_dir()
    row, tags = rows(tmp_path / "llama-factory")[0], stated["tags"]
    assert {"messages", "images"} == set(stated["columns"].values()) <= set(row)
    roles = [message[tags["role_tag"]] for message in row[stated["columns"]["messages"]]]
    assert roles == [tags["system_tag"], tags["user_tag"], tags["assistant_tag"]]
    assert not (tmp_path / "ms-swift/dataset_info.json").exists()


def test_trl_gets_prompt_completion_and_parts(tmp_path, questions):
    """As its pages on dataset formats say: content is a list of image and text, pictures have a column."""
    assert export(tmp_path, "trl") == 0
    row = rows(tmp_path / "trl")[0]
    [turn] = turns(questions[0])
    [system, user], [reply] = row["prompt"], row["completion"]
    assert system == {"role": "system", "content": [{"type": "text", "text": prompts.SYSTEM}]}
    image, text = user["content"]
    assert user["role"] == "user" and image == {"type": "image"} and len(row["images"]) == 1
    assert f"<image>{text['text']}" == user_words(turn.prompt)
    assert reply["role"] == "assistant" and reply["content"][0]["text"].startswith("bbox_0=Bbox(red mug,")


def test_rows_load_with_datasets_and_its_pictures(tmp_path, questions):
    datasets = pytest.importorskip("datasets")
    assert export(tmp_path, "trl") == 0
    paths = [str(path) for path in sorted((tmp_path / "trl/data").iterdir())]
    loaded = datasets.load_dataset("json", data_files=paths, split="train", cache_dir=str(tmp_path / "cache"))
    loaded = loaded.cast_column("images", datasets.Sequence(datasets.Image()))
    assert len(loaded) == 3 * SIX and loaded[0]["images"][0].size == (64, 48)
    assert loaded[0]["prompt"][1]["content"][0]["type"] == "image"


def test_a_webdataset_sample_is_a_picture_with_depth_and_all_that_is_asked(tmp_path, questions):
    assert export(tmp_path, "webdataset") == 0
    found = samples(tmp_path / "webdataset")
    assert all(set(one) == {"png", "depth.png", "json"} for one in found.values())
    stated = [json.loads(one["json"]) for one in found.values()]
    assert sum(len(one["conversations"]) for one in stated) == 3 * SIX
    plain = next(one for one in found.values() if json.loads(one["json"])["picture"] == "picture-0")
    assert plain["png"] == Path(questions[0].picture.file).read_bytes()
    assert plain["depth.png"] == Path(questions[0].picture.depth_file).read_bytes()
    [drawn] = [one for one in found.values() if f"{questions[4].id}/" in one["json"].decode()]
    assert np.asarray(Image.open(io.BytesIO(drawn["png"])))[12, 20].tolist() == [255, 0, 0]


def test_webdatasets_own_reader_finds_the_same(tmp_path, questions):
    webdataset = pytest.importorskip("webdataset")
    assert export(tmp_path, "webdataset") == 0
    paths = [str(path) for path in sorted((tmp_path / "webdataset/data").iterdir())]
    found = {one["__key__"]: one for one in webdataset.WebDataset(paths, shardshuffle=False)}
    assert {key: one["json"] for key, one in found.items()} == {
        key: one["json"] for key, one in samples(tmp_path / "webdataset").items()
    }


@pytest.mark.parametrize("form", FORMS)
def test_every_file_has_its_checksum_and_the_same_bytes_whoever_writes(tmp_path, questions, form):
    assert export(tmp_path, form) == 0
    manifest = json.loads((tmp_path / form / "manifest.json").read_text())
    assert (manifest["rows"], manifest["questions"], manifest["skipped"]) == (3 * SIX, 12, 0)
    for one in manifest["files"]:
        data = (tmp_path / form / one["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == one["sha256"] and len(data) == one["bytes"]
    before = files(tmp_path / form)
    (tmp_path / form / "ledger/shard-00001.json").unlink()  # the file is there, nobody vouches for it
    next((tmp_path / form / "data").glob("shard-00001.*")).write_bytes(b"half")
    assert export(tmp_path, form, "--workers", "2") == 0
    assert files(tmp_path / form) == before


def test_questions_without_their_picture_are_counted_and_named(tmp_path, questions, capsys):
    Path(questions[0].picture.file).write_bytes(b"another picture")
    assert export(tmp_path, "trl", "--max-skipped", "0.5") == 0
    assert "4 questions left out" in capsys.readouterr().out
    manifest = json.loads((tmp_path / "trl/manifest.json").read_text())
    assert (manifest["rows"], manifest["skipped"]) == (2 * SIX, 4)
    faults = json.loads((tmp_path / "trl/ledger/shard-00000.json").read_text())["faults"]
    assert len(faults) == 4 and "question 'picture-0-mug': picture: expected" in faults[0]


def test_too_many_broken_pictures_stop_the_export(tmp_path, questions, capsys):
    for question in questions:
        Path(question.picture.depth_file).unlink(missing_ok=True)
    assert export(tmp_path, "trl") == 2
    assert "expected at most 10 % of questions left out, got 12 of 12" in capsys.readouterr().err
    assert not (tmp_path / "trl/manifest.json").exists()


def test_another_export_in_the_same_folder_is_refused(tmp_path, questions, capsys):
    assert export(tmp_path, "trl") == 0
    arguments = ["export-data", str(tmp_path / "questions"), "--format", "ms-swift", "--out"]
    assert main([*arguments, str(tmp_path / "trl")]) == 2
    assert "got another format" in capsys.readouterr().err


def test_a_file_that_somebody_changed_is_named(tmp_path, questions, capsys):
    assert export(tmp_path, "trl") == 0
    (tmp_path / "trl/data/shard-00000.jsonl").write_text("short")
    assert export(tmp_path, "trl") == 2
    assert "as the ledger says" in capsys.readouterr().err


def test_unknown_formats_and_shares_are_refused(tmp_path, questions, capsys):
    assert export(tmp_path, "parquet") == 2
    assert "format: expected one of ('webdataset'," in capsys.readouterr().err
    assert export(tmp_path, "trl", "--max-skipped", "2") == 2
    assert "max_skipped: expected a share within 0..1, got 2.0" in capsys.readouterr().err
