"""A build in a process of its own: what it tells arrives as it was told, and every way it ends is named."""

import threading

import build_script
import pytest

from n3d_ros.errors import ResultCode
from n3d_ros.node.plain.engine import build as engine_build
from n3d_ros.node.plain.engine.build import BuildEnd, BuildReport, EngineBuild

DEADLINE_S = 60.0


@pytest.fixture(autouse=True)
def _script(monkeypatch):
    monkeypatch.setattr(engine_build, "COMMAND", build_script.COMMAND)


class Built:
    """A build with what it told. at: the phase at which `act` is called with the build."""

    def __init__(self, *arguments, at="", act=lambda build: None):
        self.reports, self._end, self._ended = [], [], threading.Event()
        self._reached, self._at = threading.Event(), at
        self.build = EngineBuild(arguments, self._report, self._told_end)
        if at:
            assert self._reached.wait(DEADLINE_S)
            act(self.build)

    def _report(self, report):
        self.reports.append(report)
        if report.phase == self._at:
            self._reached.set()

    def _told_end(self, end):
        self._end.append(end)
        self._ended.set()

    def end(self):
        assert self._ended.wait(DEADLINE_S)
        self.build.wait(DEADLINE_S)
        [end] = self._end
        return end


def test_reports_come_as_they_were_told_and_the_folder_at_the_end():
    built = Built("--model=/models/a", "--target=sm89")
    assert built.end() == BuildEnd(ResultCode.OK, path="--model=/models/a --target=sm89", is_new=True)
    assert built.reports == [
        BuildReport("vision.engine", 0, "", 0.0, 0.0),
        BuildReport("vision.engine", 0, "tactics", 0.5, 4.0),
        BuildReport("decoder.engine", 1, "tactics", 0.25, 3.0),
    ]


@pytest.mark.parametrize(("progress", "eta_s"), [(0.0, -1.0), (0.04, -1.0), (0.25, 12.0), (1.0, 0.0)])
def test_the_time_that_is_left_is_that_of_the_share_that_is_left_or_not_known(progress, eta_s):
    assert BuildReport("vision.engine", 0, "", progress, 4.0).eta_s == eta_s


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ("refused", ResultCode.BAD_INPUT, "expected tensorrt or tensorrt_rtx to import, found none"),
        ("unwanted", ResultCode.BAD_INPUT, "error: argument --precision: invalid choice"),
        ("stale", ResultCode.BAD_INPUT, "stale engine"),
        ("broken", ResultCode.INTERNAL, "could not build it"),
    ],
)
def test_a_refusal_or_a_failure_has_its_words(target, code, message):
    assert Built(f"--target={target}").end() == BuildEnd(code, message)


def test_a_crash_is_a_defect_with_its_last_words():
    end = Built("--target=crash").end()
    assert end.code == ResultCode.INTERNAL
    assert end.message.startswith("n3d build ended with exit code 1: ")
    assert end.message.endswith("RuntimeError: no way")


def test_a_cancel_ends_it():
    built = Built("--target=waits", at="waiting", act=EngineBuild.cancel)
    assert built.end() == BuildEnd(ResultCode.CANCELED, "the build was canceled")


def test_one_that_does_not_listen_is_killed():
    def act(build):
        build.cancel()
        build.wait(0.1)

    assert Built("--target=deaf", at="deaf", act=act).end().code == ResultCode.CANCELED


def test_a_build_that_linux_kills_ran_out_of_memory():
    end = Built("--target=waits", at="waiting", act=lambda build: build._process.kill()).end()
    assert (end.code, "SIGKILL" in end.message) == (ResultCode.OOM, True)


def test_a_word_that_no_process_can_be_given_is_refused():
    with pytest.raises(ValueError, match="null byte"):
        EngineBuild(["--target=a\0b"], print, print)
