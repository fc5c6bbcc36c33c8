"""A question's picture and depth, as the model sees them.

In: a `Question`. Out: an `Observation`, the same object for questions that show the same, so that the model
encodes it once. Depth is measured where the set has it, else guessed by a depth model that was chosen. It
does not know what is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from n3d_ros.depth_models import estimate
from n3d_ros.files.picture_file import read_picture
from n3d_ros.files.points_file import read_points
from n3d_ros.preprocess.metres import MAX_DEPTH_M
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.training.evaluation.asking.mirror import mirrored
from n3d_ros.training.qa.records import PictureRef, Question
from n3d_ros.training.qa.sets import load_observation, with_rectangles

# A point map of the release's depth model, with its camera, instead of depth.
POINTS = ".npz"


@dataclass(frozen=True)
class DepthModel:
    """name: of `n3d_ros.depth_models`. weights: its folder, or `hub:NAME`."""

    name: str
    weights: str


class Observer:
    """root: where relative paths start. depth_model: for pictures without a depth file."""

    def __init__(
        self,
        root: Path = Path(),
        depth_model: DepthModel | None = None,
        max_depth_m: float = MAX_DEPTH_M,
        in_mirror: bool = False,
    ) -> None:
        self._root, self._depth_model, self._max_depth_m = root, depth_model, max_depth_m
        self._in_mirror = in_mirror
        self._shown: tuple[object, Observation] | None = None

    def observe(self, question: Question) -> Observation:
        """OSError or ValueError naming what is missing or does not fit."""
        shows = (question.picture, question.drawn_px)
        if self._shown is None or self._shown[0] != shows:
            seen = self._read(question)
            self._shown = (shows, mirrored(seen) if self._in_mirror else seen)
        return self._shown[1]

    def _read(self, question: Question) -> Observation:
        file = question.picture.depth_file
        if file is not None and not file.endswith(POINTS):
            return load_observation(question.picture, question.drawn_px, self._root, self._max_depth_m)
        picture = question.picture
        seen = self._guessed(picture) if file is None else self._with_points(picture, file)
        # Depth first: a drawn line is no thing.
        return replace(seen, rgb=with_rectangles(seen.rgb, question.drawn_px)) if question.drawn_px else seen

    def _with_points(self, picture: PictureRef, file: str) -> Observation:
        return read_points(self._root / picture.file, self._root / file)

    def _guessed(self, picture: PictureRef) -> Observation:
        if self._depth_model is None:
            raise ValueError(
                f"picture '{picture.key}': expected a depth file, got none; --depth-model guesses it"
            )
        rgb = read_picture(self._root / picture.file)
        camera = None if picture.fx is None else picture.intrinsics
        return estimate(rgb, self._depth_model.name, self._depth_model.weights, camera)
