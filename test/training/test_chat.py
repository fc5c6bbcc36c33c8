"""A chat model over HTTP: trouble is tried again and then said, a refusal is not."""

import pytest
from chat_server import chat_server

from n3d_ros.training.chat import Chat, Endpoint, EndpointError, Unusable

ASKED = [{"role": "system", "content": "Reword."}, {"role": "user", "content": "How far?"}]


def chat(server, waits=None, **changes):
    """waits: gets the pauses instead of their passing."""
    endpoint = Endpoint(server.url, "m", **{"timeout_s": 5.0, **changes})
    return Chat(endpoint, {"temperature": 0.5}, wait=([] if waits is None else waits).append)


def test_a_reply_is_asked_for_as_the_api_has_it():
    with chat_server(lambda text: f" {text}! ") as server:
        assert chat(server, key="secret").ask(ASKED, str.strip) == "How far?!"
        assert server.asked == [{"model": "m", "messages": ASKED, "temperature": 0.5}]
        assert server.headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize("status", [500, 503, 408, 429])
def test_a_servers_trouble_is_tried_again_with_longer_pauses_and_then_said(status):
    replies, waits = [status, status, "fine"], []
    with chat_server(lambda _: replies.pop(0)) as server:
        assert chat(server, waits).ask(ASKED, str) == "fine"
    assert waits == [0.5, 1.0]
    with chat_server(lambda _: status) as server:
        with pytest.raises(EndpointError, match=f"HTTP status {status}: trouble .4 tries"):
            chat(server).ask(ASKED, str)
        assert len(server.asked) == 4


def test_pauses_do_not_grow_for_ever():
    waits = []
    with chat_server(lambda _: 500) as server, pytest.raises(EndpointError):
        chat(server, waits, num_tries=10).ask(ASKED, str)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


@pytest.mark.parametrize(
    "reply",
    [b"junk", b'{"choices": []}', b'{"choices": [{"message": {"content": 5}}]}', b"[[[[" * 9999],
)
def test_a_reply_of_another_form_is_asked_for_again_and_then_unusable(reply):
    replies = [reply, "fine"]
    with chat_server(lambda _: replies.pop(0)) as server:
        assert chat(server).ask(ASKED, str) == "fine"
    with chat_server(lambda _: reply) as server:
        with pytest.raises(Unusable, match="expected"):
            chat(server).ask(ASKED, str)
        assert len(server.asked) == 4


def test_a_refusal_is_not_tried_again():
    with chat_server(lambda _: 401) as server:
        with pytest.raises(EndpointError, match=r"HTTP status 401: trouble \(1 try\)"):
            chat(server).ask(ASKED, str)
        assert len(server.asked) == 1


def test_a_server_that_hangs_or_is_not_there_fails():
    with chat_server(lambda _: None) as server, pytest.raises(EndpointError, match="timed out"):
        chat(server, timeout_s=0.05).ask(ASKED, str)
    with pytest.raises(EndpointError, match="refused"):
        chat(server).ask(ASKED, str)


def test_the_endpoint_is_checked_first_and_tells_nobody_its_key():
    for url, model, why in (
        ("ftp://x", "m", "http"),
        ("localhost", "m", "http"),
        ("http://x", "", "name of"),
    ):
        with pytest.raises(ValueError, match=why):
            Endpoint(url, model)
    assert "secret" not in repr(Endpoint("http://x", "m", "secret"))
