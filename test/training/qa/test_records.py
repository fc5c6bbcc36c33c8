from dataclasses import replace

import pyarrow as pa
import pytest

from n3d_ros.training.qa.records import GROUND, SCHEMA, KnownBox, PictureRef, Question

PICTURE = PictureRef("7", "7.png", 640, 480, "7_depth.png", 0.001, 600.0, 600.0, 320.0, 240.0)
MUG = KnownBox("red mug", (0.1, 0.2, 0.8), (0.1, 0.1, 0.08), "12")


def test_a_question_survives_parquet_rows():
    question = Question(
        "7-0",
        GROUND,
        "grounding",
        "drawn",
        "the marked one",
        PICTURE,
        (MUG,),
        drawn_px=((1.0, 2.0, 3.0, 4.0),),
    )
    table = pa.Table.from_pylist([question.to_row()], SCHEMA)
    assert Question.from_row(table.to_pylist()[0]) == question


@pytest.mark.parametrize("name", ["id", "text", "answer"])
def test_a_row_without_text_where_text_belongs_is_no_question(name):
    row = Question("7-0", GROUND, "grounding", "one", "mug", PICTURE, (MUG,)).to_row()
    with pytest.raises(ValueError, match=rf"expected text in \['{name}'\], got None"):
        Question.from_row({**row, name: None})


def test_unknown_kinds_and_categories_are_refused():
    with pytest.raises(ValueError, match="kind of .* got 'riddle'"):
        Question("1", "riddle", "grounding", "", "what?", PICTURE)
    with pytest.raises(ValueError, match="category of .* got 'colour'"):
        Question("1", GROUND, "colour", "", "what?", PICTURE)


def test_a_picture_without_a_camera_says_so():
    with pytest.raises(ValueError, match="picture '7': expected fx, fy, cx and cy"):
        _ = PictureRef("7", "7.png", 640, 480).intrinsics
    with pytest.raises(ValueError, match="picture '7': intrinsics: fx must be positive"):
        _ = replace(PICTURE, fx=0.0).intrinsics
