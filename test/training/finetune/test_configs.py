"""Presets, ablations and files; what they refuse."""

import json

import pytest

from n3d_ros.training.finetune.configs import (
    ABLATIONS,
    PRESETS,
    Ablation,
    FineTuneConfig,
    Lora,
    Stage,
    load_config,
)


def test_the_presets_have_both_stages_and_the_second_keeps_some_grounding():
    for config in PRESETS.values():
        first, second = config.stages
        assert (first.name, first.grounding_share) == ("stage1_grounding", 1.0)
        assert second.name == "stage2_reasoning" and 0 < second.grounding_share < 1


def test_an_ablation_changes_its_field_and_nothing_else():
    assert load_config("3b_lora+no_depth").ablation == Ablation(depth="none")
    assert load_config("3b_lora+xyz+data20").ablation == Ablation(coordinates="xyz", data_share=0.2)
    assert load_config("7b_full+direct").stages == load_config("7b_full").stages


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_ablation_is_one(name):
    assert load_config(f"debug+{name}").ablation != Ablation()


def test_unknown_names_are_named():
    with pytest.raises(ValueError, match="expected one of debug, 3b_lora, 7b_full or a .json file, got '3b'"):
        load_config("3b")
    with pytest.raises(ValueError, match="got no_colour"):
        load_config("debug+no_colour")


@pytest.mark.parametrize("name", PRESETS)
def test_a_config_comes_back_from_json(name):
    config = PRESETS[name]
    assert FineTuneConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_file_changes_its_preset(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text('{"preset": "3b_lora+aligned", "max_tokens": 1024, "lora": {"rank": 8}, "base": "here"}')
    config = load_config(str(file))
    assert (config.max_tokens, config.lora, config.base) == (1024, Lora(rank=8), "here")
    assert config.ablation == Ablation(code_order="aligned")
    assert config.stages == PRESETS["3b_lora"].stages


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"preset": "debug", "stepz": 1}', "got stepz"),
        ('{"preset": "debug", "max_tokens": "many"}', "max_tokens expected int, got 'many'"),
        ('{"preset": "debug", "bf16": 1}', "bf16 expected bool, got 1"),
        ('{"preset": "debug", "seed": true}', "seed expected int, got True"),
        ('{"preset": "debug", "stages": 3}', "stages expected a list, got 3"),
        ('{"preset": "debug", "ablation": {"depth": "some"}}', "depth expected one of"),
        ('{"preset": "debug", "lora": {"rang": 2}}', "lora: expected some of rank"),
        ('{"base": "here"}', "stages"),
        ("[]", "expected JSON of a fine-tuning"),
    ],
)
def test_a_wrong_file_is_refused_by_field(tmp_path, text, message):
    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_config(str(file))


def test_numbers_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="steps expected a positive number, got 0"):
        Stage("stage1_grounding", 0, 1e-4, 1.0)
    with pytest.raises(ValueError, match="learning_rate expected positive"):
        Stage("stage1_grounding", 1, 0.0, 1.0)
    with pytest.raises(ValueError, match="data_share expected within 0..1, got 0"):
        Ablation(data_share=0)
    with pytest.raises(ValueError, match="two different ones"):
        FineTuneConfig("here", (Stage("stage1_grounding", 1, 1e-4, 1.0),) * 2)
