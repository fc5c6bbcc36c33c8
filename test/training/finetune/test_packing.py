"""Packed rows: the same loss and gradients as one example after another, and what breaks them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_model import make_model, make_picture  # noqa: E402

from n3d_ros.training.finetune.examples import build_example  # noqa: E402
from n3d_ros.training.finetune.packing import pack  # noqa: E402

GRIDS = ((4, 6), (6, 4), (2, 2))


def example(model, number, merged_hw):
    """Text of its own around a picture, and a reply of 5 + number tokens."""
    rng = np.random.default_rng(number)
    pad = model.config.image_token_id
    words = rng.integers(100, 400, 30).tolist()
    place = [] if merged_hw is None else [pad]
    return build_example(
        [*words[:4], *place, *words[4 : 9 + number]], words[20 : 25 + number], pad, merged_hw
    )


@pytest.fixture
def model():
    return make_model(patch_position="sincos")[0]


@pytest.fixture
def packed(model):
    """Three examples, each with a picture of its own, in one row, and each alone."""
    examples = [example(model, n, (h // 2, w // 2)) for n, (h, w) in enumerate(GRIDS)]
    pictures = [make_picture(*grid, seed=n) for n, grid in enumerate(GRIDS)]
    alone = [pack([one], [shown], [0]) for one, shown in zip(examples, pictures, strict=True)]
    return pack(examples, pictures, [0, 1, 2]), alone


def loss_and_gradients(model, rows):
    """Mean loss over all learned tokens of `rows`, and its gradient for every weight."""
    model.zero_grad()
    total = sum(row["labels"].numel() for row in rows)
    loss = 0.0
    for row in rows:
        part = model(**row, num_items_in_batch=total).loss
        part.backward()
        loss += part.item()
    return loss, {name: p.grad.clone() for name, p in model.named_parameters()}


def test_a_packed_row_has_the_loss_and_gradients_of_its_examples_alone(model, packed):
    row, alone = packed
    expected, gradients = loss_and_gradients(model, alone)
    loss, found = loss_and_gradients(model, [row])
    assert loss == pytest.approx(expected, rel=1e-5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(found[name], gradient, rtol=2e-3, atol=2e-4 * float(gradient.abs().max()))


def test_counting_on_through_the_row_is_another_loss(model, packed):
    row, alone = packed
    expected, _ = loss_and_gradients(model, alone)
    count = row["input_ids"].shape[1]
    naive = {**row, "position_ids": torch.arange(count).expand(4, 1, count)}
    assert abs(loss_and_gradients(model, [naive])[0] - expected) > 0.05


def test_right_rotary_positions_without_those_that_cut_the_row_are_another_loss(model, packed):
    row, alone = packed
    expected, _ = loss_and_gradients(model, alone)
    uncut = {**row, "position_ids": row["position_ids"][1:]}
    assert abs(loss_and_gradients(model, [uncut])[0] - expected) > 0.05


def test_a_cut_row_with_flat_rotary_positions_is_another_loss(model, packed):
    row, alone = packed
    expected, _ = loss_and_gradients(model, alone)
    flat = {**row, "position_ids": row["position_ids"][:1].expand(4, -1, -1)}
    assert abs(loss_and_gradients(model, [flat])[0] - expected) > 1e-3


def test_positions_are_those_that_transformers_computes(model, packed):
    for row in packed[1]:
        ids = row["input_ids"]
        expected, _ = model.model.get_rope_index(
            ids, (ids == model.config.image_token_id).int(), row["image_grid_thw"]
        )
        assert row["position_ids"][1:].tolist() == expected.tolist()


def test_examples_about_one_picture_encode_it_once(model):
    shown = make_picture(4, 6)
    examples = [example(model, n, (2, 3)) for n in range(3)]
    row = pack(examples, [shown], [0, 0, 0])
    assert row["pixel_values"].shape == (24, 1176)
    expected, gradients = loss_and_gradients(model, [pack([one], [shown], [0]) for one in examples])
    loss, found = loss_and_gradients(model, [row])
    assert loss == pytest.approx(expected, rel=1e-5)
    tower = "model.visual.patch_embed.proj.weight"
    torch.testing.assert_close(found[tower], gradients[tower], rtol=2e-3, atol=1e-4)


def test_examples_find_their_own_picture(model):
    examples = [example(model, n, (2, 3)) for n in range(2)]
    pictures = [make_picture(4, 6, seed=1), make_picture(4, 6, seed=2)]
    rows = [pack([one], [pictures[p]], [0]) for one, p in zip(examples, (1, 0), strict=True)]
    expected, _ = loss_and_gradients(model, rows)
    assert loss_and_gradients(model, [pack(examples, pictures, [1, 0])])[0] == pytest.approx(
        expected, rel=1e-5
    )
    assert loss_and_gradients(model, [pack(examples, pictures, [0, 1])])[0] != pytest.approx(
        expected, rel=1e-5
    )


def test_only_replies_are_learned(model):
    one = example(model, 0, (2, 3))
    row = pack([one, one], [make_picture(4, 6)], [0, 0])
    reply = one.ids[one.num_prompt :].tolist()
    assert row["labels"].tolist() == [[*reply, *reply]]
    kept = row["logits_to_keep"].tolist()
    assert [row["input_ids"][0, place + 1].item() for place in kept] == [*reply, *reply]


def test_a_row_of_text_alone_gives_every_weight_a_gradient_and_the_tower_zero(model):
    row = pack([example(model, 0, None)], [], [])
    _, gradients = loss_and_gradients(model, [row])
    assert all(not gradient.any() for name, gradient in gradients.items() if ".visual." in name)
    assert gradients["model.language_model.layers.0.mlp.up_proj.weight"].any()


def test_a_row_of_text_alone_has_the_loss_of_the_text(model):
    one = example(model, 0, None)
    row = pack([one], [], [])
    ids = torch.from_numpy(one.ids)[None]
    labels = ids.clone()
    labels[:, : one.num_prompt] = -100
    plain = model(input_ids=ids, labels=labels).loss
    assert loss_and_gradients(model, [row])[0] == pytest.approx(plain.item(), rel=1e-6)


def test_a_prompt_needs_one_place_for_its_picture():
    with pytest.raises(ValueError, match="expected 1 pictures, got 0"):
        build_example([7, 8], [9], 5, (2, 2))
    with pytest.raises(ValueError, match="expected 0 pictures, got 1"):
        build_example([7, 5], [9], 5, None)


def test_a_row_needs_a_picture_for_each_place(model):
    with pytest.raises(ValueError, match="a picture for each of 1 examples, got 0"):
        pack([example(model, 0, (2, 3))], [], [])
