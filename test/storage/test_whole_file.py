"""A file appears whole or not at all, whatever stops the writer."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from n3d_ros.child_process import package_environment
from n3d_ros.storage.whole_file import whole_file, write_json, write_text

FULL_DISK = """
import resource
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
path = Path({path!r})
try:
    {write}
except OSError as error:
    print(error)
"""
WRITERS = {
    "json": "from n3d_ros.storage.whole_file import write_json; write_json(path, [1] * 5000)",
    "overlay": "import numpy as np; from n3d_ros.commands.infer.output import write_overlay; "
    "from n3d_ros.preprocess.prepare import Observation; from n3d_ros.geometry import Intrinsics; "
    "rgb = np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8); "
    "seen = Observation(rgb, Intrinsics(80, 80, 45, 45, 90, 90), depth=np.ones((90, 90), np.float32)); "
    "write_overlay(path, seen, [])",
    "conversation": "from n3d_ros.files.conversations import Conversation, write_conversations; "
    "write_conversations(path, [Conversation(('where? ' * 500,), 'a.png', 'a.npz')])",
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("old", [None, "what was there"])
def test_a_full_disk_leaves_what_was_there(tmp_path, name, old):
    path = tmp_path / "out.png"
    if old is not None:
        path.write_text(old)
    code = FULL_DISK.format(path=str(path), write=WRITERS[name])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=package_environment()
    )
    assert "File too large" in done.stdout and str(path) in done.stdout, done.stderr
    assert [child.name for child in tmp_path.iterdir()] == ([] if old is None else ["out.png"])
    assert old is None or path.read_text() == old


def test_an_interrupt_leaves_what_was_there(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "a.txt") as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_the_folder_is_made_and_a_link_stays_one(tmp_path):
    write_text(tmp_path / "new" / "a.txt", "ä\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "ä\n".encode()
    (tmp_path / "link").symlink_to("new/a.txt")
    write_text(tmp_path / "link", "b")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "new" / "a.txt").read_text() == "b"


def test_a_device_is_written_to_directly():
    with whole_file(Path("/dev/null")) as part:
        assert str(part) == "/dev/null"


def test_the_format_follows_the_name(tmp_path):
    with whole_file(tmp_path / "a.jpg") as part:
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(part)
    assert Image.open(tmp_path / "a.jpg").format == "JPEG"


def test_what_json_lacks_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(tmp_path / "a.json", float("nan"))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs /dev/fd")
def test_a_pipe_is_written_to_directly():
    reader, writer = os.pipe()
    write_text(Path(f"/dev/fd/{writer}"), "piped")
    os.close(writer)
    assert os.read(reader, 99) == b"piped"
    os.close(reader)


def test_an_error_of_a_library_without_a_name_gets_that_of_the_file(tmp_path):
    named = rf"3 requested and 1 written \(writing '{tmp_path}/a.npy'\)"
    with pytest.raises(OSError, match=named), whole_file(tmp_path / "a.npy"):
        raise OSError("3 requested and 1 written")  # as numpy.save on a full disk


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_that_is_full_is_named():
    with pytest.raises(OSError, match=r"No space left on device: '/dev/full'"):
        write_text(Path("/dev/full"), "a")
