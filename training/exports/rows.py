"""An exchange -> the row that ms-swift, LLaMA-Factory or TRL reads.

In: `Exchange`, its picture, and the path under which the picture lies. Out: plain JSON values. It does not
know files. Keys beyond a program's own (`EXTRA`) are ignored by all three; who teaches one of them to take
depth finds there where it lies.

ms-swift: messages with `<image>` and `images`
(swift.readthedocs.io/en/latest/Customization/Custom-dataset.html).
LLaMA-Factory: the same as OpenAI's messages, told of in `dataset_info.json`
(github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md).
TRL: prompt and completion, whose loss is of the completion alone, content as lists of image and text
(huggingface.co/docs/trl/dataset_formats, huggingface.co/docs/trl/sft_trainer).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from n3d_ros.protocol import prompts
from n3d_ros.training.exports.exchanges import Exchange, Shown

Row = dict[str, Any]
EXTRA = ("id", "call", "depths", "depth_scale_m", "camera")
DATASET_NAME = "n3d"


def messages_row(exchange: Exchange, shown: Shown, picture: str) -> Row:
    """For ms-swift and LLaMA-Factory."""
    return {"messages": messages(exchange), "images": [picture], **extra(exchange, shown)}


def trl_row(exchange: Exchange, shown: Shown, picture: str) -> Row:
    """For TRL's SFTTrainer, after `cast_column("images", Sequence(Image()))`."""
    *asked, reply = [{"role": one["role"], "content": _parts(one["content"])} for one in messages(exchange)]
    return {"prompt": asked, "completion": [reply], "images": [picture], **extra(exchange, shown)}


ROWS: dict[str, Callable[[Exchange, Shown, str], Row]] = {
    "ms-swift": messages_row,
    "llama-factory": messages_row,
    "trl": trl_row,
}


def messages(exchange: Exchange) -> list[dict[str, str]]:
    """As OpenAI has them, with `<image>` in the user's words."""
    texts = {"system": prompts.SYSTEM, "user": exchange.user, "assistant": exchange.reply}
    return [{"role": role, "content": text} for role, text in texts.items()]


def extra(exchange: Exchange, shown: Shown) -> Row:
    """depths: the depth file. depth_scale_m: metres per unit of it, empty for the file's own. camera: fx, fy,
    cx, cy of the picture, pixels. Lists, so that every row has the same types.
    """
    k, scale = shown.picture.intrinsics, shown.picture.depth_scale_m
    return {
        "id": exchange.id,
        "call": exchange.call,
        "depths": [str(shown.depth_file)],
        "depth_scale_m": [] if scale is None else [scale],
        "camera": [k.fx, k.fy, k.cx, k.cy],
    }


def dataset_info(folder: str) -> Row:
    """LLaMA-Factory's description of the rows in that folder."""
    return {
        DATASET_NAME: {
            "file_name": folder,
            "formatting": "sharegpt",
            "columns": {"messages": "messages", "images": "images"},
            "tags": {
                "role_tag": "role",
                "content_tag": "content",
                "user_tag": "user",
                "assistant_tag": "assistant",
                "system_tag": "system",
            },
        }
    }


def _parts(text: str) -> list[dict[str, str]]:
    """Words and pictures in their order."""
    parts: list[dict[str, str]] = []
    for number, words in enumerate(text.split(prompts.IMAGE_MARKER)):
        parts += [{"type": "image"}] if number else []
        parts += [{"type": "text", "text": words}] if words else []
    return parts
