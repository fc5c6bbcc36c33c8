"""The worst cases, to be looked at: picture, true and found boxes, question and answers.

In: `Marked` answers and an observer. Out: figures of a page. Worst are wrong answers, a few of each category,
and true boxes with the least overlap, one a picture; their order is always the same.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from n3d_ros.overlay import draw_boxes
from n3d_ros.training.evaluation.asking.observe import Observer
from n3d_ros.training.evaluation.figures.marked import Marked
from n3d_ros.training.evaluation.figures.pairing import true_boxes
from n3d_ros.training.qa.records import SPATIAL, Question

WIDTH_PX = 480
JPEG_QUALITY = 80
TRUE_COLOUR = (255, 255, 255)
LEGEND = "White and thin: true boxes. Coloured: found ones, with their distance."


def gallery(marked: Sequence[Marked], observer: Observer, num_cases: int) -> str:
    """HTML of at most num_cases wrong answers and as many badly found boxes. OSError, ValueError where a
    picture that was there before is gone.
    """
    sections = [("Wrong answers", wrong_answers(marked, num_cases)), ("Boxes", bad_boxes(marked, num_cases))]
    return "".join(
        f"<h2>{title}, worst {len(cases)}</h2><p>{LEGEND}</p>"
        + "".join(_figure(one, observer) for one in cases)
        for title, cases in sections
        if cases
    )


def wrong_answers(marked: Sequence[Marked], num_cases: int) -> list[Marked]:
    """From each category in turn, so that the most frequent one does not hide the others."""
    wrong: dict[str, list[Marked]] = {}
    for one in sorted(marked, key=_rank):
        if one.judgement is not None and not one.judgement.is_right:
            wrong.setdefault(one.question.category, []).append(one)
    rounds = max(map(len, wrong.values()), default=0)
    dealt = [group[i] for i in range(rounds) for group in wrong.values() if i < len(group)]
    return dealt[:num_cases]


def bad_boxes(marked: Sequence[Marked], num_cases: int) -> list[Marked]:
    """Questions for boxes by their worst box, or by what was found where nothing is."""
    worst: dict[str, tuple[float, str, Marked]] = {}
    for one in marked:
        if one.question.kind == SPATIAL or (not one.question.boxes and not one.reply.boxes):
            continue
        iou = min((box.iou for box in true_boxes(one)), default=0.0)
        case = (iou, _rank(one), one)
        key = one.question.picture.key
        worst[key] = min(worst.get(key, case), case, key=lambda known: known[:2])
    return [one for *_, one in sorted(worst.values(), key=lambda case: case[:2])[:num_cases]]


def _rank(one: Marked) -> str:
    """As good as random, and the same in every run."""
    return hashlib.sha256(one.question.id.encode()).hexdigest()


def _figure(one: Marked, observer: Observer) -> str:
    lines = [f"<b>{html.escape(one.question.text)}</b>", *(html.escape(line) for line in _lines(one))]
    return f"<figure>{_image(one, observer)}<figcaption>{'<br>'.join(lines)}</figcaption></figure>"


def _lines(one: Marked) -> list[str]:
    said = one.reply.answer or one.reply.fault or one.reply.message or "no answer"
    lines = [f"{one.question.category}, question {one.question.id}", f"true: {_truth(one.question)}"]
    if one.judgement is None:
        found = ", ".join(f"{box.label} ({box.score:.2f})" for box in one.reply.boxes) or f"nothing: {said}"
        return [*lines, f"found: {found}"]
    why = ": ".join(filter(None, (one.judgement.outcome, one.judgement.why)))
    lines.append(f"answer: {said} [{why}]")
    if one.reply.is_computed:
        lines.append(f"the model's own: {one.reply.own_answer}")
    return lines


def _truth(question: Question) -> str:
    things = ", ".join(box.label for box in question.boxes)
    return question.answer or question.choice or things or f"{len(question.true_px)} rectangles"


def _image(one: Marked, observer: Observer) -> str:
    seen = observer.observe(one.question)
    drawn = draw_boxes(
        seen.rgb, one.reply.boxes, seen.intrinsics, truth=[known.box for known in one.question.boxes]
    )
    for left, top, right, bottom in one.question.true_px:
        cv2.rectangle(drawn, (round(left), round(top)), (round(right), round(bottom)), TRUE_COLOUR, 1)
    return image(drawn)


def image(rgb: npt.NDArray[np.uint8]) -> str:
    """An HTML picture that holds itself, at most WIDTH_PX wide."""
    scale = min(1.0, WIDTH_PX / rgb.shape[1])
    size = (round(rgb.shape[1] * scale), max(1, round(rgb.shape[0] * scale)))
    shown = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(shown, cv2.COLOR_RGB2BGR), quality)
    data = base64.b64encode(jpeg.tobytes()).decode("ascii")
    return f"<img width='{size[0]}' height='{size[1]}' alt='' src='data:image/jpeg;base64,{data}'>"
