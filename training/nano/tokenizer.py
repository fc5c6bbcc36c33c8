"""The small tokenizer of n3d-nano: one token per word, per box number, per decimal, per protocol string.

In: lists of words. Out: a `tokenizers.Tokenizer` (one `tokenizer.json`). It knows only the words it is given:
anything else
becomes `<unk>`, so the runtime can say which words mean nothing to this model instead of guessing.
"""

import json
import re
from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from n3d_ros.protocol import prompts
from n3d_ros.protocol.box_text import BOX_NAME, BOX_OPEN

UNKNOWN = "<unk>"
SPECIAL = tuple(
    prompts.control(name)
    for name in ("endoftext", "im_start", "im_end", "vision_start", "vision_end", "image_pad", "video_pad")
)
BOX_NUMBERS = tuple(str(n) for n in range(1000))
DECIMALS = tuple(f"{n / 100:.2f}" for n in range(1000))
SHORT_DECIMALS = tuple(f"{n / 10:.1f}" for n in range(100))
BOX_TEXT = (BOX_NAME, "=", BOX_OPEN, ",", ")\n", "\n", ")")
PUNCTUATION = tuple("()[]{}.,:;?!'\"-+*/<>=_|^%&#@ ") + (
    " [",
    " (",
    " =",
    " -",
    " +",
    " '",
    " <",
    " >",
    " *",
    " /",
    " |",
)
LOCATE = prompts.LOCATE.removesuffix(prompts.CODE_MARKER)
GROUND_BEFORE, GROUND_AFTER = prompts.ground_question("NAME").removesuffix(prompts.CODE_MARKER).split("NAME")
NUM_RESERVED = 160

BOX_JOINTS = rf"{BOX_NAME}|{re.escape(BOX_OPEN)}|\)\n"
BOX_NUMBER = rf"(?<=,)\d{{1,3}}(?=[,)])|(?<={BOX_NAME})\d{{1,3}}(?==)"
DECIMAL = r"(?<![\d.])\d\.\d{1,2}(?!\d)"
WORDS_AND_THE_REST = rf"{prompts.THINK_START}|{prompts.THINK_END}| ?[A-Za-z]+|\d|[\]\.,]| ?[^\sA-Za-z0-9]|\s"
PIECES = Regex("|".join([BOX_JOINTS, BOX_NUMBER, DECIMAL, WORDS_AND_THE_REST]))


def is_reserved(piece: str) -> bool:
    """Whether it holds a place for a word that a later training may bring."""
    return piece.startswith("<|reserved_")


def protocol_tokens() -> list[str]:
    """Strings that occur whole in every prompt; each is one token, so a nano prompt is a few dozen tokens
    long.
    """
    return [
        prompts.SYSTEM,
        prompts.CODE,
        LOCATE,
        GROUND_BEFORE,
        GROUND_AFTER,
        prompts.THINK_START,
        prompts.THINK_END,
        "system\n",
        "user\n",
        "assistant\n",
    ]


def build_tokenizer(words: Iterable[str]) -> Tokenizer:
    """Tokenizer for `words` (each known with and without a leading blank), box text and the chat frame."""
    pieces = [*SPECIAL, UNKNOWN, *protocol_tokens(), *BOX_NUMBERS, *BOX_TEXT, *PUNCTUATION]
    pieces += [form for word in sorted(set(words)) for form in (word, " " + word)]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    vocabulary |= {prompts.control(f"reserved_{n}"): len(vocabulary) + n for n in range(NUM_RESERVED)}
    vocabulary |= {piece: len(vocabulary) + n for n, piece in enumerate(DECIMALS + SHORT_DECIMALS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(PIECES, behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in protocol_tokens()])
    return tokenizer


def token_id(tokenizer: Tokenizer, piece: str) -> int:
    """The id of `piece`. ValueError where `tokenizer` does not have it as one token."""
    found = tokenizer.token_to_id(piece)
    if found is None:
        raise ValueError(f"tokenizer: expected {piece!r} as one token, got none")
    return int(found)


def extended(saved: Tokenizer, wanted: Tokenizer) -> Tokenizer:
    """`saved` with the pieces it lacks of `wanted`, words in its reserved places, decimals behind its end: no
    other id moves, so trained weights stay valid.
    """
    data = json.loads(saved.to_str())
    vocabulary = data["model"]["vocab"]
    free = sorted((index, name) for name, index in vocabulary.items() if is_reserved(name))
    numbers = {piece for piece in DECIMALS + SHORT_DECIMALS if piece not in vocabulary}
    known = vocabulary.keys() | numbers
    new = [piece for piece in wanted.get_vocab() if piece not in known and not is_reserved(piece)]
    if len(new) > len(free):
        raise ValueError(
            f"tokenizer: expected at most {len(free)} new pieces (reserved places), got {len(new)}"
        )
    for piece, (index, name) in zip(sorted(new), free, strict=False):
        del vocabulary[name]
        vocabulary[piece] = index
    for piece in sorted(numbers, key=(DECIMALS + SHORT_DECIMALS).index):
        vocabulary[piece] = len(vocabulary)
    data["pre_tokenizer"] = json.loads(wanted.to_str())["pre_tokenizer"]
    return Tokenizer.from_str(json.dumps(data))
