"""What the demo measured, read from what its steps wrote.

In: the demo's folder. Out: text, and the pages to look at. It measures nothing but the overlap of lifted and
true boxes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from n3d_ros.commands.data_demo.steps import Layout
from n3d_ros.storage.json_file import read_object
from n3d_ros.text_table import text_table

NOTE = (
    "debug: random weights after a few steps, so its figures are near zero as they must be; they show that "
    "the chain runs.\nrefused: questions about things whose names the model's tokenizer does not have; they "
    "count as not answered and not found."
)


def report_text(layout: Layout, with_real: bool) -> str:
    """Tables of sets, training and models. with_real: annotated real frames were lifted."""
    homes = [layout.train, layout.test] + ([layout.real] if with_real else [])
    sets = [["set", "pictures", "annotations", "boxes", "questions"], *map(_set_row, homes)]
    models = [layout.evaluation(name) for name in ("debug", "nano", "nano_real")]
    rows = [_model_row(home) for home in models if (home / "report.json").is_file()]
    head = ["model", "asked", "refused", "boxes", "IoU >= 0.25", "answers", "right"]
    return "\n".join(
        [
            text_table(sets, "<>>>>"),
            _true_boxes(layout),
            "",
            text_table([["training", "steps", "first loss", "last loss"], *_losses(layout)], "<>>>"),
            "",
            text_table([head, *rows], "<>>>>>>"),
            NOTE,
        ]
    )


def pages(layout: Layout) -> list[Path]:
    """Those that are there, in the order in which they were made."""
    homes = [layout.train, layout.test, layout.real]
    made = [home / kind / "page.html" for kind in ("lifted", "questions") for home in homes]
    made += [layout.evaluation(name) / "page.html" for name in ("debug", "nano", "nano_real")]
    return [page for page in (*made, layout.frames_page) if page.is_file()]


def _set_row(home: Path) -> list[str]:
    lifted = read_object(home / "lifted/manifest.json")
    path = home / "questions/manifest.json"
    questions = f"{read_object(path)['questions']}" if path.is_file() else "-"
    return [home.name, *(f"{lifted[name]}" for name in ("pictures", "annotations", "kept")), questions]


def _true_boxes(layout: Layout) -> str:
    from n3d_ros.training.lift.report.true_boxes import overlaps

    found = np.array(list(overlaps(layout.test / "scenes/truth.json", layout.test / "lifted").values()))
    return (
        f"lifted against truly seen boxes of the test scenes, with a sensor's noise: median 3D IoU "
        f"{np.median(found):.3f}, tenth percentile {np.quantile(found, 0.1):.3f}"
    )


def _losses(layout: Layout) -> list[list[str]]:
    """First and last loss of each stage, from the state that its last checkpoint keeps."""
    rows = []
    for stage in ("stage1_grounding", "stage2_reasoning"):
        states = [
            read_object(path) for path in (layout.model / stage).glob("checkpoint-*/trainer_state.json")
        ]
        last = max(states, key=lambda state: state["global_step"])
        losses = [one["loss"] for one in last["log_history"] if "loss" in one]
        rows.append([stage, f"{last['global_step']}", f"{losses[0]:.2f}", f"{losses[-1]:.2f}"])
    return rows


def _model_row(home: Path) -> list[str]:
    report = read_object(home / "report.json")
    questions, answers, ground = report["questions"], report["answers"], report["boxes"].get("ground")
    return [
        home.name,
        f"{questions['asked']}",
        f"{questions['refused']}",
        *_share(ground and ground["share_iou_25"]),
        *_share(answers and answers["all"]["right"]),
    ]


def _share(share: dict[str, Any] | None) -> list[str]:
    """How many, and how many of them in per cent."""
    if not share or not share["of"]:
        return ["0", "-"]
    return [f"{share['of']}", f"{100 * share['num'] / share['of']:.1f} %"]
