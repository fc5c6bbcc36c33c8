"""The release's recorded conversations, run by `n3d infer --conversation` in strict mode on the picture and
points they were recorded with: every prompt that reaches the model and every output file is the release's.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
from byte_backend import ByteBackend, short
from PIL import Image

from n3d_ros.commands.infer.conversation import run_conversations
from n3d_ros.files.conversations import read_boxes_text
from n3d_ros.runtime import frame
from n3d_ros.runtime.options import RIGHT, UPSTREAM
from n3d_ros.runtime.pipeline import Pipeline

STRICT = replace(UPSTREAM, sampling="greedy")
ANSWER = "Answer with spaces."
NOT_REPRODUCED = {
    "two_step_user_text_contains_box": "upstream replaces a question that holds a box by that box",
    "class_paren_second_box": "G2: upstream loses every box, we keep the good one",
    "paren_after_box": "G2: upstream loses every box, we keep the good one",
    "cutoff_700_long_gt_answer": "G8: reference answers are not counted, and the cut lies in the picture",
}
CUTOFFS = {"cutoff_600": 600, "cutoff_1000": 1000}


@pytest.fixture(scope="module")
def recorded(golden_dir):
    return json.loads((golden_dir / "prompts.json").read_text())


@pytest.fixture
def run(golden_dir, tmp_path):
    """`run(entry, options)`: (prompts, output) of one recorded conversation."""
    with np.load(golden_dir / "case_P_full_pipeline.npz") as case:
        Image.fromarray(case["image_raw"]).save(tmp_path / "syn.png")
        np.savez(tmp_path / "syn.npz", pcd=case["pcd"], intr=case["intr"])

    def answer(recorded_entry, options):
        roles = ("user", "assistant")
        messages = [{"role": roles[i % 2], "content": t} for i, t in enumerate(recorded_entry["messages"])]
        entry = {"messages": messages, "images": ["syn.png"], "points": ["syn.npz"], "question_type": ""}
        (tmp_path / "c.json").write_text(json.dumps([entry]))
        backend = ByteBackend(tmp_path, [recorded_entry["stage1_reply"], ANSWER], long_side_px=640)
        detect = len(recorded_entry["calls"]) == 1
        run_conversations(
            tmp_path / "c.json",
            tmp_path / "out",
            detect,
            options,
            lambda: Pipeline(backend, options=options),
        )
        return backend, json.loads((tmp_path / "out" / "syn.json").read_text())[0]

    return answer


def assert_same_boxes(text, official, name):
    """Equal but for the scale's last digits, which depend on numpy's version, and the blanks of streaming."""
    boxes, expected = (read_boxes_text(one) for one in (text, official))
    assert [(number, label) for number, label, _ in boxes] == [
        (number, " ".join(label.split())) for number, label, _ in expected
    ], name
    for (_, _, values), (_, _, recorded) in zip(boxes, expected, strict=True):
        assert values == pytest.approx(recorded, rel=1e-6), name
    if not expected:
        assert " ".join(text.split()) == " ".join(official.split()), name


def names(golden):
    return [name for name, entry in golden.items() if "messages" in entry and name not in NOT_REPRODUCED]


def test_strict_mode_feeds_and_writes_what_the_release_does(recorded, run, monkeypatch):
    for name in names(recorded):
        monkeypatch.setattr(frame, "RELEASED_CUTOFF", CUTOFFS.get(name, 2048))
        entry = recorded[name]
        backend, output = run(entry, STRICT)
        expected = [call["prompt"].replace("<|image_pad|>*345", "<|image_pad|>") for call in entry["calls"]]
        assert [short(prompt) for prompt in backend.prompts] == expected, name
        assert backend.lengths == [call["n_ids"] for call in entry["calls"]], name
        (official,) = entry["outputs"][0]
        assert list(output) == list(official), name
        assert output["question"] == official["question"]
        if name not in CUTOFFS:
            assert_same_boxes(output["Native 3D Grounding"], official["Native 3D Grounding"], name)
            assert output.get("3D Spatial Reasoning") == official.get("3D Spatial Reasoning"), name
    assert len(names(recorded)) >= 28


def test_the_default_gives_the_second_stage_what_the_release_loses(recorded, run):
    lost = {
        "two_step: How far is 0_chair from 1_coffee table?": ["0_chair", "1_coffee table"],
        "two_step: What is the height of 0_Chair?": ["0_chair"],
        "class_slash": ["0_orange/tangerine"],
        "paren_after_box": ["chair"],
        "class_paren_second_box": ["chair"],
    }
    for name, mentioned in lost.items():
        backend, _ = run(recorded[name], RIGHT)
        for each in mentioned:
            assert f"The 3D bbox of {each} is [" in backend.prompts[1], name
            assert f"The 3D bbox of {each} is [" not in recorded[name]["calls"][1]["prompt"], name
