"""A judge on the wire, and every way in which one misbehaves."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from known_answers import HEIGHT_OF_MUG, TALLER, WHERE, picture, spatial

from n3d_ros.training.chat import Chat, Endpoint, EndpointError
from n3d_ros.training.evaluation.judging.endpoint import OPTIONS, EndpointJudge
from n3d_ros.training.evaluation.ledger import Ledger


def said(content):
    """A whole reply whose message is `content`."""
    text = content if isinstance(content, str) else json.dumps(content)
    return 200, json.dumps({"choices": [{"message": {"content": text}}]}).encode()


@contextmanager
def server(*replies):
    """Gives each reply once, the last one for ever; yields its URL and the requests that came."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((self.path, dict(self.headers), json.loads(body)))
            status, data, *length = replies[min(len(requests), len(replies)) - 1]
            if status is None:  # hang up
                self.connection.close()
                return
            self.send_response(status)
            self.send_header("Content-Length", str(length[0] if length else len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/v1", requests
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def judge_of(url, folder, waits=None, **changes):
    """waits: gets the pauses instead of their passing."""
    endpoint = Endpoint(url, "judge-1", timeout_s=5.0, **changes)
    chat = Chat(endpoint, OPTIONS, wait=([] if waits is None else waits).append)
    return EndpointJudge(chat, Ledger(folder / "verdicts.jsonl"))


@pytest.fixture
def height(tmp_path):
    return spatial(HEIGHT_OF_MUG, picture(tmp_path), "size")


@pytest.fixture
def taller(tmp_path):
    return spatial(TALLER, picture(tmp_path), "tall_short")


def test_it_reads_numbers_and_the_rules_decide(tmp_path, height):
    with server(said({"value": 0.24})) as (url, requests):
        found = judge_of(url, tmp_path, key="secret").judge(height, "Some twenty-four centimetres.")
    assert (found.outcome, found.said) == ("right", 0.24)
    path, headers, body = requests[0]
    assert path == "/v1/chat/completions" and headers["Authorization"] == "Bearer secret"
    assert body["model"] == "judge-1" and body["temperature"] == 0
    assert "Some twenty-four centimetres." in body["messages"][1]["content"]


def test_it_compares_meanings(tmp_path, taller):
    with server(said({"right": True}), said({"right": None})) as (url, _):
        judge = judge_of(url, tmp_path)
        outcomes = [judge.judge(taller, text).outcome for text in ("It towers over it.", "Who knows.")]
    assert outcomes == ["right", "wrong"]


def test_verdicts_are_kept_for_the_next_run(tmp_path, height):
    with server(said({"value": 0.2})) as (url, requests):
        first = judge_of(url, tmp_path).judge(height, "0.2 m")
        again = judge_of(url, tmp_path).judge(height, "0.2 m")
        assert first == again and len(requests) == 1
        judge_of(url, tmp_path).judge(height, "0.3 m")
        assert len(requests) == 2, "another answer is another question"


def test_silence_costs_no_request(tmp_path, height):
    with server(said({"value": 0.2})) as (url, requests):
        assert judge_of(url, tmp_path).judge(height, "  ").outcome == "silent"
    assert requests == []


def test_it_tries_again_and_waits_longer_each_time(tmp_path, height):
    waits = []
    replies = [(500, b"oops"), (429, b"slow down"), (None, b""), said({"value": 0.2})]
    with server(*replies) as (url, _):
        assert judge_of(url, tmp_path, waits).judge(height, "0.2 m").outcome == "right"
    assert waits == [0.5, 1.0, 2.0]


def test_a_reply_that_is_cut_off_is_tried_again(tmp_path, height):
    status, data = said({"value": 0.2})
    with server((status, data[:-5], len(data)), (status, data)) as (url, requests):
        assert judge_of(url, tmp_path).judge(height, "0.2 m").outcome == "right"
    assert len(requests) == 2


@pytest.mark.parametrize(
    "reply",
    [
        (200, b"<html>busy</html>"),
        (200, b'{"error": "overloaded"}'),
        (200, b'{"choices": []}'),
        (200, json.dumps({"choices": [{"message": {"content": None}}]}).encode()),
        (200, b"x" * ((1 << 20) + 10)),
        said("I think it is right."),
        said('```json\n{"value": 0.2}\n```'),
        said({"value": "0.2"}),
        said({"value": True}),
        said('{"value": NaN}'),
        said('{"value": 1e999}'),
        said({"value": 0.2, "right": True}),
        said({"right": True}),
        said([0.2]),
    ],
)
def test_what_is_not_in_the_form_asked_for_is_no_verdict(tmp_path, height, reply):
    with server(reply) as (url, requests):
        found = judge_of(url, tmp_path).judge(height, "0.2 m")
    assert found.outcome == "unjudged" and len(requests) == 4
    assert not (tmp_path / "verdicts.jsonl").exists(), "no verdict is kept"


def test_no_hour_beyond_twelve(tmp_path):
    question = spatial(WHERE, picture(tmp_path), "direction")
    with server(said({"value": 14})) as (url, _):
        assert judge_of(url, tmp_path).judge(question, "at 14 o'clock").outcome == "unjudged"


@pytest.mark.parametrize("status", [401, 404])
def test_a_refusal_ends_the_run_at_once(tmp_path, height, status):
    with server((status, b'{"error": "no such model"}')) as (url, requests):
        with pytest.raises(EndpointError, match=f"HTTP status {status}.*no such model"):
            judge_of(url, tmp_path).judge(height, "0.2 m")
        assert len(requests) == 1


def test_a_server_that_never_answers_ends_the_run(tmp_path, height):
    with server((503, b"")) as (url, requests):
        with pytest.raises(EndpointError, match="HTTP status 503"):
            judge_of(url, tmp_path).judge(height, "0.2 m")
        assert len(requests) == 4
    with pytest.raises(EndpointError, match="refused"):
        judge_of(url, tmp_path).judge(height, "0.2 m")
