"""A judge behind an OpenAI-compatible endpoint: vLLM, llama.cpp, Ollama or a service.

In: a question with its reference, and a sentence. Out: a `Judgement`. The endpoint only reads: for numbers it
says what the sentence states, and the thresholds are those of the rules; for everything else it says whether
the sentence means the same as the reference. What it says is taken only in the one form that it was asked
for. Every verdict is kept (`Ledger`), so that a second run asks nothing twice. `EndpointError` where
the endpoint does not answer at all: a dead judge must not look like a bad model.

The interface: platform.openai.com/docs/api-reference/chat. The prompt is ours.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from n3d_ros.plain_text import shown
from n3d_ros.storage.json_file import JsonError, parse_json
from n3d_ros.training.chat import Chat, Unusable
from n3d_ros.training.evaluation.judging import readings
from n3d_ros.training.evaluation.judging.judgement import (
    COUNT,
    HOUR,
    LENGTH,
    RIGHT,
    SILENT,
    UNJUDGED,
    VOLUME,
    WRONG,
    Judgement,
    wanted,
)
from n3d_ros.training.evaluation.judging.rules import judged_count, judged_hour, judged_length
from n3d_ros.training.evaluation.ledger import Ledger
from n3d_ros.training.qa.records import Question

OPTIONS = {"temperature": 0, "response_format": {"type": "json_object"}}
SYSTEM = (
    "You mark answers to questions about a picture that you cannot see. The reference is true. "
    "Read the answer; do not solve the question. Reply with one JSON object and nothing else."
)
ASKS = {
    LENGTH: "What length does the answer state, in meters? 1 inch = 0.0254 m, 1 foot = 0.3048 m, "
    '1 yard = 0.9144 m. {"value": number}, or {"value": null} if it states none, or several that differ.',
    VOLUME: 'What volume does the answer state, in liters? {"value": number}, or {"value": null} if it '
    "states none, or several that differ.",
    HOUR: 'Which clock direction does the answer state? {"value": whole number of 1 to 12}, or '
    '{"value": null} if it states none or several.',
    COUNT: 'What number of things does the answer state? {"value": whole number}, or {"value": null} if it '
    "states none or several.",
}
MEANS_THE_SAME = (
    'Does the answer say the same as the reference, whatever its words? {"right": true} or {"right": false}; '
    '{"right": null} if it says nothing that can be compared.'
)


class EndpointJudge:
    """See the file's head. chat: with OPTIONS. cache: verdicts of earlier runs, and where new ones go."""

    def __init__(self, chat: Chat, cache: Ledger) -> None:
        self._chat, self._cache = chat, cache
        self._known = {row["key"]: row for row in cache.rows()}

    def judge(self, question: Question, text: str) -> Judgement:
        """See `Judge`. EndpointError."""
        sentence = readings.sentence_of(text)
        if not sentence:
            return Judgement(SILENT, why="no answer")
        messages = messages_of(question, sentence)
        key = hashlib.sha256(json.dumps([self._chat.endpoint.model, messages]).encode()).hexdigest()
        if key not in self._known:
            try:
                said = self._chat.ask(messages, lambda content: checked(question, content))
            except Unusable as error:
                return Judgement(UNJUDGED, why=f"the judge gave no verdict in the form asked for: {error}")
            row = {"key": key, "question": question.id, "answer": sentence, "said": said}
            self._cache.add(row)
            self._known[key] = row
        return judged(question, self._known[key]["said"])

    def identity(self) -> dict[str, Any]:
        """See `Judge`."""
        return {"judge": "endpoint", "url": self._chat.endpoint.url, "model": self._chat.endpoint.model}


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
    by_kind = {LENGTH: judged_length, VOLUME: judged_length, HOUR: judged_hour, COUNT: judged_count}
    assert question.value is not None
    return by_kind[kind](said["value"], question.value)


def checked(question: Question, content: str) -> dict[str, Any]:
    """The object in a reply's text. Unusable for any other form than the one asked for."""
    try:
        said = parse_json(content.encode("utf-8", "replace"))
    except JsonError as error:
        raise Unusable(f"no JSON: {error}") from error
    kind = wanted(question)
    name = "value" if kind in ASKS else "right"
    if not isinstance(said, dict) or set(said) != {name}:
        raise Unusable(f"expected an object with '{name}' alone, got {shown(said)}")
    value = said[name]
    if name == "right":
        is_fit = value is None or isinstance(value, bool)
    else:
        is_fit = value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
        is_fit = is_fit and (kind != HOUR or value is None or value in range(1, 13))
    if not is_fit:
        raise Unusable(f"expected {name} of the form asked for, got {shown(value)}")
    return {name: value}
