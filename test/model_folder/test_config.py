"""config.json as strangers write it: the field is named, and both readers refuse the same."""

import copy
import json

import pytest

from n3d_ros.engines.synthetic.config import PRESETS, config_json
from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder.config import load_config, parse_config

GOOD = config_json(PRESETS["tiny"], "fp32")
DEEP = b'{"a":' * 5000 + b"1" + b"}" * 5000


def changed(path, value):
    """The config with another value at "vision_config.depth"; ... for none at all."""
    config = copy.deepcopy(GOOD)
    *sections, name = path.split(".")
    inner = config
    for section in sections:
        inner = inner[section]
    if value is ...:
        del inner[name]
    else:
        inner[name] = value
    return config


def both(folder):
    """Both readers' refusals."""
    errors = []
    checkpoint = pytest.importorskip("n3d_ros.model.checkpoint")
    for read in (load_config, checkpoint.read_config):
        with pytest.raises(ModelFolderError) as error:
            read(folder)
        assert "\n" not in error.value.message and len(error.value.message) < 600
        errors.append(error.value.message)
    return errors


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("eos_token_id", "<|im_end|>", "eos_token_id: expected the token's number"),
        ("eos_token_id", [3, "<|im_end|>"], "eos_token_id: expected the token's number"),
        ("eos_token_id", True, "eos_token_id: expected a token's number below vocab_size"),
        ("eos_token_id", 10**9, "eos_token_id: expected a token's number below vocab_size"),
        ("image_token_id", "<|image_pad|>", "image_token_id: expected the token's number"),
        ("image_token_id", -1, "image_token_id: expected a token's number"),
        ("image_token_id", ..., "expected the field 'image_token_id', found none"),
        ("text_config.num_hidden_layers", True, "num_hidden_layers: expected a whole number"),
        ("text_config.num_hidden_layers", "2", "num_hidden_layers: expected a whole number"),
        ("text_config.num_hidden_layers", 2.0, "num_hidden_layers: expected a whole number"),
        ("text_config.num_hidden_layers", 10**30, "num_hidden_layers: expected a whole number"),
        ("text_config.hidden_size", 0, "hidden_size: expected a whole number"),
        ("text_config.hidden_size", None, "hidden_size: expected a whole number"),
        ("text_config.num_key_value_heads", 7, "num_key_value_heads: expected a divisor"),
        ("text_config.rms_norm_eps", "1e-6", "rms_norm_eps: expected a number above 0"),
        ("text_config.rms_norm_eps", -1, "rms_norm_eps: expected a number above 0"),
        ("text_config.hidden_act", "gelu", "hidden_act: expected 'silu', got 'gelu'"),
        ("text_config.tie_word_embeddings", "false", "tie_word_embeddings: expected true or false"),
        ("text_config", [1], "text_config: expected an object, got [1]"),
        ("vision_config", "qwen", "vision_config: expected an object, got 'qwen'"),
        ("vision_config.fullatt_block_indexes", [99], "fullatt_block_indexes: expected numbers below depth"),
        ("vision_config.fullatt_block_indexes", 7, "fullatt_block_indexes: expected a list"),
        ("vision_config.window_size", 14, "window_size: expected at least 28 px"),
        ("vision_config.patch_size", [14, 14], "patch_size: expected a whole number"),
        ("point_encoding_unit", "mm", "point_encoding_unit: expected a number above 0"),
        ("point_encoding_order", 3, "point_encoding_order: expected text"),
        ("long_side_px", False, "long_side_px: expected a whole number"),
        (
            "text_config.layer_types",
            ["sliding_attention"] * 2,
            "times 'full_attention', one a layer, got",
        ),
        ("text_config.layer_types", ["full_attention"], "times 'full_attention', one a layer, got"),
        ("text_config.layer_types", "full_attention", "layer_types: expected a list of texts"),
        (
            "vision_config.point_encoding_order",
            "aligned",
            "point_encoding_order: expected 'aligned', as vision",
        ),
        (
            "vision_config.point_encoding_gain",
            4.0,
            "point_encoding_gain: expected 4.0, as vision_config says",
        ),
        (
            "vision_config.patch_position",
            "sincos",
            "patch_position: expected 'sincos', as vision_config says",
        ),
        ("model_type", {"a": 1}, "model_type: expected 'qwen2_5_vl'"),
    ],
)
def test_a_field_of_another_kind_is_named_by_both_readers(tmp_path, path, value, expected):
    (tmp_path / "config.json").write_text(json.dumps(changed(path, value)))
    assert all(expected in message for message in both(tmp_path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"[]", "no object: []"),
        (b"{", "expected JSON"),
        (b"\xff\xfe{}", "utf-8"),
        (DEEP, "nested more than 64 deep"),
        (b'{"a": NaN}', "NaN, which is no number"),
        (b'{"a": 1e999}', "beyond float64"),
        (b'{"a": ' + b"9" * 5000 + b"}", "expected JSON"),
        (b'{"model_type": "a", "model_type": "b"}', "'model_type' twice in one object"),
        (b'{"model_type": "\\ud800"}', "half a character"),
    ],
    ids=["list", "cut", "utf-16", "deep", "nan", "inf", "huge", "twice", "surrogate"],
)
def test_what_is_no_json_object_is_said(tmp_path, text, expected):
    (tmp_path / "config.json").write_bytes(text)
    assert all(expected in message for message in both(tmp_path))


def test_generation_settings_of_another_kind_are_named_with_their_file(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(GOOD))
    for text, expected in (
        ('{"eos_token_id": "<|im_end|>"}', "eos_token_id: expected the token's number"),
        ("7", "expected JSON with an object, got no object: 7"),
    ):
        (tmp_path / "generation_config.json").write_text(text)
        assert all(f"generation_config.json: {expected}" in message for message in both(tmp_path))


def test_a_byte_order_mark_does_not_matter(tmp_path):
    (tmp_path / "config.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    assert load_config(tmp_path).text == parse_config(GOOD).text


def test_a_rope_that_is_scaled_is_refused_wherever_it_is_said(tmp_path):
    config = changed("text_config.rope_scaling", {"type": "yarn", "factor": 4.0, "mrope_section": [2, 3, 3]})
    config["text_config"].pop("rope_parameters", None)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match="rope_type: expected default, got 'yarn'"):
        load_config(tmp_path)
