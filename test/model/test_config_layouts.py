"""config.json as each version of transformers words it: both readers, with and without torch, find the same.

The settings differ from all defaults, so that one that is not found shows.
"""

import copy
import json

import pytest

torch = pytest.importorskip("torch")

from tensor_files import head_repeats_embedding  # noqa: E402
from transformers import GenerationConfig, Qwen2_5_VLConfig  # noqa: E402

from n3d_ros.engines.parity.write.model import FLAT, IDS, NESTED, TEXT, VISION, ModelWriter  # noqa: E402
from n3d_ros.model.checkpoint import load_model, read_config  # noqa: E402
from n3d_ros.model.config import N3DConfig  # noqa: E402
from n3d_ros.model_folder.config import load_config  # noqa: E402
from n3d_ros.model_folder.tensors import HEAD, read_entries  # noqa: E402

THETA, SECTION = 3e5, [1, 3, 4]
OLD_ROPE = {"rope_theta": THETA, "rope_scaling": {"type": "mrope", "mrope_section": SECTION}}
NEW_ROPE = {"rope_parameters": {"rope_type": "default", "rope_theta": THETA, "mrope_section": SECTION}}
BARE = {name: value for name, value in TEXT.items() if not name.startswith("rope")}
LAYOUTS = {
    "flat, as Qwen's hub files": {**FLAT, **OLD_ROPE, "torch_dtype": "bfloat16"},
    "flat, rope_parameters": {**BARE, **NEW_ROPE, **IDS, "vision_config": VISION, "dtype": "bfloat16"},
    "nested, as 4.52 saves": {**NESTED, "text_config": {**TEXT, **OLD_ROPE}, "torch_dtype": "bfloat16"},
    "nested, as 5 saves": {**NESTED, "text_config": {**BARE, **NEW_ROPE}, "dtype": "bfloat16"},
    "nested, both wordings": {**NESTED, "text_config": {**BARE, **OLD_ROPE, **NEW_ROPE}},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights") / "model"
    ModelWriter(folder, seed=7)
    return folder / "saved_by_official_class" / "model.safetensors"


@pytest.fixture
def checkpoint(weights, tmp_path):
    """`checkpoint(config)`: a folder of the weights with that config.json."""

    def make(config):
        (tmp_path / "config.json").write_text(json.dumps(config))
        if not (tmp_path / weights.name).exists():
            (tmp_path / weights.name).hardlink_to(weights)
        return tmp_path

    return make


def logits_of(folder):
    model = load_model(folder)
    assert model.dtype == torch.float32  # the file's dtype does not decide
    with torch.inference_mode():
        return model(input_ids=torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])).logits


def expected_logits(folder):
    """By the module itself, its rotary frequencies set by hand."""
    model = load_model(folder)
    rotary = model.model.language_model.rotary_emb
    rotary.inv_freq = 1.0 / THETA ** (torch.arange(0, 16, 2).float() / 16)
    with torch.inference_mode():
        return model(input_ids=torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])).logits


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rotary_positions_are_found_in_every_layout_by_both_readers(checkpoint, layout):
    folder = checkpoint(LAYOUTS[layout])
    text = load_config(folder).text
    assert (text.rope_theta, text.mrope_section) == (THETA, tuple(SECTION))
    rope = read_config(folder).text_config.rope_parameters
    assert (rope["rope_theta"], list(rope["mrope_section"])) == (THETA, SECTION)
    torch.testing.assert_close(logits_of(folder), expected_logits(checkpoint(FLAT)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_else_is_read_the_same_from_every_layout(checkpoint, layout):
    expected = load_config(checkpoint(LAYOUTS["flat, as Qwen's hub files"]))
    assert load_config(checkpoint(LAYOUTS[layout])) == expected
    assert expected.stop_token_ids == (IDS["eos_token_id"],) and expected.image_token_id == 505


@pytest.mark.parametrize("kind", [Qwen2_5_VLConfig, N3DConfig])
def test_what_the_installed_transformers_saves_reads_back(checkpoint, tmp_path, kind):
    kind(**copy.deepcopy(LAYOUTS["nested, as 4.52 saves"])).save_pretrained(tmp_path / "saved")
    saved = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert "rope_parameters" in saved["text_config"]  # else this is no layout of transformers 5
    expected = load_config(checkpoint(LAYOUTS["flat, as Qwen's hub files"]))
    assert load_config(checkpoint(saved)) == expected
    torch.testing.assert_close(logits_of(tmp_path), expected_logits(checkpoint(FLAT)), rtol=0, atol=1e-5)


def test_generation_settings_as_saved_today_decide_what_ends_a_reply(checkpoint):
    folder = checkpoint(NESTED)
    GenerationConfig(eos_token_id=[7, 9], repetition_penalty=1.05).save_pretrained(folder)
    assert load_config(folder).stop_token_ids == (7, 9)


@pytest.mark.parametrize("outer", [None, False, True])
@pytest.mark.parametrize("inner", [None, False, True])
def test_a_tied_head_may_be_said_at_either_level(checkpoint, outer, inner):
    """As transformers 5 takes it: tied where one level says so."""
    config = copy.deepcopy(NESTED)
    for level, value in ((config, outer), (config["text_config"], inner)):
        level.pop("tie_word_embeddings", None)
        level |= {} if value is None else {"tie_word_embeddings": value}
    folder = checkpoint(config)
    assert load_config(folder).text.tied == read_config(folder).tie_word_embeddings == bool(outer or inner)


def test_graph_and_torch_class_agree_that_a_head_that_repeats_a_tied_embedding_is_not_used(checkpoint):
    config = copy.deepcopy(NESTED)
    config["text_config"]["tie_word_embeddings"] = True
    folder = checkpoint(config)
    head_repeats_embedding(folder)
    assert HEAD in read_entries(folder) and load_config(folder).text.tied
    model = load_model(folder)
    assert model.lm_head.weight is model.get_input_embeddings().weight
