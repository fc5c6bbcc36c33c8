"""`n3d infer` beyond one question: words and then a question, strict mode, conversation files, guessed depth.

A fake pipeline stands in for the model; the release's own conversations are in runtime/.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from n3d_ros import cli
from n3d_ros.boxes import Box3D
from n3d_ros.commands.infer import command as infer
from n3d_ros.errors import BadInputError, ResultCode
from n3d_ros.files.conversations import Conversation, write_conversations
from n3d_ros.runtime.options import RIGHT, UPSTREAM
from n3d_ros.runtime.types import AskResult, GroundedObject, GroundResult, Timing

MUG = GroundedObject("0_mug", Box3D("mug", (0.1, 0.0, 0.8), (0.1, 0.2, 0.1)), None, "mug", 0, (0.25, 0.5))
GROUND = GroundResult(
    (MUG,), "bbox_0=Bbox(mug,250,500,1,500,1,1,1)", (1,), (), ResultCode.OK, "", Timing(), "mug", 1.0
)
METRIC = "bbox_0=Bbox(mug,0.25,0.5,0.8,0.0,0.1,0.2,0.1)\n"
CAMERA = {"fx": 60.0, "fy": 60.0, "cx": 31.5, "cy": 23.5, "width": 64, "height": 48}


def answer(ground=GROUND, **changes):
    return replace(
        AskResult(
            answer="It is 0.2 m.",
            reasoning="So.",
            value=0.2,
            unit="m",
            objects=ground.objects,
            relation="height",
            consistent=True,
            raw_text="<think>So.</think> It is 0.2 m.",
            token_ids=(2,),
            code=ResultCode.OK,
            message="",
            timing=Timing(),
            ground=ground,
        ),
        **changes,
    )


class FakePipeline:
    """Notes every call by name; returns what it was made with."""

    def __init__(self):
        self.calls, self.ground_result, self.answer, self.refused = [], GROUND, answer(), None

    def ground(self, observation, words):
        self.calls.append(("ground", words))
        return replace(self.ground_result, depth_is_estimated=observation.depth_is_estimated)

    def detect(self, observation, question, max_tokens):
        self.calls.append(("detect", question, max_tokens))
        if self.refused:
            raise self.refused
        return self.ground_result

    def ask(self, observation, question, **more):
        self.calls.append(("ask", question, *more.values()))
        return self.answer

    def ask_about(self, observation, question, ground, **more):
        self.calls.append(("ask_about", question, ground.raw_text, *more.values()))
        return self.answer


@pytest.fixture
def pipeline(monkeypatch, tmp_path):
    """The fake pipeline, and what it was loaded with under `loaded`."""
    fake = FakePipeline()

    def load(folder, backend, options, seed, limits):
        fake.loaded = (options, seed)
        return fake

    monkeypatch.setattr(infer, "load_pipeline", load)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    Image.new("RGB", (64, 48)).save("p.png")
    pcd = np.ones((48, 64, 4), np.float16)
    pcd[..., 0] = 0.5 - (np.arange(64) + 0.5) / 64
    pcd[..., 1] = 0.5 - (np.arange(48)[:, None] + 0.5) / 48
    np.savez("p.npz", pcd=pcd, intr=np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]], np.float32))
    return fake


def run(*arguments):
    return cli.main(["infer", "--model", "model", *arguments])


FRAME = ("--image", "p.png", "--points", "p.npz")


# --- a dialogue


def test_words_and_a_question_are_a_dialogue(pipeline, capsys):
    assert run(*FRAME, "--ground", "mug", "--ask", "How tall is 0_mug?", "--json", "-") == 0
    assert pipeline.calls == [("ground", "mug"), ("ask_about", "How tall is 0_mug?", GROUND.raw_text)]
    result = json.loads(capsys.readouterr().out)
    assert (result["answer"], result["objects"][0]["id"]) == ("It is 0.2 m.", "0_mug")


def test_the_table_shows_the_ids_that_a_question_may_use(pipeline, capsys):
    assert run(*FRAME, "--ground", "mug") == 0
    assert "0_mug " in capsys.readouterr().out


def test_a_dialogue_ends_where_nothing_usable_was_found(pipeline, capsys):
    pipeline.ground_result = replace(GROUND, objects=(), code=ResultCode.PARSE, message="no usable box")
    assert run(*FRAME, "--ground", "mug", "--ask", "How tall is 0_mug?") == 1
    assert len(pipeline.calls) == 1 and "no usable box" in capsys.readouterr().err


# --- strict mode


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), (RIGHT, 0)),
        (("--strict",), (UPSTREAM, 0)),
        (("--strict", "--sampling", "greedy"), (replace(UPSTREAM, sampling="greedy"), 0)),
        (("--sampling", "upstream", "--seed", "5"), (replace(RIGHT, sampling="upstream"), 5)),
    ],
)
def test_strict_mode_and_sampling_reach_the_pipeline(pipeline, arguments, expected):
    assert run(*FRAME, "--ask", "How tall?", *arguments) == 0
    assert pipeline.loaded == expected


# --- point files


@pytest.mark.parametrize("variant", ["float32", "depth and mask", "mask"])
def test_every_variant_of_a_point_file_is_taken(pipeline, variant):
    with np.load("p.npz") as arrays:
        pcd, intr = arrays["pcd"], arrays["intr"]
    extra = {"depth": np.ones((48, 64), np.float32)} if "depth" in variant else {}
    extra |= {"mask": np.ones((48, 64), bool)} if "mask" in variant else {}
    np.savez("p.npz", pcd=pcd.astype(variant if variant == "float32" else "float16"), intr=intr, **extra)
    assert run(*FRAME, "--ground", "mug") == 0


# --- conversations


def write(*conversations):
    write_conversations(Path("c.json"), list(conversations))


TWO_STEPS = Conversation(("<image>Find all.", "ref", "How tall is 0_mug?", ""), "p.png", "p.npz")
ONE_QUESTION = Conversation(("<image>How tall?", ""), "p.png", "p.npz")


def output(name="p", folder="outputs/c"):
    return json.loads(Path(folder, f"{name}.json").read_text())[0]


def test_an_entry_of_four_messages_runs_as_a_dialogue(pipeline):
    write(TWO_STEPS)
    assert run("--conversation", "c.json") == 0
    assert pipeline.calls == [
        ("detect", "<image>Find all.", 4096),
        ("ask_about", "How tall is 0_mug?", GROUND.raw_text, 4096),
    ]
    assert output() == {
        "point_cloud": "p.npz",
        "image_path": "p.png",
        "question": "<image>Find all.",
        "Native 3D Grounding": METRIC,
        "3D Spatial Reasoning": "<think>So.</think> It is 0.2 m.",
    }


def test_an_entry_of_two_messages_is_one_question(pipeline):
    write(ONE_QUESTION)
    assert run("--conversation", "c.json", "--output", "here") == 0
    assert pipeline.calls == [("ask", "<image>How tall?", 4096)]
    assert output(folder="here")["Native 3D Grounding"] == METRIC


def test_with_detect_only_the_first_question_is_asked(pipeline):
    write(TWO_STEPS)
    assert run("--conversation", "c.json", "--detect") == 0
    assert [call[0] for call in pipeline.calls] == ["detect"]
    assert "3D Spatial Reasoning" not in output()


def test_a_computed_answer_is_written_in_the_shape_of_the_model_s(pipeline):
    pipeline.answer = answer(answer="mug is 0.20 meters in height.", reasoning="The size.", consistent=False)
    write(ONE_QUESTION)
    assert run("--conversation", "c.json") == 0
    assert output()["3D Spatial Reasoning"] == "<think>The size.</think> mug is 0.20 meters in height."


def test_a_reply_without_boxes_is_written_as_it_is(pipeline):
    empty = replace(GROUND, objects=(), raw_text="There is none.")
    pipeline.answer = answer(empty, answer="", raw_text="", message="nothing found")
    write(ONE_QUESTION)
    assert run("--conversation", "c.json") == 0
    assert output()["Native 3D Grounding"] == "There is none."


def test_one_entry_that_cannot_be_served_does_not_stop_the_others(pipeline, capsys):
    Path("q.npz").write_bytes(Path("p.npz").read_bytes())
    write(replace(TWO_STEPS, messages=("Find none.", "", "x", "")), replace(ONE_QUESTION, points="q.npz"))
    pipeline.refused = BadInputError("too strange")
    assert run("--conversation", "c.json") == 1
    assert "entry 0: BAD_INPUT: too strange" in capsys.readouterr().err
    assert output("q")["question"] == "<image>How tall?"


def test_files_are_looked_up_before_anything_runs(pipeline, capsys):
    write(ONE_QUESTION, replace(TWO_STEPS, image="gone.png", points="q.npz"))
    assert run("--conversation", "c.json") == 2
    assert "expected 'gone.png' in the working folder" in capsys.readouterr().err
    assert pipeline.calls == []


# --- guessed depth


@pytest.fixture
def depth_model(tmp_path):
    """A folder of a tiny Depth-Anything with random weights."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    backbone = transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, image_size=56, patch_size=14,
        out_indices=[1, 2, 3, 4], reshape_hidden_states=False, apply_layernorm=True,
    )  # fmt: skip
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, neck_hidden_sizes=[4, 4, 8, 8],
        fusion_hidden_size=8, head_hidden_size=4, depth_estimation_type="metric", max_depth=5,
        initializer_range=0.1,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.DepthAnythingForDepthEstimation(config).save_pretrained(tmp_path / "depth")
    transformers.DPTImageProcessorPil(size={"height": 56, "width": 56}).save_pretrained(tmp_path / "depth")
    return "depth"


def test_guessed_depth_is_flagged_in_json_and_table(pipeline, depth_model, capsys):
    Path("k.json").write_text(json.dumps(CAMERA))
    guess = ("--estimate-depth", "depth-anything-v2", "--depth-model", depth_model)
    assert (
        run("--image", "p.png", "--intrinsics", "k.json", *guess, "--ground", "mug", "--json", "o.json") == 0
    )
    assert json.loads(Path("o.json").read_text())["depth_is_estimated"] is True
    assert "depth was guessed from the picture" in capsys.readouterr().out
    assert run(*FRAME, "--ground", "mug", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["depth_is_estimated"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--image", "p.png", "--estimate-depth", "moge-2"), "expected --depth-model, a folder or hub:NAME"),
        ((*FRAME, "--estimate-depth", "moge-2"), "expected --points alone"),
    ],
)
def test_guessed_depth_needs_its_model_and_no_other_source(pipeline, capsys, arguments, message):
    assert run(*arguments, "--ground", "mug") == 2
    assert message in capsys.readouterr().err
