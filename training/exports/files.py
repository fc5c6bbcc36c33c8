"""Shown pictures -> one file of an export: lines of JSON, or a WebDataset tar.

In: `Shown`s, where to write. Out: a whole file or none, the same bytes for the same pictures; how many rows
it has. It does not know sets or ledgers.

A WebDataset is tar files whose members of one sample follow each other and share what stands before the
first dot (huggingface.co/docs/hub/datasets-webdataset, github.com/webdataset/webdataset). A sample here is a
picture with all exchanges about it, so that it is stored once:

    00003-000017.png          picture, with rectangles where questions draw some
    00003-000017.depth.png    depth as it was found
    00003-000017.json         {"conversations": [{"id", "call", "messages"}], "camera": ..., ...}
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from n3d_ros.storage.whole_file import whole_file
from n3d_ros.training.exports.exchanges import Shown
from n3d_ros.training.exports.rows import ROWS, extra, messages

WEBDATASET = "webdataset"
FORMS = (WEBDATASET, *ROWS)
DRAWN_FOLDER = "images"


def file_of(out: Path, form: str, number: int) -> Path:
    """Where a shard of an export lies."""
    return out / "data" / f"shard-{number:05d}{'.tar' if form == WEBDATASET else '.jsonl'}"


def parts_of(out: Path, number: int) -> list[Path]:
    """What a process that was killed while it wrote this shard left behind."""
    drawn = (out / DRAWN_FOLDER).glob(f".{number:05d}-*.part*")
    return [*file_of(out, WEBDATASET, number).parent.glob(f".shard-{number:05d}.*.part*"), *drawn]


def write_file(out: Path, form: str, number: int, pictures: Iterable[Shown]) -> int:
    """How many exchanges it has. OSError leaves none."""
    path = file_of(out, form, number)
    with whole_file(path) as part:
        if form == WEBDATASET:
            return _write_tar(part, number, pictures)
        return _write_lines(part, out, form, number, pictures)


def _write_lines(part: Path, out: Path, form: str, number: int, pictures: Iterable[Shown]) -> int:
    rows = 0
    with part.open("w", encoding="utf-8") as stream:
        for index, shown in enumerate(pictures):
            picture = _picture_path(out, _key(number, index), shown)
            for exchange in shown.exchanges:
                row = ROWS[form](exchange, shown, str(picture))
                stream.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
                rows += 1
    return rows


def _picture_path(out: Path, key: str, shown: Shown) -> Path:
    """The picture's own file, or a drawn one that is written first."""
    if shown.drawn is None:
        return shown.file
    path = out.resolve() / DRAWN_FOLDER / f"{key}.png"
    with whole_file(path) as part:
        part.write_bytes(shown.drawn)
    return path


def _write_tar(part: Path, number: int, pictures: Iterable[Shown]) -> int:
    rows = 0
    with tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar:
        for index, shown in enumerate(pictures):
            key, rows = _key(number, index), rows + len(shown.exchanges)
            picture = shown.file.read_bytes() if shown.drawn is None else shown.drawn
            suffix = shown.file.suffix.lower() if shown.drawn is None else ".png"
            _add(tar, f"{key}{suffix}", picture)
            _add(tar, f"{key}.depth{shown.depth_file.suffix.lower()}", shown.depth_file.read_bytes())
            text = json.dumps(_sample(shown), ensure_ascii=False, allow_nan=False)
            _add(tar, f"{key}.json", text.encode())
    return rows


def _sample(shown: Shown) -> dict[str, Any]:
    conversations = [{"id": one.id, "call": one.call, "messages": messages(one)} for one in shown.exchanges]
    about = {name: extra(shown.exchanges[0], shown)[name] for name in ("depth_scale_m", "camera")}
    return {"picture": shown.picture.key, "conversations": conversations, **about}


def _key(number: int, index: int) -> str:
    """Without a dot, which would end it."""
    return f"{number:05d}-{index:06d}"


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Without time or owner: the same content gives the same bytes."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    tar.addfile(member, io.BytesIO(data))
