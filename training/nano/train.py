"""One stage of training n3d-nano, resumable, on a GPU when there is one.

In: shards of views, a `Stage`. Out: a run folder with `checkpoint.pt` (everything needed to go on), `model/`
(averaged weights in the checkpoint format, with tokenizer and config), `snapshots/`, `log.jsonl` (one line
per report). It does not know which stages there are (`configs`) or what comes before and after them
(`recipe`).
"""

import ctypes
import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import cross_entropy

from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration
from n3d_ros.storage.whole_file import whole_file
from n3d_ros.training.nano.batches import Batch, Packer, batches
from n3d_ros.training.nano.configs import NanoModel, Stage
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
from n3d_ros.training.nano.model import TIED, TOKENIZER, build_nano, save_model, still_blocks, whiten_patches
from n3d_ros.training.nano.shards import ViewShards
from n3d_ros.training.nano.tokenizer import token_id
from n3d_ros.training.nano.views import COLOR_NAMES, NANO_KINDS

CHECKPOINT, SNAPSHOTS, MODEL = "checkpoint.pt", "snapshots", "model"

# mallopt(3): the size from which on glibc maps a block by itself, instead of cutting it from the heap
M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES = -3, 4 << 20

log = logging.getLogger(__name__)


class Trainer:
    """Model, heads, optimisers and clock of one stage; `run()` trains until its minutes are used up.
    `kinds`: of which things the scenes of `views` are made.
    """

    def __init__(
        self,
        stage: Stage,
        preset: NanoModel,
        tokenizer: Tokenizer,
        views: Path,
        folder: Path,
        kinds: Sequence[str] = NANO_KINDS,
    ) -> None:
        self.stage, self.preset, self.tokenizer, self.folder = stage, preset, tokenizer, folder
        self.kinds = tuple(kinds)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = build_nano(preset, tokenizer, stage.seed).to(self.device)
        self.heads = DenseHeads(preset.text_hidden, len(self.kinds), len(COLOR_NAMES)).to(self.device)
        self.watch = Watch(stage.look, stage.copy, stage.owner, stage.value)
        self.model.model.language_model.set_attn_implementation(ATTENTION_NAME)
        self.table = soft_number_table(stage.number_sigma).to(self.device)
        self.decimals = soft_number_table(stage.decimal_sigma).to(self.device)
        self.first_number, self.first_decimal = token_id(tokenizer, "0"), token_id(tokenizer, "0.00")
        self.average = self._weights()
        self.optimizers = make_optimizers(self.model, self.heads, stage)
        self.shards = ViewShards(views, self.kinds)
        self.rng = np.random.default_rng([stage.seed, time.time_ns()])
        self.step, self.trained_s = 0, 0.0

    def _weights(self) -> dict[str, Tensor]:
        """A copy of the model's weights."""
        return {name: p.detach().clone() for name, p in self.model.named_parameters()}

    def start(self, num_views: int = 60) -> None:
        """Prepare an untrained tower: whitened patches of some views, blocks that change nothing yet."""
        packer = Packer(self.tokenizer, self.preset.point_encoding, self.rng)
        chosen = self.rng.permutation(len(self.shards))[:num_views]
        batch = packer.batch([self.shards.view(int(i)) for i in chosen], with_text=False)
        whiten_patches(self.model, batch.pixel_values.to(self.device))
        still_blocks(self.model)
        self.average = self._weights()

    def start_from(self, folder: Path) -> None:
        """Begin with the weights of a model folder (trained or exported) that has this run's sizes; pieces
        that its tokenizer lacked keep their untrained rows.

        Also those in its reserved places: training taught these rows only that they are never said, all the
        same, so that new words in them would begin as one word.
        """
        saved = N3DForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).state_dict()
        before, vocabulary = Tokenizer.from_file(str(folder / TOKENIZER)), self.tokenizer.get_vocab()
        trained = len(saved[TIED[0]])
        kept = [i for piece, i in vocabulary.items() if i < trained and before.id_to_token(i) == piece]
        for name in TIED:
            rows = self.model.state_dict()[name].cpu().clone()
            rows[kept] = saved[name][kept]
            saved[name] = rows
        self.model.load_state_dict(saved)
        self.average = self._weights()
        self.warm_heads()

    def warm_heads(self) -> None:
        """Train the dense heads alone, so that untrained ones do not pull at a tower that sees."""
        optimizer = torch.optim.AdamW(self.heads.parameters(), lr=3e-3)
        stream = self._stream(self._packer(), with_text=False)
        for batch, _ in zip(stream, range(self.stage.heads_steps), strict=False):
            batch = batch.to(self.device)
            with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16):
                tokens = self.model.image_tokens(batch.pixel_values, batch.grid_thw, batch.coords)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(weighed(self.dense_losses(batch, tokens)))
            optimizer.step()

    def run(self) -> None:
        """Train until the stage's minutes are used; writes the run folder on the way and at the end."""
        map_large_blocks()
        self.folder.mkdir(parents=True, exist_ok=True)
        saved = report = time.monotonic()
        seen: dict[str, list[float]] = {}
        for passes in self.steps():
            began = time.monotonic()
            losses = self.train_step(passes)
            for key, value in losses.items():
                seen.setdefault(key, []).append(value)
            now = time.monotonic()
            self.trained_s += now - began
            if now - report > 30:
                self.report(seen)
                report, seen = now, {}
            if now - saved > self.stage.save_every_s:
                self.save()
                saved = now
            self.keep_snapshot()
        self.keep_snapshot()
        self.save()

    def steps(self) -> Iterator[list[Batch]]:
        """The passes of one step after another, with and without text, until the minutes are used up."""
        stage, packer = self.stage, self._packer()
        streams = {text: self._stream(packer, text) for text in (False, True)}
        while self.done < 1:
            began = time.monotonic()
            stream = streams[self.has_text()]
            passes = [next(stream) for _ in range(stage.pictures_per_step // stage.pictures_per_pass)]
            self.trained_s += time.monotonic() - began
            yield passes

    @property
    def done(self) -> float:
        """The share of the stage that is behind it."""
        return self.trained_s / (self.stage.minutes * 60)

    def has_text(self) -> bool:
        """Whether the next step teaches the language model too."""
        return bool(self.rng.random() < self.stage.text_share)

    def _packer(self) -> Packer:
        stage, encoding = self.stage, self.preset.point_encoding
        return Packer(
            self.tokenizer,
            encoding,
            self.rng,
            questions_per_view=stage.questions_per_view,
            reason_share=stage.reason_share,
            reasons_per_view=stage.reasons_per_view,
            drills_per_view=stage.drills_per_view,
            volumes_per_view=stage.volumes_per_view,
            kinds=self.kinds,
        )

    def _stream(self, packer: Packer, with_text: bool) -> Iterator[Batch]:
        return batches(self.shards, packer, self.stage.pictures_per_pass, with_text)

    def train_step(self, passes: Sequence[Batch]) -> dict[str, float]:
        """One step on the mean of the passes' losses; returns them."""
        rate = self.rate()
        seen: dict[str, list[float]] = {}
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rate
            optimizer.zero_grad(set_to_none=True)
        for batch in passes:
            losses = self.losses(batch.to(self.device))
            torch.autograd.backward(weighed(losses) / len(passes))
            for key, value in losses.items():
                seen.setdefault(key, []).append(float(value.detach()))
        torch.nn.utils.clip_grad_norm_([*self.model.parameters(), *self.heads.parameters()], 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self.update_average()
        return {key: sum(values) / len(values) for key, values in seen.items()}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """All losses of one batch, forward passes in bfloat16."""
        with torch.autocast(self.device.type, torch.bfloat16):
            with torch.set_grad_enabled(not self.stage.frozen_tower):
                tokens = self.model.image_tokens(batch.pixel_values, batch.grid_thw, batch.coords)
            losses = {} if self.stage.frozen_tower else self.dense_losses(batch, tokens)
            if (batch.labels != IGNORE).any():
                losses |= self.text_losses(batch, tokens)
        return losses

    def dense_losses(self, batch: Batch, tokens: Tensor) -> dict[str, Tensor]:
        """Losses of the image tokens themselves, in float32."""
        rows = self.model.get_input_embeddings().weight
        numbers = rows[self.first_number : self.first_number + len(self.table)]
        with torch.autocast(self.device.type, enabled=False):
            losses: dict[str, Tensor] = self.heads(tokens.float(), batch, numbers, self.table)
        return losses

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
        few = {"verdict": batch.is_verdict, "choice": batch.is_choice, "names": batch.is_named}
        for name, where in few.items():
            if (chosen := where[learned]).any():
                losses[name] = cross_entropy(logits[chosen].float(), batch.labels[learned][chosen])
        return losses

    def rate(self) -> float:
        """Share of the peak learning rate: linear warm-up, flat, linear decay to zero at the stage's end."""
        warm = self.done / self.stage.warm_share if self.stage.warm_share else 1.0
        decay = (1 - self.done) / self.stage.decay_share if self.stage.decay_share else 1.0
        return max(1e-3, min(1.0, warm, decay))

    def update_average(self) -> None:
        """Exponential moving average of the weights: what is saved as the model."""
        keep = min(self.stage.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, p in self.model.named_parameters():
                self.average[name].lerp_(p, 1 - keep)

    def report(self, seen: dict[str, list[float]]) -> None:
        """The mean of each loss over the steps that had it: one line to the log and to `log.jsonl`."""
        line: dict[str, float | str] = {"stage": self.stage.name, "step": self.step}
        line |= {"minutes": round(self.trained_s / 60, 1), "views": len(self.shards)}
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
            "stage": asdict(self.stage),
        }
        with whole_file(self.folder / CHECKPOINT) as part:
            torch.save(state, part)
        save_model(self.model, self.average, self.tokenizer, self.folder / MODEL)

    def keep_snapshot(self) -> None:
        """Keep the averaged weights where one is due."""
        number = self.stage.num_snapshots_at(self.trained_s / 60)
        path = self.folder / SNAPSHOTS / f"{number}.pt"
        if number and not path.exists():
            with whole_file(path) as part:
                torch.save(self.average, part)

    def resume(self) -> None:
        """Go on from the run folder's checkpoint: with the stage that it is of, or with the next one, whose
        clock begins.
        """
        state = torch.load(self.folder / CHECKPOINT, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.heads.load_state_dict(state["heads"])
        self.average, self.step = state["average"], state["step"]
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            peaks = [group["peak"] for group in optimizer.param_groups]
            optimizer.load_state_dict(saved)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["peak"] = peak
        self.trained_s = state["trained_s"] if state["stage"]["name"] == self.stage.name else 0.0


def map_large_blocks() -> None:
    """Have glibc give large blocks back when they are freed, for the rest of the process. Left alone it
    raises that size to the largest block freed so far, and rows of many lengths leave gaps in the heap
    (docs/training.md). Elsewhere nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)


def weighed(losses: dict[str, Tensor]) -> Tensor:
    """The sum that is trained on."""
    return torch.stack([value.float() * weight(key) for key, value in losses.items() if weight(key)]).sum()


def segment_mask(segment: Tensor) -> Tensor:
    """(B, 1, T, T) bool: each token sees the shared part and its own question, never what comes later."""
    length = segment.shape[1]
    earlier = torch.ones(length, length, dtype=torch.bool, device=segment.device).tril()
    same = segment[:, :, None] == segment[:, None, :]
    return (earlier & (same | (segment[:, None, :] == 0)))[:, None]


def make_optimizers(
    model: N3DForConditionalGeneration, heads: DenseHeads, stage: Stage
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for embeddings, norms, biases and heads."""
    embedding, patches = model.get_input_embeddings().weight, model.model.visual.patch_embed.proj.weight
    matrices = [p for p in model.parameters() if p.ndim == 2 and p is not embedding]
    apart = {id(p) for p in (*matrices, patches)}
    others = [p for p in (*model.parameters(), *heads.parameters()) if id(p) not in apart]
    muon = torch.optim.Muon(
        matrices, lr=stage.muon_rate, weight_decay=stage.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    groups = [{"params": others, "lr": stage.adam_rate}, {"params": [patches], "lr": stage.patch_rate}]
    adam = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
    for group in (*muon.param_groups, *adam.param_groups):
        group["peak"] = group["lr"]
    return [muon, adam]
