"""What `n3d view` refuses before a viewer or a file is there."""

import sys
from types import SimpleNamespace

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


@pytest.mark.ros
def test_a_node_that_is_not_there_is_told_in_the_end(capsys, monkeypatch):
    def nothing_shown(_):
        return SimpleNamespace(num_frames=0, num_results=0)

    # Rerun is optional, and nothing comes that it would show.
    scene = SimpleNamespace(Scene=nothing_shown, open_stream=lambda save, connect: None)
    monkeypatch.setitem(sys.modules, "n3d_ros.commands.view.scene", scene)
    assert main(["view", "--node", "/robot1/nobody", "--seconds", "0.1"]) == 1
    said = capsys.readouterr()
    assert said.out == "shown: 0 frames, 0 results\n"
    assert "expected a node '/robot1/nobody' to show, found none" in said.err
