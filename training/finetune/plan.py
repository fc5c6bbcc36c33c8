"""Which questions a stage asks, and in which order.

In: the kind and the picture of every question of a set, as numbers. Out: units of question numbers, epoch
after epoch: a few questions about one picture, in an order that a seed decides. It does not know texts or
files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from n3d_ros.training.finetune.configs import DIRECT, Ablation, Stage

IntArray = npt.NDArray[np.int64]
HashArray = npt.NDArray[np.uint64]
HASHES = 2.0**64


class Plan:
    """The order of one stage.

    is_spatial: (N,) bool. pictures: (N,) uint64, a hash of the picture, evenly spread. ValueError where the
    set has no question that the stage needs.
    """

    def __init__(
        self,
        is_spatial: npt.NDArray[np.bool_],
        pictures: HashArray,
        stage: Stage,
        ablation: Ablation,
        questions_per_picture: int,
        seed: int,
    ) -> None:
        chosen = pictures.astype(np.float64) < ablation.data_share * HASHES
        self.spatial = np.flatnonzero(chosen & is_spatial)
        self.boxes = np.flatnonzero(chosen & ~is_spatial)
        self.pictures, self.stage, self.seed = pictures, stage, seed
        self.share = 0.0 if ablation.answers == DIRECT else stage.grounding_share
        self.per_picture = questions_per_picture
        for name, have, needed in (
            ("spatial", self.spatial, self.share < 1),
            ("detection or grounding", self.boxes, self.share > 0),
        ):
            if needed and not len(have):
                raise ValueError(f"{stage.name}: expected {name} questions in the set, got none")

    def epoch(self, number: int) -> Iterator[Sequence[int]]:
        """Units of up to `questions_per_picture` questions about one picture, each question once an epoch;
        of a mix, those for boxes in other choice each time.
        """
        rng = np.random.default_rng([self.seed, number])
        chosen = self._chosen(rng)
        order = chosen[np.lexsort((rng.random(len(chosen)), self.pictures[chosen]))]
        pictures = self.pictures[order]
        starts = np.flatnonzero(np.r_[True, pictures[1:] != pictures[:-1]])
        place = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
        cuts = np.flatnonzero(place % self.per_picture == 0)
        ends = np.r_[cuts[1:], len(order)]
        for unit in rng.permutation(len(cuts)):
            yield order[cuts[unit] : ends[unit]].tolist()

    def _chosen(self, rng: np.random.Generator) -> IntArray:
        """All of the kind that the stage is about, and the other's share beside it."""
        if self.share == 1:
            return self.boxes
        wanted = round(len(self.spatial) * self.share / (1 - self.share))
        beside = rng.choice(self.boxes, min(wanted, len(self.boxes)), replace=False)
        return np.concatenate([self.spatial, beside])
