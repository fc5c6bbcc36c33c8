"""A lifted set of simulated scenes against their true boxes.

In: the folder of a lifted set, and `truth.json` of the scenes: `boxes`, a list with `annotation` and `seen`,
the box around what the camera sees (`center_m`, `size_m`, optical frame). Out: 3D IoU by annotation. It
changes nothing.

    python -m n3d_ros.training.lift.report.true_boxes scenes/truth.json lifted
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from n3d_ros.boxes import Box3D, iou_3d
from n3d_ros.training.lift.sources.json_items import json_items


def overlaps(truth: Path, lifted: Path) -> dict[str, float]:
    """3D IoU of every true box with its lifted one, 0 where lifting rejected it. ValueError where the set has
    none of the annotations.
    """
    made = {key: box for shard in sorted(lifted.glob("shard-*.parquet")) for key, box in _boxes(shard)}
    known = [item for name, item in json_items(truth) if name == "boxes" and item.get("seen")]
    if not made.keys() & {str(item["annotation"]) for item in known}:
        raise ValueError(f"'{lifted}': expected annotations of '{truth}', got none of them")
    return {str(item["annotation"]): _overlap(item, made) for item in known}


def _boxes(shard: Path) -> Iterator[tuple[str, Box3D]]:
    for row in pq.read_table(shard, columns=["objects"]).to_pylist():
        for one in row["objects"]:
            yield one["annotation"], _box(one["box"])


def _overlap(item: dict[str, Any], made: dict[str, Box3D]) -> float:
    box = made.get(str(item["annotation"]))
    return 0.0 if box is None else iou_3d(box, _box(item["seen"]))


def _box(stated: dict[str, Any]) -> Box3D:
    return Box3D("", tuple(stated["center_m"]), tuple(stated["size_m"]))


def main() -> None:
    """Print median and tenth percentile."""
    parser = argparse.ArgumentParser(description="A lifted set against the true boxes of its scenes.")
    parser.add_argument("truth", type=Path, help="truth.json of the scenes")
    parser.add_argument("lifted", type=Path, help="folder of the lifted set")
    args = parser.parse_args()
    found = np.array(list(overlaps(args.truth, args.lifted).values()))
    print(
        f"3D IoU of {found.size} boxes: median {np.median(found):.3f}, tenth percentile "
        f"{np.quantile(found, 0.1):.3f}, {np.count_nonzero(found == 0)} without a box or overlap"
    )


if __name__ == "__main__":
    main()
