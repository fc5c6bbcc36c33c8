"""Which token is taken: filters and their order, the repetition penalty, settings read from the folder."""

import json

import numpy as np
import pytest
from byte_backend import ByteBackend, byte_settings, byte_tokenizer

from n3d_ros.errors import ModelFolderError
from n3d_ros.geometry import Intrinsics
from n3d_ros.model_folder.config import load_config
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.decoding.sampling import (
    GREEDY,
    RELEASED,
    Sampler,
    Sampling,
    penalised,
    probabilities,
    sampling_for,
    softmax_of,
)
from n3d_ros.runtime.pipeline import Pipeline

LOGITS = np.array([2.0, 1.5, -1.0, -1.25], dtype=np.float32)


def test_the_penalty_divides_positive_and_multiplies_negative_scores_of_seen_tokens():
    assert penalised(LOGITS, [0, 2, 2], 2.0).tolist() == [1.0, 1.5, -2.0, -1.25]
    assert LOGITS.tolist() == [2.0, 1.5, -1.0, -1.25]


def test_without_a_penalty_or_seen_tokens_the_scores_are_untouched():
    assert penalised(LOGITS, [0], 1.0) is LOGITS
    assert penalised(LOGITS, [], 2.0) is LOGITS


def test_the_penalty_covers_the_prompt_and_every_token_taken_before():
    sampler = Sampler(Sampling(repetition_penalty=4.0), prompt=[0])
    assert [sampler.pick(LOGITS) for _ in range(2)] == [1, 0]


def test_the_probability_is_that_of_a_softmax_in_double_precision():
    """Over a vocabulary as large as Qwen's, with logits that float32 cannot take the exponential of."""
    logits = np.random.default_rng(0).normal(200.0, 3.0, 152_064).astype(np.float32)
    expected = np.exp(logits.astype(np.float64)) / np.exp(logits.astype(np.float64)).sum()
    for token in (int(logits.argmax()), int(logits.argmin()), 7):
        assert softmax_of(logits, token) == pytest.approx(expected[token], rel=1e-6)


def test_the_penalty_comes_before_the_temperature_and_top_k_before_top_p():
    scores = np.log(np.array([0.4, 0.3, 0.2, 0.1])).astype(np.float32)
    kept = probabilities(scores, Sampling(temperature=1.0, top_k=2, top_p=0.5))
    assert kept == pytest.approx([1.0, 0, 0, 0])  # 0.4 of 0.7 passes one half; of all four it would not
    warm = probabilities(penalised(scores, [0], 2.0), Sampling(temperature=2.0))
    weights = np.array([0.4**2, 0.3, 0.2, 0.1]) ** 0.5  # log 0.4 < 0, so the penalty squares it
    assert warm == pytest.approx(weights / weights.sum(), rel=1e-6)


def test_scores_that_tie_with_the_last_of_the_top_k_stay():
    tied = np.array([1.0, 0.5, 0.5, 0.0], dtype=np.float32)
    assert np.flatnonzero(probabilities(tied, Sampling(temperature=1.0, top_k=2))).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "sampling",
    [RELEASED, Sampling(temperature=1.0), Sampling(temperature=0.7, top_p=0.8), Sampling(1.0, top_k=500)],
)
def test_a_draw_is_that_of_all_tokens_by_their_probabilities(sampling):
    """Whatever is left out on the way: the same seed takes the same tokens as numpy's own draw among all."""
    rng, plain = np.random.default_rng(3), np.random.default_rng(sampling.seed)
    sampler = Sampler(sampling)
    for _ in range(30):
        scores = np.round(rng.normal(0.0, 2.0, 400), 1).astype(np.float32)
        assert sampler.pick(scores) == plain.choice(400, p=probabilities(scores, sampling))


@pytest.mark.parametrize("penalty", [0.0, -1.0, float("nan")])
def test_an_impossible_penalty_is_named(penalty):
    with pytest.raises(ValueError, match="repetition_penalty: expected a number > 0"):
        Sampling(repetition_penalty=penalty)


@pytest.mark.parametrize(("name", "base"), [("greedy", GREEDY), ("upstream", RELEASED)])
def test_the_penalty_is_read_from_the_model_folder_and_never_assumed(tmp_path, name, base):
    assert sampling_for(name, tmp_path) == base
    (tmp_path / "generation_config.json").write_text(json.dumps({"repetition_penalty": 1.05, "top_k": 1}))
    chosen = sampling_for(name, tmp_path, seed=3)
    assert (chosen.repetition_penalty, chosen.seed) == (1.05, 3)
    assert (chosen.temperature, chosen.top_k, chosen.top_p) == (base.temperature, base.top_k, base.top_p)


@pytest.mark.parametrize(
    "content", ['{"repetition_penalty": "much"}', '{"repetition_penalty": 0}', "[]", "{"]
)
def test_broken_settings_name_their_file(tmp_path, content):
    (tmp_path / "generation_config.json").write_text(content)
    with pytest.raises(ModelFolderError, match="generation_config.json"):
        sampling_for("greedy", tmp_path)


def test_an_unknown_sampling_is_named(tmp_path):
    with pytest.raises(ValueError, match="sampling: expected one of .*greedy.*, got 'beam'"):
        sampling_for("beam", tmp_path)


@pytest.mark.parametrize("penalty", [1.0, 1.05])
def test_probabilities_equal_transformers_with_and_without_the_penalty(golden_dir, penalty):
    with np.load(golden_dir / "sampler.npz") as golden:
        rows = zip(golden["logits"], golden["previous_ids"], golden[f"probs_rp{penalty}"], strict=True)
        for logits, seen, expected in rows:
            scores = penalised(logits, seen.tolist(), penalty)
            np.testing.assert_allclose(probabilities(scores, RELEASED), expected, atol=1e-6)


def test_every_end_token_of_the_model_folder_ends_a_reply(tmp_path):
    tokenizer = byte_tokenizer()
    ends = [tokenizer.token_to_id("<|im_end|>"), tokenizer.token_to_id("!")]
    (tmp_path / "config.json").write_text(json.dumps(byte_settings(tokenizer)))
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
    backend = ByteBackend(tmp_path, ["Wait! More."])
    backend.config = load_config(tmp_path)
    assert backend.config.stop_token_ids == tuple(ends)
    depth = np.random.default_rng(0).uniform(0.8, 1.6, (48, 64)).astype(np.float32)
    camera = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)
    seen = Observation(np.zeros((48, 64, 3), np.uint8), camera, depth)
    assert Pipeline(backend).detect(seen, "Find all.").raw_text == "Wait"


class SecondChoice(ByteBackend):
    """Would write '~' where its reply's token is held back."""

    def forward(self, *args):
        logits = super().forward(*args)
        logits[:, self.tokenizer.token_to_id("~")] += 1.0
        return logits


def test_through_the_pipeline_the_penalty_covers_the_letters_of_the_prompt(tmp_path):
    (tmp_path / "generation_config.json").write_text('{"repetition_penalty": 10.0}')
    depth = np.random.default_rng(0).uniform(0.8, 1.6, (48, 64)).astype(np.float32)
    seen = Observation(np.zeros((48, 64, 3), np.uint8), Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48), depth)
    asking = Pipeline(SecondChoice(tmp_path, ["#F#"]))  # 'F' is in "Find all.", '#' in no prompt
    assert asking.detect(seen, "Find all.", max_tokens=2).raw_text == "#~"
