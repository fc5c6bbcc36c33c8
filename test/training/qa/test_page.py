"""The page of examples."""

import re

import pytest
from qa_sets import write_lifted

from n3d_ros.cli import main
from n3d_ros.training.qa.page import drawn, write_page
from n3d_ros.training.qa.sets import read_questions


@pytest.fixture
def made(tmp_path, capsys):
    """A finished set of questions, and what the command printed."""
    write_lifted(tmp_path / "lifted", 4)
    arguments = ["make-qa", str(tmp_path / "lifted"), "--out", str(tmp_path / "out"), "--page-samples", "0"]
    assert main(arguments) == 0
    return tmp_path / "out", capsys.readouterr().out


def test_every_form_is_shown_with_its_count_and_examples(made):
    folder, _ = made
    page = write_page(folder, 2).read_text()
    found = list(read_questions(folder))
    forms = {f"{one.category}/{one.form}" for one in found}
    assert set(re.findall(r"<h2 id='([^']+)'", page)) == forms
    shown = {form: sum(f"{one.category}/{one.form}" == form for one in found) for form in forms}
    assert page.count("<figure>") == sum(min(2, number) for number in shown.values())
    assert page.count("src='data:image/jpeg;base64,") == page.count("<figure>")
    assert f"{len(found)} questions of {len(forms)} forms" in page
    assert page == write_page(folder, 2).read_text()


def test_a_picture_that_is_gone_is_said(made):
    folder, _ = made
    for path in (folder.parent / "lifted").glob("*.png"):
        path.unlink()
    page = write_page(folder, 1).read_text()
    assert "expected a file, got" in page
    assert "data:image" not in page


def test_boxes_and_rectangles_are_drawn(made):
    marked = next(one for one in read_questions(made[0]) if one.drawn_px)
    left, top = (round(max(edge, 0)) for edge in marked.drawn_px[0][:2])
    picture = drawn(marked, made[0])
    assert (picture == [255, 0, 0]).all(axis=2).any()
    assert len(set(map(tuple, picture.reshape(-1, 3)[::7].tolist()))) > 3
    assert picture.shape == (480, 640, 3) and left < 640 and top < 480


def test_the_command_says_what_was_made_and_left_out(made):
    _, printed = made
    assert re.search(r"pictures +4\n", printed)
    assert re.search(r"questions left out +\d+", printed)
    assert re.search(r"pairs/s a core +\d+", printed)
