"""A ledger outlives a kill."""

import pytest

from n3d_ros.training.evaluation.ledger import Ledger


def test_rows_come_back_in_order(tmp_path):
    ledger = Ledger(tmp_path / "sub" / "rows.jsonl")
    assert list(ledger.rows()) == []
    for number in range(3):
        ledger.add({"id": number, "text": "\u00e4\n\u2028"})
    assert [row["id"] for row in ledger.rows()] == [0, 1, 2] and next(ledger.rows())[
        "text"
    ] == "\u00e4\n\u2028"


def test_half_a_row_is_cut_off_when_writing_goes_on(tmp_path):
    ledger = Ledger(tmp_path / "rows.jsonl")
    ledger.add({"id": 0})
    with ledger.path.open("ab") as stream:
        stream.write(b'{"id": 1, "te')
    assert [row["id"] for row in ledger.rows()] == [0]
    ledger.add({"id": 2})
    assert [row["id"] for row in ledger.rows()] == [0, 2]


def test_half_of_the_first_row_is_cut_off_too(tmp_path):
    ledger = Ledger(tmp_path / "rows.jsonl")
    ledger.path.write_bytes(b'{"i' + b"x" * (1 << 17))
    ledger.add({"id": 2})
    assert [row["id"] for row in ledger.rows()] == [2]


@pytest.mark.parametrize("line", [b"[1]\n", b"{\n", b'{"a": NaN}\n', b"\xff\n"])
def test_a_damaged_row_is_named(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"id": 0}\n' + line)
    with pytest.raises(ValueError, match="rows.jsonl', line 2: expected a JSON object"):
        list(Ledger(path).rows())


def test_nan_is_not_written(tmp_path):
    ledger = Ledger(tmp_path / "rows.jsonl")
    with pytest.raises(ValueError, match="JSON"):
        ledger.add({"id": float("nan")})
    assert not ledger.path.exists()
