"""Train n3d-nano: `python -m n3d_ros.cli train`, resumable, on a GPU when there is one.

In: shards of views. Out: a run folder with `checkpoint.pt` (everything needed to go on), `model/` (averaged
weights in the
checkpoint format, with tokenizer and config), `log.jsonl` (one line per report). First the vision tower alone
learns the dense
loss, then the whole model learns to answer.
"""

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import cross_entropy

from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration
from n3d_ros.training.nano.batches import Batch, Packer, batches
from n3d_ros.training.nano.configs import NanoModel, TrainConfig
from n3d_ros.training.nano.labels import IGNORE
from n3d_ros.training.nano.losses import (
    ATTENTION_NAME,
    DenseHeads,
    SoftTargets,
    Watch,
    soft_number_table,
    text_loss,
    weight,
)
from n3d_ros.training.nano.model import TIED, build_nano, save_model, still_blocks, whiten_patches
from n3d_ros.training.nano.shards import ViewShards
from n3d_ros.training.nano.tokenizer import token_id
from n3d_ros.training.nano.views import COLOR_NAMES, KIND_NAMES

log = logging.getLogger(__name__)


class Trainer:
    """Model, heads, optimisers and clock of one run; `run()` trains until the budget is used up."""

    def __init__(
        self, config: TrainConfig, preset: NanoModel, tokenizer: Tokenizer, views: Path, folder: Path
    ) -> None:
        self.config, self.preset, self.tokenizer, self.folder = config, preset, tokenizer, folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = build_nano(preset, tokenizer, config.seed).to(self.device)
        self.heads = DenseHeads(preset.text_hidden, len(KIND_NAMES), len(COLOR_NAMES)).to(self.device)
        self.watch = Watch(config.watched_layer, config.watched_heads, config.copy_layer, config.copy_heads)
        self.model.model.language_model.set_attn_implementation(ATTENTION_NAME)
        self.table = soft_number_table(config.number_sigma).to(self.device)
        self.decimals = soft_number_table(config.decimal_sigma).to(self.device)
        self.first_number, self.first_decimal = token_id(tokenizer, "0"), token_id(tokenizer, "0.00")
        self.average = {name: p.detach().clone() for name, p in self.model.named_parameters()}
        self.optimizers = make_optimizers(self.model, self.heads, config)
        self.shards, self.rng = ViewShards(views), np.random.default_rng([config.seed, time.time_ns()])
        self.step, self.trained_s = 0, 0.0

    def start(self, num_views: int = 60) -> None:
        """Prepare an untrained tower: whitened patches of some views, blocks that change nothing yet."""
        packer = Packer(self.tokenizer, self.preset.point_encoding, self.rng)
        chosen = self.rng.permutation(len(self.shards))[:num_views]
        batch = packer.batch([self.shards.view(int(i)) for i in chosen], with_text=False)
        whiten_patches(self.model, batch.pixel_values.to(self.device))
        still_blocks(self.model)
        self.average = {name: p.detach().clone() for name, p in self.model.named_parameters()}

    def start_from(self, folder: Path) -> None:
        """Begin with the weights of a model folder (trained or exported) that has this run's sizes; pieces
        that its tokenizer lacked keep their untrained rows.
        """
        saved = N3DForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).state_dict()
        known = saved[TIED[1]].shape[0]
        for name in TIED:
            saved[name] = torch.cat([saved[name], self.model.state_dict()[name][known:]])
        self.model.load_state_dict(saved)
        self.average = {name: p.detach().clone() for name, p in self.model.named_parameters()}

    def run(self) -> None:
        """Train until `config.minutes` of training time are used; writes the run folder on the way and at the
        end.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        saved = report = time.monotonic()
        seen: dict[str, list[float]] = {}
        for batch in self.training_batches():
            began = time.monotonic()
            losses = self.train_step(batch.to(self.device))
            for key, value in losses.items():
                seen.setdefault(key, []).append(value)
            now = time.monotonic()
            self.trained_s += now - began
            if now - report > 30:
                self.report(seen)
                report, seen = now, {}
            if now - saved > self.config.save_every_s:
                self.save()
                saved = now
        self.save()

    def training_batches(self) -> Iterator[Batch]:
        """Batches with and without text as the clock asks, until the budget is used up."""
        packer = Packer(
            self.tokenizer,
            self.preset.point_encoding,
            self.rng,
            self.config.questions_per_view,
            reasons_per_view=self.config.reasons_per_view,
        )
        size = self.config.pictures_per_step
        streams = {text: batches(self.shards, packer, size, text) for text in (False, True)}
        while (minutes := self.trained_s / 60) < self.config.minutes:
            began = time.monotonic()
            packer.reason_share = self.config.reason_share_at(minutes)
            batch = next(streams[bool(self.rng.random() < self.config.text_share_at(minutes))])
            self.trained_s += time.monotonic() - began
            yield batch

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One step on one batch; returns its losses."""
        rate = self.rate()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rate
            optimizer.zero_grad(set_to_none=True)
        losses = self.losses(batch)
        weighed = (value * weight(key) for key, value in losses.items() if weight(key))
        total = sum(weighed, start=torch.zeros((), device=self.device))
        total.backward()
        torch.nn.utils.clip_grad_norm_([*self.model.parameters(), *self.heads.parameters()], 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self.update_average()
        return {key: float(value.detach()) for key, value in losses.items()}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """All losses of one batch, forward passes in bfloat16."""
        with torch.autocast(self.device.type, torch.bfloat16):
            with torch.set_grad_enabled(not self.config.frozen_tower):
                tokens = self.model.image_tokens(batch.pixel_values, batch.grid_thw, batch.coords)
            losses = {} if self.config.frozen_tower else self.dense_losses(batch, tokens)
            if (batch.labels != IGNORE).any():
                losses |= self.text_losses(batch, tokens)
        return losses

    def dense_losses(self, batch: Batch, tokens: Tensor) -> dict[str, Tensor]:
        """Losses of the image tokens themselves, in float32."""
        rows = self.model.get_input_embeddings().weight
        numbers = rows[self.first_number : self.first_number + len(self.table)]
        with torch.autocast(self.device.type, enabled=False):
            return self.heads(tokens.float(), batch, numbers, self.table)

    def text_losses(self, batch: Batch, tokens: Tensor) -> dict[str, Tensor]:
        """Losses of the language model on the packed rows."""
        embeds = self.model.get_input_embeddings()(batch.ids)
        count = batch.cells.shape[1]
        image = tokens.reshape(len(batch.ids), count, -1).to(embeds.dtype)
        start = batch.image_start
        embeds = torch.cat([embeds[:, :start], image, embeds[:, start + count :]], dim=1)
        self.watch.batch = batch
        hidden = self.model.model.language_model(
            inputs_embeds=embeds,
            attention_mask={"full_attention": segment_mask(batch.segment)},
            position_ids=batch.positions,
            use_cache=False,
        ).last_hidden_state
        self.watch.batch = None
        learned = batch.labels != IGNORE
        logits = self.model.lm_head(hidden[learned])
        soft = {
            "numbers": SoftTargets(batch.is_number[learned], self.first_number, self.table),
            "sums": SoftTargets(batch.is_sum[learned], self.first_decimal, self.decimals),
        }
        losses = text_loss(logits, batch.labels[learned], soft) | self.watch.losses
        for name, chosen in (("verdict", batch.is_verdict[learned]), ("choice", batch.is_choice[learned])):
            if chosen.any():
                losses[name] = cross_entropy(logits[chosen].float(), batch.labels[learned][chosen])
        return losses

    def rate(self) -> float:
        """Share of the peak learning rate: linear warm-up, flat, linear decay to zero at the end of the
        budget.
        """
        done = self.trained_s / (self.config.minutes * 60)
        return max(1e-3, min(1.0, done / self.config.warm_share, (1 - done) / self.config.decay_share))

    def update_average(self) -> None:
        """Exponential moving average of the weights: what is saved as the model."""
        keep = min(self.config.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, p in self.model.named_parameters():
                self.average[name].lerp_(p, 1 - keep)

    def report(self, seen: dict[str, list[float]]) -> None:
        """The mean of each loss over the steps that had it: one line to the log and to `log.jsonl`."""
        line = {"step": self.step, "minutes": round(self.trained_s / 60, 1), "views": len(self.shards)}
        line |= {key: round(sum(values) / len(values), 4) for key, values in seen.items()}
        log.info("%s", line)
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def save(self) -> None:
        """Checkpoint and model folder, each written beside the old one and then put in its place."""
        state = {
            "model": self.model.state_dict(),
            "heads": self.heads.state_dict(),
            "average": self.average,
            "step": self.step,
            "trained_s": self.trained_s,
            "optimizers": [o.state_dict() for o in self.optimizers],
            "config": asdict(self.config),
        }
        torch.save(state, self.folder / "checkpoint.partial")
        (self.folder / "checkpoint.partial").replace(self.folder / "checkpoint.pt")
        save_model(self.model, self.average, self.tokenizer, self.folder / "model")

    def resume(self, keep_clock: bool = True) -> None:
        """Go on from the run folder's checkpoint; without `keep_clock` the budget starts anew (a further
        round of training).
        """
        state = torch.load(self.folder / "checkpoint.pt", map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.heads.load_state_dict(state["heads"])
        self.average, self.step = state["average"], state["step"]
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            peaks = [group["peak"] for group in optimizer.param_groups]
            optimizer.load_state_dict(saved)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["peak"] = peak
        self.trained_s = state["trained_s"] if keep_clock else 0.0


def segment_mask(segment: Tensor) -> Tensor:
    """(B, 1, T, T) bool: each token sees the shared part and its own question, never what comes later."""
    length = segment.shape[1]
    earlier = torch.ones(length, length, dtype=torch.bool, device=segment.device).tril()
    same = segment[:, :, None] == segment[:, None, :]
    return (earlier & (same | (segment[:, None, :] == 0)))[:, None]


def make_optimizers(
    model: N3DForConditionalGeneration, heads: DenseHeads, config: TrainConfig
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for embeddings, norms, biases and heads."""
    embedding, patches = model.get_input_embeddings().weight, model.model.visual.patch_embed.proj.weight
    matrices = [p for p in model.parameters() if p.ndim == 2 and p is not embedding]
    apart = {id(p) for p in (*matrices, patches)}
    others = [p for p in (*model.parameters(), *heads.parameters()) if id(p) not in apart]
    muon = torch.optim.Muon(
        matrices, lr=config.muon_rate, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    groups = [{"params": others, "lr": config.adam_rate}, {"params": [patches], "lr": config.patch_rate}]
    adam = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
    for group in (*muon.param_groups, *adam.param_groups):
        group["peak"] = group["lr"]
    return [muon, adam]
