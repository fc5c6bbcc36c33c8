"""The model card of n3d-nano, a README.md beside its weights: every number in it was measured by the run.

In: the model folder, what the run rendered, what `n3d eval --json` wrote of it, what each step took. Out:
Markdown. It measures nothing, and says of weights that it began with only what their tokenizer can name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, prod
from pathlib import Path
from typing import Any

from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.tensors import read_entries
from n3d_ros.sim import COLORS, WIDE_KINDS
from n3d_ros.sim.camera import DISTANCE_M
from n3d_ros.spatial import parse_question
from n3d_ros.training.evaluation.metrics.intervals import wilson
from n3d_ros.training.evaluation.simulated.nameable import nameable
from n3d_ros.training.nano.ledger import Spent
from n3d_ros.training.nano.model import TOKENIZER
from n3d_ros.training.nano.world_mix import WorldMix, shares_text

PLACES = {"table": "tables", "shelf": "shelves", "floor": "floors", "clutter": "cluttered tables"}


@dataclass(frozen=True)
class Origin:
    """Where the weights come from: `command` made them, from `started_from` where that is not empty, on views
    of `num_scenes` scenes of `worlds` from `first_seed` on, in `minutes` of training.
    """

    command: str
    started_from: str
    num_scenes: int
    first_seed: int
    minutes: float
    worlds: WorldMix


@dataclass(frozen=True)
class Measured:
    """What `command` wrote: a summary, figures with intervals, and one trial a scene."""

    command: str
    summary: Mapping[str, Any]
    details: Mapping[str, Any]
    trials: Sequence[Mapping[str, Any]]


def card(folder: Path, origin: Origin, measured: Sequence[Measured], steps: Mapping[str, Spent]) -> str:
    """README.md of the model in `folder`. `measured`: the first one is told in full, others by what was
    found.
    """
    first, *others = measured
    parts = [
        "# n3d-nano",
        "A tiny N3D-VLM: it finds the things of a simulator in a picture with depth, as 3D boxes in metres, "
        "and answers spatial questions about them. It exists so that everybody can run the whole way without "
        f"a GPU. This page was written by `{origin.command}`.",
        "## Data",
        _data(origin),
        "## Size",
        _size(folder),
        "## How good it is",
        *_fitted(folder),
        _found(first),
        _asked(first),
        *[part for one in others for part in ("## On other scenes", _found(one))],
        "## What it took",
        _cost(steps),
        "## Limits",
        _limits(nameable(folder / TOKENIZER, tuple(WIDE_KINDS)), origin),
        "## Licence",
        "Apache 2.0, like the package."
        + (" Every picture of this run was rendered." if origin.minutes else ""),
    ]
    return "\n\n".join(parts) + "\n"


def _data(origin: Origin) -> str:
    measuring = "Scenes below seed 1000000 are for measuring and never train."
    if not origin.minutes:
        return (
            f"The weights of `{origin.started_from}`; this card does not know what they saw. The command "
            f"measured them and trained nothing. {measuring}"
        )
    begun = f"the weights of `{origin.started_from}` (this card does not know what they saw)"
    last = origin.first_seed + origin.num_scenes - 1
    return (
        f"Begun from {begun if origin.started_from else 'random numbers'}, trained for {origin.minutes:g} "
        f"minutes on rendered views of {origin.num_scenes} simulated scenes (seeds {origin.first_seed} to "
        f"{last}): {_seen(origin.worlds)} No photograph, no other data set. {measuring}"
    )


def _seen(worlds: WorldMix) -> str:
    """What the run rendered, as in docs/simulator.md."""
    return (
        f"{_listed(worlds.kind_names, 'kinds of things')} in {_listed(tuple(COLORS), 'colours')}, on "
        f"{_places(worlds)}. Surfaces: {shares_text(worlds.textures)}. Colours are taken: "
        f"{shares_text(worlds.capture)}. Depth is measured: {shares_text(worlds.sensor)}."
    )


def _listed(names: Sequence[str], what: str) -> str:
    return f"{len(names)} {what} ({', '.join(names)})"


def _places(worlds: WorldMix) -> str:
    *most, last = (PLACES[layout] for layout in worlds.layouts)
    return f"{', '.join(most)} and {last}" if most else last


def _size(folder: Path) -> str:
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name != "README.md"]
    entries = read_entries(folder)
    number = sum(prod(entry.shape) for entry in entries.values())
    total = sum(path.stat().st_size for path in files)
    return f"{number / 1e6:.2f} million parameters; {total / 1e6:.1f} MB in {len(files)} files."


def _fitted(folder: Path) -> list[str]:
    """What of the boxes is not the model's."""
    if load_config(folder).box_fit == "off":
        return []
    return [
        "Its boxes are moved to where the depth picture shows their sides (`box_fit`, docs/interface.md): "
        "how large a thing is was mostly measured, what it is and where was found by the model."
    ]


def _found(measured: Measured) -> str:
    """Shares of all trials, then boxes by kind and by the way of naming things."""
    trials, summary = measured.trials, measured.summary
    error_m = summary["median_center_error_m"]
    error = f"{100 * error_m:.1f} cm" if error_m is not None and isfinite(error_m) else "unknown"
    kinds = grouped(trials, lambda trial: trial["words"].split()[-1])
    by_kind = [(kind, *share(of, lambda t: t["iou"] >= 0.25)) for kind, of in kinds.items()]
    return "\n\n".join(
        [
            f"Measured by `{measured.command}`: scenes that nothing was trained or tuned on.",
            table(("what", "share", "95 % interval", "of"), _shares(trials)),
            f"Median centre error {error}, {summary['malformed']} malformed boxes, "
            f"{summary['median_ms']:.0f} ms a prompt on the machine that measured.",
            "Boxes at 3D IoU >= 0.25 by kind of thing:",
            table(("kind", "share", "95 % interval", "of"), by_kind),
            "Boxes by the way of naming things, at IoU 0.25:",
            _by_way(measured.details["names_by_way"]),
        ]
    )


def _shares(trials: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, str]]:
    answered = [trial["answered"] for trial in trials if trial["answered"]]
    refusals = [trial["refusal"] for trial in trials if trial["refusal"]]
    premises = [trial["premise"] for trial in trials if trial.get("premise")]
    rows = [
        ("boxes at 3D IoU >= 0.25", trials, lambda t: t["iou"] >= 0.25),
        ("boxes at 3D IoU >= 0.50", trials, lambda t: t["iou"] >= 0.5),
        ("prompts that found a box", trials, lambda t: t["num_found"] > 0),
        ("absent things refused", refusals, lambda r: not r["num_found"]),
        ("questions about absent things left unanswered", premises, lambda p: not p["answer"]),
        ("spatial questions answered rightly", answered, lambda a: a["right"]),
        ("lengths within 25 %", [a for a in answered if a["true_m"] is not None], lambda a: a["within_25"]),
        ("own sentence confirmed", answered, lambda a: a["confirmed"]),
    ]
    return [(name, *share(of, hit)) for name, of, hit in rows]


def _asked(measured: Measured) -> str:
    """Spatial questions by relation, and in other ways."""
    trials = measured.trials
    head = ("relation", "right", "interval", "own sentence confirmed", "interval", "of")
    relations = grouped([trial["answered"] for trial in trials if trial["answered"]], relation_of)
    by_chance = measured.details["answers_by_relation"]
    rows = [
        (
            name,
            *share(of, lambda a: a["right"])[:2],
            *share(of, lambda a: a["confirmed"]),
            percentage(by_chance[name]["chance"]),
        )
        for name, of in relations.items()
    ]
    return "\n\n".join(
        [
            "Spatial questions by relation. A sentence that the geometry does not confirm is replaced by the "
            "computed one. Chance is right without looking: one of the possible answers, or the length that "
            "fits most often.",
            table((*head, "chance"), rows),
            "Questions asked in other ways:",
            _further([one for trial in trials for one in trial["further"]]),
        ]
    )


def _by_way(names: Mapping[str, Any]) -> str:
    """F1 is that of the boxes of all prompts together; its interval draws prompts."""
    rows = [
        (
            way,
            f"{row['f1']['value']:.2f}",
            f"{row['f1']['low']:.2f} to {row['f1']['high']:.2f}",
            *("-" if row[name] is None else f"{row[name]:.2f}" for name in ("precision", "recall")),
            str(row["f1"]["num"]),
        )
        for way, row in names.items()
    ]
    return table(("way", "F1", "95 % interval", "precision", "recall", "prompts"), rows)


def _further(answered: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (way, *share(of, lambda a: a["right"])[:2], *share(of, lambda a: a["confirmed"]))
        for way, of in grouped(answered, lambda one: str(one["way"])).items()
    ]
    return table(("way", "right", "interval", "own sentence confirmed", "interval", "of"), rows)


def percentage(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"


def relation_of(answered: Mapping[str, Any]) -> str:
    query = parse_question(answered["question"])
    return query.relation if query else "not understood"


def grouped(
    every: Sequence[Mapping[str, Any]], name: Callable[[Mapping[str, Any]], str]
) -> dict[str, list[Mapping[str, Any]]]:
    """By `name`, in the order of the names."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for one in every:
        groups.setdefault(name(one), []).append(one)
    return dict(sorted(groups.items()))


def share(of: Sequence[Mapping[str, Any]], hit: Callable[[Mapping[str, Any]], bool]) -> tuple[str, str, str]:
    """Share of hits, its interval, and of how many; dashes where there is nothing."""
    if not of:
        return "-", "-", "0"
    hits = sum(bool(hit(one)) for one in of)
    low, high = wilson(hits, len(of))
    return f"{100 * hits / len(of):.1f} %", f"{100 * low:.0f} to {100 * high:.0f} %", str(len(of))


def _cost(steps: Mapping[str, Spent]) -> str:
    rows = [
        (name, f"{spent.seconds:.0f}", f"{spent.peak_mb:.0f}") for name, spent in steps.items() if spent.done
    ]
    return table(("step", "seconds", "largest memory, MB"), rows)


def _limits(named: Sequence[str], origin: Origin) -> str:
    """`named`: the simulator's kinds that the model has words for."""
    sure = origin.worlds.kind_names if origin.minutes else named
    untaught = [kind for kind in named if kind not in sure]
    kinds = _listed(named, "of the simulator's kinds")
    parts = [
        f"It has words for {kinds} and {len(COLORS)} colours, and for no other thing; a word that it does "
        "not know is an error, not a guess.",
        f"Of these kinds this run showed it none of {', '.join(untaught)}." if untaught else "",
        "On real pictures it finds little and must not be trusted.",
        f"This run showed it {_places(origin.worlds)} from {DISTANCE_M[0]} to {DISTANCE_M[1]} m."
        if origin.minutes
        else "",
        "Its own sentences are checked against its boxes; where they differ the computed answer is given, "
        "and says so.",
    ]
    return " ".join(part for part in parts if part)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
