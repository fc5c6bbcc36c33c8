"""A folder of rendered views on disk -> one view at a time, and what its objects may be asked.

In: `views_*.npy` as `views` writes them. Out: arrays of a view, its `ViewObjects` and their bins. It does not
know tokens or batches.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.protocol.box_codec import encode_box
from n3d_ros.training.nano.views import (
    COLOR_NAMES,
    KIND_NAMES,
    MAX_OBJECTS,
    NANO_KINDS,
    SMALL,
    Record,
    shard_kinds,
)
from n3d_ros.training.questions import MIN_VISIBLE, MIN_VISIBLE_PX, ViewObjects

# Of the seven bins, those that the dense loss learns: all but the angle.
BOX_FIELDS = (0, 1, 2, 4, 5, 6)


class ViewShards:
    """All views of a folder of shards; what is in memory does not grow with their number. ValueError for a
    shard whose records count in other kinds than the first of `kinds`.

    A view is read from its file when it is asked for (about 0.1 ms, and the system keeps what it read
    lately).
    """

    def __init__(self, folder: Path, kinds: Sequence[str] = NANO_KINDS) -> None:
        self.folder, self.kinds = folder, tuple(kinds)
        self.shards: dict[Path, np.memmap] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take in shards that have been written since."""
        for path in sorted(self.folder.glob("views_*.npy")):
            if path not in self.shards:
                shard = np.lib.format.open_memmap(path, mode="r")
                check_kinds(path, shard_kinds(shard), self.kinds)
                self.shards[path] = shard
        self.index = [(path, row) for path, shard in self.shards.items() for row in range(len(shard))]
        if not self.index:
            raise FileNotFoundError(f"{self.folder}: expected views_*.npy (render them first), found none")

    def __len__(self) -> int:
        return len(self.index)

    def view(self, number: int) -> Record:
        path, row = self.index[number]
        shard = self.shards[path]
        # read, not mapped: pages of a mapped file count as the process's memory
        at = shard.offset + row * shard.itemsize
        record = np.fromfile(path, shard.dtype, count=1, offset=at)[0]
        return {name: record[name] for name in shard.dtype.names or ()}


def check_kinds(path: Path, found: Sequence[str], expected: Sequence[str]) -> None:
    """ValueError that names the first kind which a number of the shard would be read as another."""
    for number, kind in enumerate(found):
        wanted = expected[number] if number < len(expected) else "nothing"
        if kind != wanted:
            raise ValueError(
                f"{path}: expected views of {len(expected)} kinds with {wanted} as number {number}, "
                f"got {kind} of {len(found)}; render them anew or train with the --world that they are of"
            )


def view_objects(view: Record) -> tuple[ViewObjects, np.ndarray]:
    """Names, box lines and askability of a view's objects, and their (n, 6) bins for the dense loss."""
    present = [i for i in range(MAX_OBJECTS) if view["kind"][i] >= 0]
    kinds = tuple(KIND_NAMES[view["kind"][i]] for i in present)
    colors = tuple(COLOR_NAMES[view["color"][i]] for i in present)
    names = tuple(f"{c} {k}" for c, k in zip(colors, kinds, strict=True))
    scene = SceneScale(float(view["scale"]), xyz(view["shift"]))
    fx, fy, cx, cy = map(float, view["intrinsics"])
    height, width = view["rgb"].shape[:2]
    intrinsics = Intrinsics(fx, fy, cx, cy, width, height, is_crop=True)
    boxes = [Box3D(names[i], xyz(view["boxes"][i][:3]), xyz(view["boxes"][i][3:])) for i in present]
    bins = np.array([view_bins(box, scene, intrinsics) for box in boxes], dtype=np.int64).reshape(-1, 7)
    # what a bin cannot say, a centre out of the picture or a size beyond the largest, is never asked for
    inside = [bool((b[:3] > 0).all() and (b[[0, 1, 2, 4, 5, 6]] < 999).all()) for b in bins]
    least_px = MIN_VISIBLE_PX * (width * height) / (SMALL.width * SMALL.height)
    askable = tuple(
        bool(view["visible_px"][i] >= least_px and view["visible"][i] >= MIN_VISIBLE and inside[i])
        for i in present
    )
    found = ViewObjects(names, kinds, colors, bins, askable, boxes=tuple(boxes), intrinsics=intrinsics)
    return found, bins[:, BOX_FIELDS]


def xyz(row: np.ndarray) -> tuple[float, float, float]:
    """Three numbers of a shard as a point or a size."""
    x, y, z = map(float, row)
    return x, y, z


def view_bins(box: Box3D, scene: SceneScale, intrinsics: Intrinsics) -> tuple[float, ...]:
    """The seven bins of a box, zeros (never asked for) when its centre is behind the camera."""
    return encode_box(box, scene, intrinsics) if box.center[2] > 0 else (0,) * 7
