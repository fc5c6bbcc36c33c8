"""The tasks for lmms-eval, without the harness: their YAML names what is there, marks are n3d eval's."""

import json
import math
import re

import numpy as np
import pytest
from known_answers import MUG, KnowingPipeline, five, picture, write_set
from places import CHECKOUT

from n3d_ros.training.evaluation.asking.ask import ask
from n3d_ros.training.evaluation.asking.observe import Observer
from n3d_ros.training.evaluation.lmms_eval.tasks import utils
from n3d_ros.training.qa.sets import read_questions

TASKS = CHECKOUT / "training/evaluation/lmms_eval/tasks"


@pytest.fixture
def docs(tmp_path):
    """Rows as they come back from Parquet."""
    questions = five(picture(tmp_path))
    return [one.to_row() for one in read_questions(write_set(tmp_path / "set", questions))]


@pytest.mark.parametrize("name", ["n3d_spatial", "n3d_boxes"])
def test_the_yaml_names_functions_that_are_there_and_a_metric_for_each_mark(name, docs):
    text = (TASKS / f"{name}.yaml").read_text()
    functions = re.findall(r"!function utils\.(\w+)", text)
    assert len(functions) > 5 and all(callable(getattr(utils, function)) for function in functions)
    doc, mark = (docs[0], utils.mark_sentence) if name == "n3d_spatial" else (docs[-1], utils.mark_boxes)
    assert set(re.findall(r"metric: (\w+)", text)) == set(mark(doc, ["x"]))
    assert f"task: {name}\n" in text


def test_sentences_are_marked_by_the_rules(docs):
    answers = ["Yes.", "No.", "0.25 m", "at 1 o'clock", "blue bowl and red mug"]
    marks = [utils.mark_sentence(doc, [text])["n3d_right"] for doc, text in zip(docs, answers, strict=False)]
    assert [mark["right"] for mark in marks] == [True, False, True, False, False]
    assert utils.right(marks) == 0.4 and utils.near(marks) == 0.6 and utils.unparsed(marks) == 0.2
    assert utils.right_numerical(marks) == 0.5 and utils.right_open(marks) == pytest.approx(1 / 3)
    assert math.isnan(utils.right([]))


def test_boxes_are_read_as_json(docs):
    doc = docs[-1]
    right = {"label": "mug", "center_m": list(MUG.center_m), "size_m": list(MUG.size_m)}
    answers = [json.dumps([right]), f"```json\n{json.dumps([right])}\n```", "[]", "It is on the table."]
    marks = [utils.mark_boxes(doc, [text])["n3d_ap3d"] for text in answers]
    assert [mark["boxes"] is None for mark in marks] == [False, False, False, True]
    assert utils.boxes_unparsed(marks) == 0.25 and utils.mean_iou(marks) == pytest.approx(0.5)
    assert utils.f1_25(marks) == pytest.approx(2 * 2 / (2 + 4)) and utils.ap3d(marks) == pytest.approx(
        51 / 101
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"label": "mug"}',
        '[{"label": "mug", "center_m": [0, 0], "size_m": [1, 1, 1]}]',
        '[{"label": "mug", "center_m": [0, 0, 1], "size_m": [1, 1, -1]}]',
        '[{"label": "mug", "center_m": [0, 0, "a"], "size_m": [1, 1, 1]}]',
        '[{"label": "mug", "center_m": [0, 0, 1], "size_m": [1, 1, 1], "score": 2}]',
        "[1]",
    ],
)
def test_boxes_of_another_form_are_none(text):
    assert utils.read_boxes(text) is None


def test_prompt_and_picture(docs, monkeypatch):
    assert utils.to_text(docs[0], {"post_prompt": " Be short."}) == f"{docs[0]['text']} Be short."
    assert utils.to_text(docs[-1]).startswith("Find in the picture: red mug. Answer with a JSON list alone")
    (shown,) = utils.to_visual({**docs[0], "drawn_px": [[5.0, 5.0, 30.0, 30.0]]})
    (plain,) = utils.to_visual(docs[0])
    assert np.asarray(shown).shape == (49, 65, 3) and shown.getpixel((5, 5)) == (255, 0, 0)
    assert plain.getpixel((5, 5)) != (255, 0, 0)


def test_the_model_writes_what_the_tasks_read(docs, tmp_path):
    pytest.importorskip("lmms_eval")
    from n3d_ros.training.evaluation.lmms_eval.models.n3d import as_text

    question = five(picture(tmp_path))[-1]
    reply = ask(KnowingPipeline(), Observer().observe(question), question)
    assert utils.read_boxes(as_text(question, reply)) == reply.boxes
