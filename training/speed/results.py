"""What one measurement of loading is asked for and finds, as both processes write it.

In: nothing. Out: data alone, so that whoever reads it needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

# Of the questions; fewer would be asked about few pictures, more take longer to lift than to load.
PICTURES = 64
MODEL_THREADS = 2


@dataclass(frozen=True)
class LoadingOrder:
    """instances: the set, of which the first PICTURES are taken. out: a new folder. rows: of each stage.
    steps: of them, those that the model is trained on.
    """

    instances: str
    out: str
    rows: int
    steps: int


@dataclass(frozen=True)
class StageResult:
    """Of one stage. tokens, pictures: in all rows. load_s, load_cpu_s: of all rows, one process. workers_s:
    two worker processes, from their first row on, all rows but that. step_s, step_cpu_s: of `steps` rows.
    """

    name: str
    rows: int
    tokens: int
    pictures: int
    load_s: float
    load_cpu_s: float
    workers_s: float
    steps: int
    step_s: float
    step_cpu_s: float


@dataclass(frozen=True)
class LoadingResult:
    """questions, questions_cpu_s: that were made, of which the first are the slowest."""

    questions: int
    questions_cpu_s: float
    stages: list[StageResult]
