"""Samples of a soak -> a verdict for people, and a picture.

In: samples of a node, what its counters said at the end. Out: text with every figure, SVG. Plain
arithmetic; no ROS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from n3d_ros.storage.whole_file import write_text
from n3d_ros.text_table import text_table

MAX_GROWTH_MIB = 1.0
# Of the judged samples the first and the last so many are compared.
SHARE = 0.2
_SIZE = (900, 560)


@dataclass(frozen=True)
class Sample:
    """One look at the node. own_mib: resident, without shared_mib: pages of Fast DDS's shared memory, whose
    segments have a fixed size and are touched little by little, more of them under load. age_ms: of the
    frames when the model began with them, median since the last sample, None where nothing was answered.
    cpu_s: processor time since its start.
    """

    t_s: float
    own_mib: float
    cpu_s: float
    num_results: int
    age_ms: float | None = None
    age_max_ms: float | None = None
    overhead_p50_ms: float | None = None
    overhead_p99_ms: float | None = None
    shared_mib: float | None = None


@dataclass(frozen=True)
class Way:
    """Where the time of one frame went that came when the model was free, milliseconds. published: from its
    stamp until the camera's last publish returned. begun: from its stamp until the model's thread had it.
    around: in the node before and after the model. back: from the age that the result tells until it was
    here: messages made, sent, received.
    """

    published: float
    begun: float
    around: float
    back: float

    @property
    def outside(self) -> float:
        """From the stamp to the result, less the model."""
        return self.begun + self.around


@dataclass(frozen=True)
class End:
    """Frames by what became of them. published: by the camera. received: colour images at the node. paired:
    with their depth. unpaired: colour images without. answered: with a result. exit_code: of the node.
    one_by_one: of frames that came when the model was free. cancels_ms: from cancel to result.
    """

    published: int
    received: int
    paired: int
    unpaired: int
    answered: int
    exit_code: int | None = None
    one_by_one: tuple[Way, ...] = ()
    cancels_ms: tuple[float, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """text: for people. is_good: whether everything stayed as it was."""

    text: str
    is_good: bool


def report(samples: Sequence[Sample], end: End, warm_up_s: float, frame_ms: float) -> Verdict:
    """ValueError where too little was sampled after the warm-up."""
    judged = [one for one in samples if one.t_s >= warm_up_s]
    if len(judged) < 4:
        raise ValueError(f"expected four samples or more after {warm_up_s:g} s, got {len(judged)}")
    first, last = _ends(judged)
    ages = [_middle(some, lambda one: one.age_ms) for some in (first, last)]
    memory = [_middle(some, lambda one: one.own_mib) or 0.0 for some in (first, last)]
    cpu = (judged[-1].cpu_s - judged[0].cpu_s) / (judged[-1].t_s - judged[0].t_s)
    shared = [_middle(some, lambda one: one.shared_mib) for some in (first, last)]
    checks = {
        "frame age is flat": ages[0] is None or ages[1] is None or ages[1] - ages[0] <= frame_ms,
        "memory is flat": memory[1] - memory[0] <= MAX_GROWTH_MIB,
        "every frame is accounted for": _is_complete(end),
        "the node ended with 0": end.exit_code in (0, None),
    }
    rows = [
        ["minutes judged", f"{(judged[-1].t_s - judged[0].t_s) / 60:.1f}"],
        ["frames published, received, paired", f"{end.published}, {end.received}, {end.paired}"],
        ["lost on the way, colour without depth", f"{end.published - end.received}, {end.unpaired}"],
        ["answered, skipped for a newer one", f"{end.answered}, {end.paired - end.answered}"],
        ["frames for each answered", "-" if not end.answered else f"{end.paired / end.answered:.1f}"],
        ["age when the model begins, first and last fifth", " and ".join(map(_ms, ages))],
        ["memory of its own, first and last fifth", " and ".join(map(_mib, memory))],
        ["shared memory, first and last fifth", " and ".join(map(_mib, shared))],
        ["processor", f"{100 * cpu:.1f} % of a core"],
        ["outside the model and waiting for it, p50 and p99", " and ".join(map(_ms, _overhead(judged)))],
        *_one_by_one(end.one_by_one),
        [f"from cancel to result, of {len(end.cancels_ms)}, p50 and p99", _p50_and_p99(end.cancels_ms)],
        *([name, "yes" if holds else "NO"] for name, holds in checks.items()),
    ]
    return Verdict(text_table(rows, "<"), all(checks.values()))


def _is_complete(end: End) -> bool:
    """A frame or two may be on the way when counting ends."""
    on_the_way = end.received - end.paired - end.unpaired
    return 0 <= on_the_way <= 3 and end.published >= end.received and end.paired >= end.answered


def _ends(judged: Sequence[Sample]) -> tuple[Sequence[Sample], Sequence[Sample]]:
    count = max(1, round(SHARE * len(judged)))
    return judged[:count], judged[-count:]


def _middle(samples: Sequence[Sample], get: Callable[[Sample], float | None]) -> float | None:
    values = [value for one in samples if (value := get(one)) is not None]
    return median(values) if values else None


def _overhead(judged: Sequence[Sample]) -> list[float | None]:
    """Of a result's age what was not spent in the model."""
    return [
        _middle(judged, get) for get in (lambda one: one.overhead_p50_ms, lambda one: one.overhead_p99_ms)
    ]


def _one_by_one(ways: Sequence[Way]) -> list[list[str]]:
    """Median and 99th percentile of each part."""
    parts: dict[str, Callable[[Way], float]] = {
        "outside the model, frames one by one, p50 and p99": lambda way: way.outside,
        "- from the stamp until all is published": lambda way: way.published,
        "- from the stamp until the model's thread has it": lambda way: way.begun,
        "- in the node, before and after the model": lambda way: way.around,
        "and from the result until it is received": lambda way: way.back,
    }
    return [[name, _p50_and_p99([get(way) for way in ways])] for name, get in parts.items()]


def _p50_and_p99(values: Sequence[float]) -> str:
    found = np.percentile(values, [50, 99]).tolist() if values else [None, None]
    return " and ".join(map(_ms, found))


def _mib(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} MiB"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def write_picture(path: Path, samples: Sequence[Sample]) -> None:
    """Age and memory over time, one above the other."""
    width, height = _SIZE
    ages = [(one.t_s / 60, one.age_ms) for one in samples if one.age_ms is not None]
    memory = [(one.t_s / 60, one.own_mib) for one in samples]
    plots = [
        _plot("age of the frame when the model begins, ms", ages, 0.0),
        _plot("memory of the node itself, MiB", memory, height / 2),
    ]
    size = f'width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">'
    write_text(path, "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *plots, "</svg>"]))


def _plot(title: str, points: Sequence[tuple[float, float]], top: float) -> str:
    """One curve from zero up, with the largest value and the last minute written at its axes."""
    width, height, left = _SIZE[0] - 90.0, _SIZE[1] / 2 - 80.0, 70.0
    bottom = top + 45 + height
    if not points:
        return _text(left, top + 30, f"{title}: nothing measured")
    end, most = max(x for x, _ in points) or 1.0, max(y for _, y in points) * 1.1 or 1.0
    curve = " ".join(f"{left + width * x / end:.1f},{bottom - height * y / most:.1f}" for x, y in points)
    frame = f'x="{left}" y="{bottom - height}" width="{width}" height="{height}"'
    return "\n".join(
        [
            _text(left, top + 30, title),
            _text(left - 45, bottom - height + 5, f"{most:.0f}"),
            _text(left - 45, bottom + 5, "0"),
            _text(left + width - 45, bottom + 20, f"{end:.0f} min"),
            f'<rect {frame} fill="none" stroke="#bbb"/>',
            f'<polyline points="{curve}" fill="none" stroke="#0b6bcb" stroke-width="1.5"/>',
        ]
    )


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="13">{text}</text>'
