"""The boxes of one request, fitted to the depth they were found in.

In: objects as the looks left them. Out: the same objects, each with the box that depth shows. What fits is
`depth_fit`'s affair; this keeps two things of one name apart.
"""

from __future__ import annotations

from dataclasses import replace

from n3d_ros.boxes import box_2d_px
from n3d_ros.depth_fit.fit import fitted
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.objects import is_repeated
from n3d_ros.runtime.types import GroundedObject, OnBox

DEPTH = "depth"


class BoxFit:
    """mode: 'depth', or 'off', where every object stays as it is."""

    def __init__(self, mode: str, observation: Observation) -> None:
        self._mode, self._observation = mode, observation
        self._fitted: dict[str, GroundedObject] = {}

    def of(self, thing: GroundedObject) -> GroundedObject:
        """The object with its fitted box; the same one when it is asked for again. A box that would take the
        place of an earlier one of its name stays where it was: depth cannot tell these two apart.
        """
        if self._mode != DEPTH:
            return thing
        if thing.id not in self._fitted:
            box = fitted(thing.box, self._observation)
            if any(is_repeated(box, earlier.box) for earlier in self._fitted.values()):
                box = thing.box
            outline = box_2d_px(box, self._observation.intrinsics)
            self._fitted[thing.id] = replace(thing, box=box, box_2d_px=outline)
        return self._fitted[thing.id]

    def before(self, on_box: OnBox | None) -> OnBox | None:
        """A listener that hears of fitted boxes."""
        return None if on_box is None else lambda thing: on_box(self.of(thing))
