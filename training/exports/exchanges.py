"""Questions -> what the robot says to the model about a picture, and what the model is to reply, as text.

In: questions of one set in order, the folder where their paths start. Out: `Shown`: a picture with all that
is asked about it in a row. The prompts are the robot's own (`finetune.turns`, `protocol.prompts`), so that
whatever trains on an export trains what the robot asks. It does not know file formats.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from n3d_ros.plain_text import one_line
from n3d_ros.preprocess.prepare import prepare
from n3d_ros.protocol import prompts
from n3d_ros.training.finetune.turns import Turn, reply_text, turns
from n3d_ros.training.qa.records import PictureRef, Question
from n3d_ros.training.qa.sets import load_observation

GROUNDING, REASONING = "grounding", "reasoning"
# What stands around the user's words in a chat: other programs put it there themselves.
BEFORE_USER, BEHIND_USER = prompts.chat("\0").split("\0")


@dataclass(frozen=True)
class Exchange:
    """One call. id: unique in the set. user: with one `<image>` where the picture stands. reply: without the
    end token.
    """

    id: str
    call: str
    user: str
    reply: str


@dataclass(frozen=True)
class Shown:
    """A picture as it is shown, and what is asked about it. file, depth_file: absolute. drawn: bytes of a PNG
    with rectangles on it, None where the file is shown as it is.
    """

    picture: PictureRef
    file: Path
    depth_file: Path
    exchanges: tuple[Exchange, ...]
    drawn: bytes | None = None


def shown_pictures(
    questions: Iterable[Question], root: Path, on_fault: Callable[[Question, str], None]
) -> Iterator[Shown]:
    """Neighbours about the same picture come together. on_fault: told of every question that cannot be
    written, and why: its picture or depth is missing, damaged or another one.
    """
    for _, group in groupby(questions, key=lambda one: (one.picture, one.drawn_px)):
        together = list(group)
        try:
            yield _shown(together, root)
        except (OSError, ValueError) as error:
            for question in together:
                on_fault(question, one_line(str(error), 300))


def _shown(questions: list[Question], root: Path) -> Shown:
    """Questions about one picture with the same rectangles."""
    picture, drawn_px = questions[0].picture, questions[0].drawn_px
    seen = load_observation(picture, drawn_px, root)
    inputs = prepare(seen)
    exchanges = [
        _exchange(question, turn, reply_text(turn, inputs))
        for question in questions
        for turn in turns(question)
    ]
    assert picture.depth_file is not None  # load_observation refuses
    return Shown(
        picture,
        (root / picture.file).resolve(),
        (root / picture.depth_file).resolve(),
        tuple(exchanges),
        drawn=_png(seen.rgb) if drawn_px else None,
    )


def _exchange(question: Question, turn: Turn, reply: str) -> Exchange:
    call = GROUNDING if turn.reply is None else REASONING
    return Exchange(
        f"{question.id}/{call}", call, user_words(turn.prompt), reply.removesuffix(prompts.TURN_END)
    )


def user_words(prompt: str) -> str:
    """The user's part of a chat text, with `<image>` for the picture."""
    assert prompt.startswith(BEFORE_USER) and prompt.endswith(BEHIND_USER)
    return prompt[len(BEFORE_USER) : -len(BEHIND_USER)].replace(prompts.VISION, prompts.IMAGE_MARKER)


def _png(rgb: npt.NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "PNG")
    return stream.getvalue()
