"""Questions made, and rows loaded to train on beside what a model makes of them, in a process of its own:
`python -m n3d_ros.training.speed.loading ORDER`.

In: a `LoadingOrder` as JSON. Out: a `LoadingResult` as one line of JSON. The model is that of `n3d train
--config debug`, n3d-nano's sizes: the smallest there is, so none asks for more rows a second.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import torch

from n3d_ros.training.finetune.configs import FineTuneConfig, Stage, load_config
from n3d_ros.training.finetune.data import RowStream
from n3d_ros.training.finetune.models import base_folder, load_trainee
from n3d_ros.training.finetune.run import Job, row_stream, training_arguments
from n3d_ros.training.lift.depth_sources import SensorDepth
from n3d_ros.training.lift.filters import LiftConfig
from n3d_ros.training.lift.run import LiftJob, lift_shard
from n3d_ros.training.lift.shards import write_manifest as write_lifted
from n3d_ros.training.lift.sources.coco import CocoSource, build_index
from n3d_ros.training.qa.config import QaConfig
from n3d_ros.training.qa.lifted import LiftedSet
from n3d_ros.training.qa.making.wordings import KnownWords
from n3d_ros.training.qa.run import QaJob, make_shard
from n3d_ros.training.qa.shards import write_manifest
from n3d_ros.training.speed.results import MODEL_THREADS, PICTURES, LoadingOrder, LoadingResult, StageResult


def run(order: LoadingOrder) -> LoadingResult:
    """Make the questions, then measure both stages."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    out, config = Path(order.out), load_config("debug")
    base = base_folder(config.base, out)
    lifted = _lift(Path(order.instances), out)
    number, cpu_s = _ask(lifted, out / "questions", KnownWords.of_model(base))
    stages = [
        _stage(config, Job(config, stage, base, out / "questions", out / stage.name), stage, order)
        for stage in config.stages
    ]
    return LoadingResult(number, cpu_s, stages)


def _lift(instances: Path, out: Path) -> LiftedSet:
    folder = instances.parent
    source = CocoSource(build_index(instances, out / "index"), folder / "images", folder)
    job = LiftJob(source, SensorDepth(), LiftConfig(), out / "lifted", PICTURES)
    write_lifted(job.out, [lift_shard(job, 0).entry], job.description())
    return LiftedSet.open(job.out)


def _ask(lifted: LiftedSet, out: Path, words: KnownWords) -> tuple[int, float]:
    job = QaJob(lifted, tuple(lifted.labels()), QaConfig(), out, words=words)
    done = make_shard(job, 0)
    write_manifest(out, [done.entry], job.description())
    return done.entry.num_questions, done.cpu_s


def _stage(config: FineTuneConfig, job: Job, stage: Stage, order: LoadingOrder) -> StageResult:
    arguments = training_arguments(config, stage, job.out)
    stream = row_stream(job, arguments)
    next(iter(stream))  # what is loaded once
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    rows = list(islice(iter(stream), order.rows))
    load_s, load_cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    step_s, step_cpu_s = _train(load_trainee(job.base, config), rows[: order.steps], stage)
    return StageResult(
        name=stage.name,
        rows=len(rows),
        tokens=sum(row["input_ids"].shape[1] for row in rows),
        pictures=sum(len(row["image_grid_thw"]) for row in rows),
        load_s=load_s,
        load_cpu_s=load_cpu_s,
        workers_s=_with_workers(stream, order.rows),
        steps=min(order.steps, len(rows)),
        step_s=step_s,
        step_cpu_s=step_cpu_s,
    )


def _with_workers(stream: RowStream, num_rows: int) -> float:
    """Seconds of all rows but the first, which waits for the workers to begin."""
    loader = torch.utils.data.DataLoader(stream, batch_size=None, num_workers=2, prefetch_factor=2)
    rows: Iterator[Any] = iter(loader)
    next(rows)
    start_s = time.perf_counter()
    for _ in islice(rows, num_rows - 1):
        pass
    return time.perf_counter() - start_s


def _train(model: Any, rows: list[Any], stage: Stage) -> tuple[float, float]:
    """Seconds and processor time of one step a row: forward, backward, AdamW."""
    torch.set_num_threads(MODEL_THREADS)
    optimiser = torch.optim.AdamW(model.parameters(), lr=stage.learning_rate)
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    for row in rows:
        model(**row).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    took = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    torch.set_num_threads(1)
    return took


if __name__ == "__main__":
    print(json.dumps(asdict(run(LoadingOrder(**json.loads(sys.argv[1]))))))
