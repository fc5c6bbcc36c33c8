"""The things that stand in simulated scenes: one function per noun.

In: a kind's name and a random generator (proportions vary a little). Out: `Shape`: coloured mesh, accent
mesh, colliders and the ways it can rest. Object frame: z up, origin below the middle, metres, medium.

`KINDS` are the fourteen of n3d-nano's own world, in this order, of which every scene is made where nothing
else is chosen. `WIDE_KINDS` are these and more.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from n3d_ros.sim.kinds import containers, cutlery, furniture, kitchen, tools, toys
from n3d_ros.sim.shapes import Shape

KINDS: dict[str, Callable[[np.random.Generator], Shape]] = {
    "mug": kitchen.mug,
    "bowl": kitchen.bowl,
    "bottle": kitchen.bottle,
    "can": kitchen.can,
    "box": containers.box_,
    "ball": toys.ball,
    "plate": kitchen.plate,
    "book": toys.book,
    "cone": toys.cone,
    "ring": toys.ring,
    "hammer": tools.hammer,
    "banana": toys.banana,
    "chair": furniture.chair,
    "lamp": furniture.lamp,
}
WIDE_KINDS: dict[str, Callable[[np.random.Generator], Shape]] = {
    **KINDS,
    "teapot": kitchen.teapot,
    "jug": kitchen.jug,
    "pan": kitchen.pan,
    "goblet": kitchen.goblet,
    "spoon": cutlery.spoon,
    "fork": cutlery.fork,
    "knife": cutlery.knife,
    "basket": containers.basket,
    "bucket": containers.bucket,
    "vase": containers.vase,
    "screwdriver": tools.screwdriver,
    "brush": tools.brush,
    "wrench": tools.wrench,
    "stool": furniture.stool,
    "bench": furniture.bench,
    "candlestick": furniture.candlestick,
}
