"""The systems that are compared: each answers a scene's questions once and says what that took.

In: options and scenes. Out: `BenchSample`s. transformers' own `generate` is another file's; both
speak the `System` protocol.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from n3d_ros.engines.bench.options import HUGGING_FACE, IN_TORCH, PLAIN, BenchOptions
from n3d_ros.engines.bench.samples import (
    AGAIN,
    ASK,
    EARLY,
    GROUND,
    QUERIES,
    BenchSample,
    BenchScene,
    CpuTimes,
    cost_between,
    cost_of,
    stages_of,
)
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.backends.base import AnyBackend
from n3d_ros.runtime.backends.factory import create_backend
from n3d_ros.runtime.options import Options
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.runtime.steps import LOSSLESS, Steps
from n3d_ros.runtime.types import GroundedObject, Listener

PLAIN_STEPS = Steps(jump_forward=False, trace_drafts=False, frame_reuse=False, early_start=False)


class System(Protocol):
    """One way to run the model."""

    name: str

    def answer(
        self, scene: BenchScene, repetition: int, queries: tuple[str, ...] = QUERIES
    ) -> Iterator[BenchSample]:
        """Those of the `queries` that the system knows."""
        ...


class PipelineSystem:
    """This project's pipeline on one of its backends; at most `max_tokens` tokens a reply."""

    def __init__(self, name: str, pipeline: Pipeline, max_tokens: int) -> None:
        self.name, self.pipeline, self._max_tokens = name, pipeline, max_tokens

    def answer(
        self, scene: BenchScene, repetition: int, queries: tuple[str, ...] = QUERIES
    ) -> Iterator[BenchSample]:
        """See `System.answer`."""
        same = scene.fresh()
        for query, words in ((GROUND, scene.first), (AGAIN, scene.second)):
            if query in queries:
                yield self._ground(query, scene, same, words, repetition)
        if EARLY in queries and self.pipeline.start(scene.observation.rgb):
            yield self._ground(EARLY, scene, scene.fresh(), scene.first, repetition)
        if ASK in queries:
            yield self._ask(scene, repetition)

    def _ground(
        self, query: str, scene: BenchScene, observation: Observation, words: str, repetition: int
    ) -> BenchSample:
        clock = Clock()
        result = self.pipeline.ground(
            observation, words, listener=clock.listener, max_tokens=self._max_tokens
        )
        return BenchSample(
            system=self.name,
            query=query,
            seed=scene.seed,
            repetition=repetition,
            stages=stages_of(result.timing),
            box=cost_of(result.timing),
            reasoning=None,
            first_token_ms=clock.first_text_ms,
            first_box_ms=clock.first_box_ms,
            boxes_ms=result.timing.total_ms,
            num_boxes=len(result.objects),
            ids=(result.token_ids,),
            cpu=clock.cpu(),
        )

    def _ask(self, scene: BenchScene, repetition: int) -> BenchSample:
        clock = Clock()
        result = self.pipeline.ask(
            scene.fresh(), scene.question, listener=clock.listener, max_tokens=self._max_tokens
        )
        box, both = cost_of(result.ground.timing), cost_of(result.timing)
        return BenchSample(
            system=self.name,
            query=ASK,
            seed=scene.seed,
            repetition=repetition,
            stages=stages_of(result.timing),
            box=box,
            reasoning=cost_between(box, both) if result.token_ids else None,
            first_token_ms=None,
            first_box_ms=clock.first_box_ms,
            boxes_ms=result.ground.timing.total_ms,
            num_boxes=len(result.objects),
            ids=(result.ground.token_ids, result.token_ids),
            cpu=clock.cpu(),
        )


def open_system(name: str, options: BenchOptions, others: Sequence[System] = ()) -> System:
    """A loaded system. Its libraries are imported only now. It takes the weights of one among the `others`
    that runs on the same backend, Hugging Face those of torch.
    """
    backend = name.removesuffix(PLAIN)
    if backend in IN_TORCH:
        import torch
        from transformers.utils import logging as transformers_logging

        torch.set_num_threads(options.threads)
        silence: Callable[[], None] = transformers_logging.disable_progress_bar
        silence()  # the benchmark has a bar of its own
    shared = backends_of(others)
    if name == HUGGING_FACE:
        from n3d_ros.engines.bench.huggingface import HuggingFaceSystem

        model = getattr(shared.get("torch"), "model", None)
        return HuggingFaceSystem(options.model, options.max_tokens, model, options.dtype)
    if backend not in shared:
        place = "" if options.dtype == "auto" or backend != "torch" else f":{options.dtype}"
        shared[backend] = create_backend(options.model, backend + place, options.threads)
    steps = PLAIN_STEPS if name.endswith(PLAIN) else LOSSLESS
    # one reply to one picture, as every other system gives
    pipeline = Pipeline(shared[backend], steps=steps, options=Options(second_look="off", box_fit="off"))
    return PipelineSystem(name, pipeline, options.max_tokens)


def backends_of(systems: Sequence[System]) -> dict[str, AnyBackend]:
    """One backend of every kind, by name."""
    ours = [system for system in systems if isinstance(system, PipelineSystem)]
    return {system.name.removesuffix(PLAIN): system.pipeline.backend for system in reversed(ours)}


class Clock:
    """When the first text, the first and the last box came: milliseconds after this was made, also of
    processor time.
    """

    def __init__(self) -> None:
        self._began, self._cpu_began = time.perf_counter(), time.process_time()
        self.first_text_ms: float | None = None
        self.first_box_ms: float | None = None
        self._first_text_cpu_ms: float | None = None
        self._boxes_cpu_ms: float | None = None

        self.listener = Listener(self._on_text, self._on_box)

    def _on_text(self, _text: str) -> None:
        if self.first_text_ms is None:
            self.first_text_ms, self._first_text_cpu_ms = self._ms(), self._cpu_ms()

    def _on_box(self, _box: GroundedObject) -> None:
        self._boxes_cpu_ms = self._cpu_ms()
        if self.first_box_ms is None:
            self.first_box_ms = self._ms()

    def cpu(self) -> CpuTimes:
        """Processor times so far."""
        return CpuTimes(self._cpu_ms(), self._first_text_cpu_ms, self._boxes_cpu_ms)

    def _ms(self) -> float:
        return (time.perf_counter() - self._began) * 1e3

    def _cpu_ms(self) -> float:
        return (time.process_time() - self._cpu_began) * 1e3
