"""The benchmark itself: every system answers every scene's questions in turn, in one process, several times.

In: `BenchOptions` and scenes. Out: a `Recording` of raw samples and of the machine's limits, measured between
the repetitions. Turns are taken so that a busy moment of a shared machine hits all systems; only ratios
between samples of one run mean something there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from n3d_ros.engines.bench_machine import copy_gb_s, cuda_copy_gb_s, decode_bytes, has_cuda, machine_facts
from n3d_ros.engines.bench_memory import Peak, peak_memory
from n3d_ros.engines.bench_samples import ASK, NUM_BOXES_ASKED, BenchScene, Sample
from n3d_ros.engines.bench_steps import PASS_LENGTHS, StepSample, step_samples
from n3d_ros.engines.bench_systems import PipelineSystem, System
from n3d_ros.runtime.factory import create_backend
from n3d_ros.runtime.model_config import ModelConfig, load_config
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.runtime.types import BadInputError

OURS = ("ort", "torch", "trt")
HUGGING_FACE = "huggingface"
SYSTEMS = (*OURS, HUGGING_FACE)
DEFAULT_SYSTEMS = ("ort", "torch", HUGGING_FACE)
FLOAT_BYTES = {"ort": 4, "torch": 4, "trt": 2, HUGGING_FACE: 4}
"""Bytes of a weight as computed on a CPU; on a GPU all compute in two."""

OnProgress = Callable[[str], object]


@dataclass(frozen=True)
class BenchOptions:
    """What runs: `systems` by name, the first is the one that the goals are about. `context`: tokens in the
    cache while single passes are timed.
    """

    model: Path
    systems: tuple[str, ...] = DEFAULT_SYSTEMS
    num_scenes: int = 10
    repetitions: int = 5
    threads: int = 1
    max_tokens: int = 512
    context: int = 160
    memory: bool = True

    def __post_init__(self) -> None:
        unknown = [name for name in self.systems if name not in SYSTEMS]
        if unknown or len(set(self.systems)) != len(self.systems) or not self.systems:
            raise BadInputError(
                f"systems: expected different ones of {', '.join(SYSTEMS)}, "
                f"got {', '.join(self.systems) or 'none'}"
            )
        for name in ("num_scenes", "repetitions", "threads", "max_tokens", "context"):
            if getattr(self, name) < 1:
                raise BadInputError(f"{name}: expected a positive number, got {getattr(self, name)}")


@dataclass
class Recording:
    """Raw results of one run. copy_gb_s: per repetition, (large blocks, blocks as big as what one decode step
    reads). `skipped`: scenes in which the first system did not find three boxes, so that there was nothing to
    time.
    """

    options: BenchOptions
    machine: dict[str, Any]
    decode_bytes: dict[str, int]
    samples: list[Sample] = field(default_factory=list)
    steps: list[StepSample] = field(default_factory=list)
    copy_gb_s: list[tuple[float, float]] = field(default_factory=list)
    peaks: dict[str, Peak] = field(default_factory=dict)
    skipped: list[int] = field(default_factory=list)
    load_after: float | None = None


def open_system(name: str, folder: Path, threads: int, max_tokens: int) -> System:
    """A loaded system. Its libraries are imported only now."""
    if name in ("torch", HUGGING_FACE):
        import torch
        import transformers

        transformers.utils.logging.disable_progress_bar()  # the benchmark has its own
    if name == HUGGING_FACE:
        from n3d_ros.engines.bench_huggingface import HuggingFaceSystem

        torch.set_num_threads(threads)
        return HuggingFaceSystem(folder, max_tokens)
    return PipelineSystem(name, Pipeline(create_backend(folder, name, threads)), max_tokens)


def record(options: BenchOptions, scenes: Iterator[BenchScene], on_progress: OnProgress) -> Recording:
    """Run everything. on_progress(what) is called after every answered scene and every other piece."""
    config = load_config(options.model)
    recording = Recording(options, machine_facts(), _decode_bytes(options, config))
    systems = [
        open_system(name, options.model, options.threads, options.max_tokens) for name in options.systems
    ]
    chosen = list(_usable(systems[0], scenes, options.num_scenes, recording.skipped, on_progress))
    for system in systems[1:]:
        list(system.answer(chosen[0], -1))
        on_progress(f"{system.name} warm")
    for repetition in range(options.repetitions):
        recording.copy_gb_s.append(_copy_speeds(recording, options))
        for scene in chosen:
            for system in _turn(systems, repetition):
                recording.samples += system.answer(scene, repetition)
                on_progress(f"{system.name} scene {scene.seed}")
    backends = {
        system.name: system.pipeline.backend for system in systems if isinstance(system, PipelineSystem)
    }
    recording.steps += step_samples(backends, options.context, 10 * options.repetitions)
    on_progress("passes")
    if options.memory:
        for name in options.systems:
            recording.peaks[name] = peak_memory(
                name, options.model, options.threads, options.max_tokens, chosen[0]
            )
            on_progress(f"{name} memory")
    recording.load_after = machine_facts()["load_average"]
    return recording


def num_pieces(options: BenchOptions) -> int:
    """How often `record` calls on_progress."""
    num_systems = len(options.systems)
    answered = options.num_scenes * (1 + options.repetitions * num_systems)
    return answered + num_systems - 1 + 1 + (num_systems if options.memory else 0)


def _usable(
    system: System, scenes: Iterator[BenchScene], wanted: int, skipped: list[int], on_progress: OnProgress
) -> Iterator[BenchScene]:
    """Scenes with three boxes found and a second stage; the first answers also warm the system up."""
    for scene in scenes:
        ask = next(sample for sample in system.answer(scene, -1) if sample.query == ASK)
        if ask.num_boxes >= NUM_BOXES_ASKED and ask.reasoning is not None:
            on_progress(f"{system.name} scene {scene.seed} warm")
            yield scene
            wanted -= 1
            if wanted == 0:
                return
        else:
            skipped.append(scene.seed)
    raise BadInputError(f"scenes: expected {wanted} more in which the model finds three objects, found none")


def _turn(systems: Sequence[System], repetition: int) -> list[System]:
    """Everyone begins once in a while: who comes first finds other caches than who comes last."""
    first = repetition % len(systems)
    return [*systems[first:], *systems[:first]]


def _copy_speeds(recording: Recording, options: BenchOptions) -> tuple[float, float]:
    if has_cuda():
        speed = cuda_copy_gb_s()
        return speed, speed
    from n3d_ros.engines.bench_machine import LARGE_BYTES

    small = recording.decode_bytes[options.systems[0]]
    return copy_gb_s(LARGE_BYTES, options.threads), copy_gb_s(small, options.threads)


def _decode_bytes(options: BenchOptions, config: ModelConfig) -> dict[str, int]:
    cuda = has_cuda()
    return {
        name: decode_bytes(
            options.model, config, 2 if cuda and name != "ort" else FLOAT_BYTES[name], options.context
        )
        for name in options.systems
    }


__all__ = ["PASS_LENGTHS", "SYSTEMS", "BenchOptions", "Recording", "num_pieces", "open_system", "record"]
