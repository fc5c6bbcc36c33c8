"""Words and labels without end do not travel into prompts, logs and messages."""

import pytest

from n3d_ros.errors import BadInputError
from n3d_ros.runtime.limits import Limits, check_words
from n3d_ros.runtime.pipeline import Pipeline

MEGABYTE = "mug " * 250_000


def asked(pipeline, observation, words):
    found = pipeline.ground(observation, "mug")
    yield lambda: pipeline.ground(observation, words)
    yield lambda: pipeline.ask(observation, words)
    yield lambda: pipeline.detect(observation, words)
    yield lambda: pipeline.ask_about(observation, words, found)


@pytest.fixture
def pipeline(fake_backend):
    return Pipeline(fake_backend({"": "bbox_0=Bbox(mug,500,500,500,500,100,100,100)"}))


def test_a_megabyte_of_words_is_refused_by_every_way_in_and_not_quoted(pipeline, observation):
    for ask in asked(pipeline, observation, MEGABYTE):
        with pytest.raises(BadInputError) as error:
            ask()
        assert "expected at most 2000 characters (--max-words, " in error.value.message
        assert len(error.value.message) < 300


def test_control_characters_in_words_are_refused_and_line_breaks_are_not(pipeline, observation):
    for ask in asked(pipeline, observation, "the \x1b[31mmug"):
        with pytest.raises(BadInputError, match=r"got the control character '\\x1b'"):
            ask()
    check_words("How far\nis\tthe mug?\r\n")


def test_the_limit_is_the_caller_s(fake_backend, observation):
    pipeline = Pipeline(fake_backend({"": "done"}), limits=Limits(max_words_chars=3))
    assert pipeline.ground(observation, "mug").words == "mug"
    with pytest.raises(BadInputError, match="at most 3 characters"):
        pipeline.ground(observation, "mugs")
    with pytest.raises(ValueError, match="limits: max_label_chars must be positive, got 0"):
        Limits(max_label_chars=0)


def test_a_message_quotes_words_on_one_line_and_not_whole(fake_backend, observation):
    pipeline = Pipeline(fake_backend({"": "nothing"}))
    found = pipeline.detect(observation, "the\nmug " + "mug " * 400)
    assert found.message.startswith("nothing found for 'the mug mug")
    assert "\n" not in found.message and len(found.message) < 230
