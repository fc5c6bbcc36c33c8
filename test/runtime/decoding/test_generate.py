"""The decode loop and the sampler: where it stops, what it streams, that a seed repeats a text."""

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models

from n3d_ros.errors import ModelFolderError
from n3d_ros.runtime.decoding import generate as generate_module
from n3d_ros.runtime.decoding.generate import CANCELED, FULL, STOPPED, PromptRows, generate
from n3d_ros.runtime.decoding.sampling import Sampler, Sampling
from n3d_ros.runtime.decoding.text import TextCodec, TextStream
from n3d_ros.runtime.types import Listener


@pytest.fixture
def reply(fake_backend, tokenizer):
    """`reply(text, **options)`: generate from a prompt whose scripted reply is `text`."""

    def run(text, **options):
        backend = fake_backend({"mug": text})
        ids = tokenizer.encode("red mug<|im_start|>assistant\n", add_special_tokens=False).ids
        positions = np.tile(np.arange(len(ids)), (3, 1))
        prompt = PromptRows(backend.embed(ids), positions, len(ids))
        stream = TextStream(TextCodec(backend.tokenizer_path))
        options = {"max_tokens": 50, **options}
        return generate(
            backend,
            backend.new_cache(99),
            prompt,
            stream=stream,
            stop_ids=backend.config.stop_token_ids,
            **options,
        ), backend

    return run


def test_greedy_writes_until_the_stop_token_which_is_no_part_of_the_reply(reply, tokenizer):
    generation, backend = reply("blue bowl, green can")
    assert (generation.text, generation.finish) == ("blue bowl, green can", STOPPED)
    assert list(generation.token_ids) == tokenizer.encode("blue bowl, green can").ids
    assert generation.num_forward_passes == len(generation.token_ids) + 1 == len(backend.fed)


def test_it_ends_at_the_token_limit_without_a_pass_for_a_token_nobody_wants(reply):
    generation, backend = reply("blue bowl, green can", max_tokens=2)
    assert (generation.text, generation.finish, len(backend.fed)) == ("blue bowl", FULL, 2)


def test_cancel_before_the_prompt_costs_no_pass(reply):
    generation, backend = reply("blue bowl", listener=Listener(should_cancel=lambda: True))
    assert (generation.finish, generation.token_ids, backend.fed) == (CANCELED, (), [])


def test_cancel_is_asked_after_every_token(reply):
    chunks = []
    generation, _ = reply(
        "blue bowl, green can",
        on_token=lambda text, _p: chunks.append(text),
        listener=Listener(should_cancel=lambda: len(chunks) == 3),
    )
    assert (generation.finish, generation.text) == (CANCELED, "blue bowl,")


def test_streamed_chunks_are_the_text(reply):
    chunks = []
    generation, _ = reply(
        "bbox_0=Bbox(red mug,500,12,999,500,1,2,3)\n", on_token=lambda text, _p: chunks.append(text)
    )
    assert "".join(chunks) == generation.text == "bbox_0=Bbox(red mug,500,12,999,500,1,2,3)\n"
    assert chunks[5:7] == [" mug", ","]


class NotTheFirst:
    """Makes the most likely token impossible once."""

    def __init__(self):
        self.is_first = True

    def masked(self, logits):
        forbidden = np.where(logits == logits.max(), -np.inf, logits).astype(np.float32)
        return forbidden if self.is_first else logits

    def advance(self, token):
        self.is_first = False


def test_a_token_that_the_grammar_forced_has_its_probability_among_all(reply, tokenizer):
    heard = []
    reply("blue bowl", on_token=lambda text, p: heard.append(p), constraint=NotTheFirst())
    whole = tokenizer.get_vocab_size() - 1 + np.exp(6.0)
    assert heard[0] == pytest.approx(1 / whole, rel=1e-6)
    assert heard[1] == pytest.approx(np.exp(6.0) / whole, rel=1e-6)


def test_text_alone_costs_no_softmax(reply, monkeypatch):
    expected, chunks = reply("blue bowl, green can")[0], []
    monkeypatch.setattr(generate_module, "softmax_of", None)
    generation, _ = reply("blue bowl, green can", listener=Listener(chunks.append))
    assert (generation.token_ids, "".join(chunks)) == (expected.token_ids, expected.text)


def byte_level_codec(tmp_path):
    tokenizer = Tokenizer(models.WordLevel({"Ã": 0, "©": 1, "a": 2, "Ġb": 3}, unk_token="a"))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(tmp_path / "bytes.json"))
    return TextCodec(tmp_path / "bytes.json")


def test_half_a_character_waits_for_its_other_half(tmp_path):
    stream = TextStream(byte_level_codec(tmp_path))
    assert [stream.push(token) for token in (2, 0, 1, 3)] == ["a", "", "é", " b"]
    assert stream.finish() == ""


def test_half_a_character_at_the_end_is_not_swallowed(tmp_path):
    stream = TextStream(byte_level_codec(tmp_path))
    assert (stream.push(0), stream.finish()) == ("", "\ufffd")


def test_a_broken_tokenizer_file_is_named(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelFolderError, match="tokenizer.json: expected a tokenizer file"):
        TextCodec(tmp_path / "tokenizer.json")


LOGITS = np.log(np.array([0.1, 0.5, 0.15, 0.25], dtype=np.float32))


def draws(count=2000, **options):
    sampler = Sampler(Sampling(seed=1, **options))
    return [sampler.pick(LOGITS) for _ in range(count)]


def test_greedy_takes_the_most_likely_token():
    assert Sampler().pick(LOGITS) == 1


def test_sampling_follows_the_probabilities_and_repeats_with_its_seed():
    shares = np.bincount(draws(temperature=1.0), minlength=4) / 2000
    np.testing.assert_allclose(shares, [0.1, 0.5, 0.15, 0.25], atol=0.03)
    assert draws(20, temperature=1.0) == draws(20, temperature=1.0)


def test_top_k_and_top_p_leave_out_the_tail():
    assert set(draws(temperature=1.0, top_k=2)) == {1, 3}
    assert set(draws(temperature=1.0, top_p=0.6)) == {1, 3}
    assert set(draws(temperature=1.0, top_p=0.4)) == {1}


def test_a_low_temperature_sharpens():
    assert draws(500, temperature=0.2).count(1) > 450


@pytest.mark.parametrize(
    "options", [{"temperature": -1.0}, {"temperature": float("nan")}, {"top_k": -1}, {"top_p": 0.0}]
)
def test_impossible_sampling_is_refused_by_name(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Sampling(**options)
