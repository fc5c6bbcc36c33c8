"""The options that choose a simulated world, shared by the commands that draw one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _ActionsContainer

    from n3d_ros.sim.world import World

# Named here so that help needs no simulator; its own checks say what else there is.
OPTIONS = {
    "kinds": ("nano", "of things: nano (default, 14), wide (30); eval: known, of wide"),
    "textures": ("plain", "of surfaces: plain (default), seen or held_out"),
    "layout": ("tidy", "tidy (default) or clutter: close, partly hidden"),
    "capture": ("clean", "colours: handheld, evening, webcam or moving_lamp"),
    "sensor": ("exact", "depth: structured_light, stereo or time_of_flight"),
}


def add_world_options(group: _ActionsContainer) -> None:
    """--kinds, --textures, --layout, --capture and --sensor."""
    for name, (default, text) in OPTIONS.items():
        group.add_argument(f"--{name}", default=default, metavar="NAME", help=text)


def world_of(args: argparse.Namespace, **instead: str) -> World:
    """The world that the options choose, or others `instead`. ValueError for an unknown name, and for --noise
    beside a sensor.
    """
    from n3d_ros.sim.world import EXACT, World

    if args.noise and args.sensor != EXACT:
        raise ValueError(f"--noise and --sensor: expected one of them, got both (--sensor {args.sensor})")
    return World(**{name: getattr(args, name) for name in OPTIONS} | instead)
