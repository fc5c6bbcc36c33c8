"""Queues before an engine that a test makes: one alone, or several that share it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from n3d_ros.node.plain.engine.thread import Engines
from n3d_ros.node.plain.engine.worker import Worker


def alone(load: Callable[[], Any], max_queued: int = 4) -> Worker[Any]:
    """A queue whose engine is its own."""
    return sharing(Engines(lambda _: load(), lambda _: 0), "", max_queued)


def sharing(
    engines: Engines[Any, Any],
    name: str,
    max_queued: int = 4,
    wanted: Any = None,
    load_timeout_s: float = math.inf,
) -> Worker[Any]:
    """A queue before the one of `engines` that is wanted."""
    return Worker(partial(engines.join, wanted), lambda engine: engine, max_queued, name, load_timeout_s)
