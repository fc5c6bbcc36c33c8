"""The baseline: the same weights and prompts through transformers' `generate`, as its users write it.

In: a model folder, scenes. Out: `BenchSample`s. Greedy, with a KV cache; the second stage runs picture and
prompt again, as the release's demo does. Preparing the picture and reading boxes are this project's own, so
that only the model's part differs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers.generation.streamers import BaseStreamer

from n3d_ros.engines.bench.samples import (
    AGAIN,
    ASK,
    GROUND,
    QUERIES,
    BenchSample,
    BenchScene,
    CpuTimes,
    TextCost,
)
from n3d_ros.model.checkpoint import load_model
from n3d_ros.model_folder.config import load_config
from n3d_ros.preprocess.prepare import ModelInputs, Observation, prepare
from n3d_ros.protocol import prompts
from n3d_ros.runtime.backends.pytorch.backend import device_of, dtype_of
from n3d_ros.runtime.backends.pytorch.options import TorchOptions
from n3d_ros.runtime.decoding.text import TextCodec, TextStream
from n3d_ros.runtime.objects import ObjectReader
from n3d_ros.runtime.types import GroundedObject

NAME = "huggingface"


class HuggingFaceSystem:
    """`generate`, at most `max_tokens` tokens a reply. `model`: an already loaded module of the same folder,
    to hold the weights once. `dtype`: of the weights, as in `TorchOptions`.
    """

    name = NAME

    def __init__(self, folder: Path, max_tokens: int, model: Any = None, dtype: str = "auto") -> None:
        self.config = load_config(folder)
        self._codec = TextCodec(folder / "tokenizer.json")
        options = TorchOptions(dtype=dtype)
        self._device = device_of(options)
        loaded: Any = load_model(folder, dtype_of(options, self._device)) if model is None else model
        self._model = loaded.to(self._device)
        self._max_tokens = max_tokens

    def answer(
        self, scene: BenchScene, repetition: int, queries: tuple[str, ...] = QUERIES
    ) -> Iterator[BenchSample]:
        """See `System.answer`; nothing is kept between questions."""
        for query, words in ((GROUND, scene.first), (AGAIN, scene.second)):
            if query in queries:
                text = prompts.ground_prompt(prompts.ground_question(words))
                yield self.reply(scene.observation, text, words).sample(query, scene.seed, repetition)
        if ASK in queries:
            yield self._ask(scene, repetition)

    def _ask(self, scene: BenchScene, repetition: int) -> BenchSample:
        began, cpu_began = time.perf_counter(), time.process_time()
        boxes = self.reply(scene.observation, prompts.locate_prompt(scene.question), scene.question)
        found = [thing.box for thing in boxes.objects]
        numbers = [thing.number for thing in boxes.objects]
        evidence = prompts.evidence_from_boxes(found, boxes.inputs.intrinsics, numbers)
        reasoning = self.reply(
            scene.observation, prompts.answer_prompt(scene.question, evidence), scene.question
        )
        total_ms, cpu_ms = (time.perf_counter() - began) * 1e3, (time.process_time() - cpu_began) * 1e3
        return boxes.sample(ASK, scene.seed, repetition, reasoning, total_ms, cpu_ms)

    def reply(self, observation: Observation, text: str, words: str) -> HuggingFaceReply:
        """One prompt, from pixels to boxes."""
        reply = HuggingFaceReply()
        inputs = reply.inputs = prepare(observation, self.config.preprocess())
        ids = self._prompt_ids(text, inputs)
        reply.prepared = time.perf_counter()
        stop = list(self.config.stop_token_ids)
        self._generate(ids, inputs, stop, reply)
        reply.ids = tuple(token for token in reply.ids if token not in stop)
        reply.read_objects(self._codec, words)
        reply.ended, reply.cpu_ended = time.perf_counter(), time.process_time()
        return reply

    def _prompt_ids(self, text: str, inputs: ModelInputs) -> list[int]:
        """Ids with one pad per image token."""
        ids, pad = self._codec.encode(text), self.config.image_token_id
        start = ids.index(pad)
        ids[start : start + 1] = [pad] * (
            inputs.grid_hw[0] * inputs.grid_hw[1] // self.config.vision.merge**2
        )
        return ids

    @torch.inference_mode()
    def _generate(
        self, ids: list[int], inputs: ModelInputs, stop: list[int], reply: HuggingFaceReply
    ) -> None:
        tokens = torch.tensor([ids], device=self._device)
        self._model.generate(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            mm_token_type_ids=(tokens == self.config.image_token_id).int(),
            pixel_values=torch.from_numpy(inputs.pixel_values).to(self._device),
            image_grid_thw=torch.tensor([[1, *inputs.grid_hw]], device=self._device),
            point_coords=torch.from_numpy(inputs.coords).to(self._device),
            max_new_tokens=self._max_tokens,
            do_sample=False,
            use_cache=True,
            eos_token_id=stop,
            pad_token_id=stop[0],
            streamer=reply,
        )


class HuggingFaceReply(BaseStreamer):
    """Tokens of one reply and when each came; transformers hands the prompt over first."""

    inputs: ModelInputs

    def __init__(self) -> None:
        self.began = self.prepared = self.ended = time.perf_counter()
        self.cpu_began = self.cpu_ended = time.process_time()
        self.cpu_came: list[float] = []
        self.last_box_cpu_ms: float | None = None
        self.ids: tuple[int, ...] = ()
        self.came: list[float] = []
        self.objects: list[GroundedObject] = []
        self.first_box_at: float | None = None
        self._has_prompt = False

    def put(self, value: torch.Tensor) -> None:
        """A new token, or the prompt."""
        if self._has_prompt:
            self.ids += tuple(value.flatten().tolist())
            self.came.append(time.perf_counter())
            self.cpu_came.append(time.process_time())
        self._has_prompt = True

    def end(self) -> None:
        """Nothing is held back."""

    def read_objects(self, codec: TextCodec, words: str) -> None:
        """The objects of the reply, and when the last token of the first and of the last one came."""
        reader, stream = ObjectReader(words, self.inputs), TextStream(codec)
        for token, came, cpu in zip(self.ids, self.came, self.cpu_came, strict=False):
            num_before = len(reader.objects)
            reader.push(stream.push(token), 1.0)
            if len(reader.objects) > num_before:
                self.first_box_at = came if self.first_box_at is None else self.first_box_at
                self.last_box_cpu_ms = (cpu - self.cpu_began) * 1e3
        self.objects = reader.objects

    def cost(self) -> TextCost:
        """One pass per token, the stop token's too: `generate` skips none. Vision is in prefill."""
        return TextCost(len(self.ids), len(self.came), self.ms(self.came[0], self.prepared), self.decode_ms)

    @property
    def decode_ms(self) -> float:
        return self.ms(self.came[-1], self.came[0])

    def ms(self, at: float, since: float | None = None) -> float:
        """Milliseconds from `since` (the start) to `at`."""
        return (at - (self.began if since is None else since)) * 1e3

    def sample(
        self,
        query: str,
        seed: int,
        repetition: int,
        reasoning: HuggingFaceReply | None = None,
        total_ms: float | None = None,
        cpu_ms: float | None = None,
    ) -> BenchSample:
        """This reply, and the second stage's where there was one."""
        replies = [self] if reasoning is None else [self, reasoning]
        stages: dict[str, float | None] = {
            "preprocess": sum(one.ms(one.prepared) for one in replies),
            "vision": None,
            "prefill": sum(one.cost().prefill_ms for one in replies),
            "decode": sum(one.decode_ms for one in replies),
            "post": sum(one.ms(one.ended, one.came[-1]) for one in replies),
            "total": self.ms(self.ended) if total_ms is None else total_ms,
        }
        return BenchSample(
            system=NAME,
            query=query,
            seed=seed,
            repetition=repetition,
            stages=stages,
            box=self.cost(),
            reasoning=reasoning.cost() if reasoning else None,
            first_token_ms=self.ms(self.came[0]),
            first_box_ms=None if self.first_box_at is None else self.ms(self.first_box_at),
            boxes_ms=self.ms(self.ended),
            num_boxes=len(self.objects),
            ids=tuple(one.ids for one in replies),
            cpu=CpuTimes(
                (self.cpu_ended - self.cpu_began) * 1e3 if cpu_ms is None else cpu_ms,
                (self.cpu_came[0] - self.cpu_began) * 1e3,
                self.last_box_cpu_ms,
            ),
        )
