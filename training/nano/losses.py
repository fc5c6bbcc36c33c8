"""Losses of n3d-nano: next token with soft numbers, a dense loss on image tokens, and where to look.

Plain next-token training teaches a small model little about a picture in the time of a CPU. Five things
change that, and all of them fall away after training, so the shipped model is the plain one:
  - a box number is right to a few bins, and a computed decimal to about a hundredth, so their targets are
    narrow bell over the numbers instead of a single one;
  - every merged image token that shows an object is asked, through the language model's own number rows, for
    that object's box, kind and colour;
  - while the model writes an object's numbers, some heads of one layer are rewarded for looking at that
    object's tokens, and most of all where a box begins and is named: there it is decided which one is next;
  - while it quotes a number or name of its question, some heads of another layer look at it;
  - while it says whose the largest value is, some heads of a third look at the name beside that value; for
    that, other heads of the layer before look from every owner to its value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    log_softmax,
    scaled_dot_product_attention,
)
from transformers import AttentionInterface

from n3d_ros.training.nano.batches import Batch
from n3d_ros.training.nano.labels import IGNORE

ATTENTION_NAME = "n3d_watched"
# Tokens of a row up to which masking it whole costs less than cutting it into its questions.
SHORT_ROW = 256


def soft_number_table(sigma: float, num_bins: int = 1000) -> Tensor:
    """(num_bins, num_bins) float32: row t is the target distribution for the true bin t, a bell of `sigma`
    bins.
    """
    bins = torch.arange(num_bins, dtype=torch.float32)
    return torch.softmax(-((bins[:, None] - bins) ** 2) / (2 * sigma**2), dim=1)


def number_loss(logits: Tensor, target: Tensor, table: Tensor) -> Tensor:
    """Mean cross-entropy of number `logits` (R, num_bins) with the bells of `target` (R,), less the bells'
    own entropy.
    """
    soft = table[target]
    entropy = -(soft * soft.clamp_min(1e-12).log()).sum(1)
    return (-(soft * log_softmax(logits.float(), dim=1)).sum(1) - entropy).mean()


class DenseHeads(nn.Module):
    """What an image token is asked: is there an object, which kind and colour, and its six box numbers."""

    def __init__(self, hidden: int, num_kinds: int, num_colors: int, num_fields: int = 6) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(hidden)
        self.present, self.kind, self.color = (
            nn.Linear(hidden, 1),
            nn.Linear(hidden, num_kinds),
            nn.Linear(hidden, num_colors),
        )
        self.fields = nn.ModuleList(
            nn.Sequential(nn.Linear(hidden, hidden), nn.RMSNorm(hidden)) for _ in range(num_fields)
        )

    def forward(self, tokens: Tensor, batch: Batch, number_rows: Tensor, table: Tensor) -> dict[str, Tensor]:
        """Losses and hit rates from `tokens` (B * cells, hidden); `number_rows` (num_bins, hidden) of the
        language model.
        """
        tokens, cells = self.norm(tokens), batch.cells.reshape(-1)
        has_object = cells >= 0
        picture = torch.arange(len(cells), device=cells.device) // batch.cells.shape[1]
        which = (picture[has_object], cells[has_object])
        features = tokens[has_object]
        kind, color = self.kind(features).float(), self.color(features).float()
        numbers = [
            number_loss(head(features) @ number_rows.T, batch.bins[which][:, f], table)
            for f, head in enumerate(self.fields)
        ]
        return {
            "present": binary_cross_entropy_with_logits(
                self.present(tokens).float().squeeze(1), has_object.float()
            ),
            "kind": cross_entropy(kind, batch.kind[which]),
            "color": cross_entropy(color, batch.color[which]),
            "box": torch.stack(numbers).mean(),
            "kind_right": (kind.argmax(1) == batch.kind[which]).float().mean(),
            "color_right": (color.argmax(1) == batch.color[which]).float().mean(),
        }


class Watch:
    """Records where chosen heads of decoder layers look: while an object's numbers are written, while a
    number is quoted, while the owner of a value is named, and from owners to their values. Each is (layer,
    number of heads), the first ones, or where that is negative the last.
    """

    def __init__(
        self, look: tuple[int, int], copy: tuple[int, int], owner: tuple[int, int], value: tuple[int, int]
    ) -> None:
        self.watched = [
            ("look", *look, look_loss),
            ("next", *look, next_loss),
            ("copy", *copy, copy_loss),
            ("owner", *owner, owner_loss),
            ("value", *value, value_loss),
        ]
        self.batch: Batch | None = None
        self.losses: dict[str, Tensor] = {}
        AttentionInterface.register(ATTENTION_NAME, self.attend)

    def attend(
        self,
        module: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor,
        *,
        scaling: float,
        **kwargs: Any,
    ) -> tuple[Tensor, None]:
        """Attention as always; in a watched layer also the loss of not looking at the right place."""
        key, value = (x.repeat_interleave(module.num_key_value_groups, dim=1) for x in (key, value))
        spans = self.batch.spans if self.batch is not None else [[(0, query.shape[2])]] * len(query)
        if query.shape[2] <= SHORT_ROW:
            out = scaled_dot_product_attention(query, key, value, attn_mask=attention_mask, scale=scaling)
        else:
            out = attend_by_question(query, key, value, attention_mask, spans=spans, scaling=scaling)
        for name, layer, heads, loss in self.watched:
            if self.batch is not None and layer == module.layer_idx:
                chosen = slice(heads) if heads > 0 else slice(heads, None)
                self.losses[name] = loss(
                    query[:, chosen], key[:, chosen], attention_mask, scaling, self.batch
                )
        return out.transpose(1, 2), None


def attend_by_question(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor,
    *,
    spans: Sequence[Sequence[tuple[int, int]]],
    scaling: float,
) -> Tensor:
    """(B, H, T, D) attention under `mask` of rows whose questions see the first of their `spans` and
    themselves; zero behind the last span.

    Whole rows would score every question against every other one, only to mask it: a fifth of the time is
    enough.
    """
    rows = []
    for q, k, v, seen, parts in zip(query, key, value, mask, spans, strict=True):
        # splitting at once, since a slice's gradient is as large as what it was cut from
        lengths = [last - first for first, last in parts]
        lengths.append(q.shape[1] - sum(lengths))
        shared_k, shared_v = k[:, : lengths[0]], v[:, : lengths[0]]
        outs = []
        for (first, last), own_q, own_k, own_v in zip(
            parts, *(x.split(lengths, dim=1)[: len(parts)] for x in (q, k, v)), strict=True
        ):
            is_shared = first == 0
            keys = own_k if is_shared else torch.cat([shared_k, own_k], dim=1)
            values = own_v if is_shared else torch.cat([shared_v, own_v], dim=1)
            own_seen = seen[:, first:last, first:last]
            visible = (
                own_seen if is_shared else torch.cat([seen[:, first:last, : lengths[0]], own_seen], dim=-1)
            )
            outs.append(
                scaled_dot_product_attention(
                    own_q[None], keys[None], values[None], attn_mask=visible[None], scale=scaling
                )[0]
            )
        outs.append(q.new_zeros(q.shape[0], lengths[-1], q.shape[2]))
        rows.append(torch.cat(outs, dim=1))
    return torch.stack(rows)


def look_loss(query: Tensor, key: Tensor, mask: Tensor, scaling: float, batch: Batch) -> Tensor:
    """-log of the attention that each number-writing row gives to its object's image tokens, mean over rows
    and heads.
    """
    return object_loss(query, key, mask, scaling, batch, batch.looked_at >= 0)


def next_loss(query: Tensor, key: Tensor, mask: Tensor, scaling: float, batch: Batch) -> Tensor:
    """`look_loss` of the rows alone that begin a box or name it."""
    return object_loss(query, key, mask, scaling, batch, batch.is_named)


def object_loss(
    query: Tensor, key: Tensor, mask: Tensor, scaling: float, batch: Batch, where: Tensor
) -> Tensor:
    """-log of the attention of the rows in `where` (B, T) bool on their object's image tokens."""
    rows, cols = torch.nonzero(where, as_tuple=True)
    wanted = torch.zeros(len(rows), key.shape[2], dtype=torch.bool, device=key.device)
    start = batch.image_start
    wanted[:, start : start + batch.cells.shape[1]] = (
        batch.cells[rows] == batch.looked_at[rows, cols][:, None]
    )
    return attention_loss(query, key, mask, scaling, (rows, cols), wanted)


def copy_loss(query: Tensor, key: Tensor, mask: Tensor, scaling: float, batch: Batch) -> Tensor:
    """-log of the attention that each quoting row gives to what it quotes, a number or a name's word."""
    rows, cols = torch.nonzero(batch.copied >= 0, as_tuple=True)
    wanted = batch.quotable[rows] == batch.copied[rows, cols][:, None]
    return attention_loss(query, key, mask, scaling, (rows, cols), wanted)


def owner_loss(query: Tensor, key: Tensor, mask: Tensor, scaling: float, batch: Batch) -> Tensor:
    """-log of the attention that each row naming a value's owner gives to that name beside that value."""
    return place_loss(query, key, mask, scaling, batch.owner)


def value_loss(query: Tensor, key: Tensor, mask: Tensor, scaling: float, batch: Batch) -> Tensor:
    """-log of the attention that each word of an owner gives to its value."""
    return place_loss(query, key, mask, scaling, batch.value)


def place_loss(query: Tensor, key: Tensor, mask: Tensor, scaling: float, place: Tensor) -> Tensor:
    """-log of the attention of each token with a `place` (B, T) on the token there, -1 for no place."""
    rows, cols = torch.nonzero(place >= 0, as_tuple=True)
    wanted = torch.zeros(len(rows), key.shape[2], dtype=torch.bool, device=key.device)
    wanted[torch.arange(len(rows)), place[rows, cols]] = True
    return attention_loss(query, key, mask, scaling, (rows, cols), wanted)


def attention_loss(
    query: Tensor, key: Tensor, mask: Tensor, scaling: float, at: tuple[Tensor, Tensor], wanted: Tensor
) -> Tensor:
    """-log of the attention of the tokens `at` (rows, cols) on their `wanted` (R, T) keys, mean over tokens
    and heads; tokens that see none of theirs do not count.
    """
    rows, cols = at
    visible = mask[rows, 0, cols]
    seen = (wanted & visible).any(1)
    if not seen.any():
        return query.sum() * 0.0
    rows, cols, visible, wanted = rows[seen], cols[seen], visible[seen], (wanted & visible)[seen]
    # picture by picture: all scores of a row against itself would take a gigabyte of them
    scores = torch.cat(
        [
            (query[b, :, cols[rows == b]].float() @ key[b].float().mT).transpose(0, 1)
            for b in range(len(query))
        ]
    )
    log_attention = log_softmax((scores * scaling).masked_fill(~visible[:, None], float("-inf")), dim=-1)
    total = log_attention.masked_fill(~wanted[:, None], float("-inf")).logsumexp(-1)
    return -total.clamp_min(-30).mean()


@dataclass(frozen=True)
class SoftTargets:
    """Soft targets for the labels in `where` (R,) bool: `table` (num, num) over the ids from `first` on."""

    where: Tensor
    first: int
    table: Tensor


def text_loss(logits: Tensor, labels: Tensor, soft: dict[str, SoftTargets]) -> dict[str, Tensor]:
    """Next-token losses of rows (R, vocabulary): soft where one of `soft` says so, under its name, else
    exact ("words"); "legal" is the cost of tokens outside the ids of `soft`.
    """
    exact = ~torch.stack([one.where for one in soft.values()]).any(0)
    losses = {"words": cross_entropy(logits[exact].float(), labels[exact], ignore_index=IGNORE)}
    nothing, legal = losses["words"] * 0, []
    for name, one in soft.items():
        rows, ids = logits[one.where], slice(one.first, one.first + len(one.table))
        losses[name] = (
            number_loss(rows[:, ids], labels[one.where] - one.first, one.table) if len(rows) else nothing
        )
        legal.append(rows.float().logsumexp(1) - rows[:, ids].float().logsumexp(1))
    illegal = torch.cat(legal)
    return losses | {"legal": illegal.mean() if len(illegal) else nothing}


def weight(name: str) -> float:
    """Weight of a loss in the sum; names that are not losses (hit rates) have none."""
    return {
        "present": 1.0,
        "kind": 1.0,
        "color": 0.5,
        "box": 1.0,
        "words": 1.0,
        "numbers": 1.5,
        "legal": 1.0,
        "sums": 0.5,
        "verdict": 1.0,
        "names": 1.0,
        "choice": 2.0,
        "look": 1.0,
        "next": 1.0,
        "copy": 0.5,
        "owner": 1.0,
        "value": 1.0,
    }.get(name, 0.0)
