"""A chat model behind an OpenAI-compatible endpoint.

In: one instruction and one text. Out: what the model answers, or `EndpointFailed` after some tries. It does
not know questions. Only the standard library is used; any server with `/chat/completions` will do (vLLM,
llama.cpp, Ollama, a hosted one).
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from n3d_ros.plain_text import one_line

MAX_REPLY_BYTES = 1 << 20
TRIES = 3
FIRST_PAUSE_S = 0.5
# What a server says when asking again may help: too many requests, and its own troubles.
AGAIN = (408, 409, 429, 500, 502, 503, 504)


class EndpointFailed(Exception):
    """No usable reply; the message is for people."""


@dataclass(frozen=True)
class Endpoint:
    """url: up to and without `/chat/completions`. key: sent as a bearer token where there is one."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    timeout_s: float = 60.0
    pause_s: float = FIRST_PAUSE_S

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"endpoint: expected a URL with http:// or https://, got '{self.url}'")

    def ask(self, instruction: str, text: str) -> str:
        """The model's reply, stripped. Timeouts and a server's troubles are tried again, TRIES in all."""
        for number in range(TRIES):
            try:
                return _content(self._post(instruction, text))
            except _TryAgain as error:
                if number + 1 == TRIES:
                    raise EndpointFailed(f"{error} ({TRIES} tries)") from error
                time.sleep(self.pause_s * 2**number)
        raise AssertionError("the last try returns or raises")

    def _post(self, instruction: str, text: str) -> bytes:
        messages = [{"role": "system", "content": instruction}, {"role": "user", "content": text}]
        body = {"model": self.model, "messages": messages, "temperature": 0.7, "max_tokens": 200}
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(
            f"{self.url.rstrip('/')}/chat/completions", json.dumps(body).encode(), headers
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as reply:
                return bytes(reply.read(MAX_REPLY_BYTES))
        except urllib.error.HTTPError as error:
            kind = _TryAgain if error.code in AGAIN else EndpointFailed
            raise kind(f"expected status 200, got {error.code}") from error
        except (OSError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors
            raise _TryAgain(one_line(str(error) or type(error).__name__, 200)) from error


class _TryAgain(EndpointFailed):
    """A failure that may pass."""


def _content(reply: bytes) -> str:
    try:
        content: Any = json.loads(reply)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise _TryAgain(
            f"expected choices[0].message.content, got {one_line(repr(reply[:120]), 200)}"
        ) from error
    if not isinstance(content, str):
        raise _TryAgain(f"expected text as content, got {type(content).__name__}")
    return content.strip()
