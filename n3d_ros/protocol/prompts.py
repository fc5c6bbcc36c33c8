"""Every protocol string of the checkpoint: words -> the chat text the tokenizer reads, and the answer split
back.

In: what the robot is asked, in words, and the evidence of the first stage. Out: the full chat text with one
image marker, `<|vision_start|><|image_pad|><|vision_end|>`; the pipeline repeats the pad once per image
token. It does not know token numbers or the model. Source: docs/specification/prompts.md 1 to 4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from n3d_ros.protocol.evidence import MENTION_RULES, Evidence, evidence_for_mentions, evidence_from_boxes

__all__ = [
    "CODE",
    "IMAGE_MARKER",
    "IMAGE_PAD",
    "MARKERS",
    "SYSTEM",
    "THINK_END",
    "THINK_START",
    "TURN_END",
    "TURN_START",
    "VISION",
    "Evidence",
    "PromptConfig",
    "answer_prompt",
    "chat",
    "condition",
    "control",
    "evidence_for_mentions",
    "evidence_from_boxes",
    "first_sentence",
    "fit_prompt",
    "ground_prompt",
    "ground_question",
    "joined_answer",
    "locate_prompt",
    "split_answer",
]

SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."


def control(name: str) -> str:
    """A control token of Qwen's tokenizer: 'im_start' -> '<|im_start|>'."""
    return f"<|{name}|>"


TURN_START, TURN_END = control("im_start"), control("im_end")
IMAGE_PAD = control("image_pad")
VISION = control("vision_start") + IMAGE_PAD + control("vision_end")
THINK_START, THINK_END = "<think>", "</think>"
CODE = """@dataclass
class Bbox:
    class: str
    position_u: int
    position_v: int
    position_z: int
    angle_y: int
    scale_x: int
    scale_y: int
    scale_z: int"""
IMAGE_MARKER = "<image>"
CODE_MARKER = "<code_template>"
# Splits a question into words and markers in turn.
MARKERS = re.compile(f"({IMAGE_MARKER}|{CODE_MARKER})")
REFERENCE = f"The reference code is as followed: {CODE_MARKER}"
LOCATE = f" First locate the bbox of the aforementioned object(s). {REFERENCE}"
OVERFLOWS = ("error", "cut_end")
WHOLE_SENTENCE = "whole_sentence"
SENTENCE_RULES = (WHOLE_SENTENCE, "upstream")
UPSTREAM_END = re.compile(r".+?[.?]")
QUESTION_END = re.compile(r".*?[^\s?].*?[?]")
# A full stop with the line's end or a capital behind it, where this is not before it: the question's number
# ("1.", "b."), an initial or a title.
FULL_STOP = re.compile(r"[.](?=\s*$|\s+[^\Wa-z\d])", re.MULTILINE)
NO_SENTENCE = re.compile(r"^\s*(?:\d+|[A-Za-z]\d*)$|\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|No)$")


@dataclass(frozen=True)
class PromptConfig:
    """Where the release loses something silently: do the right thing (default) or reproduce it
    (docs/specification/quirks.md 4).

    mention_rule: how names like 4_mug are found in a question, see `evidence.mentioned`.
    prompt_overflow: what `fit_prompt` does with a prompt that is too long.
    """

    mention_rule: str = "exact_names"
    prompt_overflow: str = "error"

    def __post_init__(self) -> None:
        if self.mention_rule not in MENTION_RULES:
            raise ValueError(f"mention_rule: expected one of {MENTION_RULES}, got {self.mention_rule!r}")
        if self.prompt_overflow not in OVERFLOWS:
            raise ValueError(f"prompt_overflow: expected one of {OVERFLOWS}, got {self.prompt_overflow!r}")


def ground_question(words: str) -> str:
    """The question that finds everything `words` name; a leading the, a or an is dropped.

    ValueError when nothing is left, or the words hold quotes, line breaks or markers, which would end the
    quoted name.
    """
    if re.search(r"['\"\u2018\u2019\u201c\u201d\r\n]", words):
        raise ValueError(f"words: expected a name without quotes or line breaks, got {words!r}")
    name = re.sub(r"^(?:(?:the|an|a)(?:\s+|$))", "", " ".join(words.split()), flags=re.IGNORECASE)
    if not name:
        raise ValueError(f"words: expected the name of something to find, got {words!r}")
    if IMAGE_MARKER in name or CODE_MARKER in name:
        raise ValueError(f"words: expected a name without {IMAGE_MARKER} or {CODE_MARKER}, got {words!r}")
    return f"Identify the 3D boxes for all the '{name}' in this scene. {REFERENCE}"


def ground_prompt(question: str) -> str:
    """Chat text of the first stage for a question asked as it is (two-step dialogue, or detection alone)."""
    text = _with_image(question)
    if CODE_MARKER not in text:
        text += CODE_MARKER
    return chat(text)


def locate_prompt(question: str) -> str:
    """Chat text of the first stage of a question that is answered in the second: find its objects."""
    _check_question(question)
    return ground_prompt(question + LOCATE)


def answer_prompt(
    question: str, evidence: Sequence[Evidence] = (), sentence_rule: str = WHOLE_SENTENCE
) -> str:
    """Chat text of the second stage: the question up to its end, as `first_sentence` finds it, and the
    numbers of the objects it is about.
    """
    return chat(_with_image(first_sentence(question, sentence_rule)) + condition(evidence))


def chat(user: str) -> str:
    """The n3d_vlm chat frame around a user text that holds the markers <image> (once at most) and
    <code_template>.
    """
    if user.count(IMAGE_MARKER) > 1:
        raise ValueError(f"question: expected at most one {IMAGE_MARKER}, got {user.count(IMAGE_MARKER)}")
    user = user.replace(IMAGE_MARKER, VISION).replace(CODE_MARKER, CODE)
    return (
        f"{TURN_START}system\n{SYSTEM}{TURN_END}\n{TURN_START}user\n{user}{TURN_END}\n{TURN_START}assistant\n"
    )


def first_sentence(question: str, rule: str = WHOLE_SENTENCE) -> str:
    """The first line up to what ends its question; the whole text where nothing does.

    rule 'whole_sentence': up to the first '?', else to the first full stop of a sentence, which neither a
    number nor an abbreviation holds. 'upstream': up to the first '.' or '?' after at least one character, so
    that "1. How far" and "over 1.5 m" lose the question (rule R5).
    """
    if rule not in SENTENCE_RULES:
        raise ValueError(f"sentence_rule: expected one of {SENTENCE_RULES}, got {rule!r}")
    if rule != WHOLE_SENTENCE:
        cut = UPSTREAM_END.match(question)
        return cut.group() if cut else question
    asked = QUESTION_END.match(question)
    return asked.group() if asked else question[: _statement_end(question)]


def _statement_end(text: str) -> int:
    """Place behind the first full stop of the first line that ends a sentence; that of the text where none
    does.
    """
    line = text.partition("\n")[0]
    stops = (stop for stop in FULL_STOP.finditer(line) if not NO_SENTENCE.search(line, 0, stop.start()))
    return next((stop.end() for stop in stops if stop.start()), len(text))


def condition(evidence: Sequence[Evidence]) -> str:
    """What the second stage is told about the objects: a blank at either end, empty without objects."""
    if not evidence:
        return ""
    names = [item.name for item in evidence]
    boxes_3d, boxes_2d = [list(item.box_3d) for item in evidence], [list(item.box_2d) for item in evidence]
    return " " + _statement("3D", names, boxes_3d) + _statement("2D", names, boxes_2d)


def _statement(kind: str, names: list[str], boxes: list[list[float]]) -> str:
    """One sentence per object up to two; then one for all, three as "a, b and c", more as Python prints a
    list.
    """
    if len(names) <= 2:
        return "".join(f"The {kind} bbox of {n} is {b}. " for n, b in zip(names, boxes, strict=True))
    if len(names) == 3:
        return "The {} bbox of {}, {} and {} is {}, {} and {}. ".format(kind, *names, *boxes)
    return f"The {kind} bbox of {names} is {boxes}. "


def _with_image(question: str) -> str:
    _check_question(question)
    return question if IMAGE_MARKER in question else IMAGE_MARKER + question


def _check_question(question: str) -> None:
    """A question that says something and cannot close the user's turn or bring its own picture tokens."""
    if not question.replace(IMAGE_MARKER, "").strip():
        raise ValueError(f"question: expected words, got {question!r}")
    token = re.search(r"<\|\w+\|>", question)
    if token:
        raise ValueError(f"question: expected plain words, got the control token {token.group()}")


def fit_prompt(
    ids: Sequence[int], max_length: int, config: PromptConfig = PromptConfig(), answer_length: int = 0
) -> list[int]:
    """The prompt's token ids, if prompt and answer_length more fit into max_length.

    Otherwise ValueError, or with prompt_overflow 'cut_end' what the release does: cut the end, assistant
    header first. Its cutoff is 2048 and it counts its reference answer (2 ids when empty) as the answer.
    """
    room = max_length - answer_length
    if len(ids) <= room:
        return list(ids)
    if config.prompt_overflow == "error":
        raise ValueError(f"prompt: expected at most {max(room, 0)} tokens, got {len(ids)}")
    return list(ids[: max(room, 0)])


def joined_answer(reasoning: str, answer: str) -> str:
    """What a model is trained to write in the second stage: the trace in think tags, then the sentence; the
    sentence alone where there is no trace. `split_answer` is its inverse.
    """
    return f"{THINK_START} {reasoning} {THINK_END} {answer}" if reasoning else answer


def split_answer(text: str) -> tuple[str, str]:
    """(reasoning, answer) of a reply `<think>reasoning</think>answer`, stripped; without the tags all is
    answer.

    A reply cut off inside its reasoning has no answer: (reasoning, "").
    """
    match = re.fullmatch(rf"\s*{THINK_START}(.*?)(?:{THINK_END}(.*))?", text, flags=re.DOTALL)
    if match is None:
        return "", text.strip()
    return match.group(1).strip(), (match.group(2) or "").strip()
