"""A backend of a few lines that answers from a script, and a small observation to ask it about."""

import numpy as np
import pytest

from n3d_ros.geometry import Intrinsics
from n3d_ros.model_folder.config import parse_config
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.training.nano.tokenizer import build_tokenizer

WORDS = [
    "red", "mug", "blue", "bowl", "green", "can", "What", "is", "the", "distance", "between", "and", "center",
    "of",
    "meters", "mugs", "number", "things", "color", "scene", "a", "The", "D", "bbox",
]  # fmt: skip


class FakeCache:
    """The token ids themselves."""

    def __init__(self, capacity):
        self.capacity, self.ids = capacity, []

    @property
    def length(self):
        return len(self.ids)

    def truncate(self, length):
        assert 0 <= length <= len(self.ids)
        del self.ids[length:]


class FakeBackend:
    """Writes the reply whose key occurs in the prompt; embedding rows are the ids, so that it sees what it is
    fed.
    """

    name = "fake"
    # Of the token that comes next, the others' are 0.
    top_logit = 6.0

    def __init__(self, config, tokenizer, tokenizer_path, replies):
        self.config, self.tokenizer, self.tokenizer_path, self.replies = (
            config,
            tokenizer,
            tokenizer_path,
            replies,
        )
        self.num_pictures, self.fed, self.prompts = 0, [], []

    def encode_image(self, inputs):
        self.num_pictures += 1
        return np.full((len(inputs.pixel_values) // 4, 1), self.config.image_token_id)

    def embed(self, ids):
        return np.asarray(ids, dtype=np.int64)[:, None]

    def new_cache(self, capacity):
        return FakeCache(capacity)

    def forward(self, cache, embeds, positions, logit_rows):
        assert positions.shape == (3, len(embeds)) and len(embeds) > 0
        self.fed.append((len(embeds), int(positions.max())))
        cache.ids += embeds[:, 0].tolist()
        whole = self.tokenizer.decode(cache.ids, skip_special_tokens=False)
        prompt = whole.rpartition("assistant\n")[0]
        if self.tokenizer.token_to_id("assistant\n") in embeds:
            self.prompts.append(prompt)
        reply = next(text for key, text in self.replies.items() if key in prompt)
        turn = len(cache.ids) - cache.ids[::-1].index(self.tokenizer.token_to_id("assistant\n"))
        ids = [*self.tokenizer.encode(reply, add_special_tokens=False).ids, self.config.stop_token_ids[0]]
        logits = np.zeros((len(logit_rows), self.tokenizer.get_vocab_size()), np.float32)
        for row, fed in zip(logits, logit_rows, strict=True):
            done = len(cache.ids) - len(embeds) + int(fed) + 1 - turn
            row[ids[min(done, len(ids) - 1)]] = self.top_logit
        return logits


@pytest.fixture(scope="session")
def tokenizer():
    return build_tokenizer(WORDS)


@pytest.fixture
def fake_backend(tokenizer, tmp_path):
    """`fake_backend({part of a prompt: reply}, max_positions=...)`."""

    def make(replies, max_positions=512):
        ids = {name: tokenizer.token_to_id(f"<|{name}|>") for name in ("image_pad", "im_end")}
        config = parse_config(
            {
                "vision_config": {
                    "hidden_size": 8,
                    "depth": 1,
                    "num_heads": 1,
                    "intermediate_size": 8,
                    "patch_size": 14,
                    "fullatt_block_indexes": [0],
                },
                "text_config": {
                    "hidden_size": 8,
                    "num_hidden_layers": 1,
                    "num_attention_heads": 1,
                    "num_key_value_heads": 1,
                    "intermediate_size": 8,
                    "vocab_size": tokenizer.get_vocab_size(),
                    "rms_norm_eps": 1e-6,
                    "eos_token_id": ids["im_end"],
                    "max_position_embeddings": max_positions,
                    "rope_scaling": {"mrope_section": [2, 1, 1]},
                },
                "image_token_id": ids["image_pad"],
                "long_side_px": 112,
            }
        )
        path = tmp_path / "tokenizer.json"
        tokenizer.save(str(path))
        return FakeBackend(config, tokenizer, path, replies)

    return make


@pytest.fixture
def observation():
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.8, 1.6, (48, 64)).astype(np.float32)
    depth[:4] = np.nan
    return Observation(
        rng.integers(0, 255, (48, 64, 3), dtype=np.uint8), Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48), depth
    )
