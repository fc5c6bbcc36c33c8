"""What a benchmark runs: which systems, how often, on what.

In: names and numbers from the command line. Out: `BenchOptions`, checked. It opens no model and imports no
engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from n3d_ros.engines.bench.samples import QUERIES
from n3d_ros.errors import BadInputError
from n3d_ros.runtime.backends.factory import BACKENDS
from n3d_ros.runtime.backends.pytorch.options import TorchOptions

# Ends the name of a backend that runs without the ways to save forward passes.
PLAIN = "-plain"
HUGGING_FACE = "huggingface"
SYSTEMS = (*BACKENDS, *(name + PLAIN for name in BACKENDS), HUGGING_FACE)
DEFAULT_SYSTEMS = ("ort", "ort-plain", "torch", HUGGING_FACE)
IN_TORCH = ("torch", HUGGING_FACE)


@dataclass(frozen=True)
class BenchOptions:
    """What runs: `systems` by name, the first is the one that the goals are about. `context`: tokens in the
    cache while single passes are timed. `dtype`: what torch and Hugging Face compute in; 'auto' is bf16 on a
    GPU and fp32 on a CPU. Without ASK among the `queries` no scene needs to hold boxes.
    """

    model: Path
    systems: tuple[str, ...] = DEFAULT_SYSTEMS
    queries: tuple[str, ...] = QUERIES
    num_scenes: int = 10
    repetitions: int = 5
    threads: int = 1
    max_tokens: int = 512
    context: int = 160
    memory: bool = True
    dtype: str = "auto"

    def __post_init__(self) -> None:
        TorchOptions(dtype=self.dtype)  # which refuses an unknown one
        unknown = [name for name in self.systems if name not in SYSTEMS]
        if unknown or len(set(self.systems)) != len(self.systems) or not self.systems:
            raise BadInputError(
                f"systems: expected different ones of {', '.join(SYSTEMS)}, "
                f"got {', '.join(self.systems) or 'none'}"
            )
        for name in ("num_scenes", "repetitions", "threads", "max_tokens", "context"):
            if getattr(self, name) < 1:
                raise BadInputError(f"{name}: expected a positive number, got {getattr(self, name)}")
