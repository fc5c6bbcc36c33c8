"""Tables for the terminal: columns line up, nothing is cut."""

from n3d_ros.text_table import text_table


def test_columns_are_as_wide_as_their_widest_cell():
    rows = [["", "ort", "huggingface"], ["one name, ms", "53.3", "202"], [], ["share", "7%"]]
    assert text_table(rows).split("\n") == [
        "               ort  huggingface",
        "one name, ms  53.3          202",
        "",
        "share           7%",
    ]


def test_each_column_has_its_side_and_no_line_ends_in_blanks():
    assert text_table([["a", "1", "long"], ["bb", "22", "c"]], "><<") == " a  1   long\nbb  22  c"


def test_no_rows_are_no_text():
    assert text_table([]) == ""
