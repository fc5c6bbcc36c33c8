"""JSON that parses and still cannot be used."""

import pytest

from n3d_ros.storage.json_file import MAX_DEPTH, JsonError, parse_json, read_json, read_object


def nested(depth):
    return b"[" * depth + b"]" * depth


def test_nesting_ends_at_its_limit_and_not_at_python_s():
    assert parse_json(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 500, 100_000):
        with pytest.raises(JsonError, match="nested more than 64 deep"):
            parse_json(nested(depth))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "Expecting value"),
        (b"\xff", "utf-8"),
        (b"Infinity", "Infinity, which is no number"),
        (b"-1e400", "beyond float64"),
        (b"[1" + b"0" * 400 + b"]", "beyond float64"),
        (b"1" * 5000, ""),
        (b'{"a": 1, "b": 2, "a": 1}', "'a' twice in one object"),
        (b'["\\udfff"]', "half a character"),
        (b'["\\ud83d"]', "half a character"),
    ],
)
def test_what_is_refused_says_why_in_one_line(text, expected):
    with pytest.raises(JsonError) as error:
        parse_json(text)
    assert expected in str(error.value) and "\n" not in str(error.value)


def test_whole_characters_of_two_escapes_and_a_byte_order_mark_are_read():
    assert parse_json(b'\xef\xbb\xbf["\\ud83d\\ude00", "\\\\ud83d"]') == ["\U0001f600", "\\ud83d"]


def test_a_file_beyond_the_limit_is_not_parsed(tmp_path):
    (tmp_path / "a.json").write_bytes(b"[1, 2, 3]")
    assert read_json(tmp_path / "a.json", 9) == [1, 2, 3]
    with pytest.raises(JsonError, match="more than 8 bytes"):
        read_json(tmp_path / "a.json", 8)
    with pytest.raises(JsonError, match=r"no object: \[1, 2, 3\]"):
        read_object(tmp_path / "a.json")
