"""A benchmark in the manner of N3D-Bench, from any lifted set.

In: a `QaJob` and how many questions. Out: a finished set with as many of each category as N3D-Bench has, of
which some are about three objects or more and some from another viewpoint; the manifest says what could not
be filled. Nothing is filled with something else. It does not know how a question is made.

Every picture is asked a few questions of each category, a hash ranks them, and each cell (category, three
objects, viewpoint) takes its best, spread evenly over forms and answers.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from typing import Any

from n3d_ros.text_table import text_table
from n3d_ros.training.lift.shards import shard_file
from n3d_ros.training.qa.making.asking import Tally
from n3d_ros.training.qa.making.picture import questions_of
from n3d_ros.training.qa.records import NUMERICAL, OPEN, Question
from n3d_ros.training.qa.run import QaJob, maker_of, scenes
from n3d_ros.training.qa.shards import entry_of, write_entry, write_manifest, write_questions
from n3d_ros.training.run_folder import begin
from n3d_ros.training.workers.processes import on_processes

# Questions a category of the paper's 1,200 open and 800 numerical ones, inferred from the granularity of its
# percentages (arXiv 2512.16561, table 7); the paper names the sums and the categories.
SIZES = {
    **dict.fromkeys(OPEN, 200),
    "relative_distance": 71,
    "depth_order": 129,
    **dict.fromkeys(NUMERICAL, 200),
}
# Ours, since the paper says that there are such questions and not how many.
MANY_SHARE, VIEW_SHARE = 0.3, 0.15
MANY = ("left_right", "front_behind", "wide_thin", "tall_short", "big_small")
TURNING = ("left_right", "front_behind", "direction")
# Candidates for each place, of which the hash takes the best.
CANDIDATES = 8
MAX_A_PICTURE = 24


@dataclass(frozen=True)
class Cell:
    """Which questions compete for the same places. has_three: None where it does not matter."""

    category: str
    has_three: bool | None
    has_view: bool

    @property
    def name(self) -> str:
        """As the manifest calls it."""
        three = {None: "", True: ", three objects or more", False: ", one or two objects"}[self.has_three]
        return f"{self.category}{three}{', other viewpoint' if self.has_view else ''}"


def sizes_of(num_questions: int) -> dict[str, int]:
    """Questions a category, in the proportions of SIZES; the largest remainders make the sum right."""
    if num_questions < 1:
        raise ValueError(f"questions: expected at least 1, got {num_questions}")
    total = sum(SIZES.values())
    exact = {name: size * num_questions / total for name, size in SIZES.items()}
    found = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: found[name] - exact[name])
    for name in by_remainder[: num_questions - sum(found.values())]:
        found[name] += 1
    return found


def cells_of(sizes: dict[str, int]) -> dict[Cell, int]:
    """Places a cell."""
    cells: dict[Cell, int] = {}
    for category, size in sizes.items():
        turned = round(size * VIEW_SHARE) if category in TURNING else 0
        three = round((size - turned) * MANY_SHARE) if category in MANY else 0
        some = False if category in MANY else None
        cells[Cell(category, some, has_view=False)] = size - turned - three
        cells[Cell(category, True, has_view=False)] = three
        cells[Cell(category, None, has_view=True)] = turned
    return {cell: places for cell, places in cells.items() if places}


def cell_of(question: Question) -> Cell | None:
    """None for what N3D-Bench does not ask: a numerical category wants a value, an open one a verdict or a
    choice.
    """
    category = question.category
    is_number = question.value is not None and question.verdict is None
    is_choice = question.verdict is not None or question.choice is not None
    if not (is_number if category in NUMERICAL else is_choice and question.value is None):
        return None
    if question.viewpoint:
        return Cell(category, None, has_view=True)
    return Cell(category, question.num_objects >= 3 if category in MANY else None, has_view=False)


class Chosen:
    """The best questions of every cell so far, by form and answer."""

    def __init__(self, places: dict[Cell, int]) -> None:
        self._places = places
        self._best: dict[Cell, dict[tuple[str, str], list[tuple[str, Question]]]] = {
            cell: {} for cell in places
        }

    def add(self, rank: str, question: Question) -> None:
        """Keep it where it is one of the best of its form and answer."""
        cell = cell_of(question)
        if cell not in self._best:
            return
        group = (question.form, _answer_kind(question))
        best = self._best[cell].setdefault(group, [])
        best.append((rank, question))
        if len(best) > 2 * self._places[cell]:
            best.sort(key=lambda one: one[0])
            del best[self._places[cell] :]

    def of_cell(self, cell: Cell) -> list[Question]:
        """Its questions, each form and answer giving one in turn."""
        groups = [sorted(best, key=lambda one: one[0]) for _, best in sorted(self._best[cell].items())]
        in_turn = [one for turn in zip_longest(*groups) for one in turn if one is not None]
        return [question for _, question in in_turn[: self._places[cell]]]

    def all(self) -> list[tuple[str, Question]]:
        """Everything that is still in the running, with its rank."""
        return [one for groups in self._best.values() for best in groups.values() for one in best]


def make_benchmark(job: QaJob, num_questions: int, workers: int = 1) -> dict[str, Any]:
    """Write the set and return its manifest."""
    places = cells_of(sizes_of(num_questions))
    about = {**job.description(), "benchmark": num_questions}
    begin(job.out, about)
    chosen, tally = Chosen(places), Tally()
    for found, counts in on_processes(
        partial(_candidates, job, num_questions), range(job.num_shards), workers
    ):
        tally.merge(counts)
        for rank, question in found:
            chosen.add(rank, question)
    by_cell = {cell: chosen.of_cell(cell) for cell in places}
    return _write(
        job, [one for cell in places for one in by_cell[cell]], tally, about, _filled(places, by_cell)
    )


def benchmark_summary(manifest: dict[str, Any]) -> str:
    """Places and questions of every cell, and what could not be filled."""
    rows = [[one["cell"], f"{one['found']}", f"of {one['wanted']}"] for one in manifest["cells"]]
    rows.append(["questions", f"{manifest['questions']}", f"of {manifest['benchmark']}"])
    rows.append(["pictures with questions", f"{manifest['pictures_asked']}", f"of {manifest['pictures']}"])
    rows.append(["most questions of one picture", f"{manifest['most_of_one_picture']}", ""])
    missing = manifest["benchmark"] - manifest["questions"]
    if missing:
        rows.append(["could not be filled", f"{missing}", "and are left empty"])
    return text_table(rows, "<><")


def _candidates(job: QaJob, num_questions: int, number: int) -> tuple[list[tuple[str, Question]], Tally]:
    """The best of one shard."""
    sizes = sizes_of(num_questions)
    config = replace(job.config, limit_share=0.0, opposite_share=max(job.config.opposite_share, VIEW_SHARE))
    share = min(1.0, 2 * CANDIDATES * max(sizes.values()) / max(job.lifted.num_pictures, 1))
    num_pictures = max(1.0, share * job.lifted.num_pictures)
    wanted = {
        name: min(MAX_A_PICTURE, math.ceil(CANDIDATES * size / num_pictures))
        for name, size in sizes.items()
        if size
    }
    chosen, tally, job = Chosen(cells_of(sizes)), Tally(), replace(job, config=config)
    for scene, rng in scenes(job, number, tally):
        if rng.random() >= share:
            tally.pictures["not_drawn"] += 1
            continue
        for question in questions_of(maker_of(job, scene, rng, tally), wanted):
            chosen.add(_rank(job.seed, question), question)
    return chosen.all(), tally


def _write(
    job: QaJob,
    questions: Sequence[Question],
    tally: Tally,
    about: dict[str, Any],
    cells: list[dict[str, Any]],
) -> dict[str, Any]:
    """One shard with its entry, and the manifest."""
    in_set = Tally()
    for question in questions:
        in_set.add(question)
    write_questions(shard_file(job.out, 0), questions)
    entry = entry_of(
        job.out,
        0,
        tally.num_pictures,
        len(questions),
        forms=in_set.forms,
        verdicts=in_set.verdicts,
        hours=in_set.hours,
        left_out=tally.left_out,
        pictures_left_out=tally.pictures,
        objects_left_out=tally.objects,
    )
    write_entry(job.out, entry)
    asked = Counter(question.picture.key for question in questions)
    most = max(asked.values(), default=0)
    return write_manifest(
        job.out, [entry], about, cells=cells, pictures_asked=len(asked), most_of_one_picture=most
    )


def _filled(places: dict[Cell, int], found: dict[Cell, list[Question]]) -> list[dict[str, Any]]:
    return [
        {"cell": cell.name, "wanted": wanted, "found": len(found[cell])} for cell, wanted in places.items()
    ]


def _answer_kind(question: Question) -> str:
    """What answers are spread over: verdicts and hours."""
    if question.verdict is not None:
        return "yes" if question.verdict else "no"
    return f"{question.value:02.0f}" if question.unit == "o'clock" else ""


def _rank(seed: int, question: Question) -> str:
    return hashlib.sha256(f"{seed} {question.id}".encode()).hexdigest()
