"""Losses of n3d-nano: next token with soft box numbers, a dense loss on image tokens, and where to look.

Plain next-token training teaches a small model little about a picture in the time of a CPU. Three things
change that, and all of
them fall away after training, so the shipped model is the plain one:
  - a box number is right to a few bins, so its target is a narrow bell over the numbers instead of a single
    one;
  - every merged image token that shows an object is asked, through the language model's own number rows, for
    that object's
    box, kind and colour;
  - while the model writes an object's numbers, some heads of one layer are rewarded for looking at that
    object's tokens.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    log_softmax,
    scaled_dot_product_attention,
)
from transformers import AttentionInterface

from n3d_ros.training.batches import IGNORE, Batch

ATTENTION_NAME = "n3d_watched"


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
        shown = cells >= 0
        picture = torch.arange(len(cells), device=cells.device) // batch.cells.shape[1]
        which = (picture[shown], cells[shown])
        features = tokens[shown]
        kind, color = self.kind(features).float(), self.color(features).float()
        numbers = [
            number_loss(head(features) @ number_rows.T, batch.bins[which][:, f], table)
            for f, head in enumerate(self.fields)
        ]
        return {
            "present": binary_cross_entropy_with_logits(
                self.present(tokens).float().squeeze(1), shown.float()
            ),
            "kind": cross_entropy(kind, batch.kind[which]),
            "color": cross_entropy(color, batch.color[which]),
            "box": torch.stack(numbers).mean(),
            "kind_right": (kind.argmax(1) == batch.kind[which]).float().mean(),
            "color_right": (color.argmax(1) == batch.color[which]).float().mean(),
        }


class Watch:
    """Records where chosen heads of one decoder layer look, as the log of the attention on each watched row's
    object.
    """

    def __init__(self, layer: int, num_heads: int) -> None:
        self.layer, self.num_heads, self.batch, self.loss = layer, num_heads, None, None
        AttentionInterface.register(ATTENTION_NAME, self.attend)

    def attend(self, module, query, key, value, attention_mask, dropout=0.0, scaling=None, **kwargs):
        """Attention as always; in the watched layer also the loss of not looking at the object."""
        key, value = (x.repeat_interleave(module.num_key_value_groups, dim=1) for x in (key, value))
        out = scaled_dot_product_attention(query, key, value, attn_mask=attention_mask, scale=scaling)
        if self.batch is not None and module.layer_idx == self.layer:
            heads = slice(0, self.num_heads)
            self.loss = look_loss(query[:, heads], key[:, heads], attention_mask, scaling, self.batch)
        return out.transpose(1, 2), None


def look_loss(query: Tensor, key: Tensor, mask: Tensor, scaling: float, batch: Batch) -> Tensor:
    """-log of the attention that each number-writing row gives to its object's image tokens, mean over rows
    and heads.
    """
    rows, cols = torch.nonzero(batch.looked_at >= 0, as_tuple=True)
    if not len(rows):
        return query.sum() * 0.0
    scores = ((query.float() @ key.float().mT) * scaling).transpose(1, 2)[rows, cols]
    scores = scores.masked_fill(~mask[rows, 0, cols][:, None], float("-inf"))
    start = batch.image_start
    on_object = batch.cells[rows] == batch.looked_at[rows, cols][:, None]
    log_attention = log_softmax(scores, dim=-1)[:, :, start : start + on_object.shape[1]]
    seen = on_object.any(1)
    total = log_attention.masked_fill(~on_object[:, None], float("-inf"))[seen].logsumexp(-1)
    return -total.clamp_min(-30).mean() if seen.any() else query.sum() * 0.0


def text_loss(
    logits: Tensor, labels: Tensor, is_number: Tensor, first_number: int, table: Tensor
) -> dict[str, Tensor]:
    """Next-token losses of rows (R, vocabulary): words and punctuation exact, box numbers soft."""
    words = cross_entropy(logits[~is_number].float(), labels[~is_number], ignore_index=IGNORE)
    numbers = logits[is_number]
    target = labels[is_number] - first_number
    every = (
        number_loss(numbers[:, first_number : first_number + len(table)], target, table)
        if len(target)
        else words * 0
    )
    legal = numbers.float().logsumexp(1) - numbers[
        :, first_number : first_number + len(table)
    ].float().logsumexp(1)
    return {"words": words, "numbers": every, "legal": legal.mean() if len(target) else words * 0}
