"""A benchmark by the paper's sizes: what fits a place takes it, and nothing else does."""

import json
from collections import Counter

import pytest
from qa_sets import questions, row, thing, write_lifted

from n3d_ros.cli import main
from n3d_ros.training.qa.benchmark import (
    MANY,
    TURNING,
    Cell,
    Chosen,
    benchmark_summary,
    cell_of,
    cells_of,
    sizes_of,
)
from n3d_ros.training.qa.records import NUMERICAL, OPEN
from n3d_ros.training.qa.sets import read_questions
from n3d_ros.training.run_folder import checksum


def test_the_whole_has_the_papers_sizes():
    sizes = sizes_of(2000)
    assert sum(sizes[name] for name in OPEN) == 1200
    assert sum(sizes[name] for name in NUMERICAL) == 800
    assert (sizes["relative_distance"], sizes["depth_order"]) == (71, 129)
    assert sum(cells_of(sizes).values()) == 2000


@pytest.mark.parametrize("number", [1, 7, 100, 333])
def test_smaller_ones_keep_the_proportions_and_the_sum(number):
    sizes = sizes_of(number)
    assert sum(sizes.values()) == number
    assert all(abs(sizes[name] - size * number / 2000) < 1 for name, size in sizes_of(2000).items())


def test_a_question_competes_in_one_cell():
    for question in questions(20):
        cell = cell_of(question)
        if question.category not in (*OPEN, *NUMERICAL):
            assert cell is None or cell not in cells_of(sizes_of(2000))
        elif cell is None:  # lengths as yes or no, and differences of what is compared
            assert question.form.endswith(("_limit", "_how_much"))
        elif not cell.has_view:
            assert cell.has_three in ((None,) if cell.category not in MANY else (question.num_objects >= 3,))
        else:
            assert question.viewpoint and cell.category in TURNING


def test_places_are_spread_over_forms_and_answers():
    cell = Cell("tall_short", False, has_view=False)
    chosen = Chosen({cell: 12})
    made = [one for one in questions(60) if cell_of(one) == cell]
    for question in made:
        chosen.add(question.id, question)
    found = chosen.of_cell(cell)
    kinds = Counter((one.form, one.verdict) for one in found)
    assert len(found) == 12
    assert kinds["taller_shorter_yes_no", True] >= 2
    assert kinds["taller_shorter_yes_no", False] >= 2
    assert max(kinds.values()) - min(kinds.values()) <= 1


def test_a_set_is_made_from_any_lifted_one(tmp_path, capsys):
    write_lifted(tmp_path / "lifted", 16, 4)
    arguments = [
        "make-qa",
        str(tmp_path / "lifted"),
        "--benchmark",
        "--questions",
        "100",
        "--page-samples",
        "0",
    ]
    for name, workers in (("one", "1"), ("two", "2")):
        assert main([*arguments, "--workers", workers, "--out", str(tmp_path / name)]) == 0
    files = [tmp_path / name / "shard-00000.parquet" for name in ("one", "two")]
    assert checksum(files[0]) == checksum(files[1])
    found = list(read_questions(tmp_path / "one"))
    manifest = json.loads((tmp_path / "one/manifest.json").read_text())
    assert manifest["questions"] == len(found) == 100
    assert Counter(one.category for one in found) == sizes_of(100)
    assert all(one.reasoning for one in found)
    assert all(cell["found"] == cell["wanted"] for cell in manifest["cells"])
    assert "left_right, three objects or more" in capsys.readouterr().out


def test_what_cannot_be_filled_is_left_empty_and_said(tmp_path):
    """Two things: no order, no relative distance, nothing of three."""
    two = [thing("Mug", (0.3, 0.0, 1.0), (0.1, 0.3, 0.1)), thing("Bottle", (-0.3, 0.2, 1.5), (0.3, 0.1, 0.3))]
    write_lifted(tmp_path / "lifted", rows=[row(*two, index=index) for index in range(4)])
    out = tmp_path / "out"
    arguments = ["make-qa", str(tmp_path / "lifted"), "--page-samples", "0", "--out", str(out)]
    assert main([*arguments, "--benchmark", "--questions", "200"]) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    found = {one["cell"]: one["found"] for one in manifest["cells"]}
    assert (
        found["depth_order"] == found["relative_distance"] == found["left_right, three objects or more"] == 0
    )
    assert found["left_right, one or two objects"] > 0
    assert {one.category for one in read_questions(out)} <= {*OPEN, *NUMERICAL}
    missing = 200 - manifest["questions"]
    assert missing > 20
    (line,) = [one for one in benchmark_summary(manifest).splitlines() if "could not be filled" in one]
    assert line.split()[4] == str(missing)


def test_no_benchmark_without_questions():
    with pytest.raises(ValueError, match="questions: expected at least 1, got 0"):
        sizes_of(0)
