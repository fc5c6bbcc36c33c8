"""The release's conversation files and its output: what is read, written, refused, equal to recordings."""

import json

import pytest

from n3d_ros.files.conversations import (
    Conversation,
    boxes_text,
    find_file,
    output_paths,
    read_boxes_text,
    read_conversations,
    write_conversations,
    write_output,
)
from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.protocol.box_codec import decode, decode_box, parse

TWO_STEPS = Conversation(
    ("<image>Find all.", "bbox_0=Bbox(a,1,2)", "How tall is 0_a?", ""), "p.png", "p.npz", "t"
)
ONE_QUESTION = Conversation(("How far is it?", "<image><image> 5 m"), "über.png", "a/b.c.npz")
CAMERA = Intrinsics(100.0, 100.0, 31.5, 23.5, 64, 48)


def entry(**changes):
    good = {
        "messages": [{"role": "user", "content": "Find it."}, {"role": "assistant", "content": ""}],
        "images": ["p.png"],
        "points": ["p.npz"],
        "question_type": "",
    }
    return {**good, **changes}


def test_what_is_written_reads_back_and_is_the_release_s_layout(tmp_path):
    path = tmp_path / "new" / "c.json"
    write_conversations(path, [TWO_STEPS, ONE_QUESTION])
    assert read_conversations(path) == [TWO_STEPS, ONE_QUESTION]
    first = json.loads(path.read_text())[0]
    assert list(first) == ["messages", "images", "points", "question_type"]
    assert first["messages"][:2] == [
        {"content": "<image>Find all.", "role": "user"},
        {"content": "bbox_0=Bbox(a,1,2)", "role": "assistant"},
    ]
    assert (first["images"], first["points"]) == (["p.png"], ["p.npz"])


def test_more_than_three_messages_are_two_steps():
    assert (TWO_STEPS.question, TWO_STEPS.follow_up) == ("<image>Find all.", "How tall is 0_a?")
    assert (ONE_QUESTION.question, ONE_QUESTION.follow_up) == ("How far is it?", None)
    assert Conversation(("a", "b", "c"), "p.png", "p.npz").follow_up is None


def test_guards_g4_and_g8_a_reference_answer_is_carried_whatever_it_holds(tmp_path):
    bad = Conversation(("Find it.", "<image><image>bbox_0=Bbox(x,nan,,)"), "p.png", "p.npz")
    write_conversations(tmp_path / "c.json", [bad])
    assert read_conversations(tmp_path / "c.json") == [bad]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": ["a.png", "b.png"]}, "images: expected one path, got .'a.png', 'b.png'."),
        ({"images": []}, "images: expected one path, got"),
        ({"points": None}, "points: expected one path, got None"),
        ({"videos": ["a.mp4"]}, "videos: expected none"),
        ({"messages": "hello"}, "messages: expected a list, got 'hello'"),
        ({"messages": []}, "messages: expected a question first"),
        ({"messages": [{"role": "user", "content": " <image>"}]}, "messages: expected a question first"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "expected content and role 'user'"),
        ({"messages": [{"role": "user", "content": None}]}, "expected content and role 'user'"),
        ({"messages": [{"role": "user", "content": "<image><image>x"}]}, "at most one <image>"),
    ],
)
def test_guards_g4_and_g9_what_the_model_cannot_be_asked_names_its_entry(tmp_path, changes, message):
    (tmp_path / "c.json").write_text(json.dumps([entry(), entry(**changes)]))
    with pytest.raises(ValueError, match=f"conversation: entry 1 of '.*c.json': .*{message}"):
        read_conversations(tmp_path / "c.json")


@pytest.mark.parametrize(("text", "got"), [("{", "expected JSON"), ("{}", "got dict"), ("[]", "got list")])
def test_a_file_without_entries_is_named(tmp_path, text, got):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(ValueError, match=f"conversation: expected .*c.json.*{got}|{got}"):
        read_conversations(tmp_path / "c.json")


def test_files_are_looked_for_in_the_working_folder_first_and_then_near_the_conversation(
    tmp_path, monkeypatch
):
    (tmp_path / "config").mkdir()
    conversations = tmp_path / "config" / "c.json"
    monkeypatch.chdir(tmp_path / "config")
    (tmp_path / "p.png").write_text("above")
    assert find_file("p.png", conversations).read_text() == "above"
    (tmp_path / "config" / "p.png").write_text("beside")
    assert find_file("p.png", conversations).read_text() == "beside"
    with pytest.raises(FileNotFoundError, match="expected 'gone.png' in the working folder or near"):
        find_file("gone.png", conversations)


def test_the_output_is_the_release_s(tmp_path):
    path = tmp_path / "new" / "p.json"
    write_output(path, TWO_STEPS, "bbox_0=...\n", " <think>so </think>\n 1 m\u00b2 ")
    assert json.loads(path.read_text(encoding="utf-8")) == [
        {
            "point_cloud": "p.npz",
            "image_path": "p.png",
            "question": "<image>Find all.",
            "Native 3D Grounding": "bbox_0=...\n",
            "3D Spatial Reasoning": "<think>so </think> 1 m\u00b2",
        }
    ]
    write_output(path, TWO_STEPS, "", None)
    assert "3D Spatial Reasoning" not in json.loads(path.read_text())[0]


def test_guard_g7_names_keep_their_dots_and_two_entries_never_share_one(tmp_path):
    assert output_paths(tmp_path, [ONE_QUESTION]) == [tmp_path / "b.c.json"]
    other = Conversation(("q",), "p.png", "z/p.npz")
    with pytest.raises(ValueError, match="entries 1 and 2 would both be written to '.*p.json'"):
        output_paths(tmp_path, [ONE_QUESTION, TWO_STEPS, other])


def metric(text, scene):
    decoded = [decode_box(box, scene, CAMERA) for box in parse(text).boxes]
    return boxes_text([d.box for d in decoded], [d.uv for d in decoded], [d.index for d in decoded])


def test_boxes_are_written_in_metres_with_the_picture_s_shares_and_read_back():
    scene = SceneScale(0.5, (0.0, 0.0, 1.0))
    text = metric("bbox_3=Bbox(red mug,250,600,300,500,120,200,80)\n", scene)
    assert text == "bbox_3=Bbox(red mug,0.25,0.6,2.2,0.0,0.15,0.25,0.1)\n"
    assert read_boxes_text(text) == [(3, "red mug", (0.25, 0.6, 2.2, 0.0, 0.15, 0.25, 0.1))]
    assert metric("", scene) == "\n"


def test_metric_boxes_equal_the_official_text_to_the_last_digit(golden_dir):
    golden = json.loads((golden_dir / "codec.json").read_text())
    compared = 0
    for recorded in golden["decode"]:
        scene = golden["scenes"][recorded["scene"]]
        scale = SceneScale(scene["scaling_init"], tuple(scene["shift0"]))
        found = decode(recorded["text"], scale, CAMERA)
        if found.malformed or "serialized" not in recorded:
            continue
        assert metric(recorded["text"], scale).split() == recorded["serialized"].split(), recorded["text"]
        compared += 1
    assert compared >= 60


def test_outputs_equal_the_official_files_but_for_the_blanks_that_streaming_adds(golden_dir):
    entries = json.loads((golden_dir / "prompts.json").read_text())
    scene = json.loads((golden_dir / "codec.json").read_text())["scenes"]["P"]
    scale = SceneScale(scene["scaling_init"], tuple(scene["shift0"]))
    compared = 0
    for name, recorded in entries.items():
        for (output,) in recorded.get("outputs") or []:
            boxes = " ".join(output["Native 3D Grounding"].split())
            if not boxes.startswith("bbox_0") or "Bbox" not in boxes or name == "class_comma":
                continue
            assert " ".join(metric(recorded["stage1_reply"], scale).split()) == boxes, name
            compared += 1
    assert compared >= 20


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        b'[{"messages": ' * 3000,
        b'[{"messages": [{"role": "user", "content": "\\ud800"}], "images": ["a"], "points": ["b"]}]',
        b'[{"messages": [{"role": "user", "content": 3}], "images": ["a"], "points": ["b"]}]',
        b'[{"messages": [{"role": ["user"], "content": "a"}], "images": ["a"], "points": ["b"]}]',
        b'[{"messages": {"0": 1}, "images": ["a"], "points": ["b"]}]',
        b'[{"messages": [7], "images": ["a"], "points": ["b"]}]',
        b"[" + b"9" * 5000 + b"]",
        b"[NaN]",
        b"[[[]]]",
    ],
)
def test_what_is_no_conversation_ends_in_one_short_line(tmp_path, content):
    (tmp_path / "c.json").write_bytes(content)
    with pytest.raises(ValueError, match="c.json") as error:
        read_conversations(tmp_path / "c.json")
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize("name", ["a\0b.png", "x" * 5000 + ".png", "\n"])
def test_a_name_that_no_system_takes_is_a_file_that_is_not_there(tmp_path, name):
    with pytest.raises(FileNotFoundError, match="found none"):
        find_file(name, tmp_path / "c.json")
