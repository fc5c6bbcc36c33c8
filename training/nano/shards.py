"""A folder of rendered views on disk -> one view at a time, and what its objects may be asked.

In: `views_*.npz` as `views` writes them. Out: arrays of a view, its `ViewObjects` and their bins. It does not
know tokens or batches.
"""

from pathlib import Path

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.protocol.box_codec import encode_box
from n3d_ros.training.nano.views import COLOR_NAMES, HEIGHT, KIND_NAMES, MAX_OBJECTS, WIDTH, Record
from n3d_ros.training.questions import MIN_VISIBLE, MIN_VISIBLE_PX, ViewObjects

# Of the seven bins, those that the dense loss learns: all but the angle.
BOX_FIELDS = (0, 1, 2, 4, 5, 6)


class ViewShards:
    """All views of a folder of shards, small arrays in memory, pictures memory-mapped by numpy where the file
    allows.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards: dict[Path, Record] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take in shards that have been written since."""
        for path in sorted(self.folder.glob("views_*.npz")):
            if path not in self.shards:
                with np.load(path) as data:
                    self.shards[path] = {key: data[key] for key in data.files}
        self.index = [(path, row) for path, shard in self.shards.items() for row in range(len(shard["rgb"]))]
        if not self.index:
            raise FileNotFoundError(f"{self.folder}: expected views_*.npz (render them first), found none")

    def __len__(self) -> int:
        return len(self.index)

    def view(self, number: int) -> Record:
        path, row = self.index[number]
        return {key: values[row] for key, values in self.shards[path].items()}


def view_objects(view: Record) -> tuple[ViewObjects, np.ndarray]:
    """Names, box lines and askability of a view's objects, and their (n, 6) bins for the dense loss."""
    present = [i for i in range(MAX_OBJECTS) if view["kind"][i] >= 0]
    kinds = tuple(KIND_NAMES[view["kind"][i]] for i in present)
    colors = tuple(COLOR_NAMES[view["color"][i]] for i in present)
    names = tuple(f"{c} {k}" for c, k in zip(colors, kinds, strict=True))
    scene = SceneScale(float(view["scale"]), xyz(view["shift"]))
    fx, fy, cx, cy = map(float, view["intrinsics"])
    intrinsics = Intrinsics(fx, fy, cx, cy, WIDTH, HEIGHT)
    boxes = [Box3D(names[i], xyz(view["boxes"][i][:3]), xyz(view["boxes"][i][3:])) for i in present]
    bins = np.array([view_bins(box, scene, intrinsics) for box in boxes], dtype=np.int64).reshape(-1, 7)
    inside = [bool(0 < b[0] < 999 and 0 < b[1] < 999) for b in bins]
    askable = tuple(
        bool(view["visible_px"][i] >= MIN_VISIBLE_PX and view["visible"][i] >= MIN_VISIBLE and inside[i])
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
