"""What a step takes of memory, counted on the meta device: sizes, shapes and what each option saves."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from n3d_ros.training.finetune.configs import PRESETS, Lora  # noqa: E402
from n3d_ros.training.finetune.memory import (  # noqa: E402
    estimate,
    forward,
    kept_bytes,
    meta_model,
    model_config,
)

SEVEN, DEBUG = PRESETS["7b_full"], PRESETS["debug"]


@pytest.fixture(scope="module")
def seven():
    return estimate(SEVEN, 8)


def test_the_published_sizes_are_those_of_the_class(seven):
    assert seven.num_weights == seven.num_trained == 8_292_166_656
    with torch.device("meta"):
        from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration

        three = N3DForConditionalGeneration(model_config("hub:Qwen/Qwen2.5-VL-3B-Instruct"))
    assert sum(weight.numel() for weight in three.parameters()) == 3_754_622_976


def test_every_shape_of_a_7b_step_fits():
    tokens, hidden = forward(meta_model(SEVEN), SEVEN)
    assert tokens.shape == (SEVEN.max_tokens // 640 * 391, 3584)
    assert hidden.shape == (1, SEVEN.max_tokens, 3584)


def test_sharding_divides_weights_gradients_and_optimiser(seven):
    assert seven.gradients == seven.num_trained * 4 // 8
    assert seven.optimiser == seven.num_trained * 8 // 8
    # besides its share a process holds the embedding, whole, in bfloat16
    assert seven.weights == seven.num_weights * 4 // 8 + 152_064 * 3584 * 2
    alone = estimate(replace(SEVEN, fsdp=False), 8)
    assert alone.weights == alone.num_weights * 4 and alone.kept == seven.kept


def test_checkpointing_keeps_less_and_computes_a_layer_again():
    plain, again = estimate(DEBUG), estimate(replace(DEBUG, checkpointing=True))
    assert again.kept < plain.kept / 2
    assert again.peak > plain.peak


def test_adapters_have_gradients_and_the_rest_none():
    found = estimate(replace(DEBUG, lora=Lora(rank=4, tower=False)))
    assert found.num_trained < found.num_weights / 20
    assert found.gradients == found.num_trained * 4 and found.optimiser == found.num_trained * 8


def test_what_is_kept_is_counted_once_and_without_weights():
    first, last = torch.nn.Linear(8, 16, bias=False), torch.nn.Linear(16, 2, bias=False)
    model = torch.nn.Sequential(first, torch.nn.ReLU(), last)
    rows = torch.randn(4, 8)
    # the rows for the first product, the result of the ReLU for itself and for the second product
    assert kept_bytes(model, lambda: model(rows)) == 4 * (4 * 8 + 4 * 16)


def test_a_size_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="expected a name with one of 3B, 7B, or a folder"):
        model_config("hub:Qwen/Qwen2.5-VL-72B-Instruct")
