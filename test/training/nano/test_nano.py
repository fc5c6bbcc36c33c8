"""How n3d-nano begins: whitened patches, blocks that change nothing yet; the trainer learns and resumes."""

import ctypes
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from places import CHECKOUT

torch = pytest.importorskip("torch")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from tokenizers import Tokenizer  # noqa: E402

from n3d_ros.training.nano.configs import (  # noqa: E402
    NanoModel,
    Stage,
    choice,
    from_nothing,
    from_weights,
)
from n3d_ros.training.nano.model import build_nano, still_blocks, whiten_patches  # noqa: E402
from n3d_ros.training.nano.tokenizer import build_tokenizer, extended  # noqa: E402
from n3d_ros.training.nano.train import SNAPSHOTS, Trainer  # noqa: E402
from n3d_ros.training.nano.views import KIND_NAMES, write_shard  # noqa: E402
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
    write_shard(records, tmp_path / "views" / "views_1.npy")
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


SHALLOW = {"look": (0, 1), "copy": (0, 1), "owner": (0, 1), "value": (0, 1)}
GROUNDING = Stage("grounding", 100, pictures_per_step=4, **SHALLOW)


def test_training_learns_saves_and_goes_on_where_it_stopped(tokenizer, views, tmp_path):
    trainer = Trainer(GROUNDING, SMALL, tokenizer, views, tmp_path / "run")
    trainer.start()
    stream = trainer.steps()
    first = trainer.train_step(next(stream))
    for _ in range(12):
        last = trainer.train_step(next(stream))
    assert last["words"] < first["words"] and last["box"] < first["box"]
    trainer.save()
    again = Trainer(GROUNDING, SMALL, tokenizer, views, tmp_path / "run")
    again.resume()
    assert again.step == 13 and again.trained_s == trainer.trained_s > 0
    for name, value in again.model.state_dict().items():
        torch.testing.assert_close(value, trainer.model.state_dict()[name])
    later = Trainer(replace(GROUNDING, name="later"), SMALL, tokenizer, views, tmp_path / "run")
    later.resume()
    assert later.step == 13 and later.trained_s == 0, "the next stage has its own clock"


def test_a_step_in_passes_is_the_step_in_one(tokenizer, views, tmp_path):
    stage = replace(GROUNDING, text_share=0.0, muon_rate=0.0, adam_rate=0.0, patch_rate=0.0)
    trainer = Trainer(stage, SMALL, tokenizer, views, tmp_path / "run")
    (batch,) = next(trainer.steps())
    trainer.train_step([batch])
    once = {name: p.grad.clone() for name, p in trainer.model.named_parameters() if p.grad is not None}
    trainer.train_step([batch, batch])
    for name, p in trainer.model.named_parameters():
        if name in once:
            torch.testing.assert_close(p.grad, once[name], atol=1e-5, rtol=1e-3)
    assert once


def test_snapshots_are_kept_evenly_in_the_second_half(tokenizer, views, tmp_path):
    stage = replace(GROUNDING, minutes=10, snapshots=4)
    assert [stage.num_snapshots_at(minutes) for minutes in (0, 5, 6.2, 6.3, 7.5, 9.9, 10, 11)] == [
        0, 0, 0, 1, 2, 3, 4, 4,
    ]  # fmt: skip
    trainer = Trainer(stage, SMALL, tokenizer, views, tmp_path / "run")
    for minutes in (4, 7, 7.1, 10):
        trainer.trained_s = minutes * 60
        trainer.keep_snapshot()
    assert sorted(path.name for path in (tmp_path / "run" / SNAPSHOTS).iterdir()) == ["1.pt", "4.pt"]


def test_the_learning_rate_warms_up_stays_and_falls(tokenizer, views, tmp_path):
    stage = replace(GROUNDING, minutes=10, warm_share=0.1, decay_share=0.5)
    trainer = Trainer(stage, SMALL, tokenizer, views, tmp_path / "run")
    rates = []
    for minutes in (0.5, 3, 7.5, 10):
        trainer.trained_s = minutes * 60
        rates.append(trainer.rate())
    assert rates == pytest.approx([0.5, 1.0, 0.5, 1e-3])


def test_heads_learn_alone_before_they_pull_at_a_tower_that_sees(tokenizer, views, tmp_path):
    first = Trainer(GROUNDING, SMALL, tokenizer, views, tmp_path / "run")
    first.save()
    second = Trainer(replace(GROUNDING, heads_steps=3), SMALL, tokenizer, views, tmp_path / "other")
    heads = {name: p.detach().clone() for name, p in second.heads.named_parameters()}
    second.start_from(tmp_path / "run" / "model")
    assert any(not torch.equal(p, heads[name]) for name, p in second.heads.named_parameters())
    for name, value in second.model.state_dict().items():
        torch.testing.assert_close(value, first.model.state_dict()[name])


def test_fewer_views_than_a_pass_takes_are_an_error_not_a_wait(tokenizer, views, tmp_path):
    stage = replace(GROUNDING, pictures_per_pass=8, pictures_per_step=8)
    trainer = Trainer(stage, SMALL, tokenizer, views, tmp_path / "run")
    with pytest.raises(ValueError, match="expected at least 8 views, got 4"):
        next(trainer.steps())


def test_a_saved_model_is_the_averaged_one_head_included(tokenizer, views, tmp_path):
    from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration

    trainer = Trainer(GROUNDING, SMALL, tokenizer, views, tmp_path / "run")
    for value in trainer.average.values():
        value.add_(0.25)
    trainer.save()
    saved = N3DForConditionalGeneration.from_pretrained(tmp_path / "run" / "model")
    expected = trainer.average["model.language_model.embed_tokens.weight"]
    torch.testing.assert_close(saved.get_input_embeddings().weight, expected)
    torch.testing.assert_close(saved.lm_head.weight, expected)


def test_a_frozen_tower_stays_as_it_is_while_the_language_model_learns(tokenizer, views, tmp_path):
    stage = replace(choice(100), pictures_per_step=2, pictures_per_pass=2, warm_share=0, **SHALLOW)
    trainer = Trainer(stage, SMALL, tokenizer, views, tmp_path / "run")
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    losses = trainer.train_step(next(trainer.steps()))
    changed = {name for name, p in trainer.model.named_parameters() if not torch.equal(p, before[name])}
    assert changed and not any(".visual." in name for name in changed)
    assert "copy" in losses and "kind" not in losses


FREED_THEN_TAKEN = """
import ctypes
from n3d_ros.training.nano.train import map_large_blocks

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "a b c d hblkhd e f g h i".split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype, libc.malloc.restype = Info, ctypes.c_void_p
libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
map_large_blocks()
libc.free(libc.malloc(20 << 20))
before = libc.mallinfo2().hblkhd
libc.malloc(8 << 20)
print(libc.mallinfo2().hblkhd - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="not glibc 2.33 or later")
def test_a_large_block_is_mapped_by_itself_also_after_a_larger_one_was_freed():
    command = [sys.executable, "-c", FREED_THEN_TAKEN]
    done = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT, check=True)
    assert int(done.stdout) >= 8 << 20


def test_an_empty_folder_of_views_is_named(tokenizer, tmp_path):
    with pytest.raises(FileNotFoundError, match="render them first"):
        Trainer(GROUNDING, SMALL, tokenizer, tmp_path, tmp_path / "run")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"minutes": 0}, "'grounding': expected minutes above 0, got 0"),
        ({"text_share": 1.5}, "text_share expected within 0..1, got 1.5"),
        ({"pictures_per_step": 6}, "whole passes of 4, got 6"),
    ],
)
def test_a_stage_that_cannot_be_is_named(wrong, said):
    with pytest.raises(ValueError, match=said):
        replace(GROUNDING, **wrong)


@pytest.mark.parametrize("stages", [from_nothing, from_weights])
def test_a_recipe_uses_its_minutes_and_ends_with_weights_to_average(stages):
    made = stages(120)
    assert sum(stage.minutes for stage in made) == pytest.approx(120)
    assert len({stage.name for stage in made}) == len(made) and made[-1].snapshots >= 1


def test_starting_from_a_saved_model_takes_its_weights(tokenizer, views, tmp_path):
    first = Trainer(GROUNDING, SMALL, tokenizer, views, tmp_path / "run")
    first.save()
    second = Trainer(replace(GROUNDING, seed=5), SMALL, tokenizer, views, tmp_path / "other")
    second.start_from(tmp_path / "run" / "model")
    for name, value in second.model.state_dict().items():
        torch.testing.assert_close(value, first.model.state_dict()[name])


def test_starting_from_a_model_with_fewer_tokens_keeps_its_rows_and_begins_the_others(
    tokenizer, views, tmp_path
):
    first = Trainer(GROUNDING, SMALL, tokenizer, views, tmp_path / "run")
    first.model.resize_token_embeddings(1500)
    first.average = {name: p.detach().clone() for name, p in first.model.named_parameters()}
    first.save()
    second = Trainer(replace(GROUNDING, seed=5), SMALL, tokenizer, views, tmp_path / "other")
    untrained = second.model.get_input_embeddings().weight.detach().clone()
    second.start_from(tmp_path / "run" / "model")
    rows = second.model.get_input_embeddings().weight
    torch.testing.assert_close(rows[:1500], first.model.get_input_embeddings().weight)
    torch.testing.assert_close(rows[1500:], untrained[1500:])


def test_new_kinds_begin_as_words_of_their_own_and_all_else_as_it_was(tokenizer, views, tmp_path):
    first = Trainer(GROUNDING, SMALL, tokenizer, views, tmp_path / "run")
    reserved = [i for piece, i in tokenizer.get_vocab().items() if piece.startswith("<|reserved_")]
    first.average["model.language_model.embed_tokens.weight"][reserved] = (
        7.0  # all alike, as training leaves them
    )
    first.save()
    wide = extended(tokenizer, build_tokenizer(known_words(KIND_NAMES)))
    second = Trainer(GROUNDING, SMALL, wide, views, tmp_path / "other", KIND_NAMES)
    second.start_from(tmp_path / "run" / "model")
    rows, before = (one.model.get_input_embeddings().weight for one in (second, first))
    new = [wide.token_to_id(word) for word in (" teapot", " teapots", " knives", "fork")]
    assert set(new) <= set(reserved) and (rows[new] != 7.0).any(dim=1).all()
    assert torch.pdist(rows[new]).min() > 0
    kept = [wide.token_to_id(word) for word in (" mug", "mugs", "0.25", "512")]
    torch.testing.assert_close(rows[kept], before[kept])


def test_heads_and_absent_things_are_of_the_kinds_that_a_run_trains(tokenizer, views, tmp_path):
    nano, wide = (
        Trainer(GROUNDING, SMALL, tokenizer, views, tmp_path / "run", *more) for more in ((), (KIND_NAMES,))
    )
    assert (nano.heads.kind.out_features, wide.heads.kind.out_features) == (14, 30)
    assert wide._packer().kinds == KIND_NAMES and nano._packer().kinds == KIND_NAMES[:14]


def test_the_command_names_a_folder_that_is_no_model(tmp_path, capsys):
    from n3d_ros.cli import main

    code = main(
        ["train", "--start-from", str(tmp_path), "--views", str(tmp_path), "--out", str(tmp_path / "run")]
    )
    assert code == 2
    assert "expected a model folder with tokenizer.json" in capsys.readouterr().err
