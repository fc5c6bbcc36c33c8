"""The benchmark itself: every system answers every scene's questions in turn, in one process, several times.

In: `BenchOptions` and scenes. Out: a `Recording` of raw samples and of the machine's limits, measured between
the repetitions. Turns are taken so that a busy moment of a shared machine hits all systems; only ratios
between samples of one run mean something there.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from n3d_ros.engines.bench.machine import (
    LARGE_BYTES,
    copy_gb_s,
    cuda_copy_gb_s,
    decode_bytes,
    free_memory_gb,
    has_cuda,
    load_average,
    machine_facts,
    weight_bytes,
)
from n3d_ros.engines.bench.memory import Peak, peak_memory
from n3d_ros.engines.bench.options import IN_TORCH, PLAIN, BenchOptions
from n3d_ros.engines.bench.samples import ASK, NUM_BOXES_ASKED, BenchSample, BenchScene
from n3d_ros.engines.bench.steps import StepSample, step_samples
from n3d_ros.engines.bench.systems import System, backends_of, open_system
from n3d_ros.errors import BadInputError, OutOfMemoryError
from n3d_ros.model_folder.config import ModelConfig, load_config

OnProgress = Callable[[str], object]


@dataclass
class Recording:
    """Raw results of one run. copy_gb_s: per repetition, (large blocks, blocks as big as what one decode step
    reads). `skipped`: scenes in which the first system did not find three boxes, so that there was nothing to
    time.
    """

    options: BenchOptions
    machine: dict[str, Any]
    decode_bytes: dict[str, int]
    samples: list[BenchSample] = field(default_factory=list)
    steps: list[StepSample] = field(default_factory=list)
    copy_gb_s: list[tuple[float, float]] = field(default_factory=list)
    peaks: dict[str, Peak] = field(default_factory=dict)
    skipped: list[int] = field(default_factory=list)
    load_after: float | None = None


def record(options: BenchOptions, scenes: Iterator[BenchScene], on_progress: OnProgress) -> Recording:
    """Run everything. on_progress(what) is called after every answered scene and every other piece.

    OutOfMemoryError where the weights cannot fit.
    """
    config = load_config(options.model)
    check_weights_fit(options, partial(weight_bytes, options.model), free_memory_gb())
    recording = Recording(options, machine_facts(), _decode_bytes(options, config))
    first = _take_turns(recording, scenes, on_progress)
    gc.collect()  # a system in a process of its own must not share the memory with those of this one
    for name in options.systems if options.memory else ():
        recording.peaks[name] = peak_memory(name, options, first)
        on_progress(f"{name} memory")
    recording.load_after = load_average()
    return recording


def _take_turns(recording: Recording, scenes: Iterator[BenchScene], on_progress: OnProgress) -> BenchScene:
    """All systems in this process, which forgets them afterwards; the first scene that was asked about."""
    options, systems = recording.options, list[System]()
    for name in options.systems:
        systems.append(open_system(name, options, systems))
    chosen = list(_usable(systems[0], scenes, recording, on_progress))
    for system in systems[1:]:
        list(system.answer(chosen[0], -1, options.queries))
        on_progress(f"{system.name} warm")
    _answer_in_turns(systems, chosen, recording, on_progress)
    recording.steps += step_samples(backends_of(systems), options.context, 10 * options.repetitions)
    on_progress("passes")
    return chosen[0]


def check_weights_fit(options: BenchOptions, bytes_of: Callable[[int], int], free_gb: float | None) -> None:
    """OutOfMemoryError where the weights alone, held once a backend, take more than is free (None: unknown)
    on a machine without a GPU. bytes_of: of all weights, from the bytes of a floating-point number.
    """
    backends = {name.removesuffix(PLAIN) for name in options.systems}
    sizes = [_float_bytes("torch", options)] if backends & {*IN_TORCH} else []
    sizes += [_float_bytes("ort", options)] if "ort" in backends else []
    needed_gb = sum(map(bytes_of, sizes)) / 1e9
    if free_gb is None or has_cuda() or needed_gb <= free_gb:
        return
    raise OutOfMemoryError(
        f"the weights need {needed_gb:.1f} GB of memory, {free_gb:.1f} GB are free; `--dtype bf16` halves "
        "what torch and huggingface need, `n3d quantize` what ort needs"
    )


def num_pieces(options: BenchOptions) -> int:
    """How often `record` calls on_progress."""
    num_systems = len(options.systems)
    answered = options.num_scenes * (1 + options.repetitions * num_systems)
    return answered + num_systems - 1 + 1 + (num_systems if options.memory else 0)


def _answer_in_turns(
    systems: Sequence[System], scenes: Sequence[BenchScene], recording: Recording, on_progress: OnProgress
) -> None:
    """Everyone begins once in a while: who comes first finds other caches than who comes last."""
    options = recording.options
    for repetition in range(options.repetitions):
        recording.copy_gb_s.append(_copy_speeds(recording))
        first = repetition % len(systems)
        for scene in scenes:
            for system in [*systems[first:], *systems[:first]]:
                recording.samples += system.answer(scene, repetition, options.queries)
                on_progress(f"{system.name} scene {scene.seed}")


def _usable(
    system: System, scenes: Iterator[BenchScene], recording: Recording, on_progress: OnProgress
) -> Iterator[BenchScene]:
    """Scenes with three boxes found and a second stage, where that is asked for; the first answers also warm
    the system up.
    """
    wanted, queries = recording.options.num_scenes, recording.options.queries
    for scene in scenes:
        samples = {sample.query: sample for sample in system.answer(scene, -1, queries)}
        if ASK not in samples or _is_full(samples[ASK]):
            on_progress(f"{system.name} scene {scene.seed} warm")
            yield scene
            wanted -= 1
            if wanted == 0:
                return
        else:
            recording.skipped.append(scene.seed)
    raise BadInputError(f"scenes: expected {wanted} more in which the model finds three objects, found none")


def _is_full(ask: BenchSample) -> bool:
    return ask.num_boxes >= NUM_BOXES_ASKED and ask.reasoning is not None


def _copy_speeds(recording: Recording) -> tuple[float, float]:
    if has_cuda():
        speed = cuda_copy_gb_s()
        return speed, speed
    options = recording.options
    small = recording.decode_bytes[options.systems[0]]
    return copy_gb_s(LARGE_BYTES, options.threads), copy_gb_s(small, options.threads)


def _decode_bytes(options: BenchOptions, config: ModelConfig) -> dict[str, int]:
    """By system."""
    return {
        name: decode_bytes(options.model, config, _float_bytes(name, options), options.context)
        for name in options.systems
    }


def _float_bytes(name: str, options: BenchOptions) -> int:
    """What a number takes where a system computes: on a CPU all but torch do so in float32; on a GPU all but
    ONNX Runtime, which stays on the CPU, in two bytes.
    """
    if name.removesuffix(PLAIN) in IN_TORCH and options.dtype != "auto":
        return 4 if options.dtype == "fp32" else 2
    return 2 if has_cuda() and not name.startswith("ort") else 4
