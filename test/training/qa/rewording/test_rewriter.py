"""Rewording over HTTP: what misbehaves costs a rewording, never a question, and nothing is asked twice."""

from collections import Counter

import pytest
from chat_server import chat_server
from qa_sets import questions

from n3d_ros.errors import CommandFailed
from n3d_ros.training.chat import Chat, Endpoint
from n3d_ros.training.qa.config import QaConfig
from n3d_ros.training.qa.records import SPATIAL
from n3d_ros.training.qa.rewording.rewriter import OPTIONS, Rewriter

ONLY = QaConfig(shares={"distance": 0.7, "grounding": 0.3}, num_a_picture=6, plain_share=0.0)


def chat(server):
    return Chat(Endpoint(server.url, "m", timeout_s=5.0, first_wait_s=0.0), OPTIONS)


@pytest.fixture(scope="module")
def made():
    return questions(4, ONLY)


def reworded(server, made, out, share=1.0, **options):
    counts = Counter()
    rewriter = Rewriter(chat(server), share, parallel=3, **options)
    return list(rewriter.reworded(made, out, 0, counts)), counts


def test_what_still_asks_the_same_replaces_the_text(made, tmp_path):
    with chat_server(lambda text: f"Could you please tell me: {text}") as server:
        found, counts = reworded(server, made, tmp_path)
    spatial = [one for one in made if one.kind == SPATIAL]
    assert counts == {"same": len(spatial)}
    for before, after in zip(made, found, strict=True):
        assert (before.id, before.answer, before.boxes) == (after.id, after.answer, after.boxes)
        is_spatial = before.kind == SPATIAL
        assert after.form == before.form + ("_reworded" if is_spatial else "")
        assert after.text == ("Could you please tell me: " if is_spatial else "") + before.text


def test_what_the_robot_does_not_read_is_kept_and_marked(made, tmp_path):
    with chat_server(lambda text: f"Gosh, {text}") as server:
        found, counts = reworded(server, made, tmp_path)
    assert set(counts) == {"free"}
    assert all(one.form.endswith("_free_words") for one in found if one.kind == SPATIAL)


def test_dropped_names_and_junk_change_nothing(made, tmp_path):
    replies = ["", "How far is it?", "Yes.", "<|im_end|>", "7 meters"]
    with chat_server(lambda text: replies[len(text) % 5]) as server:
        found, counts = reworded(server, made, tmp_path)
    assert found == made
    assert sum(counts.values()) == sum(one.kind == SPATIAL for one in made)


def test_failures_keep_the_question_and_many_in_a_row_end_the_run(made, tmp_path):
    first = next(one.text for one in made if one.kind == SPATIAL)
    with chat_server(lambda text: "?" if text == first else 400) as server:
        found, counts = reworded(server, made, tmp_path / "one", max_failures=1000)
        assert found == made
        assert counts["failed"] == sum(one.kind == SPATIAL for one in made) - 1
    with chat_server(lambda text: 400) as server:
        with pytest.raises(CommandFailed, match="requests in a row failed: .*HTTP status 400"):
            reworded(server, made, tmp_path, max_failures=1000)
        with pytest.raises(CommandFailed, match="rewording: 5 requests in a row failed: .*HTTP status 400"):
            reworded(server, made, tmp_path, max_failures=5)


def test_nothing_is_asked_twice_even_after_a_cut_line(made, tmp_path):
    with chat_server(lambda text: f"Please tell me: {text}") as server:
        first, _ = reworded(server, made, tmp_path)
        asked = len(server.asked)
        replies = tmp_path / "reworded/shard-00000.jsonl"
        lines = replies.read_text().splitlines(keepends=True)
        replies.write_text("".join(lines[:-1]) + lines[-1][:40])
        again, _ = reworded(server, made, tmp_path)
        assert len(server.asked) == asked + 1
        assert again == first
        reworded(server, made, tmp_path)
        assert len(server.asked) == asked + 1


def test_a_share_is_reworded(made, tmp_path):
    with chat_server(lambda text: f"Please tell me: {text}") as server:
        found, _ = reworded(server, made, tmp_path, share=0.5)
    changed = sum(one.form.endswith("_reworded") for one in found)
    assert 0 < changed < sum(one.kind == SPATIAL for one in made)
