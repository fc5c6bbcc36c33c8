"""The shipped n3d-nano: complete, small, runs without torch, and finds things in scenes it never saw."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from n3d_ros.model_folder.manifest import check_files, read_manifest
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.backends.factory import default_model_dir
from n3d_ros.runtime.limits import DEFAULT
from n3d_ros.runtime.pipeline import Pipeline

NUM_SCENES, FIRST_SEED = 16, 70000
LIMIT_BYTES = 25 * 2**20


@pytest.fixture(scope="module")
def results():
    pytest.importorskip("n3d_ros.sim", exc_type=ImportError)
    from n3d_ros.training.evaluation.simulated.grounding import trials

    return list(trials(Pipeline.load(default_model_dir(), backend="ort"), NUM_SCENES, FIRST_SEED))


def test_its_files_are_whole_and_within_the_size_that_git_may_carry():
    folder = default_model_dir()
    check_files(folder, read_manifest(folder))
    assert sum(file.stat().st_size for file in folder.iterdir()) < LIMIT_BYTES


def test_it_finds_named_objects_in_scenes_it_never_saw(results):
    """Far below what `n3d eval` prints, far above what a broken frame, scale or prompt leaves."""
    close = [t for t in results if t.center_error_m is not None and t.center_error_m < 0.06]
    assert len(close) >= NUM_SCENES * 0.4, [(t.words, t.center_error_m) for t in results]
    assert sum(t.iou >= 0.25 for t in results) >= NUM_SCENES * 0.3


def test_cameras_that_share_it_write_what_each_would_write_alone():
    """One picture, which begins early, with two depths: what is kept of one must not serve the other."""
    pytest.importorskip("n3d_ros.sim", exc_type=ImportError)
    from n3d_ros.sim import RgbdCamera, generate, random_look, sample_camera
    from n3d_ros.training.evaluation.simulated.grounding import HEIGHT, WIDTH, askable

    scene, rng = generate(FIRST_SEED), np.random.default_rng(FIRST_SEED)
    with RgbdCamera(scene, WIDTH, HEIGHT) as camera:
        view = camera.render(sample_camera(scene, rng, WIDTH, HEIGHT), random_look(rng))
    words = [view.boxes[index].label for index in askable(view)][:2]
    near = Observation(view.rgb, view.camera.intrinsics, view.depth)
    far = replace(near, depth=view.depth + 1.0)
    loaded = Pipeline.load(default_model_dir(), backend="ort", threads=1)

    def ask(pairs):
        for camera, seen in pairs:
            camera.start(seen.rgb)
        return [[camera.ground(seen, one).token_ids for camera, seen in pairs] for one in words]

    alone = [ask([(loaded.beside(DEFAULT), seen)]) for seen in (near, far)]
    together = ask([(loaded.beside(DEFAULT), near), (loaded.beside(DEFAULT), far)])
    assert together == [[*nearer, *farther] for nearer, farther in zip(*alone, strict=True)]
    assert len(words) == 2 and any(nearer != farther for nearer, farther in together)


def test_it_writes_well_formed_boxes(results):
    assert sum(t.malformed for t in results) == 0


def test_it_loads_without_torch():
    code = (
        "import sys; from n3d_ros.runtime.pipeline import Pipeline; "
        "from n3d_ros.runtime.backends.factory import default_model_dir; Pipeline.load(default_model_dir()); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'rclpy', 'mujoco')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
