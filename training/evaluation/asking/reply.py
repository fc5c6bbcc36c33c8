"""What a model said and found, as it is stored. Data only; boxes in the optical frame, metres."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics


@dataclass(frozen=True)
class Reply:
    """One question's outcome.

    answer: what the robot would hear; own_answer: the model's own sentence, which differs where its boxes do
    not confirm it (is_computed). boxes: what was found, with scores. num_malformed: broken box texts.
    message: the pipeline's. fault: why the question could not be asked at all, as for words that the
    tokenizer does not know; empty where it was. camera: of the picture as shown, guessed where it was not
    known.
    """

    answer: str = ""
    own_answer: str = ""
    is_computed: bool = False
    boxes: tuple[Box3D, ...] = ()
    num_malformed: int = 0
    message: str = ""
    fault: str = ""
    total_ms: float = 0.0
    camera: Intrinsics | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self) | {"camera": None if self.camera is None else self.camera.to_dict()}

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Reply:
        """ValueError, KeyError or TypeError for what is no reply."""
        camera = None if row["camera"] is None else Intrinsics.from_dict(row["camera"])
        return cls(**{**row, "boxes": tuple(map(_box, row["boxes"])), "camera": camera})


def _box(row: dict[str, Any]) -> Box3D:
    return Box3D(**{**row, "center": tuple(row["center"]), "size": tuple(row["size"])})
