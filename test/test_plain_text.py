"""What of a stranger's text is shown."""

import pytest

from n3d_ros.plain_text import one_line, shown, without_controls


@pytest.mark.parametrize(
    "character", ["\x1b", "\x00", "\x07", "\x7f", "\x9b", "\u202e", "\u2066", "\u2028", "\ud800"]
)
def test_control_characters_become_blanks(character):
    assert without_controls(f"a{character}[31mb") == "a [31mb"


def test_other_letters_stay():
    text = "la taza roja, 赤いマグ, لیوان\u200cها 👩\u200d🔧"
    assert without_controls(text) == text


def test_a_long_text_is_one_short_line():
    assert one_line("a\nb\tc") == "a b c"
    assert one_line("x" * 100, 10) == "xxxxxxx..."
    assert shown("x" * 10**6) == "'" + "x" * 120 + "'... (1000000 characters)"
    assert shown("\x1b") == "'\\x1b'" and len(shown(list(range(10**4)))) == 120
