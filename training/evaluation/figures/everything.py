"""All figures of one run.

In: `Marked` answers, and what else is known of the run. Out: one object, as JSON, which tables and the page
show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from n3d_ros.training.evaluation.asking.reply import Reply
from n3d_ros.training.evaluation.figures.answers import answer_figures
from n3d_ros.training.evaluation.figures.boxes import box_figures
from n3d_ros.training.evaluation.figures.marked import Marked
from n3d_ros.training.evaluation.figures.mirror import mirror_figures
from n3d_ros.training.evaluation.judging.judgement import Judge


def all_figures(
    marked: Sequence[Marked], mirrored: Mapping[str, Reply], judge: Judge, faults: Sequence[str] = ()
) -> dict[str, Any]:
    """faults: why pictures of further questions could not be shown; these are in no other figure. ValueError
    without answers.
    """
    if not marked:
        raise ValueError(f"expected at least one answer, got none; pictures: {list(faults[:3])}")
    return {
        "questions": {
            "asked": len(marked),
            "pictures": len({one.question.picture.key for one in marked}),
            "refused": sum(bool(one.reply.fault) for one in marked),
            "refusals": dict(Counter(one.reply.fault for one in marked if one.reply.fault).most_common(10)),
            "without_picture": len(faults),
            "faults": dict(Counter(faults).most_common(10)),
            "median_ms": _median_ms(marked),
        },
        "judge": judge.identity(),
        "answers": answer_figures(marked),
        "boxes": box_figures(marked),
        "mirror": mirror_figures(marked, mirrored, judge),
    }


def _median_ms(marked: Sequence[Marked]) -> float | None:
    """Of the questions that were not refused, which costs no time."""
    times = [one.reply.total_ms for one in marked if not one.reply.fault]
    return float(np.median(times)) if times else None
