"""Rewording over HTTP: what misbehaves costs a rewording, never a question, and nothing is asked twice."""

from collections import Counter

import pytest
from chat_server import chat_server
from qa_sets import questions

from n3d_ros.errors import CommandFailed
from n3d_ros.training.qa.config import QaConfig
from n3d_ros.training.qa.records import SPATIAL
from n3d_ros.training.qa.rewording.endpoint import Endpoint, EndpointFailed
from n3d_ros.training.qa.rewording.rewriter import Rewriter

ONLY = QaConfig(shares={"distance": 0.7, "grounding": 0.3}, num_a_picture=6, plain_share=0.0)


def endpoint(server, **options):
    return Endpoint(server.url, "m", **{"timeout_s": 5.0, "pause_s": 0.0, **options})


@pytest.fixture(scope="module")
def made():
    return questions(4, ONLY)


def reworded(server, made, out, share=1.0, **options):
    counts = Counter()
    rewriter = Rewriter(endpoint(server), share, parallel=3, **options)
    return list(rewriter.reworded(made, out, 0, counts)), counts


def test_a_reply_is_asked_for_as_the_api_has_it():
    with chat_server(lambda text: f" {text}! ") as server:
        assert endpoint(server, key="secret").ask("Reword.", "How far?") == "How far?!"
        (body,) = server.asked
        assert body["model"] == "m"
        assert [one["role"] for one in body["messages"]] == ["system", "user"]
        assert server.headers["Authorization"] == "Bearer secret"
        assert "secret" not in repr(endpoint(server, key="secret"))


@pytest.mark.parametrize(
    "reply",
    [500, 429, b"junk", b'{"choices": []}', b'{"choices": [{"message": {"content": 5}}]}', b"[[[[" * 9999],
)
def test_trouble_is_tried_again_and_then_said(reply):
    replies = [reply, "fine"]
    with chat_server(lambda _: replies.pop(0)) as server:
        assert endpoint(server).ask("Reword.", "How far?") == "fine"
        assert len(server.asked) == 2
    with chat_server(lambda _: reply) as server:
        with pytest.raises(EndpointFailed, match="expected .*3 tries"):
            endpoint(server).ask("Reword.", "How far?")
        assert len(server.asked) == 3


def test_a_refusal_is_not_tried_again():
    with chat_server(lambda _: 401) as server:
        with pytest.raises(EndpointFailed, match="expected status 200, got 401"):
            endpoint(server).ask("Reword.", "How far?")
        assert len(server.asked) == 1


def test_a_server_that_hangs_or_is_not_there_fails():
    with chat_server(lambda _: None) as server, pytest.raises(EndpointFailed, match="timed out"):
        endpoint(server, timeout_s=0.05).ask("Reword.", "How far?")
    with pytest.raises(EndpointFailed, match="refused"):
        endpoint(server).ask("Reword.", "How far?")
    with pytest.raises(ValueError, match="expected a URL with http"):
        Endpoint("localhost", "m")


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
        with pytest.raises(CommandFailed, match="requests in a row failed: .*got 400"):
            reworded(server, made, tmp_path, max_failures=1000)
        with pytest.raises(CommandFailed, match="rewording: 5 requests in a row failed: .*got 400"):
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
