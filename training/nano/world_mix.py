"""Which simulated worlds a run sees, and in what shares: n3d-nano's own, or several mixed.

In: a preset's name or a JSON file. Out: a `WorldMix` that draws a `World` a scene, and for each of its views
how colours are taken and depth is measured. It does not know how anything is rendered. What is kept for
measuring is refused.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import fsum, isclose, isfinite
from pathlib import Path
from typing import Any

import numpy as np

from n3d_ros.sim import WIDE_KINDS
from n3d_ros.sim.capture import CLEAN
from n3d_ros.sim.surfaces import PLAIN
from n3d_ros.sim.world import CHOICES, EXACT, KIND_SETS, LAYOUT_SETS, NANO, SIMPLE, WIDE, World
from n3d_ros.storage.json_file import JsonError, read_object

# Names of one choice and how often each is drawn, 1 together.
Shares = tuple[tuple[str, float], ...]
HELD_OUT = "held_out"
OF_A_SCENE = ("kinds", "textures", "layout")
NUMBER_DIGITS = 6


@dataclass(frozen=True)
class WorldMix:
    """Shares of each choice of `World`. A scene draws the first three, each of its views the last two, each
    choice by itself. The defaults are what n3d-nano was trained on.
    """

    kinds: Shares = ((NANO, 1.0),)
    textures: Shares = ((PLAIN, 1.0),)
    layout: Shares = (("tidy", 1.0),)
    capture: Shares = ((CLEAN, 1.0),)
    sensor: Shares = ((SIMPLE, 0.5), (EXACT, 0.5))

    def __post_init__(self) -> None:
        for choice, known in CHOICES.items():
            _check(choice, getattr(self, choice), [name for name in known if name != HELD_OUT])

    @property
    def kind_names(self) -> tuple[str, ...]:
        """Every kind that a scene may hold, in the order of `WIDE_KINDS`."""
        drawn = {kind for name, _ in self.kinds for kind in KIND_SETS[name]}
        return tuple(kind for kind in WIDE_KINDS if kind in drawn)

    @property
    def layouts(self) -> tuple[str, ...]:
        """Every place where things may lie."""
        return tuple(layout for name, _ in self.layout for layout in LAYOUT_SETS[name])

    def of_scene(self, rng: np.random.Generator) -> World:
        """What a scene is made of; how it is seen is left as it is by default."""
        return World(**{choice: drawn(getattr(self, choice), rng.random()) for choice in OF_A_SCENE})

    def of_view(self, scene: World, capture: float, sensor: float) -> World:
        """The scene's world with how one view is taken and measured, by two random numbers below 1."""
        return replace(scene, capture=drawn(self.capture, capture), sensor=drawn(self.sensor, sensor))

    def __str__(self) -> str:
        """Every choice, as in "kinds wide, textures plain 40 % + seen 60 %, ..."."""
        return ", ".join(f"{choice} {shares_text(shares)}" for choice, shares in asdict(self).items())


def drawn(shares: Shares, number: float) -> str:
    """The name in whose part of 0..1 `number` lies, parts as long as the shares and in their order."""
    ends = np.cumsum([share for _, share in shares])
    # the last sum may be a rounding error below 1
    return shares[min(int(np.searchsorted(ends, number, side="right")), len(shares) - 1)][0]


def shares_text(shares: Shares) -> str:
    """'wide' for one name, 'plain 40 % + seen 60 %' for several."""
    if len(shares) == 1:
        return shares[0][0]
    return " + ".join(f"{name} {100 * share:.4g} %" for name, share in shares)


def even(*names: str, of: float = 1.0) -> Shares:
    """`names` in equal parts of `of`."""
    return tuple((name, of / len(names)) for name in names)


def _check(choice: str, shares: Shares, known: list[str]) -> None:
    names = [name for name, _ in shares]
    if HELD_OUT in names:
        raise ValueError(
            f"{choice}: expected some of {', '.join(known)}; {HELD_OUT} is for measuring and never trains"
        )
    if not names or len({*names}) < len(names) or not {*names} <= {*known}:
        raise ValueError(f"{choice}: expected some of {', '.join(known)}, each once; got {names}")
    if not isclose(fsum(share for _, share in shares), 1.0, abs_tol=1e-4) or min(shares, key=_share)[1] <= 0:
        raise ValueError(f"{choice}: expected shares above 0 that are 1 together, got {shares_text(shares)}")


def _share(part: tuple[str, float]) -> float:
    return part[1]


WORLDS = {
    NANO: WorldMix(),
    WIDE: WorldMix(
        kinds=((NANO, 0.35), (WIDE, 0.65)),
        textures=((PLAIN, 0.4), ("seen", 0.6)),
        layout=(("tidy", 0.7), ("clutter", 0.3)),
        capture=((CLEAN, 0.5), *even("handheld", "evening", "webcam", "moving_lamp", of=0.5)),
        sensor=((EXACT, 0.1), (SIMPLE, 0.3), *even("structured_light", "stereo", "time_of_flight", of=0.6)),
    ),
}


def load_world_mix(name: str) -> WorldMix:
    """A preset, or a JSON file: choices over those of the preset that its field `preset` names (nano), each
    one name or an object of weights, as {"sensor": {"simple": 1, "stereo": 2}}. ValueError or OSError.
    """
    if name in WORLDS:
        return WORLDS[name]
    if not name.endswith(".json"):
        raise ValueError(f"--world: expected one of {', '.join(WORLDS)} or a .json file, got '{name}'")
    try:
        values = read_object(Path(name))
    except JsonError as error:
        raise ValueError(f"--world: expected JSON of a world in '{name}', got {error}") from error
    preset = values.pop("preset", NANO)
    if preset not in WORLDS:
        raise ValueError(f"'{name}': preset expected one of {', '.join(WORLDS)}, got {preset!r}")
    unknown = [choice for choice in values if choice not in CHOICES]
    if unknown:
        raise ValueError(f"'{name}': expected some of {', '.join(CHOICES)}, got {', '.join(unknown)}")
    return replace(WORLDS[preset], **{choice: _shares(choice, value) for choice, value in values.items()})


def _shares(choice: str, value: Any) -> Shares:
    if isinstance(value, str):
        return even(value)
    weights = value if isinstance(value, Mapping) else {}
    if not weights or not all(_is_weight(weight) for weight in weights.values()):
        raise ValueError(
            f"{choice}: expected a name, or an object of names and how often each is drawn, got {value!r}"
        )
    total = fsum(weights.values())
    return tuple((name, round(weight / total, NUMBER_DIGITS)) for name, weight in weights.items())


def _is_weight(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and value > 0
