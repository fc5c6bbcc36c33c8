"""Some of a shard's spatial questions in a language model's words, each asked for once.

In: questions, a chat model. Out: the questions, reworded where the rewording is `same`; their form then ends
in "_reworded", or in "_free_words" where the robot's grammar does not read it. Replies are kept in
`reworded/shard-NNNNN.jsonl` as they come, so that a run that was stopped, or is made again, asks nothing
twice.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from n3d_ros.errors import CommandFailed
from n3d_ros.storage.json_file import JsonError, parse_json
from n3d_ros.training.chat import Chat, EndpointError, Unusable
from n3d_ros.training.qa.records import SPATIAL, Question
from n3d_ros.training.qa.rewording.same import Verdict, verdict_of

INSTRUCTION = (
    "Reword the question about a picture as a person might ask it. Keep its meaning exactly. Keep every name "
    "of a thing and every number letter for letter, ids such as 0_mug included. Answer with one question and "
    "nothing else."
)
# Some freedom of words; a question is short.
OPTIONS = {"temperature": 0.7, "max_tokens": 200}
FOLDER = "reworded"


@dataclass(frozen=True)
class Rewriter:
    """chat: with OPTIONS. share: of the spatial questions. parallel: requests at a time. max_failures: after
    so many in a row the run stops, since nobody is there.
    """

    chat: Chat
    share: float = 0.5
    parallel: int = 8
    max_failures: int = 16

    def identity(self) -> dict[str, Any]:
        """What decides the texts, as JSON."""
        return {"model": self.chat.endpoint.model, "instruction": INSTRUCTION, "share": self.share}

    def reworded(
        self, questions: Iterable[Question], out: Path, number: int, counts: Counter[str]
    ) -> Iterator[Question]:
        """All questions in their order. counts: by verdict, and "failed" ones.

        CommandFailed after max_failures failures in a row, and where every request of the shard failed.
        """
        in_a_row = answered = 0
        failure: Exception | None = None
        with closing(_Replies(out / FOLDER / f"shard-{number:05d}.jsonl")) as replies:
            for question, reply in self._asked(questions, replies):
                if isinstance(reply, Exception):
                    counts["failed"] += 1
                    in_a_row, failure = in_a_row + 1, reply
                    if in_a_row >= self.max_failures:
                        break
                elif reply is not None:
                    in_a_row, answered = 0, answered + 1
                    question = _applied(question, reply, counts)
                yield question
        if in_a_row >= self.max_failures or (in_a_row and not answered):
            raise CommandFailed(f"rewording: {in_a_row} requests in a row failed: {failure}")

    def _asked(
        self, questions: Iterable[Question], replies: _Replies
    ) -> Iterator[tuple[Question, str | Exception | None]]:
        """Each question with its reply, None where it is not to be reworded; `parallel` requests ahead."""
        waiting: deque[tuple[Question, Future[str] | str | None]] = deque()
        with ThreadPoolExecutor(self.parallel) as pool:
            for question in questions:
                waiting.append((question, self._begin(pool, question, replies)))
                if len(waiting) > 4 * self.parallel:
                    yield _finished(*waiting.popleft(), replies)
            while waiting:
                yield _finished(*waiting.popleft(), replies)

    def _begin(
        self, pool: ThreadPoolExecutor, question: Question, replies: _Replies
    ) -> Future[str] | str | None:
        chosen = random.Random(f"reword {question.id}").random() < self.share
        if question.kind != SPATIAL or not chosen:
            return None
        known = replies.get(question.text)
        return pool.submit(self._reply, question.text) if known is None else known

    def _reply(self, text: str) -> str:
        messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": text}]
        return self.chat.ask(messages, str.strip)


def _finished(
    question: Question, reply: Future[str] | str | None, replies: _Replies
) -> tuple[Question, str | Exception | None]:
    if not isinstance(reply, Future):
        return question, reply
    try:
        text = reply.result()
    except (EndpointError, Unusable) as error:
        return question, error
    replies.add(question.text, text)
    return question, text


def _applied(question: Question, text: str, counts: Counter[str]) -> Question:
    verdict = verdict_of(question, text)
    counts[verdict.value] += 1
    if verdict is Verdict.SAME:
        return replace(question, text=text, form=f"{question.form}_reworded")
    if verdict is Verdict.FREE:
        return replace(question, text=text, form=f"{question.form}_free_words")
    return question


class _Replies:
    """What the model said of each text, on disk line by line. A line that a stop cut off is not read."""

    def __init__(self, path: Path) -> None:
        self._known: dict[str, str] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_bytes().splitlines() if path.is_file() else []
        for line in lines:
            try:
                one = parse_json(line)
                self._known[str(one["text"])] = str(one["reply"])
            except (JsonError, KeyError, TypeError):
                continue
        self._file: TextIO = path.open("a", encoding="utf-8")
        self._file.write("\n" if lines else "")  # behind what may be half a line

    def get(self, text: str) -> str | None:
        """None where it has not been asked."""
        return self._known.get(_key(text))

    def add(self, text: str, reply: str) -> None:
        """On the disk at once."""
        self._known[_key(text)] = reply
        self._file.write(json.dumps({"text": _key(text), "reply": reply}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Nothing is written any more."""
        self._file.close()


def _key(text: str) -> str:
    return hashlib.sha256(f"{INSTRUCTION}\n{text}".encode()).hexdigest()
