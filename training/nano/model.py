"""Build n3d-nano untrained: the tokenizer, the configuration, and number rows that start as a smooth code.

In: presets. Out: a model, later its folder. The rows of the box numbers and of the decimals start as sines
and cosines of the number, so that neighbouring numbers are alike from the first step.
"""

import math
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from n3d_ros.model.config import N3DConfig
from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration
from n3d_ros.protocol.prompts import control
from n3d_ros.training.nano.configs import NanoModel
from n3d_ros.training.nano.tokenizer import token_id

# Names, in the module, of the token rows and of the output layer that shares them.
TIED = ("model.language_model.embed_tokens.weight", "lm_head.weight")
WHITENING_FLOOR = 1e-4
TOKENIZER = "tokenizer.json"


def nano_config(preset: NanoModel, tokenizer: Tokenizer) -> N3DConfig:
    """Configuration of n3d-nano for `tokenizer`."""
    ids = {
        name: token_id(tokenizer, control(name))
        for name in ("image_pad", "video_pad", "vision_start", "vision_end", "im_end", "endoftext")
    }
    return N3DConfig(
        vision_config={
            "depth": preset.vision_layers,
            "hidden_size": preset.vision_hidden,
            "num_heads": preset.vision_heads,
            "intermediate_size": preset.vision_mlp,
            "out_hidden_size": preset.text_hidden,
            "fullatt_block_indexes": list(preset.full_attention),
        },
        text_config={
            "vocab_size": tokenizer.get_vocab_size(),
            "hidden_size": preset.text_hidden,
            "intermediate_size": preset.text_mlp,
            "num_hidden_layers": preset.text_layers,
            "num_attention_heads": preset.text_heads,
            "num_key_value_heads": preset.text_kv_heads,
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-6,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": list(preset.mrope_section),
            },
            "bos_token_id": None,
            "eos_token_id": ids["im_end"],
            "pad_token_id": ids["endoftext"],
            "tie_word_embeddings": True,
        },
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
        tie_word_embeddings=True,
        long_side_px=preset.long_side_px,
        second_look=preset.second_look,
        box_fit=preset.box_fit,
        questions=preset.questions,
        patch_position="sincos",
        point_encoding_order=preset.point_encoding.order,
        point_encoding_unit=preset.point_encoding.unit,
        point_encoding_center=preset.point_encoding.center,
        point_encoding_gain=preset.point_encoding.gain,
    )


def build_nano(preset: NanoModel, tokenizer: Tokenizer, seed: int = 0) -> N3DForConditionalGeneration:
    """An untrained n3d-nano, float32."""
    torch.manual_seed(seed)
    model = N3DForConditionalGeneration(nano_config(preset, tokenizer))
    rows = model.get_input_embeddings().weight
    code = number_code(1000, rows.shape[1]) * 0.1
    boxes, decimals, short = (token_id(tokenizer, text) for text in ("0", "0.00", "0.0"))
    with torch.no_grad():
        rows[boxes : boxes + 1000] = code
        rows[decimals : decimals + 1000] = code + rows[token_id(tokenizer, ".")]
        rows[short : short + 100] = code[::10] + rows[token_id(tokenizer, ",")]
    return model


def number_code(count: int, width: int) -> torch.Tensor:
    """(count, width): sine and cosine of n/count at `width // 2` frequencies from half a turn to one turn in
    25 numbers.
    """
    turns = torch.logspace(math.log10(0.5), math.log10(count / 25), width // 2)
    angle = torch.arange(count)[:, None] / count * turns * 2 * math.pi
    return torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)


def whiten_patches(model: N3DForConditionalGeneration, rows: torch.Tensor) -> None:
    """Start the patch embedding as whitened principal components of real patches, `rows` (R, 1176) float32.

    The variance of raw patches is nearly all brightness; through random filters the edges that tell a mug
    from a bowl begin far weaker, and a small model on a small budget hardly finds them.
    """
    kernel = model.model.visual.patch_embed.proj.weight
    channels, frames = kernel.shape[1], kernel.shape[2]
    frame = rows.reshape(len(rows), channels, frames, -1)[:, :, 0].flatten(1)
    values, vectors = torch.linalg.eigh(torch.cov(frame.T.double()))
    count = min(kernel.shape[0], len(values))
    top = values.argsort(descending=True)[:count]
    scale = (values[top] + WHITENING_FLOOR * values.max()).rsqrt()
    filters = (vectors[:, top] * scale).T.reshape(count, channels, 1, *kernel.shape[3:]) / frames
    with torch.no_grad():
        kernel.zero_()
        kernel[:count] = filters.to(kernel.dtype).expand(-1, -1, frames, -1, -1)


# Survives half precision, whose smallest step is 6e-8.
ALMOST_NOTHING = 1e-6


def still_blocks(model: N3DForConditionalGeneration) -> None:
    """Let every block of the tower begin by changing next to nothing, so that activations keep the patches'
    size. Not nothing: a matrix of zeros in a file is taken for a download that was not finished.
    """
    with torch.no_grad():
        for block in model.model.visual.blocks:
            for layer in (block.attn.proj, block.mlp.down_proj):
                layer.weight.normal_(std=ALMOST_NOTHING)
                layer.bias.zero_()


def save_model(
    model: N3DForConditionalGeneration, weights: dict[str, Tensor], tokenizer: Tokenizer, folder: Path
) -> None:
    """`weights` in the model's checkpoint format, with config and tokenizer."""
    state = {**model.state_dict(), **weights}
    state[TIED[1]] = state[TIED[0]]
    model.save_pretrained(folder, state_dict=state)
    tokenizer.save(str(folder / TOKENIZER))
