"""One fine-tuning run: stage after stage, each resumable, with transformers' Trainer.

In: a `FineTuneConfig`, a set of questions, an output folder. Out: for each stage `OUT/STAGE/model`, a folder
that the robot loads, beside its checkpoints and TensorBoard's log. It does not know what questions or models
are made of. `torchrun` starts it on several GPUs and nodes; nothing here differs then.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from n3d_ros.runtime.decoding.text import TextCodec
from n3d_ros.storage.whole_file import write_json
from n3d_ros.training.finetune.configs import FineTuneConfig, Stage
from n3d_ros.training.finetune.data import QuestionStore, RowStream
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

WRAPPED = ["Qwen2_5_VLDecoderLayer", "Qwen2_5_VLVisionBlock"]
DONE = "done.json"

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


def run(config: FineTuneConfig, questions: Path, out: Path, root: Path = Path()) -> Path:
    """Train every stage that is not done, each from where it was stopped; the last one's model folder.

    root: where the pictures' relative paths start. ValueError where `out` holds another run.
    """
    _check_same(config, out)
    folder = base_folder(config.base, out)
    for stage in config.stages:
        model = out / stage.name / "model"
        if not (out / stage.name / DONE).is_file():
            train_stage(config, stage, folder, questions, out / stage.name, root)
        folder = model
    return folder


def _check_same(config: FineTuneConfig, out: Path) -> None:
    """What is gone on with must be what was begun."""
    from n3d_ros.storage.json_file import read_object

    file = out / "config.json"
    if not file.is_file():
        out.mkdir(parents=True, exist_ok=True)
        write_json(file, config.to_dict())
        return
    begun = FineTuneConfig.from_dict(read_object(file))
    if begun != config:
        raise ValueError(f"--out: expected the run of '{file}' or an empty folder, got another config")


def train_stage(
    config: FineTuneConfig, stage: Stage, base: Path, questions: Path, out: Path, root: Path = Path()
) -> float:
    """Train one stage from the model in `base`; its last loss. Goes on from the newest checkpoint in `out`."""
    arguments = training_arguments(config, stage, out)
    stream = row_stream(config, stage, base, questions, out, arguments, root)
    trainer = FineTuner(load_trainee(base, config), arguments, stream)
    begun = get_last_checkpoint(str(out)) if out.is_dir() else None
    result = trainer.train(resume_from_checkpoint=begun)
    _save(trainer, config, base, out)
    if trainer.is_world_process_zero():
        write_json(out / DONE, {"loss": result.training_loss, "steps": stage.steps})
    trainer.accelerator.wait_for_everyone()
    return float(result.training_loss)


def row_stream(
    config: FineTuneConfig,
    stage: Stage,
    base: Path,
    questions: Path,
    out: Path,
    arguments: TrainingArguments,
    root: Path = Path(),
) -> RowStream:
    """The rows of one stage for this process."""
    with arguments.main_process_first(desc="mapping the questions"):
        store = QuestionStore(questions, out / "cache")
    plan = Plan(
        store.is_spatial, store.pictures, stage, config.ablation, config.questions_per_picture, config.seed
    )
    maker = ExampleMaker(TextCodec(base / "tokenizer.json"), preprocess_of(base), config.ablation, root)
    return RowStream(
        store, plan, maker, config.max_tokens, arguments.process_index, arguments.world_size
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
        fsdp="full_shard auto_wrap" if config.fsdp else None,
        fsdp_config={"fsdp_version": 2, "transformer_layer_cls_to_wrap": WRAPPED} if config.fsdp else None,
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
            )


def _save(trainer: FineTuner, config: FineTuneConfig, base: Path, out: Path) -> None:
    """The model folder of a stage. Every process takes part: with FSDP each has a piece of it."""
    folder = out / ("adapters" if config.lora else "model")
    trainer.save_model(str(folder))
    if not trainer.is_world_process_zero():
        return
    if config.lora:
        merge_adapters(base, folder, config).save_pretrained(out / "model")
    finish_folder(base, out / "model")
