"""Scenes of the simulator to ask about, with the questions: the same seed, the same scene.

In: a first seed. Out: `BenchScene`s with at least three well visible objects of different names. Seeds are
the benchmark's own: training starts at 1000000, `n3d eval` at 90000.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import numpy as np

from n3d_ros.engines.bench.samples import NUM_BOXES_ASKED, BenchScene
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.sim import RgbdCamera, View, generate, random_look, sample_camera
from n3d_ros.spatial import QUESTIONS

FIRST_SEED = 80000
WIDTH_PX, HEIGHT_PX = 640, 480
MIN_VISIBLE, MIN_VISIBLE_PX = 0.5, 400
# Looked at before giving up.
MAX_SCENES = 500


def bench_scenes(first_seed: int = FIRST_SEED) -> Iterator[BenchScene]:
    """Scenes from `first_seed` on; those with too few objects to ask for are left out."""
    for seed in range(first_seed, first_seed + MAX_SCENES):
        scene = bench_scene(seed)
        if scene is not None:
            yield scene


def bench_scene(seed: int) -> BenchScene | None:
    """One view of scene `seed`, or None where fewer than three objects can be asked for."""
    world, rng = generate(seed), np.random.default_rng(seed)
    with RgbdCamera(world, WIDTH_PX, HEIGHT_PX) as camera:
        view = camera.render(sample_camera(world, rng, WIDTH_PX, HEIGHT_PX), random_look(rng))
    names = askable_names(view)
    if len(names) < NUM_BOXES_ASKED:
        return None
    chosen = [str(name) for name in rng.permutation(names)[:NUM_BOXES_ASKED]]
    observation = Observation(rgb=view.rgb, intrinsics=view.camera.intrinsics, depth=view.depth)
    question = question_about(chosen, seed)
    return BenchScene(seed, observation, question, f"the {chosen[0]}", f"the {chosen[1]}")


def askable_names(view: View) -> list[str]:
    """Names that only one object of the scene has, and that one is well visible."""
    count = Counter(box.label for box in view.boxes)
    return [
        box.label
        for box, visible, pixels in zip(view.boxes, view.visible, view.visible_px, strict=True)
        if count[box.label] == 1 and visible >= MIN_VISIBLE and pixels >= MIN_VISIBLE_PX
    ]


def question_about(names: list[str], seed: int) -> str:
    """A question about three objects; all forms come up in turn."""
    forms = [form for form in itertools.chain.from_iterable(QUESTIONS.values()) if "{c}" in form]
    return forms[seed % len(forms)].format(a=names[0], b=names[1], c=names[2])
