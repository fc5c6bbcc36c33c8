"""A tokenizer for checkpoints that have none of their own: Qwen's way of cutting text, merges learned from
this project's prompts.

In: a size. Out: tokenizer.json. One token per digit, about one per word of the prompts, single bytes for the
rest, special tokens at the ids that the configuration names: prompts come out as long as with the real one.
"""

import json
from pathlib import Path

from n3d_ros.protocol import prompts
from n3d_ros.protocol.box_codec import format_box

# In Qwen's order, from id 151,643 on.
SPECIAL = (
    "endoftext", "im_start", "im_end", "object_ref_start", "object_ref_end", "box_start", "box_end",
    "quad_start", "quad_end", "vision_start", "vision_end", "vision_pad", "image_pad", "video_pad",
)  # fmt: skip

# Qwen2.5's own pattern.
PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)

# Tokens learned from the prompts at most, the 256 bytes included.
NUM_MERGED = 1024


def write_tokenizer(path: Path, vocab: int) -> None:
    """Write a tokenizer whose ids are all below `vocab`."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PIECES), behavior="isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=min(NUM_MERGED, vocab - len(SPECIAL)),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    data = json.loads(tokenizer.to_str())
    first = first_special_id(vocab)
    tokens = {prompts.control(name): first + place for place, name in enumerate(SPECIAL)}
    data["model"]["vocab"] |= tokens
    data["added_tokens"] = [_added(token_id, token) for token, token_id in tokens.items()]
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def first_special_id(vocab: int) -> int:
    """Qwen's own place where the vocabulary reaches so far, else the end."""
    return min(151_643, vocab - len(SPECIAL))


def _texts() -> list[str]:
    words = "red blue green white mug cup bowl table chair box book the of and is to left right above"
    question = prompts.ground_question("red mug")
    box = format_box(0, "red mug", (512, 300, 410, 90, 120, 80, 95)) + "\n"
    thought = "The distance between the red mug and the blue bowl is meters."
    reply = f"{prompts.THINK_START}{thought}{prompts.THINK_END}\n"
    return [prompts.ground_prompt(question), prompts.CODE, box, reply, words] * 2


def _added(token_id: int, name: str) -> dict[str, object]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": token_id, "content": name, **flags}
