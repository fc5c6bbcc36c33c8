"""Hidden work folders: gone at the end, removed when their process died, never taken from a living one."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import CHECKOUT

from n3d_ros.engines import work_folder as module
from n3d_ros.engines.tensorrt.boards import board
from n3d_ros.engines.tensorrt.build import build
from n3d_ros.engines.tensorrt.plan import plan_build
from n3d_ros.engines.work_folder import LOCK, new_folder, remove_abandoned, work_folder
from n3d_ros.runtime.backends.factory import default_model_dir
from n3d_ros.runtime.backends.trt import api as trt_api

IN_A_FOLDER = """
import os, signal, sys
from pathlib import Path
from n3d_ros.engines.work_folder import {name}
with {call} as folder:
    (folder / "half").write_text("half an engine")
    print(folder, flush=True)
    {then}
"""


def in_process(parent, then, name="work_folder", call='work_folder("build", Path(sys.argv[1]))'):
    """Another process in a work folder of `parent`."""
    code = IN_A_FOLDER.format(name=name, call=call, then=then)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(parent)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


KILLED = "os.kill(os.getpid(), signal.SIGKILL)"


def names(parent):
    return sorted(path.name for path in parent.iterdir())


def test_a_folder_is_there_in_the_block_and_gone_after_it(tmp_path):
    with work_folder("build", tmp_path) as folder:
        assert folder.parent == tmp_path and folder.name.startswith(".build.")
    with pytest.raises(ZeroDivisionError), work_folder("build", tmp_path):
        raise ZeroDivisionError
    assert names(tmp_path) == []


@pytest.mark.parametrize("inside", [work_folder, lambda name, parent: new_folder(parent / name, "proof")])
def test_a_disk_that_is_full_is_named_by_its_folder(inside, tmp_path):
    """Writing to an open file fails without a path."""
    with pytest.raises(OSError) as refused, inside("build", tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert (refused.value.errno, refused.value.filename) == (errno.ENOSPC, str(tmp_path))
    assert names(tmp_path) == []


def test_what_a_killed_process_left_is_removed_by_the_next_and_a_running_ones_stays(tmp_path):
    killed = in_process(tmp_path, KILLED)
    left = Path(killed.communicate()[0].strip())
    running = in_process(tmp_path, "sys.stdin.read()")
    held = Path(running.stdout.readline().strip())
    killed_too = in_process(tmp_path, KILLED, "new_folder", 'new_folder(Path(sys.argv[1]) / "e", "proof")')
    half = Path(killed_too.communicate()[0].strip())
    assert names(tmp_path) == sorted([held.name, half.parent.name]), "the running one removed the first"
    with work_folder("build", tmp_path):
        assert not left.exists() and not half.exists()
        assert (held / "half").read_text() == "half an engine"
    running.communicate("")
    assert running.returncode == 0 and names(tmp_path) == []


def test_a_living_owner_keeps_its_folder_against_its_own_process_too(tmp_path):
    with work_folder("build", tmp_path) as folder:
        remove_abandoned(tmp_path)
        with new_folder(tmp_path / "e", "proof") as new:
            (new / "proof").touch()
        assert folder.is_dir()
    assert names(tmp_path) == ["e"]


def test_hidden_folders_of_others_are_left_alone(tmp_path):
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".build.abc").mkdir()
    remove_abandoned(tmp_path)
    assert names(tmp_path) == [".build.abc", ".cache"]


def test_a_process_killed_between_two_renames_loses_neither_folder(tmp_path, caplog):
    parent = tmp_path / ".e.abc"
    for name in ("old", "new"):
        (parent / name).mkdir(parents=True)
    (parent / LOCK).touch()
    remove_abandoned(tmp_path)
    assert "holds an old and a new folder" in caplog.text and (parent / "old").is_dir()
    (parent / "new").rmdir()
    remove_abandoned(tmp_path)
    assert names(tmp_path) == []


def test_without_locks_nothing_is_removed(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "not supported")

    monkeypatch.setattr(module.fcntl, "flock", refuse)
    with work_folder("build", tmp_path) as folder:
        assert LOCK not in names(folder)
        remove_abandoned(tmp_path)
        assert folder.is_dir()
    assert names(tmp_path) == []


def test_a_build_removes_what_a_killed_build_left(tmp_path):
    in_process(tmp_path, KILLED).communicate()
    assert len(names(tmp_path)) == 1

    def run(api, request, progress):
        return request.engine.write_bytes(b"plan")

    plan = plan_build(default_model_dir(), board("sm86"), context=64)
    api = trt_api.TensorRt("tensorrt_rtx", "1.7", None)
    path, _, _ = build(default_model_dir(), plan, api, tmp_path, run=run)
    assert names(tmp_path) == [path.name]
