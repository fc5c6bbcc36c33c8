"""A chat model behind an OpenAI-compatible endpoint, asked until it says something usable.

In: messages, and a check of the reply's text. Out: what the check makes of it. `EndpointError` where the
endpoint gives no reply, or refuses; `Unusable` where it gives replies and none passes the check. It does not
know what is asked. The interface: platform.openai.com/docs/api-reference/chat. Only the standard library is
used; any server with `/chat/completions` will do (vLLM, llama.cpp, Ollama, a hosted one).
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from n3d_ros.errors import CommandFailed
from n3d_ros.plain_text import one_line, shown
from n3d_ros.storage.json_file import JsonError, parse_json

MAX_REPLY_BYTES = 1 << 20
MAX_WAIT_S = 30.0
# Worth another try beside a server's own faults: too many requests, and what passes.
TRY_AGAIN = {408, 409, 425, 429}

Made = TypeVar("Made")
Messages = list[dict[str, str]]


class EndpointError(CommandFailed):
    """The endpoint does not answer, or refuses every request."""


class Unusable(ValueError):
    """A reply that is not what was asked for."""


@dataclass(frozen=True)
class Endpoint:
    """url: up to and without /chat/completions, e.g. http://127.0.0.1:8000/v1. key: sent as bearer, empty for
    none.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    timeout_s: float = 60.0
    num_tries: int = 4
    first_wait_s: float = 0.5

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(
                f"endpoint: expected a URL that starts with http:// or https://, got {self.url!r}"
            )
        if not self.model:
            raise ValueError("endpoint: expected the name of a model, got none")
        if self.num_tries < 1:
            raise ValueError(f"endpoint: expected num_tries of at least 1, got {self.num_tries}")


@dataclass(frozen=True)
class Chat:
    """options: of every request beside model and messages, such as temperature. wait: between tries, twice as
    long each time.
    """

    endpoint: Endpoint
    options: Mapping[str, Any]
    wait: Callable[[float], None] = time.sleep

    def ask(self, messages: Messages, check: Callable[[str], Made]) -> Made:
        """What `check` makes of the first reply that passes it. EndpointError; Unusable of the last reply."""
        unusable: Unusable | None = None
        problem, number = "", 0
        for number in range(1, self.endpoint.num_tries + 1):
            if number > 1:
                self.wait(min(self.endpoint.first_wait_s * 2 ** (number - 2), MAX_WAIT_S))
            try:
                return check(self._reply(messages))
            except Unusable as error:
                unusable = error
            except urllib.error.HTTPError as error:
                problem = f"HTTP status {error.code}: {_body(error)}"
                if error.code < 500 and error.code not in TRY_AGAIN:
                    break
            except (OSError, http.client.HTTPException) as error:  # refused, reset, timed out, cut off
                problem = str(error) or type(error).__name__
        if unusable is not None:
            raise unusable
        tries = f"{number} {'try' if number == 1 else 'tries'}"
        raise EndpointError(
            f"endpoint: expected a reply of '{self.endpoint.url}', got {one_line(problem, 300)} ({tries})"
        )

    def _reply(self, messages: Messages) -> str:
        """The text of one reply."""
        body = {"model": self.endpoint.model, "messages": messages, **self.options}
        headers = {"Content-Type": "application/json"}
        if self.endpoint.key:
            headers["Authorization"] = f"Bearer {self.endpoint.key}"
        request = urllib.request.Request(
            f"{self.endpoint.url.rstrip('/')}/chat/completions", json.dumps(body).encode(), headers
        )
        with urllib.request.urlopen(request, timeout=self.endpoint.timeout_s) as reply:
            return _content(reply.read(MAX_REPLY_BYTES + 1))


def _content(data: bytes) -> str:
    """choices[0].message.content."""
    if len(data) > MAX_REPLY_BYTES:
        raise Unusable(f"a reply of more than {MAX_REPLY_BYTES} bytes")
    try:
        content = parse_json(data)["choices"][0]["message"]["content"]
    except (JsonError, KeyError, IndexError, TypeError) as error:
        raise Unusable(f"expected choices with a message, got {shown(data[:200])}") from error
    if not isinstance(content, str):
        raise Unusable(f"expected text as content, got {shown(content)}")
    return content


def _body(error: urllib.error.HTTPError) -> str:
    with error:
        return one_line(error.read(400).decode("utf-8", "replace"), 200)
