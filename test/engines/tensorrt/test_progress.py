"""The bar of a build: it never falls, and it shows what is being done."""

import json
import threading

from n3d_ros.engines.tensorrt import progress
from n3d_ros.engines.tensorrt.progress import PhaseTree


def test_progress_of_nested_phases_never_falls_and_ends_whole():
    tree, seen = PhaseTree(), []
    for call in (
        lambda: tree.start("build", None, 2),
        lambda: tree.start("tactics", "build", 4),
        lambda: tree.step("tactics", 2),
        lambda: tree.step("build", 1),
        lambda: tree.start("tactics", "build", 10),
        lambda: tree.step("tactics", 5),
        lambda: tree.finish("tactics"),
        lambda: tree.finish("build"),
    ):
        call()
        seen.append(tree.share)
    assert seen == [0, 0, 0.25, 0.5, 0.5, 0.75, 1.0, 1.0]


def test_progress_may_be_told_from_several_threads(capsys):
    from n3d_ros.engines.tensorrt.progress import progress_bar

    with progress_bar("x") as bar:
        bar.start("build", None, 400)
        steps = [threading.Thread(target=lambda i=i: bar.step("build", i + 1)) for i in range(400)]
        for thread in steps:
            thread.start()
        for thread in steps:
            thread.join()
        assert bar.bar.n <= 1000
    assert bar.bar.n == 1000


def test_the_phase_that_is_shown_is_the_innermost_that_has_not_ended():
    tree, seen = PhaseTree(), []
    for call in (
        lambda: tree.start("build", None, 2),
        lambda: tree.start("tactics", "build", 1),
        lambda: tree.start("costs", "tactics", 1),
        lambda: tree.finish("costs"),
        lambda: tree.finish("tactics"),
        lambda: tree.start("tactics", "build", 1),
        lambda: tree.finish("tactics"),
        lambda: tree.finish("build"),
    ):
        call()
        seen.append(tree.running)
    assert seen == ["build", "tactics", "costs", "tactics", "build", "tactics", "build", ""]


def test_a_silent_builder_still_shows_its_phase_and_the_time(capsys):
    from n3d_ros.engines.tensorrt.progress import progress_bar

    with progress_bar("x") as bar:
        bar.start("slow", None, 1)
        capsys.readouterr()
        bar.waiting()
        assert "slow" in capsys.readouterr().err


def test_lines_tell_another_phase_at_once_and_steps_within_it_now_and_then(capsys, monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now_s[0])
    with progress.progress_lines("x") as lines:
        lines.start("build", None, 4)
        lines.step("build", 1)
        now_s[0] += progress.LINE_PERIOD_S
        lines.step("build", 2)
        lines.waiting()
    *told, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["phase"], one["progress"], one["elapsed_s"]) for one in told] == [
        ("", 0, 0), ("build", 0, 0), ("build", 0.5, 0.25), ("build", 0.5, 0.25),
    ]  # fmt: skip
    assert last == {"engine": "x", "is_done": True}
