"""Lifted pictures -> Parquet shards, one ledger entry each, and the manifest over all of them.

In: `LiftedPicture`s in order. Out: `shard-NNNNN.parquet`, then `ledger/shard-NNNNN.json`, each written whole,
in this order: a shard counts when its entry is there. It does not know how boxes are made or who makes which
shard.

A shard's row is a picture; `objects` are its boxes, `rejected` its annotations without one. `sha256` is of
the picture file's bytes, `look` its difference hash (`looks`). `depth_scale_m`: metres per unit of
`depth_file`, null for the file's own. `box_of_model` is what a depth model gives beside a sensor
(`comparison`), `given` the box as annotated where it was not lifted. Frames: optical (x right, y down, z
forward), `upright` in the level frame that `R_level_optical` (row by row) leads to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from n3d_ros.boxes import Box3D
from n3d_ros.storage.whole_file import whole_file, write_json
from n3d_ros.training import run_folder
from n3d_ros.training.lift.filters import RULES, LiftConfig
from n3d_ros.training.lift.lifting import Attempt, LiftedPicture
from n3d_ros.training.lift.looks import look_of

MANIFEST = "manifest.json"
_NUMBERS = pa.list_(pa.float64())
_BOX = pa.struct([("center_m", _NUMBERS), ("size_m", _NUMBERS), ("yaw_rad", pa.float64())])
_GIVEN = pa.struct([("center_m", _NUMBERS), ("size_m", _NUMBERS), ("R_optical_box", _NUMBERS)])
_OBJECT = pa.struct(
    [
        ("annotation", pa.string()),
        ("label", pa.string()),
        ("box", _BOX),
        ("upright", _BOX),
        ("extent_px", _NUMBERS),
        ("mask_px", pa.int64()),
        ("num_points", pa.int64()),
        ("depth_share", pa.float64()),
        ("touches_edge", pa.bool_()),
        ("mask_is_estimated", pa.bool_()),
        ("box_of_model", _BOX),
        ("given", _GIVEN),
    ]
)
_REJECTED = pa.struct(
    [
        ("annotation", pa.string()),
        ("label", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("box_of_model", _BOX),
    ]
)
SCHEMA = pa.schema(
    [
        ("index", pa.int64()),
        ("picture", pa.string()),
        ("file", pa.string()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("intrinsics", pa.struct([(name, pa.float64()) for name in ("fx", "fy", "cx", "cy")])),
        ("depth_file", pa.string()),
        ("depth_scale_m", pa.float64()),
        ("depth_is_estimated", pa.bool_()),
        ("sha256", pa.string()),
        ("look", pa.string()),
        ("R_level_optical", _NUMBERS),
        ("fault", pa.string()),
        ("objects", pa.list_(_OBJECT)),
        ("rejected", pa.list_(_REJECTED)),
    ]
)


@dataclass(frozen=True)
class Entry:
    """What the ledger says of one shard. first, num_pictures: which records it holds. rejected: by reason.

    faults: whole pictures by reason. size, sha256: of the shard's file.
    """

    number: int
    first: int
    num_pictures: int
    num_kept: int
    size: int
    sha256: str
    rejected: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)

    @property
    def num_annotations(self) -> int:
        return self.num_kept + sum(self.rejected.values())


def write_shard(out: Path, number: int, first: int, pictures: Iterable[LiftedPicture]) -> Entry:
    """Shard and entry; OSError leaves neither. The same pictures give the same bytes."""
    path = shard_file(out, number)
    rows, kept = 0, 0
    rejected: Counter[str] = Counter()
    faults: Counter[str] = Counter()

    def counted() -> Iterator[dict[str, Any]]:
        nonlocal rows, kept
        for picture in pictures:
            row = _row(picture)
            rows, kept = rows + 1, kept + len(row["objects"])
            rejected.update(one["reason"] for one in row["rejected"])
            faults.update([row["fault"]] if row["fault"] else [])
            yield row

    table = pa.Table.from_pylist(list(counted()), SCHEMA)
    with whole_file(path) as part:
        pq.write_table(table, part, compression="zstd")
    entry = Entry(
        number,
        first,
        num_pictures=rows,
        num_kept=kept,
        size=path.stat().st_size,
        sha256=run_folder.checksum(path),
        rejected=dict(sorted(rejected.items())),
        faults=dict(sorted(faults.items())),
    )
    write_json(run_folder.entry_file(out, number), asdict(entry))
    return entry


def read_entry(out: Path, number: int) -> Entry | None:
    """The entry of a shard that is whole, None where it has to be made (again). ValueError where somebody
    changed either.
    """
    return run_folder.read_entry(out, number, shard_file(out, number), Entry)


def write_manifest(out: Path, entries: list[Entry], run: dict[str, Any]) -> dict[str, Any]:
    """Sums over all shards, every filter with its threshold and count, and each file with its checksum."""
    manifest = {**run, **totals(entries, LiftConfig.from_dict(run["config"]))}
    manifest["shards"] = [
        {"file": shard_file(out, entry.number).name, "pictures": entry.num_pictures, "kept": entry.num_kept}
        | {"bytes": entry.size, "sha256": entry.sha256}
        for entry in entries
    ]
    write_json(out / MANIFEST, manifest)
    return manifest


def totals(entries: list[Entry], config: LiftConfig) -> dict[str, Any]:
    """Sums over shards, by filter."""
    return {
        "pictures": sum(entry.num_pictures for entry in entries),
        "annotations": sum(entry.num_annotations for entry in entries),
        "kept": sum(entry.num_kept for entry in entries),
        "filters": filter_counts(entries, config),
        "pictures_rejected": dict(sum((Counter(entry.faults) for entry in entries), Counter())),
    }


def filter_counts(entries: Iterable[Entry], config: LiftConfig) -> list[dict[str, Any]]:
    """One line for every reason there is, those that rejected nothing included."""
    counts = sum((Counter(entry.rejected) for entry in entries), Counter())
    thresholds = config.to_dict()
    return [
        {"name": reason.value, "kind": rule.kind.value, "means": rule.means}
        | ({"threshold": thresholds[rule.threshold]} if rule.threshold else {})
        | {"count": counts[reason.value]}
        for reason, rule in RULES.items()
    ]


def shard_file(out: Path, number: int) -> Path:
    """Where a shard lies."""
    return out / f"shard-{number:05d}.parquet"


def _row(picture: LiftedPicture) -> dict[str, Any]:
    record = picture.record
    camera = None if picture.sight is None else picture.sight.intrinsics
    return {
        "index": record.index,
        "picture": record.key,
        "file": None if record.picture is None else str(record.picture),
        "width": None if camera is None else camera.width,
        "height": None if camera is None else camera.height,
        "intrinsics": None
        if camera is None
        else {name: getattr(camera, name) for name in ("fx", "fy", "cx", "cy")},
        **_depth_of(picture),
        **_identity(picture),
        "R_level_optical": None if picture.level is None else picture.level.ravel().tolist(),
        "fault": None if picture.fault is None else picture.fault.reason.value,
        "objects": [_object(one, picture) for one in picture.attempts if one.rejected is None],
        "rejected": [_rejected(one) for one in picture.attempts if one.rejected is not None],
    }


def _depth_of(picture: LiftedPicture) -> dict[str, Any]:
    """The file that boxes rest on, none where the depth was guessed."""
    record, seen = picture.record, picture.observation
    is_measured = seen is not None and not seen.depth_is_estimated and record.depth is not None
    return {
        "depth_file": str(record.depth) if is_measured else None,
        "depth_scale_m": record.depth_scale_m if is_measured else None,
        "depth_is_estimated": None if seen is None else seen.depth_is_estimated,
    }


def _identity(picture: LiftedPicture) -> dict[str, Any]:
    """What tells the same picture in another set: of its file's bytes, and of what it looks like."""
    if picture.sight is None or picture.record.picture is None:
        return {"sha256": None, "look": None}
    return {"sha256": run_folder.checksum(picture.record.picture), "look": look_of(picture.sight.rgb)}


def _object(attempt: Attempt, picture: LiftedPicture) -> dict[str, Any]:
    """Of a given box nothing was measured: null."""
    annotation, extent = attempt.annotation, attempt.extent_px
    assert picture.sight is not None and extent is not None
    camera = picture.sight.intrinsics
    touches = min(extent[:2]) <= 0 or extent[2] >= camera.width or extent[3] >= camera.height
    return {
        "annotation": annotation.key,
        "label": annotation.label,
        "box": _box(attempt.box),
        "upright": _box(attempt.upright),
        "extent_px": extent,
        "mask_px": None if attempt.crop is None else attempt.crop.num_px,
        "num_points": None if attempt.cloud is None else int(attempt.cloud.kept.sum()),
        "depth_share": attempt.depth_share,
        "touches_edge": touches,
        "mask_is_estimated": annotation.mask_is_estimated,
        "box_of_model": _box(attempt.box_of_model),
        "given": None if annotation.given is None else asdict(annotation.given),
    }


def _rejected(attempt: Attempt) -> dict[str, Any]:
    assert attempt.rejected is not None
    annotation = attempt.annotation
    return {
        "annotation": annotation.key,
        "label": annotation.label,
        "reason": attempt.rejected.reason.value,
        "detail": attempt.rejected.detail,
        "box_of_model": _box(attempt.box_of_model),
    }


def _box(box: Box3D | None) -> dict[str, Any] | None:
    return None if box is None else {"center_m": box.center, "size_m": box.size, "yaw_rad": box.yaw}
