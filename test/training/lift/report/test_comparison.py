"""Boxes of a sensor beside boxes of a model: what the rows hold and what report and page say."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from lift_sets import HEIGHT, OBJECT, WIDTH, annotation_entry, tiny_set
from PIL import Image

from n3d_ros.cli import main
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.training.lift import depth_sources
from n3d_ros.training.lift.report import comparison
from n3d_ros.training.lift.report.comparison import Line, compare, differ, ratios

LEFT, TOP, RIGHT, BOTTOM = OBJECT


def box(z=2.0, size=(1.0, 1.0, 1.0)):
    return {"center_m": [0.0, 0.0, z], "size_m": list(size), "yaw_rad": 0.0}


def test_ratios_are_the_sensor_over_the_model():
    assert ratios(box(2.0, (0.5, 1.5, 0.3)), box(4.0, (1.0, 1.0, 0.0))) == (0.5, 0.5, 1.5, 0.0)


@pytest.mark.parametrize(
    ("sensor", "differs"),
    [
        (box(), False),
        (box(z=1.0, size=(0.5, 0.5, 0.9)), False),  # half as far and half as large
        (box(size=(1.0, 0.84, 1.0)), True),  # a person without head and feet
        (box(z=1.0), True),
        (box(size=(1.0, 1.0, 0.2)), False),  # how far it reaches back is not seen
    ],
)
def test_what_the_distance_explains_is_no_difference(sensor, differs):
    assert differ(ratios(sensor, box())) is differs


def test_medians_are_within_half_a_percent():
    line = Line("kept")
    for height in (0.5, 0.84, 0.9):
        line.add(box(size=(1.0, height, 1.0)), box())
    assert line.medians()["height"] == pytest.approx(0.84, rel=0.005)
    assert line.medians()["distance"] == pytest.approx(1.0) and (line.count, line.by_model, line.differs) == (
        3,
        3,
        2,
    )


def test_ratios_beyond_the_steps_are_counted_at_the_end():
    line = Line("kept")
    line.add(box(size=(50.0, 0.01, 1.0)), box())
    medians = line.medians()
    assert medians["width"] == pytest.approx(10, rel=0.01) and medians["height"] == pytest.approx(
        0.1, rel=0.01
    )


def test_nothing_beside_it_has_no_median():
    line = Line("kept")
    line.add(box(), None)
    assert line.to_dict() == {
        "name": "kept", "count": 1, "by_model": 0, "differs": 0,
        "distance": None, "width": None, "height": None, "depth": None,
    }  # fmt: skip


@pytest.fixture
def both(tmp_path, monkeypatch):
    """Three pictures: the sensor sees all of the square, its upper half, nothing of it. The model sees it at
    0.8 m in all of them; it guesses for pictures of half the size.
    """

    def guess(rgb, name, weights, intrinsics):
        depth = np.full((HEIGHT // 2, WIDTH // 2), 2.0, np.float32)
        depth[TOP // 2 : BOTTOM // 2, LEFT // 2 : RIGHT // 2] = 0.8
        return Observation(rgb, intrinsics, depth=depth, depth_is_estimated=True)

    monkeypatch.setattr(depth_sources, "estimate", guess)
    made = tiny_set(tmp_path / "set", num_pictures=3)
    for number, last in ((2, (TOP + BOTTOM) // 2), (3, TOP)):
        depth = np.full((HEIGHT, WIDTH), 2000, np.uint16)
        depth[TOP:BOTTOM, LEFT:RIGHT] = 0
        depth[TOP:last, LEFT:RIGHT] = 800
        Image.fromarray(depth).save(made.folder / f"{number}_depth.png")
    return made


def lifted(made, out, *options):
    models = ["--depth-model", "depth-pro", "--depth-weights", "anywhere"]
    assert main(["lift", str(made.write()), "--out", str(out), *models, *options]) == 0
    return pq.read_table(out / "shard-00000.parquet").to_pylist()


def test_a_row_holds_both_boxes_and_the_sensors_is_the_box(both, tmp_path):
    whole, half, none = lifted(both, tmp_path / "out")
    for row in (whole, half):
        assert row["depth_is_estimated"] is False and row["depth_file"] is not None
        assert row["objects"][0]["box_of_model"]["size_m"] == pytest.approx([0.304, 0.304, 0.0], abs=1e-6)
    assert whole["objects"][0]["box"]["size_m"] == pytest.approx([0.304, 0.304, 0.0], abs=1e-6)
    assert half["objects"][0]["box"]["size_m"] == pytest.approx([0.304, 0.144, 0.0], abs=1e-6)
    [rejected] = none["rejected"]
    assert rejected["reason"] == "depth_sparse"
    assert rejected["box_of_model"]["size_m"] == pytest.approx([0.304, 0.304, 0.0], abs=1e-6)


def test_report_and_page_say_where_they_differ(both, tmp_path, capsys):
    lifted(both, tmp_path / "out")
    kept, sparse = compare([tmp_path / "out/shard-00000.parquet"])
    assert (kept.count, kept.by_model, kept.differs) == (2, 2, 1)
    assert (sparse.name, sparse.count, sparse.by_model) == ("depth_sparse", 1, 1)
    printed = capsys.readouterr().out
    assert "sensor over model" in printed and "depth_sparse" in printed
    page = (tmp_path / "out/page.html").read_text()
    assert "<h2 id='comparison'>" in page and "<h2 id='differ'>" in page
    assert "0.304 x 0.144 x 0.000 m at 0.80 m; the model: 0.304 x 0.304 x 0.000 m at 0.80 m" in page
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert [one["name"] for one in manifest["comparison"]] == ["kept", "depth_sparse"]


def test_without_a_sensor_the_models_box_is_the_box(both, tmp_path):
    for image in both.content["images"]:
        del image["depth_file"]
    both.content["annotations"].append(annotation_entry(9, 1))
    rows = lifted(both, tmp_path / "out")
    assert [row["depth_is_estimated"] for row in rows] == [True] * 3 and rows[0]["depth_file"] is None
    assert all(one["box_of_model"] is None for row in rows for one in row["objects"])


def test_a_damaged_depth_file_is_not_replaced_by_a_guess(both, tmp_path):
    (both.folder / "1_depth.png").write_bytes(b"damaged")
    config = tmp_path / "lenient.json"
    config.write_text('{"max_broken_share": 1.0}')
    rows = lifted(both, tmp_path / "out", "--config", str(config))
    assert rows[0]["fault"] == "depth" and rows[0]["objects"] == []


def test_a_set_without_a_model_is_not_compared(tmp_path, capsys):
    made = tiny_set(tmp_path / "set")
    assert main(["lift", str(made.write()), "--out", str(tmp_path / "out")]) == 0
    assert "sensor over model" not in capsys.readouterr().out
    assert "comparison" not in json.loads((tmp_path / "out/manifest.json").read_text())
    assert comparison.compare([tmp_path / "out/shard-00000.parquet"])[0].by_model == 0
