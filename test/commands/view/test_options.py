"""What `n3d view` refuses before a viewer or a file is there."""

import pytest

from n3d_ros.cli import main

pytest.importorskip("rosbags")


def test_what_is_no_recording_leaves_no_file(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["view", str(tmp_path / "empty"), "--save", str(tmp_path / "out.rrd")]) == 2
    assert "expected a recording" in capsys.readouterr().err
    assert not (tmp_path / "out.rrd").exists()


def test_a_folder_in_place_of_the_file_to_write_is_refused(tmp_path, capsys):
    assert main(["view", "--save", str(tmp_path)]) == 2
    assert f"expected a file, got the folder '{tmp_path}'" in capsys.readouterr().err
