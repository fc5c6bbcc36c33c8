"""A backend with a tokenizer that knows every byte, as Qwen's does, and answers its prompts from a list.

It records what reaches the model: prompts as text, their lengths in tokens, and the prepared inputs.
"""

import numpy as np

from n3d_ros.model_folder.config import parse_config

SPECIAL = ("im_start", "im_end", "vision_start", "vision_end", "image_pad")
HEADER = "<|im_start|>assistant\n"
PAD = "<|image_pad|>"


def byte_tokenizer():
    """One token a byte and one a special string."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(f"<|{name}|>", special=True) for name in SPECIAL])
    return tokenizer


def byte_settings(tokenizer, long_side_px=336, max_positions=8192):
    """What stands in its config.json."""
    ids = {name: tokenizer.token_to_id(f"<|{name}|>") for name in SPECIAL}
    vision = {"hidden_size": 8, "depth": 1, "num_heads": 1, "intermediate_size": 8, "patch_size": 14}
    text = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1}
    text |= {"intermediate_size": 8, "vocab_size": 261, "rms_norm_eps": 1e-6, "eos_token_id": ids["im_end"]}
    text |= {"max_position_embeddings": max_positions, "rope_scaling": {"mrope_section": [2, 1, 1]}}
    vision["fullatt_block_indexes"] = [0]
    shared = {"image_token_id": ids["image_pad"], "long_side_px": long_side_px}
    return {"vision_config": vision, "text_config": text, **shared}


class ByteCache:
    """The token ids themselves, and where the prompt ends among them."""

    def __init__(self, capacity):
        self.capacity, self.ids, self.turn = capacity, [], 0

    @property
    def length(self):
        return len(self.ids)

    def truncate(self, length):
        del self.ids[length:]


class ByteBackend:
    """The n-th prompt gets the n-th reply, whatever it is; embedding rows are the ids."""

    name, manifest = "byte", None

    def __init__(self, folder, replies, long_side_px=336, max_positions=8192):
        self.tokenizer, self.replies = byte_tokenizer(), list(replies)
        self.config = parse_config(byte_settings(self.tokenizer, long_side_px, max_positions))
        self.tokenizer_path = folder / "tokenizer.json"
        self.tokenizer.save(str(self.tokenizer_path))
        self.prompts, self.lengths, self.seen = [], [], []
        self._ids = []

    def encode_image(self, inputs):
        self.seen.append(inputs)
        return np.full((len(inputs.pixel_values) // 4, 1), self.config.image_token_id)

    def embed(self, ids):
        return np.asarray(ids, dtype=np.int64)[:, None]

    def new_cache(self, capacity):
        return ByteCache(capacity)

    def forward(self, cache, embeds, positions, logit_rows):
        cache.ids += embeds[:, 0].tolist()
        if len(logit_rows) < len(embeds) and int(logit_rows[0]) > 0:
            self._begin(cache, int(logit_rows[0]) + 1 - len(embeds))
        logits = np.zeros((len(logit_rows), self.tokenizer.get_vocab_size()), np.float32)
        for row, fed in zip(logits, logit_rows, strict=True):
            done = len(cache.ids) - len(embeds) + int(fed) + 1 - cache.turn
            row[self._ids[min(done, len(self._ids) - 1)]] = 6.0
        return logits

    def _begin(self, cache, num_guessed):
        """A new prompt, which ends before the guesses that came with it."""
        cache.turn = len(cache.ids) + num_guessed
        text = self.tokenizer.decode(cache.ids[: cache.turn], skip_special_tokens=False)
        reply = self.replies[len(self.prompts)]
        self.prompts.append(text)
        self.lengths.append(cache.turn)
        self._ids = [*self.tokenizer.encode(reply, add_special_tokens=False).ids]
        self._ids.append(self.config.stop_token_ids[0])


def short(prompt):
    """A prompt with its run of picture tokens written as one."""
    before, _, rest = prompt.partition(PAD)
    return before + PAD + rest.replace(PAD, "") if rest else before
