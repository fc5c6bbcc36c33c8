"""How well a model folder grounds: simulated scenes that it never saw, one named object each, measured in
metres; then something absent and a spatial question on the same picture.

In: a loaded `Pipeline`, seeds. Out: one `Trial` per scene and a `Summary`. Everything goes through the
robot's own path (camera at
640x480, preprocessing, engine, decoding); nothing here knows how the model works.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from n3d_ros.boxes import Box3D, iou_3d
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.runtime.types import GroundResult
from n3d_ros.sim import RgbdCamera, View, generate, random_look, sample_camera, sensor_noise
from n3d_ros.sim.world import DEFAULT_WORLD, KIND_SETS, World
from n3d_ros.training.evaluation.simulated.answers import (
    Answered,
    Premise,
    Refusal,
    try_absent,
    try_follow_up,
    try_opposite,
    try_premise,
    try_question,
)
from n3d_ros.training.evaluation.simulated.naming import (
    NAME,
    Named,
    named,
    try_beside,
    try_capitals,
    try_group,
)
from n3d_ros.training.questions import MIN_VISIBLE, MIN_VISIBLE_PX

WIDTH, HEIGHT = 640, 480
MIN_PX = MIN_VISIBLE_PX * 4
NOISE_SEED, WAYS_SEED = 1, 2
CAPTURE_SEED, SENSOR_SEED = 3, 4
PREMISE_SEED = 5


@dataclass(frozen=True)
class Trial:
    """One prompt: what was found, if anything, against the truth; metres, `None` where nothing was found."""

    seed: int
    words: str
    iou: float
    center_error_m: float | None
    num_found: int
    malformed: int
    total_ms: float
    refusal: Refusal | None = None
    answered: Answered | None = None
    # The same prompt and others, by the way in which they name things; questions asked in other ways.
    named: tuple[Named, ...] = ()
    further: tuple[Answered, ...] = ()
    premise: Premise | None = None


@dataclass(frozen=True)
class Summary:
    """Over all trials; a prompt that found nothing counts as IoU 0 and as an infinite centre error."""

    num_trials: int
    share_iou_25: float
    share_iou_50: float
    mean_iou: float
    median_center_error_m: float
    share_found: float
    malformed: int
    median_ms: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def trials(
    pipeline: Pipeline,
    num_scenes: int,
    first_seed: int,
    with_noise: bool = False,
    with_ways: bool = False,
    world: World = DEFAULT_WORLD,
    kinds: Sequence[str] | None = None,
) -> Iterator[Trial]:
    """One trial per scene with something to ask for; scenes without are skipped and the next seed is taken
    instead. with_noise: depth as a sensor sees it, by the simple model. with_ways: ask in other ways too,
    about twice as much. world: what else there is to see. kinds: scenes are made of these alone, None for all
    of the world's.
    """
    done, seed = 0, first_seed
    while done < num_scenes:
        trial = run_trial(pipeline, seed, with_noise, with_ways, world, kinds)
        seed += 1
        if trial is not None:
            done += 1
            yield trial


def run_trial(
    pipeline: Pipeline,
    seed: int,
    with_noise: bool = False,
    with_ways: bool = False,
    world: World = DEFAULT_WORLD,
    kinds: Sequence[str] | None = None,
) -> Trial | None:
    """Render one view of scene `seed`, ask for one of its visible, uniquely named objects."""
    made_of = KIND_SETS[world.kinds] if kinds is None else tuple(kinds)
    scene, rng = generate(seed, replace(world.scenes(), kinds=made_of)), np.random.default_rng(seed)
    with RgbdCamera(scene, WIDTH, HEIGHT) as camera:
        place, look = sample_camera(scene, rng, WIDTH, HEIGHT), random_look(rng)
        view = world.view(camera, place, look, np.random.default_rng((seed, CAPTURE_SEED)))
    target = choose_target(view, rng)
    if target is None:
        return None
    truth = view.boxes[target]
    # Noise has its own numbers, so that everything else is the same with it.
    noise = np.random.default_rng((seed, NOISE_SEED))
    sensed = world.depth(view, np.random.default_rng((seed, SENSOR_SEED)))
    depth = sensor_noise(view.depth, noise) if with_noise else sensed
    observation = Observation(rgb=view.rgb, intrinsics=view.camera.intrinsics, depth=depth)
    result = pipeline.ground(observation, f"the {truth.label}")
    trial = score(seed, truth, [o.box for o in result.objects], len(result.malformed), result.timing.total_ms)
    present = [(thing.color, thing.kind) for thing in scene.objects]
    refusal = try_absent(pipeline, observation, present, rng, made_of)
    names, others = [box.label for box in view.boxes], np.random.default_rng((seed, PREMISE_SEED))
    trial = replace(
        trial,
        refusal=refusal,
        premise=try_premise(pipeline, observation, names, askable(view), refusal.words, others),
        answered=try_question(pipeline, observation, view.boxes, askable(view), rng),
        named=(named(NAME, truth.label, [o.box for o in result.objects], [truth]),),
    )
    return _in_other_ways(pipeline, observation, view, trial, result) if with_ways else trial


def _in_other_ways(
    pipeline: Pipeline, observation: Observation, view: View, trial: Trial, ground: GroundResult
) -> Trial:
    """The trial with a group, where there is one, and one other way by turns. What they draw moves nothing
    else.
    """
    rng, boxes, visible = np.random.default_rng((trial.seed, WAYS_SEED)), view.boxes, in_view(view)
    group = try_group(pipeline, observation, boxes, visible, rng)
    prompts: list[Named | None] = [group[0] if group else None]
    questions: list[Answered | None] = []
    turn = trial.seed % 4
    if turn == 0:
        prompts.append(try_beside(pipeline, observation, boxes, visible, rng))
    elif turn == 1:
        truth = next(box for box in boxes if box.label == trial.words)
        prompts.append(try_capitals(pipeline, observation, truth))
    elif turn == 2:
        questions.append(try_opposite(pipeline, observation, boxes, askable(view), rng))
    else:
        about = group[1] if group else ground
        questions.append(try_follow_up(pipeline, observation, about, boxes, rng))
    return replace(
        trial,
        named=(*trial.named, *(one for one in prompts if one is not None)),
        further=tuple(one for one in questions if one is not None),
    )


def choose_target(view: View, rng: np.random.Generator) -> int | None:
    """Index of a random object that can be asked for by name."""
    fit = askable(view)
    return int(rng.choice(fit)) if fit else None


def askable(view: View) -> list[int]:
    """Objects that are the only one of their name, well visible, their centre inside the picture."""
    count = Counter(box.label for box in view.boxes)
    return [i for i in in_view(view) if count[view.boxes[i].label] == 1]


def in_view(view: View) -> list[int]:
    """Objects that are well visible, their centre inside the picture."""
    return [
        i
        for i, box in enumerate(view.boxes)
        if view.visible_px[i] >= MIN_PX and view.visible[i] >= MIN_VISIBLE and in_picture(box, view)
    ]


def in_picture(box: Box3D, view: View) -> bool:
    """Whether the centre of `box` projects into the picture."""
    x, y, z = box.center
    k = view.camera.intrinsics
    return z > 0 and 0 <= k.fx * x / z + k.cx < k.width and 0 <= k.fy * y / z + k.cy < k.height


def score(seed: int, truth: Box3D, found: list[Box3D], malformed: int, total_ms: float) -> Trial:
    """Compare the first box found (one was asked for) with the truth."""
    if not found:
        return Trial(seed, truth.label, 0.0, None, 0, malformed=malformed, total_ms=total_ms)
    error = math.dist(found[0].center, truth.center)
    return Trial(
        seed, truth.label, iou_3d(found[0], truth), error, len(found), malformed=malformed, total_ms=total_ms
    )


def summarise(results: list[Trial]) -> Summary:
    """Figures over all trials. ValueError when there is none."""
    if not results:
        raise ValueError("expected at least one trial, got none")
    iou = np.array([t.iou for t in results])
    error = np.array([math.inf if t.center_error_m is None else t.center_error_m for t in results])
    return Summary(
        num_trials=len(results),
        share_iou_25=float((iou >= 0.25).mean()),
        share_iou_50=float((iou >= 0.5).mean()),
        mean_iou=float(iou.mean()),
        median_center_error_m=float(np.median(error)),
        share_found=float(np.mean([t.num_found > 0 for t in results])),
        malformed=sum(t.malformed for t in results),
        median_ms=float(np.median([t.total_ms for t in results])),
    )
