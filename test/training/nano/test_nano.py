"""How n3d-nano begins: whitened patches, blocks that change nothing yet; the trainer learns and resumes."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from tokenizers import Tokenizer  # noqa: E402

from n3d_ros.training.nano.configs import NanoModel, TrainConfig, language_alone  # noqa: E402
from n3d_ros.training.nano.model import build_nano, still_blocks, whiten_patches  # noqa: E402
from n3d_ros.training.nano.tokenizer import build_tokenizer  # noqa: E402
from n3d_ros.training.nano.train import Trainer  # noqa: E402
from n3d_ros.training.nano.views import write_shard  # noqa: E402
from n3d_ros.training.nano.vocabulary import known_words  # noqa: E402

from .test_batches import made_up_view  # noqa: E402

SMALL = NanoModel(
    vision_hidden=24, vision_layers=1, vision_heads=1, vision_mlp=24, full_attention=(0,), text_hidden=32,
    text_layers=1, text_heads=1, text_kv_heads=1, text_mlp=32, mrope_section=(4, 6, 6),
)  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return build_tokenizer(known_words())


@pytest.fixture
def views(tmp_path):
    rng = np.random.default_rng(0)
    records = [made_up_view() | {"rgb": rng.integers(0, 256, (168, 224, 3), np.uint8)} for _ in range(4)]
    (tmp_path / "views").mkdir()
    write_shard(records, tmp_path / "views" / "views_1.npz")
    return tmp_path / "views"


def test_whitened_patches_are_decorrelated_and_even(tokenizer):
    model = build_nano(SMALL, tokenizer)
    base = torch.randn(3000, 3, 1, 196).cumsum(-1)
    rows = base.expand(-1, -1, 2, -1).reshape(3000, -1)
    whiten_patches(model, rows)
    with torch.no_grad():
        covariance = torch.cov(model.model.visual.patch_embed(rows).T)
    deviation = covariance.diagonal().sqrt()
    assert deviation.max() / deviation.min() < 2
    assert (covariance / deviation / deviation[:, None] - torch.eye(24)).abs().max() < 0.01


def test_still_blocks_hand_their_input_on(tokenizer):
    model = build_nano(SMALL, tokenizer)
    still_blocks(model)
    tower, seen = model.model.visual, {}
    tower.blocks[0].register_forward_hook(lambda _m, inputs, out: seen.update(before=inputs[0], after=out))
    with torch.no_grad():
        model.image_tokens(torch.randn(192, 1176), torch.tensor([[1, 12, 16]]), torch.zeros(192, 3))
    torch.testing.assert_close(seen["before"], seen["after"])


def test_training_learns_saves_and_goes_on_where_it_stopped(tokenizer, views, tmp_path):
    config = TrainConfig(
        minutes=100, dense_minutes=0, text_share=1.0, pictures_per_step=4, watched_layer=0, copy_layer=0,
        warm_share=1e-6,
    )  # fmt: skip
    trainer = Trainer(config, SMALL, tokenizer, views, tmp_path / "run")
    trainer.start()
    stream = trainer.training_batches()
    first = trainer.train_step(next(stream))
    for _ in range(12):
        last = trainer.train_step(next(stream))
    assert last["words"] < first["words"] and last["box"] < first["box"]
    (tmp_path / "run").mkdir()
    trainer.save()
    again = Trainer(config, SMALL, tokenizer, views, tmp_path / "run")
    again.resume()
    assert again.step == 13 and again.trained_s == trainer.trained_s
    for name, value in again.model.state_dict().items():
        torch.testing.assert_close(value, trainer.model.state_dict()[name])


def test_a_saved_model_is_the_averaged_one_head_included(tokenizer, views, tmp_path):
    from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration

    trainer = Trainer(
        TrainConfig(minutes=100, pictures_per_step=4), SMALL, tokenizer, views, tmp_path / "run"
    )
    for value in trainer.average.values():
        value.add_(0.25)
    (tmp_path / "run").mkdir()
    trainer.save()
    saved = N3DForConditionalGeneration.from_pretrained(tmp_path / "run" / "model")
    expected = trainer.average["model.language_model.embed_tokens.weight"]
    torch.testing.assert_close(saved.get_input_embeddings().weight, expected)
    torch.testing.assert_close(saved.lm_head.weight, expected)


def test_a_frozen_tower_stays_as_it_is_while_the_language_model_learns(tokenizer, views, tmp_path):
    config = replace(language_alone(100), pictures_per_step=2, watched_layer=0, copy_layer=0, warm_share=1e-6)
    trainer = Trainer(config, SMALL, tokenizer, views, tmp_path / "run")
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    losses = trainer.train_step(next(trainer.training_batches()))
    changed = {name for name, p in trainer.model.named_parameters() if not torch.equal(p, before[name])}
    assert changed and not any(".visual." in name for name in changed)
    assert "copy" in losses and "kind" not in losses


def test_an_empty_folder_of_views_is_named(tokenizer, tmp_path):
    with pytest.raises(FileNotFoundError, match="render them first"):
        Trainer(TrainConfig(), SMALL, tokenizer, tmp_path, tmp_path / "run")


def test_a_budget_shorter_than_its_dense_part_is_refused():
    with pytest.raises(ValueError, match="got 20.0 and 10"):
        TrainConfig(minutes=10)


def test_starting_from_a_saved_model_takes_its_weights(tokenizer, views, tmp_path):
    config = TrainConfig(minutes=100, pictures_per_step=4)
    first = Trainer(config, SMALL, tokenizer, views, tmp_path / "run")
    (tmp_path / "run").mkdir()
    first.save()
    second = Trainer(replace(config, seed=5), SMALL, tokenizer, views, tmp_path / "other")
    second.start_from(tmp_path / "run" / "model")
    for name, value in second.model.state_dict().items():
        torch.testing.assert_close(value, first.model.state_dict()[name])


def test_starting_from_a_model_with_fewer_tokens_keeps_its_rows_and_begins_the_others(
    tokenizer, views, tmp_path
):
    config = TrainConfig(minutes=100, pictures_per_step=4)
    first = Trainer(config, SMALL, tokenizer, views, tmp_path / "run")
    first.model.resize_token_embeddings(1500)
    (tmp_path / "run").mkdir()
    first.average = {name: p.detach().clone() for name, p in first.model.named_parameters()}
    first.save()
    second = Trainer(replace(config, seed=5), SMALL, tokenizer, views, tmp_path / "other")
    untrained = second.model.get_input_embeddings().weight.detach().clone()
    second.start_from(tmp_path / "run" / "model")
    rows = second.model.get_input_embeddings().weight
    torch.testing.assert_close(rows[:1500], first.model.get_input_embeddings().weight)
    torch.testing.assert_close(rows[1500:], untrained[1500:])


def test_the_command_names_a_folder_that_is_no_model(tmp_path, capsys):
    from n3d_ros.cli import main

    code = main(
        ["train", "--start-from", str(tmp_path), "--views", str(tmp_path), "--out", str(tmp_path / "run")]
    )
    assert code == 2
    assert "expected a model folder with tokenizer.json" in capsys.readouterr().err
