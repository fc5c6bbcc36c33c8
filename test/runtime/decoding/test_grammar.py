"""The strict grammar: every text it allows reads back as boxes, every box text is allowed, by two kinds of
tokenizer.
"""

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from n3d_ros.protocol.box_codec import format_box, parse
from n3d_ros.runtime.decoding.grammar import DEAD, Automaton, BoxGrammar, StrictGrammar
from n3d_ros.runtime.decoding.text import TextCodec

LABELS = ["red mug", "night stand", "chair", "T-shirt", "größe"]
NUM_ROUND_TRIPS, NUM_WALKS = 10_000, 200


@pytest.fixture(scope="module")
def byte_pairs():
    """A byte-level BPE such as Qwen's: `(` merges with letters behind it, digits stand alone."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    text = [format_box(n, label, (n, 512, 7, 500, 1, 20, 300)) + ")\n" for n in range(9) for label in LABELS]
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<|im_end|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(text, trainer)
    return tokenizer


@pytest.fixture(params=["one token per number", "bytes"])
def codec(request, tmp_path, tokenizer, byte_pairs):
    (tokenizer if request.param == "one token per number" else byte_pairs).save(str(tmp_path / "t.json"))
    return TextCodec(tmp_path / "t.json")


@pytest.fixture
def grammar(codec):
    return BoxGrammar(codec, [codec.tokenizer.token_to_id("<|im_end|>")])


def end_state(grammar, codec, text):
    state = grammar.automaton.start
    for token in codec.encode(text):
        state = grammar.advance(state, token)
    return state


@pytest.mark.parametrize(
    "text",
    [
        "\n",
        "bbox_0=Bbox(red mug,0,999,5,500,1,20,300)\n",
        "bbox_0=Bbox(mug,51,0,5,500,1,20,300)\nbbox_12=Bbox(blue bowl,1,2,3,4,5,6,7)\n",
        "bbox_0=Bbox(mug,511.25,0.5,5,500,1,20,300)\n",
    ],
)
def test_box_text_is_allowed_token_by_token_and_may_end(grammar, codec, text):
    assert end_state(grammar, codec, text) in grammar.automaton.ends


@pytest.mark.parametrize(
    "text",
    [
        "a mug",
        "bbox_0=Bbox(,",
        "bbox_0=Bbox(mug,1,2,3,4,0",
        "bbox_0=Bbox(mug,1,2,3,4,5,6,7,",
        "bbox_0=Bbox(mug,1,2,3,4,5,6)",
        "bbox_0=Bbox(mug,-",
        "bbox_0=Bbox(mug,1,2,3.",
        "bbox_0=Bbox(mug(",
        "\n\n",
    ],
)
def test_what_would_be_malformed_is_refused(grammar, codec, text):
    with pytest.raises(ValueError, match="grammar: expected a token that may follow"):
        end_state(grammar, codec, text)


def test_a_number_of_four_digits_has_no_way(grammar, codec):
    state = end_state(grammar, codec, "bbox_0=Bbox(mug,123,4,5,")
    for digit in "567":
        state = grammar.advance(state, codec.tokenizer.token_to_id(digit))
    allowed = grammar.allowed(state)
    assert {codec.decode([token]) for token in allowed.tolist()} == {","}


def end_of(automaton, text):
    """The state behind the bytes of `text`; DEAD where one of them may not come."""
    state = automaton.start
    for code in text.encode():
        state = automaton.table[state, code] if state != DEAD else DEAD
    return state


@pytest.mark.parametrize(
    ("name", "is_allowed"),
    [
        *((name, False) for name in ("\x85", "\x95", "\u00a0", "\u1680", "\u2003", "\u2028", "\u3000", " ")),
        *((name, True) for name in ("mug", "tasse à thé", "étagère", "杯子", "カップ", "Ёлка", "ღ cup")),
    ],
)
def test_a_class_name_begins_with_something_that_can_be_seen(name, is_allowed):
    text = f"bbox_0=Bbox({name},1,2,3,4,5,6,7)\n"
    assert (end_of(Automaton(), text) in Automaton().ends) == is_allowed
    assert (parse(text).malformed == ()) == is_allowed


def test_a_reply_may_only_end_behind_a_box_or_an_empty_line(grammar, codec):
    stop = codec.tokenizer.token_to_id("<|im_end|>")
    whole = "bbox_0=Bbox(red mug,0,999,5,500,1,20,300)\n"
    ids = codec.encode(whole)
    for count in range(len(ids) + 1):
        allowed = grammar.allowed(end_state(grammar, codec, codec.decode(ids[:count])))
        assert (stop in allowed) == (count == len(ids))


def test_random_walks_through_the_grammar_hold_no_malformed_box(grammar, codec):
    """Commas are likelier than by chance, else class names would hardly end."""
    rng = np.random.default_rng(0)
    stop, comma = (codec.tokenizer.token_to_id(text) for text in ("<|im_end|>", ","))
    num_boxes = 0
    for _ in range(NUM_WALKS):
        state, ids = grammar.automaton.start, []
        while True:
            allowed = grammar.allowed(state)
            likely = [token for token in (stop, comma) if token in allowed]
            token = int(rng.choice(likely if likely and rng.random() < 0.4 else allowed))
            if token == stop:
                break
            state = grammar.advance(state, token)
            ids.append(token)
        text = codec.decode(ids)
        parsed = parse(text)
        assert parsed.malformed == () and text.count("\n") == max(len(parsed.boxes), 1), text
        num_boxes += len(parsed.boxes)
    assert num_boxes > NUM_WALKS / 2


def test_masked_logits_keep_what_may_follow_and_drop_the_rest(grammar, codec):
    strict = StrictGrammar(grammar)
    for token in codec.encode("bbox_0=Bbox(mug,123"):
        strict.advance(token)
    logits = np.arange(codec.tokenizer.get_vocab_size(), dtype=np.float32)
    kept = np.flatnonzero(np.isfinite(strict.masked(logits)))
    assert set(codec.tokenizer.decode([token]) for token in kept) >= {",", "."}
    assert strict.masked(logits)[kept].tolist() == logits[kept].tolist()


def test_ten_thousand_boxes_go_through_the_grammar_and_read_back_as_they_were(grammar, codec):
    rng = np.random.default_rng(1)
    for index in range(NUM_ROUND_TRIPS // 10):
        lines = []
        for _ in range(10):
            numbers = rng.integers(0, 1000, 7)
            numbers[4:] = np.maximum(numbers[4:], 1)
            lines.append((index % 1000, ("red mug", "blue bowl", "green can")[index % 3], numbers.tolist()))
        text = "".join(format_box(*line) + "\n" for line in lines)
        assert end_state(grammar, codec, text) in grammar.automaton.ends
        assert [(b.index, b.label, list(b.values)) for b in parse(text).boxes] == lines
