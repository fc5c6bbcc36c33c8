"""`n3d infer --conversation`: runs a conversation file of the release in the mode each entry has, and writes
the official output.

Every file that the entries name is looked up before the model loads. An entry that cannot be served is
reported and the others go on; the exit code is then 1.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from n3d_ros.errors import CommandFailed, N3DError, ResultCode
from n3d_ros.files.conversations import (
    Conversation,
    boxes_text,
    find_file,
    output_paths,
    read_conversations,
    write_output,
)
from n3d_ros.files.points_file import read_points
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.protocol.box_text import FIRST_BOX
from n3d_ros.protocol.prompts import THINK_END, THINK_START
from n3d_ros.runtime.options import Options, as_the_model_sees_it
from n3d_ros.runtime.types import AskResult, GroundResult

DEFAULT_FOLDER = Path("outputs")
# The release's limit of new tokens (docs/specification/prompts.md 4.1): many boxes need more than
# a robot's question.
RELEASED_MAX_TOKENS = 4096


def run_conversations(
    path: Path, folder: Path | None, detect: bool, options: Options, load: Callable[[], Any]
) -> int:
    """Run every entry of `path` on the pipeline that `load` gives; write one file each into `folder`.

    detect: ask only the first question of each, for boxes.
    """
    conversations = read_conversations(path)
    outputs = output_paths(folder or DEFAULT_FOLDER / path.stem, conversations)
    files = [(find_file(one.image, path), find_file(one.points, path)) for one in conversations]
    pipeline, problems = load(), []
    for number, (one, paths, output) in enumerate(
        tqdm(list(zip(conversations, files, outputs, strict=True)), unit="entry", disable=None)
    ):
        try:
            seen = as_the_model_sees_it(read_points(*paths), paths[0], options)
            ground, answer = _converse(pipeline, seen, one, detect)
        except N3DError as error:
            problems.append(f"entry {number}: {error.code.name}: {error.message}")
            continue
        write_output(output, one, grounding_text(ground, options), None if detect else answer_text(answer))
        print(f"{output}: {len(ground.objects)} objects; {_summary(ground, answer)}")
    if problems:
        raise CommandFailed("; ".join(problems))
    return 0


def _converse(
    pipeline: Any, observation: Observation, one: Conversation, detect: bool
) -> tuple[GroundResult, AskResult | None]:
    """Both stages of one entry, or with `detect` the first."""
    if detect or one.follow_up is not None:
        ground = pipeline.detect(observation, one.question, max_tokens=RELEASED_MAX_TOKENS)
        if detect:
            return ground, None
        return ground, pipeline.ask_about(observation, one.follow_up, ground, max_tokens=RELEASED_MAX_TOKENS)
    answer = pipeline.ask(observation, one.question, max_tokens=RELEASED_MAX_TOKENS)
    return answer.ground, answer


def grounding_text(ground: GroundResult, options: Options) -> str:
    """The boxes in metres, or what the model wrote where that holds none; read as the release reads, none
    counts without a box numbered 0.
    """
    is_upstream = options.box_index_rule == "upstream"
    if FIRST_BOX not in ground.raw_text and (is_upstream or not ground.objects):
        return ground.raw_text
    known = [(thing, thing.uv) for thing in ground.objects if thing.uv is not None]
    return boxes_text(
        [thing.box for thing, _ in known], [uv for _, uv in known], [thing.number for thing, _ in known]
    )


def answer_text(answer: AskResult | None) -> str:
    """The model's reply, or the computed one in its shape where that took its place."""
    if answer is None:
        return ""
    if answer.answer and answer.answer not in answer.raw_text:
        return f"{THINK_START}{answer.reasoning}{THINK_END} {answer.answer}"
    return answer.raw_text


def _summary(ground: GroundResult, answer: AskResult | None) -> str:
    if answer is None:
        return ground.message or "boxes only"
    if answer.code != ResultCode.OK or not answer.answer:
        return answer.message or "no answer"
    return answer.answer
