"""The release's conversation files: a JSON list of questions about pictures, and the JSON it answers with.

In: paths. Out: `Conversation`s, and from answers the official output. An entry holds `messages` (questions
and reference answers in turn), one path under `images`, one under `points`, and a `question_type`. More than
three messages are two steps (find, then ask about ids), fewer are one question. Reference answers are kept
for writing and never shown to a model (guards G4, G8). It knows no models. Errors are OSError or ValueError
that name the entry, what was expected and what came. Source: docs/specification/prompts.md 2, 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from n3d_ros.boxes import Box3D
from n3d_ros.plain_text import shown
from n3d_ros.protocol.box_text import box_start, parse
from n3d_ros.protocol.prompts import IMAGE_MARKER
from n3d_ros.storage.json_file import JsonError, read_json
from n3d_ros.storage.whole_file import write_json

MAX_ONE_QUESTION_MESSAGES = 3
ROLES = ("user", "assistant")


@dataclass(frozen=True)
class Conversation:
    """`messages`: contents, question and reference answer in turn. `image`, `points`: paths as written."""

    messages: tuple[str, ...]
    image: str
    points: str
    question_type: str = ""

    def __post_init__(self) -> None:
        if not self.messages or not self.messages[0].replace(IMAGE_MARKER, "").strip():
            raise ValueError(f"messages: expected a question first, got {shown(self.messages[:1])}")
        for question in self.messages[::2]:
            if question.count(IMAGE_MARKER) > 1:
                raise ValueError(f"messages: expected at most one {IMAGE_MARKER}, got {shown(question)}")

    @property
    def question(self) -> str:
        """What is asked first."""
        return self.messages[0]

    @property
    def follow_up(self) -> str | None:
        """What is asked about the objects that the first question found; None where all is one question."""
        return self.messages[2] if len(self.messages) > MAX_ONE_QUESTION_MESSAGES else None


def read_conversations(path: Path) -> list[Conversation]:
    """Every entry of a file."""
    if not path.is_file():
        raise FileNotFoundError(f"conversation: expected a file, got '{path}'")
    try:
        entries = read_json(path)
    except JsonError as error:
        raise ValueError(f"conversation: expected JSON in '{path}', got {error}") from error
    if not isinstance(entries, list) or not entries:
        raise ValueError(
            f"conversation: expected a list of entries in '{path}', got {type(entries).__name__}"
        )
    conversations = []
    for number, entry in enumerate(entries):
        try:
            conversations.append(_conversation(entry))
        except ValueError as error:
            raise ValueError(f"conversation: entry {number} of '{path}': {error}") from error
    return conversations


def write_conversations(path: Path, conversations: Sequence[Conversation]) -> None:
    """Write a file that `read_conversations` and the release read."""
    entries = [
        {
            "messages": [
                {"content": content, "role": ROLES[turn % 2]} for turn, content in enumerate(one.messages)
            ],
            "images": [one.image],
            "points": [one.points],
            "question_type": one.question_type,
        }
        for one in conversations
    ]
    _write(path, entries)


def find_file(name: str, conversations: Path) -> Path:
    """The file that a conversation names: from the working folder, as the release takes it, else from the
    conversation file's folder or the one above it. FileNotFoundError naming the places.
    """
    places = [Path(name), conversations.parent / name, conversations.parent.parent / name]
    for place in places:
        if is_file(place):
            return place
    raise FileNotFoundError(
        f"expected {shown(name)} in the working folder or near '{conversations}', found none"
    )


def is_file(place: Path) -> bool:
    """Whether a file is there; no name that the system refuses (a null, 5,000 letters) is one."""
    try:
        return place.is_file()
    except (OSError, ValueError):
        return False


def boxes_text(boxes: Sequence[Box3D], uvs: Sequence[tuple[float, float]], numbers: Sequence[int]) -> str:
    """The boxes as the release writes them out: `bbox_0=Bbox(<class>,<u>,<v>,<z>,<angle>,<sx>,<sy>,<sz>)` a
    line, u and v in 0..1, z and sizes in metres, angle about the checkpoint's +y.
    """
    lines = [
        f"{box_start(number)}{box.label},{uv[0]},{uv[1]},{box.center[2]},{0.0 - box.yaw},{box.size[0]},"
        f"{box.size[1]},{box.size[2]})"
        for box, uv, number in zip(boxes, uvs, numbers, strict=True)
    ]
    return "\n".join(lines) + "\n"


def read_boxes_text(text: str) -> list[tuple[int, str, tuple[float, ...]]]:
    """Inverse of `boxes_text`: number, class and u, v, z, angle, sizes of every box that can be read."""
    return [(box.index, box.label, box.values) for box in parse(text).boxes]


def output_paths(folder: Path, conversations: Sequence[Conversation]) -> list[Path]:
    """Where the output of every entry goes: named after its point file, as in the release.

    ValueError where two entries would share a name: the release lets the second replace the first.
    """
    paths = [folder / f"{Path(one.points).stem}.json" for one in conversations]
    for one in conversations:
        if not Path(one.points).stem or "\0" in one.points:
            raise ValueError(f"points: expected a path to a file, got {shown(one.points)}")
    for number, path in enumerate(paths):
        if path in paths[:number]:
            first = paths.index(path)
            raise ValueError(f"conversation: entries {first} and {number} would both be written to '{path}'")
    return paths


def write_output(path: Path, conversation: Conversation, grounding: str, answer: str | None) -> None:
    """Write the official output of one entry. answer: None leaves it out, as the release's detection does."""
    record = {
        "point_cloud": conversation.points,
        "image_path": conversation.image,
        "question": conversation.question,
        "Native 3D Grounding": grounding,
    }
    if answer is not None:
        record["3D Spatial Reasoning"] = " ".join(answer.split())
    _write(path, [record])


def _conversation(entry: Any) -> Conversation:
    if not isinstance(entry, dict):
        raise ValueError(f"expected an object, got {type(entry).__name__}")
    return Conversation(
        _messages(entry), _one(entry, "images"), _one(entry, "points"), str(entry.get("question_type", ""))
    )


def _messages(entry: dict[str, Any]) -> tuple[str, ...]:
    messages = entry.get("messages")
    if not isinstance(messages, list):
        raise ValueError(f"messages: expected a list, got {shown(messages)}")
    for turn, message in enumerate(messages):
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(content, str) or message.get("role") != ROLES[turn % 2]:
            raise ValueError(f"messages: expected content and role {ROLES[turn % 2]!r}, got {shown(message)}")
    return tuple(message["content"] for message in messages)


def _one(entry: dict[str, Any], name: str) -> str:
    """The only path of a list: the model takes one picture with one point map (guard G9)."""
    if entry.get("videos"):
        raise ValueError("videos: expected none, the model takes one picture")
    values = entry.get(name)
    if not (isinstance(values, list) and len(values) == 1 and isinstance(values[0], str)):
        raise ValueError(f"{name}: expected one path, got {shown(values)}")
    return values[0]


def _write(path: Path, content: list[dict[str, Any]]) -> None:
    write_json(path, content, indent=4, ensure_ascii=False)
