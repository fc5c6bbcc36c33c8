"""Every question is asked once, whatever stops the run."""

import json
from dataclasses import replace

import numpy as np
import pytest
from known_answers import MUG, KnowingPipeline, five, picture

from n3d_ros.errors import CommandFailed, MissingLibraryError
from n3d_ros.training.evaluation.asking.observe import DepthModel, Observer
from n3d_ros.training.evaluation.asking.reply import Reply
from n3d_ros.training.evaluation.asking.run import ask_all, replies
from n3d_ros.training.evaluation.ledger import Ledger
from n3d_ros.training.run_folder import begin


@pytest.fixture
def questions(tmp_path):
    return five(picture(tmp_path))


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "out" / "answers.jsonl")


def run(pipeline, questions, ledger, **changes):
    return list(ask_all(pipeline, questions, Observer(), ledger, **changes))


def test_answers_come_in_the_sets_order_with_boxes_and_camera(questions, ledger):
    answers = run(KnowingPipeline(), questions, ledger)
    assert [one.question.id for one in answers] == [one.id for one in questions]
    assert answers[0].reply.answer.startswith("Yes") and answers[-1].reply.boxes[0].center == MUG.center_m
    assert answers[0].reply.camera == questions[0].picture.intrinsics


def test_a_stopped_run_goes_on_with_what_is_missing(questions, ledger):
    first = KnowingPipeline()
    asked = ask_all(first, questions, Observer(), ledger)
    next(asked), next(asked)
    asked.close()  # killed between two questions
    with ledger.path.open("ab") as stream:
        stream.write(b'{"id": "half')  # or in the middle of a row
    second = KnowingPipeline()
    answers = run(second, questions, ledger)
    assert len(first.asked) == 2 and len(second.asked) == len(questions) - 2
    assert len(list(ledger.rows())) == len(questions), "no row is written twice"
    whole = run(KnowingPipeline(), questions, Ledger(ledger.path.with_name("other.jsonl")))
    assert [one.reply for one in answers] == [one.reply for one in whole]


def test_a_reply_is_the_same_behind_the_ledger(questions, ledger):
    answers = run(KnowingPipeline(), questions, ledger)
    assert replies(ledger) == {one.question.id: one.reply for one in answers}


def test_a_question_that_the_model_refuses_is_answered_with_a_fault(questions, ledger):
    asked = [replace(questions[-1], id="odd", text="florble")]
    (answer,) = run(KnowingPipeline(), asked, ledger)
    assert "got 'florble'" in answer.reply.fault and answer.reply.boxes == ()


def test_a_picture_that_does_not_open_is_no_answer_and_is_tried_again(questions, ledger, tmp_path):
    gone = replace(
        questions[0], id="gone", picture=replace(questions[0].picture, file=str(tmp_path / "no.png"))
    )
    answers = run(KnowingPipeline(), [*questions, gone], ledger, max_fault_share=0.2)
    assert answers[-1].reply is None and "no.png" in answers[-1].fault
    assert "gone" not in replies(ledger)


def test_too_many_pictures_that_do_not_open_stop_the_run(questions, ledger, tmp_path):
    gone = replace(questions[0].picture, file=str(tmp_path / "no.png"))
    asked = [*questions, *(replace(questions[0], id=f"gone {n}", picture=gone) for n in range(2))]
    with pytest.raises(
        CommandFailed, match="at most 5% of the questions without a picture, got 2 of 8.*; --pictures"
    ):
        run(KnowingPipeline(), asked, ledger)


def test_another_picture_than_the_one_asked_about_is_a_fault(questions, ledger):
    other = replace(questions[0], picture=replace(questions[0].picture, sha256="0" * 64))
    (answer,) = run(KnowingPipeline(), [other], ledger, max_fault_share=1.0)
    assert answer.reply is None and "SHA-256" in answer.fault


def test_one_picture_is_shown_as_one_object(questions):
    observer = Observer()
    first = observer.observe(questions[0])
    assert observer.observe(questions[1]) is first
    drawn = observer.observe(replace(questions[1], drawn_px=((10.0, 10.0, 30.0, 30.0),)))
    assert drawn is not first and not np.array_equal(drawn.rgb, first.rgb)


def test_depth_is_guessed_only_where_a_model_was_chosen(questions, ledger, monkeypatch):
    no_depth = replace(questions[0], picture=replace(questions[0].picture, depth_file=None))
    (answer,) = run(KnowingPipeline(), [no_depth], ledger, max_fault_share=1.0)
    assert "--depth-model guesses it" in answer.fault

    def missing(*args):
        raise MissingLibraryError("needs moge")

    monkeypatch.setattr("n3d_ros.training.evaluation.asking.observe.estimate", missing)
    with pytest.raises(MissingLibraryError):
        list(ask_all(KnowingPipeline(), [no_depth], Observer(depth_model=DepthModel("moge-2", "x")), ledger))


def test_a_folder_holds_one_run(tmp_path):
    begin(tmp_path, {"model": "a", "format": "n3d"})
    begin(tmp_path, {"model": "a", "format": "n3d"})
    with pytest.raises(ValueError, match="got another model"):
        begin(tmp_path, {"model": "b", "format": "n3d"})


def test_a_ledger_of_something_else_is_named(tmp_path):
    path = tmp_path / "answers.jsonl"
    for row in ({"id": "a"}, {"answer": "b"}, {"id": "a", **Reply().to_dict(), "boxes": [{"label": "x"}]}):
        path.write_text(json.dumps(row) + "\n")
        with pytest.raises(ValueError, match="expected replies"):
            replies(Ledger(path))
