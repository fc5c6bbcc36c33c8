"""The whole chain in miniature, command after command, as a user gives them: nothing between them is mended
by hand.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("mujoco")
pytest.importorskip("pyarrow")
pytest.importorskip("accelerate")
pytest.importorskip("datasets")


from n3d_ros.child_process import package_environment
from n3d_ros.cli import main
from n3d_ros.commands.data_demo import steps as demo_steps
from n3d_ros.errors import CommandFailed

CAMERA = {"fx": 50, "fy": 50, "cx": 31.5, "cy": 23.5, "width": 64, "height": 48}
MUG = {
    "label": "night_stand",
    "center_xyz_m": [0.0, 0.0, 0.8],
    "size_xyz_m": [0.2, 0.2, 0.2],
    "rotation_matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
}


def frame(folder, annotations=None):
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 48), (90, 120, 60)).save(folder / "color.png")
    np.save(folder / "depth.npy", np.full((48, 64), 0.8, np.float32))
    (folder / "intrinsics.json").write_text(json.dumps(CAMERA))
    if annotations is not None:
        (folder / "annotations.json").write_text(json.dumps(annotations))


def demo(out, *more):
    words = ["data-demo", "--out", str(out), "--scenes", "2", "1", "--workers", "1", *map(str, more)]
    return main(words)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """(folder, what was printed) of a demo over simulated scenes and two frames, one of them annotated; it
    was killed in the middle and begun again.
    """
    folder = tmp_path_factory.mktemp("demo")
    frame(folder / "frames/annotated", {"boxes3d": [MUG]})
    frame(folder / "frames/plain")
    words = ("--out", folder / "out", "--scenes", 2, 1, "--workers", 1, "--frames", folder / "frames")
    command = [sys.executable, "-m", "n3d_ros.cli", "data-demo", *map(str, words)]
    with subprocess.Popen(
        command, env=package_environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        for line in process.stdout:
            if line.startswith("$ n3d train"):
                process.kill()
    again = subprocess.run(command, env=package_environment(), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr[-2000:]
    return folder / "out", again.stdout


def test_the_demo_leaves_every_page_and_says_where(done):
    out, printed = done
    pages = [
        Path(line.strip()) for line in printed.splitlines() if line.endswith(".html") and "look" not in line
    ]
    shown = {str(page.relative_to(out)) for page in pages if page.is_relative_to(out)}
    assert shown >= {
        "train/lifted/page.html",
        "test/questions/page.html",
        "real/lifted/page.html",
        "eval/debug/page.html",
        "eval/nano/page.html",
        "real/frames.html",
    }
    assert all(page.read_text().startswith("<!DOCTYPE html>") for page in pages)


def test_both_models_were_asked_the_same_and_the_table_says_so(done):
    out, printed = done
    reports = [json.loads((out / f"eval/{name}/report.json").read_text()) for name in ("debug", "nano")]
    assert reports[0]["questions"]["asked"] == reports[1]["questions"]["asked"] > 0
    assert reports[0]["run"]["questions_sha256"] == reports[1]["run"]["questions_sha256"]
    assert "random weights after a few steps" in printed


def test_a_measured_box_of_a_real_frame_becomes_questions_in_peoples_words(done):
    out, _ = done
    lifted = json.loads((out / "real/lifted/manifest.json").read_text())
    assert (lifted["pictures"], lifted["kept"]) == (1, 1)
    assert "night stand" in (out / "real/questions/page.html").read_text()


def test_frames_without_annotations_are_shown_with_what_was_found(done):
    out, _ = done
    page = (out / "real/frames.html").read_text()
    assert "<b>plain</b>" in page and "<b>annotated</b>" not in page and "not what is in the picture" in page


def test_a_step_that_fails_ends_the_demo_by_name(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(demo_steps, "TEST_SEED", -5)
    assert demo(tmp_path / "out") == 1
    assert "step 2, n3d render, ended with 2" in capfd.readouterr().err


def test_real_frames_without_a_question_end_their_steps_and_not_the_demo(tmp_path, capsys):
    layout = demo_steps.Layout(tmp_path)
    (layout.real / "lifted").mkdir(parents=True)
    (layout.real / "lifted/manifest.json").write_text('{"kept": 1}')
    steps = list(demo_steps.real_steps(layout, [tmp_path]))
    assert [(one.words[0], one.may_end_with) for one in steps] == [("lift", 0), ("make-qa", 1)]
    assert "no question about real frames" in capsys.readouterr().out


def test_a_step_ends_the_demo_but_with_the_code_that_it_may_end_with(tmp_path):
    run, refused = demo_steps.Runner(), ("make-qa", str(tmp_path), "--out", str(tmp_path / "out"))
    run(demo_steps.Step("a folder that is no set", refused, may_end_with=2))
    with pytest.raises(CommandFailed, match="step 2, n3d make-qa, ended with 2"):
        run(demo_steps.Step("the same", refused, may_end_with=1))


def test_frames_that_are_none_are_refused_before_anything_is_made(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert demo(tmp_path / "out", "--frames", tmp_path / "empty") == 2
    assert not (tmp_path / "out/train").exists() and "expected" in capsys.readouterr().err
