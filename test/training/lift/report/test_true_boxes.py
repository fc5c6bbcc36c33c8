"""Lifted boxes against the true ones of simulated scenes."""

import json

import pytest
from lift_sets import tiny_set

from n3d_ros.cli import main
from n3d_ros.training.lift.report.true_boxes import overlaps


@pytest.fixture
def lifted(tmp_path):
    """Two pictures of the square; the mask of the second is missing."""
    made = tiny_set(tmp_path / "set", num_pictures=2)
    made.content["annotations"][1]["segmentation"] = None
    config = tmp_path / "lenient.json"
    config.write_text('{"max_broken_share": 1.0}')
    arguments = ["lift", str(made.write()), "--out", str(tmp_path / "out"), "--config", str(config)]
    assert main(arguments) == 0
    return tmp_path / "out"


def truth(folder, *boxes):
    path = folder / "truth.json"
    path.write_text(json.dumps({"boxes": list(boxes)}))
    return path


def box(annotation, depth_m=0.0):
    seen = {"center_m": [-0.032, -0.064, 0.8 + depth_m / 2], "size_m": [0.304, 0.304, depth_m]}
    return {"annotation": annotation, "seen": seen}


def test_a_rejected_object_overlaps_nothing(lifted, tmp_path):
    assert overlaps(truth(tmp_path, box(1, 0.1), box(2, 0.1)), lifted) == {"1": 0.0, "2": 0.0}


def test_the_overlap_is_that_of_the_boxes(lifted, tmp_path):
    import pyarrow.parquet as pq

    table = pq.read_table(lifted / "shard-00000.parquet").to_pylist()
    size = table[0]["objects"][0]["box"]["size_m"]
    assert size[2] == 0.0  # a flat square has no volume: make the shard's box deep
    table[0]["objects"][0]["box"] = {**box(1, 0.1)["seen"], "yaw_rad": 0.0}
    import pyarrow as pa

    pq.write_table(pa.Table.from_pylist(table), lifted / "shard-00000.parquet")
    assert overlaps(truth(tmp_path, box(1, 0.2)), lifted)["1"] == pytest.approx(0.5)


def test_objects_whose_seen_box_nobody_measured_do_not_count(lifted, tmp_path):
    found = overlaps(truth(tmp_path, box(1, 0.1), {"annotation": 3, "seen": None}), lifted)
    assert list(found) == ["1"]


def test_the_truth_of_another_set_is_refused(lifted, tmp_path):
    with pytest.raises(ValueError, match="expected annotations of .* got none of them"):
        overlaps(truth(tmp_path, box(99, 0.1)), lifted)
