"""Questions as people write them: the relation asked, exactly, or not understood."""

import pytest
from peoples_questions import FURTHER, SHARED
from places import CHECKOUT
from three_boxes import outcome

QUESTIONS = CHECKOUT.parent / "shared" / "cases" / "questions.txt"
ALL = SHARED | FURTHER


@pytest.mark.parametrize("question", ALL)
def test_a_question_gets_the_relation_asked_exactly_or_is_refused(question):
    assert outcome(question) == ALL[question]


@pytest.mark.skipif(not QUESTIONS.is_file(), reason="needs the shared cases")
def test_every_shared_question_has_an_expected_outcome():
    lines = [line.strip() for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    questions = [line for line in lines if line and not line.startswith("# ")]
    assert len(questions) > 100 and set(questions) == set(SHARED)
