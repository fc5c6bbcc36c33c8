"""Two models on the same simulated scenes: how well each finds things, and where they disagree.

In: two loaded pipelines, seeds. Out: one `Comparison` per scene and figures over all. Used by `n3d quantize`
to say what rounding the weights cost; neither pipeline's engine matters here.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from n3d_ros.boxes import Box3D, iou_3d
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.runtime.types import AskResult
from n3d_ros.sim import RgbdCamera, generate, random_look, sample_camera
from n3d_ros.training.evaluation.simulated.grounding import HEIGHT, WIDTH, askable
from n3d_ros.training.questions import spatial_question


@dataclass(frozen=True)
class Comparison:
    """One scene. `iou_*`: of the first box with the truth, 0 where none was found; `iou_between`: of the two
    models' boxes, 1 where both found nothing. Answers are to one spatial question; `same_answer` None where
    the scene had nothing to ask about.
    """

    seed: int
    words: str
    iou_reference: float
    iou_tested: float
    iou_between: float
    question: str
    answer_reference: str
    answer_tested: str
    same_answer: bool | None


def comparisons(
    reference: Pipeline, tested: Pipeline, num_scenes: int, first_seed: int
) -> Iterator[Comparison]:
    """One per scene with something to ask for; scenes without are skipped and the next seed is taken."""
    done, seed = 0, first_seed
    while done < num_scenes:
        comparison = compare(reference, tested, seed)
        seed += 1
        if comparison is not None:
            done += 1
            yield comparison


def compare(reference: Pipeline, tested: Pipeline, seed: int) -> Comparison | None:
    """Render one view, ask both for one object and one relation."""
    scene, rng = generate(seed), np.random.default_rng(seed)
    with RgbdCamera(scene, WIDTH, HEIGHT) as camera:
        view = camera.render(sample_camera(scene, rng, WIDTH, HEIGHT), random_look(rng))
    fit = askable(view)
    if not fit:
        return None
    truth = view.boxes[int(rng.choice(fit))]
    observation = Observation(rgb=view.rgb, intrinsics=view.camera.intrinsics, depth=view.depth)
    boxes = [_first_box(model, observation, truth.label) for model in (reference, tested)]
    question = spatial_question([box.label for box in view.boxes], fit, rng)[0] if len(fit) > 1 else ""
    results = [model.ask(observation, question) for model in (reference, tested)] if question else []
    answers = [result.answer for result in results] or ["", ""]
    return Comparison(
        seed,
        words=truth.label,
        iou_reference=_iou(boxes[0], truth),
        iou_tested=_iou(boxes[1], truth),
        iou_between=1.0 if boxes == [None, None] else _iou(boxes[0], boxes[1]),
        question=question,
        answer_reference=answers[0],
        answer_tested=answers[1],
        same_answer=same_answer(*results) if results else None,
    )


def same_answer(reference: AskResult, tested: AskResult) -> bool:
    """The same words, or the same quantity within 10 % or 1 cm (the tolerance of `spatial.check_answer`)."""
    if reference.value is None or tested.value is None or reference.unit != tested.unit:
        return reference.answer == tested.answer
    return math.isclose(reference.value, tested.value, rel_tol=0.1, abs_tol=0.01)


def _first_box(model: Pipeline, observation: Observation, words: str) -> Box3D | None:
    found = model.ground(observation, f"the {words}").objects
    return found[0].box if found else None


def _iou(box: Box3D | None, other: Box3D | None) -> float:
    return 0.0 if box is None or other is None else iou_3d(box, other)


def summarise(results: Sequence[Comparison]) -> dict[str, Any]:
    """Figures over all scenes. ValueError when there is none."""
    if not results:
        raise ValueError("expected at least one scene, got none")
    asked = [c.same_answer for c in results if c.same_answer is not None]
    return {
        "num_scenes": len(results),
        "mean_iou_reference": float(np.mean([c.iou_reference for c in results])),
        "mean_iou_tested": float(np.mean([c.iou_tested for c in results])),
        "share_iou_25_reference": float(np.mean([c.iou_reference >= 0.25 for c in results])),
        "share_iou_25_tested": float(np.mean([c.iou_tested >= 0.25 for c in results])),
        "mean_iou_between": float(np.mean([c.iou_between for c in results])),
        "num_questions": len(asked),
        "share_same_answer": float(np.mean(asked)) if asked else None,
        "scenes": [asdict(c) for c in results],
    }
