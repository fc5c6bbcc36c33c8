"""Child processes end with their parent, whatever ends it. A FIFO that a child holds open tells when it is
gone.
"""

import os
import signal
import subprocess
import sys

import pytest
from places import CHECKOUT

from n3d_ros.commands.graph.children import Children
from n3d_ros.errors import CommandFailed

HOLD_OPEN = (
    "import sys, signal; f = open(sys.argv[1], 'w'); {}; f.write('ready\\n'); f.flush(); signal.pause()"
)
IGNORE_INTERRUPT = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
WITH_A_CHILD_OF_ITS_OWN = (
    "import subprocess; code = 'import signal; signal.pause()'; "
    "subprocess.Popen([sys.executable, '-c', code], pass_fds=[f.fileno()])"
)


@pytest.fixture
def fifo(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def holder(fifo, extra="pass"):
    return [sys.executable, "-c", HOLD_OPEN.format(extra), str(fifo)]


@pytest.mark.parametrize("extra", ["pass", WITH_A_CHILD_OF_ITS_OWN])
def test_leaving_the_context_ends_the_whole_group(tmp_path, fifo, extra):
    with Children(dict(os.environ), tmp_path) as children:
        children.start("holder", holder(fifo, extra))
        with fifo.open() as reader:
            assert reader.readline() == "ready\n"
            children.stop()
            assert reader.read() == ""


def test_a_child_that_ignores_the_interrupt_is_killed(tmp_path, fifo, monkeypatch):
    monkeypatch.setattr("n3d_ros.commands.graph.children.STOP_S", 0.1)
    with Children(dict(os.environ), tmp_path) as children:
        children.start("holder", holder(fifo, IGNORE_INTERRUPT))
        with fifo.open() as reader:
            assert reader.readline() == "ready\n"
            children.stop()
            assert reader.read() == ""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_killing_the_parent_ends_its_children(tmp_path, fifo, how):
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from n3d_ros.commands.graph.children import Children\n"
        "with Children(dict(os.environ), Path(sys.argv[1])) as children:\n"
        "    children.start('holder', sys.argv[2:]); signal.pause()"
    )
    command = [sys.executable, "-c", code, str(tmp_path), *holder(fifo)]
    with subprocess.Popen(command, cwd=CHECKOUT) as parent, fifo.open() as reader:
        assert reader.readline() == "ready\n"
        parent.send_signal(how)
        assert reader.read() == ""


def test_a_child_that_ended_is_reported_with_the_end_of_its_log(tmp_path):
    with Children(dict(os.environ), tmp_path) as children:
        children.start("camera", [sys.executable, "-c", "import sys; print('no display'); sys.exit(3)"])
        children.running["camera"].wait()
        with pytest.raises(CommandFailed, match="camera ended with code 3(.|\n)*no display"):
            children.check()


def test_running_children_pass_the_check(tmp_path, fifo):
    with Children(dict(os.environ), tmp_path) as children:
        children.start("holder", holder(fifo))
        with fifo.open() as reader:
            assert reader.readline() == "ready\n"
            children.check()
