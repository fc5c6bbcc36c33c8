"""Recorded conversations of the release, both ways to ask, against the pipeline's own text steps.

In: prompts.json and the scenes of codec.json. Out: lines. The replies are recorded, so no model runs: the
reply is read by the pipeline's `ObjectReader`, the evidence chosen by its `topic`, in strict mode.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from n3d_ros.engines.parity.report import ParityReport, Record
from n3d_ros.engines.parity.text import check_numbers_in_text, view_of
from n3d_ros.files.conversations import Conversation, boxes_text
from n3d_ros.preprocess.prepare import ModelInputs
from n3d_ros.protocol import prompts
from n3d_ros.protocol.box_codec import format_box, parse, quantize
from n3d_ros.protocol.box_text import FIRST_BOX
from n3d_ros.runtime.answers.topic import located, mentioned_topic
from n3d_ros.runtime.decoding.sampling import RELEASED
from n3d_ros.runtime.objects import ObjectReader
from n3d_ros.runtime.options import EMPTY_ANSWER_TOKENS, RELEASED_CUTOFF, UPSTREAM
from n3d_ros.runtime.types import GroundedObject

CUT = prompts.PromptConfig(prompt_overflow="cut_end")
PAD = prompts.IMAGE_PAD
# The recording's tokenizer: one id per special string and per character.
TOKEN = re.compile(r"<\|\w+\|>|[\s\S]")


def check_prompts(entries: Record, scenes: dict[str, Any], report: ParityReport) -> None:
    """Every conversation; those of the official files hold prompts only."""
    for name in entries.names():
        entry = entries[name]
        if not isinstance(entry, dict):
            report.exact("prompts: CODE", name, prompts.CODE, entry)
            continue
        with report.guarded("prompts", name[:28]):
            report.exact("prompts: runs", name[:28], entry.get("error"), None)
            _check_calls(entry["calls"], name[:28], report)
            if "messages" in entry:
                _check_conversation(name, entry, scenes["P"], report)
            else:
                _check_official(entry["calls"], name[:28], report)


def _check_calls(calls: list[dict[str, Any]], case: str, report: ParityReport) -> None:
    """Generation settings and the length of every prompt."""
    settings = (RELEASED.temperature, RELEASED.top_p, RELEASED.top_k)
    for call in calls:
        kwargs = call["kwargs"]
        recorded = (kwargs["temperature"], kwargs["top_p"], kwargs["top_k"])
        report.exact("prompts: sampling", case, settings, recorded)
        report.exact("prompts: n_ids", case, len(TOKEN.findall(_full(call["prompt"]))), call["n_ids"])


def _check_official(calls: list[dict[str, Any]], case: str, report: ParityReport) -> None:
    """First-stage prompts are rebuilt from the question in them, second-stage ones from their sentences."""
    for call in calls:
        prompt = call["prompt"]
        user = re.fullmatch(r"(?s).*?<\|vision_end\|>(.*?)<\|im_end\|>.*", prompt)
        if user is None:
            report.fault("prompts: official", case, f"no user text in {prompt[-80:]!r}")
            continue
        text = user.group(1).replace(prompts.CODE, prompts.CODE_MARKER)
        report.exact("prompts: official", case, _rebuilt(text), _collapsed(prompt))
        grid = np.prod(call["grid"][0]) // 4
        report.exact("prompts: image tokens", case, _full(prompt).count(PAD), int(grid))


def _rebuilt(text: str) -> str:
    words = re.fullmatch(r"Identify the 3D boxes for all the '(.*)' in this scene\. .*", text)
    if words:
        return prompts.ground_prompt(prompts.ground_question(words.group(1)))
    if text.endswith(prompts.LOCATE):
        return prompts.locate_prompt(text.removesuffix(prompts.LOCATE))
    if text.endswith(prompts.CODE_MARKER):
        return prompts.ground_prompt(text)
    return prompts.answer_prompt(text, _evidence_in(text), "upstream")


def _evidence_in(text: str) -> list[prompts.Evidence]:
    """The evidence that the sentences of a condition state, in their order."""
    found: dict[str, list[tuple[str, tuple[float, ...]]]] = {"3D": [], "2D": []}
    for kind, names, boxes in re.findall(r"The (3D|2D) bbox of (.*?) is (\[.*?\])\. (?=The |$)", text):
        numbers = [tuple(map(float, box.split(", "))) for box in re.findall(r"\[([^\[\]]+)\]", boxes)]
        found[kind] += zip(_names_in(names, len(numbers)), numbers, strict=True)
    pairs = zip(found["3D"], found["2D"], strict=True)
    return [prompts.Evidence(name, box_3d, box_2d) for (name, box_3d), (_, box_2d) in pairs]  # type: ignore[arg-type]


def _names_in(text: str, count: int) -> list[str]:
    """One name, three as "a, b and c", more as a Python list."""
    if text.startswith("["):
        return list(ast.literal_eval(text))
    return re.split(r", | and ", text) if count > 1 else [text]


def _check_conversation(
    name: str, entry: dict[str, Any], scene: dict[str, Any], report: ParityReport
) -> None:
    """Both prompts of a conversation, cut as the release cuts, and the file that it writes."""
    conversation = Conversation(tuple(entry["messages"]), "", "")
    objects, text, note = _read_reply(entry, scene)
    wanted = list(_prompts(conversation, objects, scene, num_calls=len(entry["calls"])))
    cutoff = re.search(r"cutoff_(?:default_)?(\d+)", name)
    limit = int(cutoff.group(1)) if cutoff else RELEASED_CUTOFF
    for stage, (prompt, call) in enumerate(zip(wanted, entry["calls"], strict=True)):
        answer = conversation.messages[2 * stage + 1] if len(conversation.messages) > 2 * stage + 1 else ""
        cut = _cut(_full(prompt, _num_pads(entry)), limit, answer)
        report.exact(f"prompts: stage {stage + 1}", name[:28], cut, _full(call["prompt"]), note)
    for (output,) in entry.get("outputs", []):
        report.exact("prompts: output question", name[:28], conversation.question, output["question"])
        check_numbers_in_text("prompts: output boxes", name[:28], text, output["Native 3D Grounding"], report)


def _read_reply(entry: dict[str, Any], scene: dict[str, Any]) -> tuple[list[GroundedObject], str, str]:
    """Objects as strict mode reads them, the text the release writes out, and what is special.

    The release loses every box of a text that its parser cannot read (guard G2); then there are none here.
    """
    scale, camera = view_of(scene)
    empty = np.zeros((0, 3), dtype=np.float32)
    inputs = ModelInputs(empty, (0, 0), empty, scale, camera, 1.0)
    reader = ObjectReader("", inputs, options=UPSTREAM)
    reply = entry["stage1_reply"]
    for character in reply:
        reader.push(character, 1.0)
    reader.finish()
    lost = any(output["Native 3D Grounding"] == "\n" for (output,) in entry.get("outputs", []))
    if lost and reader.objects:
        return [], "\n", f"the release loses all boxes, we keep {len(reader.objects)}"
    if FIRST_BOX not in reply:
        return reader.objects, reply, ""
    things = reader.objects
    uvs = [thing.uv or (np.nan, np.nan) for thing in things]
    text = boxes_text([thing.box for thing in things], uvs, [thing.number for thing in things])
    return things, text, ""


def _prompts(
    conversation: Conversation, objects: list[GroundedObject], scene: dict[str, Any], num_calls: int
) -> Iterator[str]:
    question, camera = conversation.question, view_of(scene)[1]
    if FIRST_BOX in question:
        yield prompts.chat(_requantized(question))
    elif conversation.follow_up is not None or num_calls == 1:
        yield prompts.ground_prompt(question)
    else:
        yield prompts.locate_prompt(question)
    if conversation.follow_up is not None:
        topic = mentioned_topic(conversation.follow_up, objects, camera, "upstream")
        yield prompts.answer_prompt(conversation.follow_up, topic.evidence, "upstream")
    elif num_calls > 1:
        yield prompts.answer_prompt(question, located(question, objects, camera).evidence, "upstream")


def _requantized(text: str) -> str:
    """The boxes of a message in bins, and nothing else of it (docs/specification/prompts.md 2)."""
    boxes = parse(text).boxes
    lines = [format_box(box.index, box.label, quantize(box.values, round_uv=False)) for box in boxes]
    return "\n".join(lines) + "\n"


def _num_pads(entry: dict[str, Any]) -> int:
    return max(_full(call["prompt"]).count(PAD) for call in entry["calls"])


def _cut(prompt: str, limit: int, answer: str) -> str:
    """What is left of a prompt beside its reference answer, by LLaMA-Factory's infer_seqlen."""
    tokens = TOKEN.findall(prompt)
    num_answer = len(_requantized(answer) if FIRST_BOX in answer else answer) + EMPTY_ANSWER_TOKENS
    if num_answer * 2 < limit:
        kept = limit
    elif len(tokens) * 2 < limit:
        kept = limit - len(tokens)
    else:
        kept = int(limit * num_answer / (len(tokens) + num_answer))
    ids = prompts.fit_prompt(range(len(tokens)), limit, CUT, answer_length=min(kept, num_answer))
    return "".join(tokens[i] for i in ids)


def _full(prompt: str, num_pads: int | None = None) -> str:
    """A prompt with its run of pads written out; recorded ones say `*n`."""
    if num_pads is not None:
        return prompt.replace(PAD, PAD * num_pads)
    return re.sub(re.escape(PAD) + r"(?:\*(\d+))?", lambda found: PAD * int(found.group(1) or 1), prompt)


def _collapsed(prompt: str) -> str:
    return re.sub(re.escape(PAD) + r"\*\d+", PAD, prompt)
