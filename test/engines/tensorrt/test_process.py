"""An engine is built in a process of its own: what it reports, how it fails, how it ends."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from n3d_ros.child_process import package_environment
from n3d_ros.engines.tensorrt import build as build_module
from n3d_ros.engines.tensorrt import process as build_process
from n3d_ros.engines.tensorrt.boards import board
from n3d_ros.engines.tensorrt.network import BuildRequest
from n3d_ros.engines.tensorrt.plan import plan_build
from n3d_ros.engines.tensorrt.process import build_apart
from n3d_ros.errors import EngineError, OutOfMemoryError
from n3d_ros.runtime.backends.factory import default_model_dir
from n3d_ros.runtime.backends.trt import api as trt_api

REQUEST = BuildRequest(Path("x.onnx"), Path("x.engine"), [])


class Told:
    """A `Progress` that remembers."""

    def __init__(self, stop=False):
        self.calls, self.stop = [], stop

    def start(self, *values):
        self.calls.append(("start", *values))

    def step(self, *values):
        self.calls.append(("step", *values))
        return not self.stop

    def finish(self, *values):
        self.calls.append(("finish", *values))

    def waiting(self):
        self.calls.append(("waiting",))


def children(monkeypatch, work):
    """Let the other process do `work(sender)` instead of building; forked, so it need not be importable."""
    monkeypatch.setattr(build_process, "START_METHOD", "fork")
    monkeypatch.setattr(build_process, "_work", lambda sender, *_: work(sender))


API = trt_api.TensorRt("tensorrt", "10.3", None)


def test_reports_arrive_in_order_and_the_size_comes_back(monkeypatch):
    def work(sender):
        reports = build_process._Reports(sender)
        reports.start("build", None, 2)
        assert reports.step("build", 1)
        reports.finish("build")
        sender.send(("done", 77))

    children(monkeypatch, work)
    told = Told()
    assert build_apart(API, REQUEST, told) == 77
    assert told.calls == [("start", "build", None, 2), ("step", "build", 1), ("finish", "build")]
    assert build_apart(API, REQUEST) == 77
    assert multiprocessing.active_children() == []


def test_a_silent_builder_is_waited_for_and_that_is_told(monkeypatch):
    monkeypatch.setattr(build_process, "TICK_S", 0.0)
    receiver, sender = multiprocessing.Pipe(duplex=False)
    told = Told()
    told.waiting = lambda: (told.calls.append("waiting"), sender.send(("done", 5)))
    assert build_process._follow(receiver, None, "x.engine", told) == 5
    assert told.calls == ["waiting"]


@pytest.mark.parametrize("error", [EngineError("no tactic"), OutOfMemoryError("full"), OSError(28, "Full")])
def test_an_error_comes_as_it_was_raised(monkeypatch, error):
    children(monkeypatch, lambda sender: sender.send(("failed", error)))
    with pytest.raises(type(error)) as caught:
        build_apart(API, REQUEST, Told())
    assert caught.value.args == error.args


def test_a_process_that_linux_kills_ran_out_of_memory(monkeypatch):
    children(monkeypatch, lambda sender: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(OutOfMemoryError, match="x.engine: .* was killed .SIGKILL., .*when memory is full"):
        build_apart(API, REQUEST, Told())


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda sender: os.kill(os.getpid(), signal.SIGTERM), "ended with signal 15"),
        (lambda sender: os._exit(3), "ended with exit code 3"),
    ],
)
def test_another_early_end_is_named_with_its_code(monkeypatch, work, words):
    children(monkeypatch, work)
    with pytest.raises(EngineError, match=f"x.engine: the process that built it {words}; what it printed"):
        build_apart(API, REQUEST)


def test_a_build_that_is_stopped_ends_its_process(monkeypatch):
    def work(sender):
        build_process._Reports(sender).step("build", 1)
        signal.pause()

    children(monkeypatch, work)
    with pytest.raises(EngineError, match="x.engine: the build was stopped"):
        build_apart(API, REQUEST, Told(stop=True))
    assert multiprocessing.active_children() == []


def test_a_builder_whose_parent_is_gone_stops():
    receiver, sender = multiprocessing.Pipe(duplex=False)
    receiver.close()
    assert build_process._Reports(sender).step("build", 1) is False


@pytest.mark.parametrize(
    ("failing", "parts", "words"),
    [
        ("vision.engine", 1, "vision.engine: full; stop other programs"),
        ("decoder.engine", 1, "decoder.engine: full; cut the decoder with `--parts 2`, stop"),
        ("decoder-2-of-2.engine", 2, "decoder-2-of-2.engine: full; cut the decoder with `--parts 4`, stop"),
        ("decoder-5-of-5.engine", 5, "decoder-5-of-5.engine: full; stop other programs"),
    ],
)
def test_memory_that_runs_out_names_smaller_parts_where_they_help(tmp_path, failing, parts, words):
    built = []

    def run(api, request, progress):
        built.append(request.engine.name)
        request.engine.write_bytes(b"plan")
        if request.engine.name == failing:
            raise OutOfMemoryError(f"{failing}: full")
        return 4

    plan = plan_build(default_model_dir(), board("sm86"), context=64, parts=parts)
    api = trt_api.TensorRt("tensorrt_rtx", "1.7", None)
    with pytest.raises(OutOfMemoryError, match=words):
        build_module.build(default_model_dir(), plan, api, tmp_path, run=run)
    assert built[-1] == failing and list(tmp_path.iterdir()) == []


def test_a_runtimes_words_about_memory_make_the_error():
    module = SimpleNamespace(ILogger=type("ILogger", (), {}))
    log = trt_api.ErrorLog(trt_api.TensorRt("tensorrt", "10.3", module))
    log.logger.log("Severity.ERROR", "Requested amount of GPU memory (9 bytes): out of memory")
    assert isinstance(log.failed("x.engine: could not build it"), OutOfMemoryError)
    log.logger.log("Severity.ERROR", "no tactic")
    assert isinstance(log.failed("x.engine: could not build it"), EngineError)


PARENT_DIES = """
import os, signal, threading
from pathlib import Path
from n3d_ros.engines.tensorrt import process as build_process
from n3d_ros.engines.tensorrt.network import BuildRequest
from n3d_ros.runtime.backends.trt.api import TensorRt

def work(sender, *_):
    threading.Thread(target=build_process._end_with_parent, daemon=True).start()
    sender.send(("start", ("build", None, 1)))
    signal.pause()

class Progress:
    def start(self, *_):
        os.kill(os.getpid(), signal.SIGKILL)

build_process.START_METHOD, build_process._work = "fork", work
build_process.build_apart(TensorRt("tensorrt", "", None), BuildRequest(Path("x"), Path("x"), []), Progress())
"""


def test_a_builder_ends_when_its_parent_is_killed():
    """Both hold standard output: its end comes when both are gone."""
    command = [sys.executable, "-c", PARENT_DIES]
    found = subprocess.run(
        command, env=package_environment(), stdout=subprocess.PIPE, timeout=60, check=False
    )
    assert found.returncode == -signal.SIGKILL
