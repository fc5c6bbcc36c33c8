"""The grammar of box text, compiled for one tokenizer: which tokens may follow, so that no box is malformed.

In: a tokenizer and the tokens that end a reply. Out: per reply a `Constraint` that `generate` asks. The
grammar is an automaton over bytes; what a token does to it is worked out once per state, when it is first
met. It can change what a model writes, so it is off unless asked for.

    reply = "\\n" | box+        box = "bbox_" index "=Bbox(" class 7 * ("," number) ")\\n"

Numbers run from 0 to 999 without leading zeros, u and v may have decimals, sizes begin at 1.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from n3d_ros.protocol.box_text import BOX_NAME, BOX_OPEN
from n3d_ros.runtime.decoding.text import TextCodec

NUM_FIELDS, NUM_WITH_DECIMALS, FIRST_SIZE = 7, 2, 4
# A class name begins with something that can be seen. In UTF-8 the controls from U+0080 on and the blank
# U+00A0 begin with C2, the blanks of U+2000 on with E2; U+1680 is E1 9A 80 and U+3000 is E3 80 80.
NO_NAME_BEGINS, MAY_BE_BLANK = (0xC2, 0xE2), {0xE1: 0x9A, 0xE3: 0x80}
# Longer tokens are not written; the longest word of Qwen's vocabulary that is a class name is shorter.
MAX_TOKEN_BYTES = 24

DEAD = -1
DIGITS, NONZERO = b"0123456789", b"123456789"
NOT_IN_CLASS = b",()=<>|[]{}\"'`@"

IntArray = npt.NDArray[np.int64]


class Automaton:
    """Deterministic, over bytes. `ends`: states in which a reply may end; `start`: where it begins."""

    def __init__(self) -> None:
        self._rows: list[npt.NDArray[np.int16]] = []
        self.start, empty, line_end = self._state(), self._state(), self._state()
        self.ends = frozenset({empty, line_end})
        self._arc(self.start, b"\n", empty)
        label = self._box(self.start, line_end)
        self._rows[line_end][ord("b")] = self._rows[self.start][ord("b")]
        self._fields(label, line_end)
        self.table: npt.NDArray[np.int16] = np.stack(self._rows)

    def _state(self) -> int:
        self._rows.append(np.full(256, DEAD, dtype=np.int16))
        return len(self._rows) - 1

    def _arc(self, source: int, symbols: bytes, target: int) -> int:
        self._rows[source][np.frombuffer(symbols, dtype=np.uint8)] = target
        return target

    def _word(self, state: int, text: bytes) -> int:
        """The state behind `text`."""
        for symbol in text:
            state = self._arc(state, bytes([symbol]), self._state())
        return state

    def _number(self, state: int, first: bytes) -> list[int]:
        """The states in which a whole number stands behind `state`: one to three digits, or 0 alone."""
        whole = [self._arc(state, first, self._state())]
        for _ in range(2):
            whole.append(self._arc(whole[-1], DIGITS, self._state()))
        if first == DIGITS:
            whole.append(self._arc(state, b"0", self._state()))
        return whole

    def _box(self, start: int, line_end: int) -> int:
        """Up to and with the class name; the state in which a comma may follow."""
        header = self._state()
        for state in self._number(self._word(start, BOX_NAME.encode()), DIGITS):
            self._arc(state, b"=", header)
        first, rest = self._word(header, BOX_OPEN.encode()), self._state()
        printable = bytes(code for code in range(33, 256) if code != 127 and code not in NOT_IN_CLASS)
        self._arc(first, without(printable, *NO_NAME_BEGINS, *MAY_BE_BLANK), rest)
        for lead, second in MAY_BE_BLANK.items():
            behind = self._state()
            self._arc(first, bytes([lead]), behind)
            self._arc(behind, without(printable, second), rest)
        return self._arc(rest, printable + b" ", rest)

    def _fields(self, label: int, line_end: int) -> None:
        whole = [label]
        for index in range(NUM_FIELDS):
            behind = self._state()
            for state in whole:
                self._arc(state, b",", behind)
            whole = self._number(behind, NONZERO if index >= FIRST_SIZE else DIGITS)
            if index < NUM_WITH_DECIMALS:
                whole = [*whole, self._decimals(whole)]
        closed = self._state()
        for state in whole:
            self._arc(state, b")", closed)
        self._arc(closed, b"\n", line_end)

    def _decimals(self, whole: list[int]) -> int:
        """The state behind a point and at least one digit."""
        point, digits = self._state(), self._state()
        for state in whole:
            self._arc(state, b".", point)
        self._arc(point, DIGITS, digits)
        return self._arc(digits, DIGITS, digits)


def without(codes: bytes, *left_out: int) -> bytes:
    """The other bytes of `codes`."""
    return bytes(code for code in codes if code not in left_out)


class BoxGrammar:
    """The automaton over one tokenizer's tokens; shared by all replies."""

    def __init__(self, codec: TextCodec, stop_ids: Collection[int]) -> None:
        self.automaton = Automaton()
        self._stop_ids = np.array(sorted(stop_ids), dtype=np.int64)
        self._ids, self._bytes, self._lengths = _token_table(codec)
        self._moves: dict[int, tuple[IntArray, dict[int, int]]] = {}

    def allowed(self, state: int) -> IntArray:
        """Ids of the tokens that may follow, stop tokens included where the reply may end."""
        return self._at(state)[0]

    def advance(self, state: int, token: int) -> int:
        """The state behind `token`. ValueError for a token that must not follow."""
        after = self._at(state)[1].get(token)
        if after is None:
            raise ValueError(f"grammar: expected a token that may follow state {state}, got {token}")
        return after

    def _at(self, state: int) -> tuple[IntArray, dict[int, int]]:
        if state not in self._moves:
            rows, after = self._survivors(state)
            ids = self._ids[rows]
            stops = self._stop_ids if state in self.automaton.ends else self._stop_ids[:0]
            self._moves[state] = (
                np.concatenate([ids, stops]),
                dict(zip(ids.tolist(), after.tolist(), strict=True)),
            )
        return self._moves[state]

    def _survivors(self, state: int) -> tuple[IntArray, IntArray]:
        """(rows of the token table, state behind each) of all tokens whose every byte is allowed."""
        rows = np.arange(len(self._ids))
        states = np.full(len(rows), state, dtype=np.int64)
        done_rows, done_states = [], []
        for place in range(self._bytes.shape[1]):
            states = self.automaton.table[states, self._bytes[rows, place]].astype(np.int64)
            rows, states = rows[states != DEAD], states[states != DEAD]
            ends = self._lengths[rows] == place + 1
            done_rows.append(rows[ends])
            done_states.append(states[ends])
            rows, states = rows[~ends], states[~ends]
        return np.concatenate(done_rows), np.concatenate(done_states)


class StrictGrammar:
    """One reply's place in the grammar: a `Constraint`."""

    def __init__(self, grammar: BoxGrammar) -> None:
        self._grammar, self._state = grammar, grammar.automaton.start

    def masked(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """See `Constraint.masked`."""
        allowed = self._grammar.allowed(self._state)
        masked = np.full_like(logits, -np.inf)
        masked[allowed] = logits[allowed]
        return masked

    def advance(self, token: int) -> None:
        """See `Constraint.advance`."""
        self._state = self._grammar.advance(self._state, token)


class Begun:
    """A reply that must begin with `token`, under another constraint or none: a `Constraint`."""

    def __init__(self, token: int, other: StrictGrammar | None = None) -> None:
        self._token, self._other, self._has_begun = token, other, False

    def masked(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """See `Constraint.masked`."""
        if self._has_begun:
            return logits if self._other is None else self._other.masked(logits)
        masked = np.full_like(logits, -np.inf)
        masked[self._token] = logits[self._token]
        return masked

    def advance(self, token: int) -> None:
        """See `Constraint.advance`."""
        self._has_begun = True
        if self._other is not None:
            self._other.advance(token)


def _token_table(codec: TextCodec) -> tuple[IntArray, npt.NDArray[np.uint8], IntArray]:
    """Ids (V,), their bytes (V, MAX_TOKEN_BYTES) padded with 0, and lengths (V,) of all tokens that are
    text.
    """
    known = [(token, text) for token, text in token_bytes(codec) if 0 < len(text) <= MAX_TOKEN_BYTES]
    padded = b"".join(text.ljust(MAX_TOKEN_BYTES, b"\0") for _, text in known)
    table = np.frombuffer(padded, dtype=np.uint8).reshape(len(known), MAX_TOKEN_BYTES)
    ids = np.array([token for token, _ in known], dtype=np.int64)
    return ids, table, np.array([len(text) for _, text in known], dtype=np.int64)


def token_bytes(codec: TextCodec) -> list[tuple[int, bytes]]:
    """(id, what it writes) of every token but special ones."""
    added = codec.tokenizer.get_added_tokens_decoder()
    plain = [(token, text) for text, token in codec.tokenizer.get_vocab().items() if token not in added]
    written = [(token, entry.content.encode()) for token, entry in added.items() if not entry.special]
    if "ByteLevel" not in type(codec.tokenizer.decoder).__name__:
        return [(token, text.encode()) for token, text in plain] + written
    table = _bytes_of_characters()
    return [(token, text.translate(table).encode("latin-1", "ignore")) for token, text in plain] + written


@lru_cache(maxsize=1)
def _bytes_of_characters() -> dict[int, int]:
    """For `str.translate`: GPT-2's printable stand-ins for bytes, which byte-level vocabularies are written
    in. Those of printable bytes are the characters themselves.
    """
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [code for code in range(256) if code not in shown]
    return {256 + n: code for n, code in enumerate(hidden)}
