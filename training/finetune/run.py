"""One fine-tuning run: stage after stage, each resumable, with transformers' Trainer.

In: a `FineTuneConfig`, a set of questions, an output folder. Out: for each stage `OUT/STAGE/model`, a folder
that the robot loads, beside its checkpoints and TensorBoard's log. It does not know what questions or models
are made of. `torchrun` starts it on several GPUs and nodes; nothing here differs then.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME

from n3d_ros.errors import CommandFailed
from n3d_ros.model_folder.manifest import sha256_of
from n3d_ros.runtime.decoding.text import TextCodec
from n3d_ros.storage.json_file import JsonError, read_object
from n3d_ros.storage.whole_file import write_json
from n3d_ros.training.finetune.configs import FineTuneConfig, Stage
from n3d_ros.training.finetune.data import TOO_LONG, UNASKABLE, QuestionStore, RowStream
from n3d_ros.training.finetune.examples import ExampleMaker
from n3d_ros.training.finetune.models import (
    base_folder,
    finish_folder,
    load_trainee,
    merge_adapters,
    preprocess_of,
)
from n3d_ros.training.finetune.packing import Row
from n3d_ros.training.finetune.plan import Plan
from n3d_ros.training.qa.sets import MANIFEST, num_questions

WRAPPED = ["Qwen2_5_VLDecoderLayer", "Qwen2_5_VLVisionBlock"]
DONE = "done.json"
# What makes fewer questions be left out, by reason.
REMEDIES = {
    UNASKABLE: "`n3d make-qa --words-of MODEL` asks in words that the model has",
    TOO_LONG: "max_tokens of the config is a row's length",
}

_log = logging.getLogger(__name__)


class FineTuner(Trainer):
    """transformers' Trainer on a `RowStream`: the mean over all learned tokens of a step, wherever they
    are.
    """

    def __init__(self, model: Any, arguments: TrainingArguments, stream: RowStream) -> None:
        super().__init__(model, arguments, train_dataset=stream, callbacks=[_GoOn(stream)])
        self.stream = stream
        # Qwen2.5-VL says no, and each row would weigh the same however little it teaches.
        self.model_accepts_loss_kwargs = True

    def get_train_dataloader(self) -> DataLoader[Row]:
        """Rows as the stream makes them: they are batches already, and this process's own."""
        workers = self.args.dataloader_num_workers
        return DataLoader(
            self.stream,
            batch_size=None,
            num_workers=workers,
            pin_memory=self.args.dataloader_pin_memory and torch.cuda.is_available(),
            prefetch_factor=2 if workers else None,
        )


class _GoOn(TrainerCallback):
    """Starts the stream behind the rows of the steps that a checkpoint has."""

    def __init__(self, stream: RowStream) -> None:
        self.stream = stream

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        self.stream.start_row = state.global_step * args.gradient_accumulation_steps


@dataclass(frozen=True)
class Job:
    """One stage to train. base: the model folder that it begins with. out: the stage's own folder. root:
    where the pictures' relative paths start.
    """

    config: FineTuneConfig
    stage: Stage
    base: Path
    questions: Path
    out: Path
    root: Path = Path()


def run(
    config: FineTuneConfig, questions: Path, out: Path, root: Path = Path(), max_left_out: float = 0.5
) -> Path:
    """Train every stage that is not done, each from where it was stopped; the last one's model folder.

    root: where the pictures' relative paths start. max_left_out: share of a stage's questions, as far as a
    look at the first tells; CommandFailed above it, before any stage is trained. ValueError where `out`
    holds another run.
    """
    if not 0 <= max_left_out <= 1:
        raise ValueError(f"max_left_out: expected a share within 0..1, got {max_left_out:g}")
    _check_same(config, questions, out)
    folder = base_folder(config.base, out)
    job = partial(Job, config, questions=questions, root=root)
    left = [stage for stage in config.stages if not (out / stage.name / DONE).is_file()]
    for stage in left:  # every stage reads the words of the first one's base
        _check_left_out(job(stage=stage, base=folder, out=out / stage.name), max_left_out)
    for stage in config.stages:
        home = out / stage.name
        if stage in left:
            train_stage(job(stage=stage, base=folder, out=home))
        folder = home / "model"
    return folder


def _check_same(config: FineTuneConfig, questions: Path, out: Path) -> None:
    """What is gone on with must be what was begun, on the same questions, wherever they lie."""
    file, data = out / "config.json", out / "questions.json"
    stated = {"questions": num_questions(questions), "manifest_sha256": sha256_of(questions / MANIFEST)}
    if not file.is_file():
        out.mkdir(parents=True, exist_ok=True)
        write_json(data, stated)
        write_json(file, config.to_dict())
        return
    begun = FineTuneConfig.from_dict(read_object(file))
    if begun != config:
        raise ValueError(f"--out: expected the run of '{file}' or an empty folder, got another config")
    if data.is_file() and read_object(data) != stated:  # earlier releases did not keep it
        raise ValueError(f"--out: expected the questions of '{data}' or an empty folder, got other ones")


def _check_left_out(job: Job, max_share: float) -> None:
    """In every process, so that none waits for one that has ended."""
    seen, found = row_stream(job, training_arguments(job.config, job.stage, job.out)).preview()
    if found.total() <= max_share * seen:
        return
    counts = ", ".join(f"{reason} {number}" for reason, number in found.most_common())
    raise CommandFailed(
        f"{job.stage.name}: expected at most {100 * max_share:g} % of the first {seen} questions left out, "
        f"got {found.total()}: {counts}; {'; '.join(REMEDIES[reason] for reason in found)}; "
        f"--max-left-out allows more"
    )


def train_stage(job: Job) -> None:
    """Train one stage, from the newest checkpoint in its folder if there is one."""
    arguments = training_arguments(job.config, job.stage, job.out)
    stream = row_stream(job, arguments)
    trainer = FineTuner(load_trainee(job.base, job.config), arguments, stream)
    begun = newest_checkpoint(job.out)
    _log.info("%s: %d steps from %s", job.stage.name, job.stage.steps, begun or job.base)
    is_first = trainer.is_world_process_zero()
    if is_first:
        _tell_before(stream)
    try:
        trainer.train(resume_from_checkpoint=str(begun) if begun else None)
    finally:  # a run that is stopped says it, too
        if is_first:
            _log.info("%s: left out so far: %s", job.stage.name, stream.left_out or "none")
    _save(trainer, job)
    if is_first:
        write_json(job.out / DONE, {"steps": job.stage.steps})
    trainer.accelerator.wait_for_everyone()


def _tell_before(stream: RowStream) -> None:
    """What there is to train on, and how much of it will be left out, as far as a look at the first tells."""
    plan = stream.plan
    _log.info("%d questions about space, %d for boxes alone", len(plan.spatial), len(plan.boxes))
    seen, found = stream.preview()
    _log.info("of the first %d will be left out: %s", seen, dict(found) or "none")


def newest_checkpoint(out: Path) -> Path | None:
    """The last checkpoint that is whole. Trainer writes its state last; from a folder without it, it would
    begin at step 0 with weights and optimiser of a later one.
    """
    found = {int(path.name.rpartition("-")[2]): path for path in out.glob("checkpoint-*")}
    for _, path in sorted(found.items(), reverse=True):
        try:
            read_object(path / TRAINER_STATE_NAME)
        except (OSError, JsonError):
            _log.warning("%s is not whole: its run was stopped while it was written", path)
        else:
            return path
    return None


def row_stream(job: Job, arguments: TrainingArguments) -> RowStream:
    """The rows of one stage for this process."""
    config, base = job.config, job.base
    with arguments.main_process_first(desc="mapping the questions"):
        store = QuestionStore(job.questions, job.out / "cache")
    plan = Plan(
        store.is_spatial,
        store.pictures,
        job.stage,
        ablation=config.ablation,
        questions_per_picture=config.questions_per_picture,
        seed=config.seed,
    )
    codec = TextCodec(base / "tokenizer.json")
    maker = ExampleMaker(codec, preprocess_of(base), config.ablation, job.root)
    return RowStream(
        store,
        plan,
        maker,
        config.max_tokens,
        rank=arguments.process_index,
        world_size=arguments.world_size,
    )


def training_arguments(config: FineTuneConfig, stage: Stage, out: Path) -> TrainingArguments:
    """Trainer's arguments; loading data and counting its steps is ours."""
    on_gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(out),
        max_steps=stage.steps,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=config.rows_per_step,
        learning_rate=stage.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(stage.warm_share * stage.steps),
        weight_decay=config.weight_decay,
        adam_beta2=config.adam_beta2,
        max_grad_norm=config.max_grad_norm,
        bf16=config.bf16 and on_gpu,
        use_cpu=not on_gpu,
        ddp_find_unused_parameters=False,
        dataloader_num_workers=config.workers,
        ignore_data_skip=True,
        remove_unused_columns=False,
        logging_steps=config.log_every,
        logging_nan_inf_filter=False,
        save_steps=config.save_every,
        save_total_limit=2,
        seed=config.seed,
        report_to="tensorboard",
        **sharding(config.fsdp),
    )


def sharding(fsdp: bool) -> dict[str, Any]:
    """Arguments that shard weights, gradients and optimiser over the processes, layer by layer."""
    if not fsdp:
        return {}
    return {
        "fsdp": "full_shard auto_wrap",
        "fsdp_config": {
            "fsdp_version": 2,
            "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "transformer_layer_cls_to_wrap": WRAPPED,
            "state_dict_type": "FULL_STATE_DICT",
        },
    }


def leave_group() -> None:
    """Last thing in a program that several processes run: a group that is left to the interpreter's end
    aborts it now and then, since threads of it still run. Harmless where there is no group.
    """
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _save(trainer: FineTuner, job: Job) -> None:
    """The model folder of a stage. Every process takes part: with FSDP each has a piece of it."""
    config = job.config
    folder = job.out / ("adapters" if config.lora else "model")
    trainer.save_model(str(folder))
    if not trainer.is_world_process_zero():
        return
    if config.lora:
        merge_adapters(job.base, folder, config).save_pretrained(job.out / "model")
    finish_folder(job.base, job.out / "model")
