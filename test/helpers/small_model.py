"""Small random models of the real class, with weights large enough that an error anywhere shows in the
output.
"""

import numpy as np
import pytest

from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.preprocess.prepare import ModelInputs
from n3d_ros.training.nano.tokenizer import build_tokenizer

WORDS = ["red", "mug", "blue", "bowl", "the", "What", "is", "distance", "between", "and"]


def make_model(order="raster", patch_position="none", tied=False, full_attention=(1,), seed=0):
    import torch

    from n3d_ros.model.config import N3DConfig
    from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration

    tokenizer = build_tokenizer(WORDS)
    ids = {
        name: tokenizer.token_to_id(f"<|{name}|>")
        for name in ("image_pad", "video_pad", "vision_start", "vision_end")
    }
    torch.manual_seed(seed)
    model = N3DForConditionalGeneration(
        N3DConfig(
            vision_config={
                "depth": 3,
                "hidden_size": 48,
                "num_heads": 3,
                "intermediate_size": 40,
                "out_hidden_size": 96,
                "fullatt_block_indexes": list(full_attention),
            },
            text_config={
                "vocab_size": tokenizer.get_vocab_size(),
                "hidden_size": 96,
                "intermediate_size": 56,
                "num_hidden_layers": 3,
                "num_attention_heads": 6,
                "num_key_value_heads": 2,
                "rms_norm_eps": 1e-6,
                "max_position_embeddings": 1024,
                "bos_token_id": None,
                "pad_token_id": None,
                "eos_token_id": tokenizer.token_to_id("<|im_end|>"),
                "tie_word_embeddings": tied,
                "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]},
            },
            **{
                f"{name}_token_id": value
                for name, value in ids.items()
                if name not in ("image_pad", "video_pad")
            },
            image_token_id=ids["image_pad"],
            video_token_id=ids["video_pad"],
            tie_word_embeddings=tied,
            long_side_px=140,
            point_encoding_order=order,
            patch_position=patch_position,
        )
    ).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 1:
                weight.copy_(torch.rand_like(weight) - 0.5 + ("norm" in name or "ln_q" in name))
            elif "embed_tokens" not in name and "lm_head" not in name:
                weight.mul_(4.0)
            else:
                weight.mul_(20.0)
    return model, tokenizer


@pytest.fixture
def checkpoint(tmp_path):
    """`checkpoint(**options)`: a saved model folder and the torch module it holds."""
    pytest.importorskip("torch")

    def make(**options):
        model, tokenizer = make_model(**options)
        folder = tmp_path / "checkpoint"
        model.save_pretrained(folder)
        tokenizer.save(str(folder / "tokenizer.json"))
        return folder, model

    return make


@pytest.fixture
def picture():
    """`picture(h, w)`: random model inputs on an (h, w) patch grid."""
    return make_picture


def make_picture(h, w, seed=0):
    rng = np.random.default_rng(seed)
    return ModelInputs(
        pixel_values=rng.standard_normal((h * w, 1176)).astype(np.float32),
        grid_hw=(h, w),
        coords=rng.integers(-900, 900, (h * w, 3)).astype(np.float32),
        scene=SceneScale(1.0, (0.0, 0.0, 0.0)),
        intrinsics=Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48),
        valid_ratio=1.0,
    )
