"""How a variant sees a view and writes its boxes.

In: a view's record, an `Ablation`. Out: `Sight`: the points that reach the model, the scale of its box text,
and its objects with their bins in the variant's own coordinates. It does not know questions or training.
What may be asked is the same for all variants.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from n3d_ros.geometry import SceneScale
from n3d_ros.preprocess.point_code import PointEncodingConfig, round_coordinates
from n3d_ros.training.finetune.configs import NONE, Ablation
from n3d_ros.training.finetune.examples import scale_without_depth
from n3d_ros.training.finetune.turns import box_bins
from n3d_ros.training.nano.shards import BOX_FIELDS, view_objects, xyz
from n3d_ros.training.nano.views import Record
from n3d_ros.training.questions import ViewObjects


@dataclass(frozen=True)
class Sight:
    """coords: (N, 3) float32 rounded point coordinates, zeros without depth. scene: the scale on which boxes
    are written. objects: with bins in the variant's coordinates.
    """

    coords: npt.NDArray[np.float32]
    scene: SceneScale
    objects: ViewObjects

    @property
    def fields(self) -> npt.NDArray[np.int64]:
        """(n, 6) the bins that the dense loss learns."""
        bins: npt.NDArray[np.int64] = self.objects.bins[:, BOX_FIELDS]
        return bins


def seen_by(ablation: Ablation, view: Record, encoding: PointEncodingConfig) -> Sight:
    """The view as that variant sees it."""
    objects, _ = view_objects(view)
    coords = round_coordinates(view["pooled"], encoding)
    scene = SceneScale(float(view["scale"]), xyz(view["shift"]))
    if ablation.depth == NONE:
        coords, scene = np.zeros_like(coords), scale_without_depth(ablation.unit_m)
    rows = [
        box_bins(box, scene, objects.intrinsics, ablation.coordinates) if askable else (0,) * 7
        for box, askable in zip(objects.boxes, objects.askable, strict=True)
    ]
    bins = np.array(rows, dtype=np.int64).reshape(-1, 7)
    return Sight(coords, scene, replace(objects, bins=bins))
