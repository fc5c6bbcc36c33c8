"""Which public benchmarks can be read, and what is known of those that cannot.

In: a name and a file. Out: a `Read`. The only place that knows every reader.
"""

from __future__ import annotations

from pathlib import Path

from n3d_ros.training.evaluation.readers import cv_bench, n3d_bench, omni3d, refcoco, spatialrgpt
from n3d_ros.training.evaluation.readers.checks import Read

READERS = ("spatialrgpt", "cv-bench-3d", "refcoco", "omni3d", "n3d-bench")
# Names that people will try, and what there is instead.
UNKNOWN = {
    "objects365-3d": "the authors' 3D labels of Objects365 were never published, nor was their form. "
    "`n3d lift` makes boxes of Objects365's own files and `n3d make-qa` a set of them; measure that with "
    "--format n3d. It is another truth than the paper's",
}


def read_benchmark(name: str, file: Path, pictures: Path | None, work: Path, max_bad_share: float) -> Read:
    """name: of READERS; "refcoco:testA" for another split than val. pictures: where the file's names start,
    its own folder when None. work: for pictures that lie inside the file. ValueError for a name that has no
    reader, saying what is known; OSError and ValueError of files.
    """
    root = file.parent if pictures is None else pictures
    name, _, split = name.partition(":")
    if name == "spatialrgpt":
        return spatialrgpt.read(file, root, max_bad_share)
    if name == "cv-bench-3d":
        return cv_bench.read(file, root, work, max_bad_share)
    if name == "refcoco":
        return refcoco.read(file, root, split or "val", max_bad_share)
    if name == "omni3d":
        return omni3d.read(file, root, max_bad_share)
    if name == "n3d-bench":
        return n3d_bench.read(file, max_bad_share)
    known = UNKNOWN.get(name, f"no reader of that name; there are n3d, {', '.join(READERS)}")
    raise ValueError(f"format: expected a benchmark that can be read, got '{name}': {known}")
