"""A judge behind an OpenAI-compatible endpoint: vLLM, llama.cpp, Ollama or a service.

In: a question with its reference, and a sentence. Out: a `Judgement`. The endpoint only reads: for numbers it
says what the sentence states, and the thresholds are those of the rules; for everything else it says whether
the sentence means the same as the reference. What it says is taken only in the one form that it was asked
for. Every verdict is kept (`Ledger`), so that a second run asks nothing twice. `JudgeError` where the
endpoint does not answer at all: a dead judge must not look like a bad model.

The interface: platform.openai.com/docs/api-reference/chat. The prompt is ours.
"""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from n3d_ros.errors import CommandFailed
from n3d_ros.plain_text import one_line, shown
from n3d_ros.storage.json_file import JsonError, parse_json
from n3d_ros.training.evaluation.judging import readings
from n3d_ros.training.evaluation.judging.judgement import (
    COUNT,
    HOUR,
    LENGTH,
    RIGHT,
    SILENT,
    UNJUDGED,
    WRONG,
    Judgement,
    wanted,
)
from n3d_ros.training.evaluation.judging.rules import judged_count, judged_hour, judged_length
from n3d_ros.training.evaluation.ledger import Ledger
from n3d_ros.training.qa.records import Question

SYSTEM = (
    "You mark answers to questions about a picture that you cannot see. The reference is true. "
    "Read the answer; do not solve the question. Reply with one JSON object and nothing else."
)
ASKS = {
    LENGTH: "What length does the answer state, in meters? 1 inch = 0.0254 m, 1 foot = 0.3048 m, "
    '1 yard = 0.9144 m. {"value": number}, or {"value": null} if it states none, or several that differ.',
    HOUR: 'Which clock direction does the answer state? {"value": whole number of 1 to 12}, or '
    '{"value": null} if it states none or several.',
    COUNT: 'What number of things does the answer state? {"value": whole number}, or {"value": null} if it '
    "states none or several.",
}
MEANS_THE_SAME = (
    'Does the answer say the same as the reference, whatever its words? {"right": true} or {"right": false}; '
    '{"right": null} if it says nothing that can be compared.'
)
MAX_REPLY_BYTES = 1 << 20
# Worth another try: too many requests, and whatever is the server's own fault.
TRY_AGAIN = {408, 409, 425, 429}
MAX_WAIT_S = 30.0


class JudgeError(CommandFailed):
    """The endpoint does not answer, or refuses every request."""


class _Unusable(ValueError):
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
            raise ValueError(f"judge: expected a URL that starts with http:// or https://, got {self.url!r}")
        if not self.model:
            raise ValueError("judge: expected the name of a model, got none")
        if self.num_tries < 1:
            raise ValueError(f"judge: expected num_tries of at least 1, got {self.num_tries}")


class EndpointJudge:
    """See the file's head. cache: verdicts of earlier runs, and where new ones go. wait: between tries."""

    def __init__(self, endpoint: Endpoint, cache: Ledger, wait: Callable[[float], None] = time.sleep) -> None:
        self._endpoint, self._cache, self._wait = endpoint, cache, wait
        self._known = {row["key"]: row for row in cache.rows()}

    def judge(self, question: Question, text: str) -> Judgement:
        """See `Judge`. JudgeError."""
        sentence = readings.sentence_of(text)
        if not sentence:
            return Judgement(SILENT, why="no answer")
        messages = messages_of(question, sentence)
        key = hashlib.sha256(json.dumps([self._endpoint.model, messages]).encode()).hexdigest()
        if key not in self._known:
            said = self._said(question, messages)
            if said is None:
                return Judgement(UNJUDGED, why="the judge gave no verdict in the form asked for")
            row = {"key": key, "question": question.id, "answer": sentence, "said": said}
            self._cache.add(row)
            self._known[key] = row
        return judged(question, self._known[key]["said"])

    def identity(self) -> dict[str, Any]:
        """See `Judge`."""
        return {"judge": "endpoint", "url": self._endpoint.url, "model": self._endpoint.model}

    def _said(self, question: Question, messages: list[dict[str, str]]) -> dict[str, Any] | None:
        """What the endpoint says, None where no try gives a usable reply. JudgeError where none gives any."""
        problem, was_reached = "", False
        for number in range(self._endpoint.num_tries):
            if number:
                self._wait(min(self._endpoint.first_wait_s * 2 ** (number - 1), MAX_WAIT_S))
            try:
                return checked(question, self._ask(messages))
            except _Unusable as error:
                was_reached, problem = True, str(error)
            except urllib.error.HTTPError as error:
                problem = f"HTTP status {error.code}: {_body(error)}"
                if error.code < 500 and error.code not in TRY_AGAIN:
                    break
            except OSError as error:  # refused, reset, no such host, timed out
                problem = str(error)
        if was_reached:
            return None
        tries = f"{self._endpoint.num_tries} tries"
        raise JudgeError(
            f"judge: expected a reply of '{self._endpoint.url}', got {one_line(problem, 300)} ({tries})"
        )

    def _ask(self, messages: list[dict[str, str]]) -> str:
        """The text of one reply. OSError, _Unusable."""
        body = {"model": self._endpoint.model, "messages": messages, "temperature": 0}
        body["response_format"] = {"type": "json_object"}
        headers = {"Content-Type": "application/json"}
        if self._endpoint.key:
            headers["Authorization"] = f"Bearer {self._endpoint.key}"
        request = urllib.request.Request(
            f"{self._endpoint.url.rstrip('/')}/chat/completions", json.dumps(body).encode(), headers
        )
        with urllib.request.urlopen(request, timeout=self._endpoint.timeout_s) as reply:
            data = reply.read(MAX_REPLY_BYTES + 1)
        return _content(data)


def messages_of(question: Question, sentence: str) -> list[dict[str, str]]:
    """What the endpoint is asked."""
    reference = question.answer or str(question.choice or "")
    asks = ASKS.get(wanted(question), MEANS_THE_SAME)
    lines = [f"Question: {question.text}", f"Reference: {reference}", f"Answer: {sentence}", asks]
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "\n".join(lines)}]


def judged(question: Question, said: dict[str, Any]) -> Judgement:
    """The endpoint's reading, under the thresholds of the rules."""
    kind = wanted(question)
    if kind not in ASKS:
        outcome = {True: RIGHT, False: WRONG, None: WRONG}[said["right"]]
        return Judgement(
            outcome, why="" if said["right"] is not None else "says nothing that can be compared"
        )
    by_kind = {LENGTH: judged_length, HOUR: judged_hour, COUNT: judged_count}
    assert question.value is not None
    return by_kind[kind](said["value"], question.value)


def checked(question: Question, content: str) -> dict[str, Any]:
    """The object in a reply's text. _Unusable for any other form than the one asked for."""
    try:
        said = parse_json(content.encode("utf-8", "replace"))
    except JsonError as error:
        raise _Unusable(f"no JSON: {error}") from error
    kind = wanted(question)
    name = "value" if kind in ASKS else "right"
    if not isinstance(said, dict) or set(said) != {name}:
        raise _Unusable(f"expected an object with '{name}' alone, got {shown(said)}")
    value = said[name]
    if name == "right":
        is_fit = value is None or isinstance(value, bool)
    else:
        is_fit = value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
        is_fit = is_fit and (kind != HOUR or value is None or value in range(1, 13))
    if not is_fit:
        raise _Unusable(f"expected {name} of the form asked for, got {shown(value)}")
    return {name: value}


def _content(data: bytes) -> str:
    """choices[0].message.content."""
    if len(data) > MAX_REPLY_BYTES:
        raise _Unusable(f"a reply of more than {MAX_REPLY_BYTES} bytes")
    try:
        content = parse_json(data)["choices"][0]["message"]["content"]
    except (JsonError, KeyError, IndexError, TypeError) as error:
        raise _Unusable(f"expected choices with a message, got {shown(data[:200])}") from error
    if not isinstance(content, str):
        raise _Unusable(f"expected text as content, got {shown(content)}")
    return content


def _body(error: urllib.error.HTTPError) -> str:
    with error:
        return one_line(error.read(400).decode("utf-8", "replace"), 200)
