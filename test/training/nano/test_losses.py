"""The training losses: soft numbers, masks that keep questions apart, and the loss on where to look."""

import math

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from types import SimpleNamespace  # noqa: E402

from n3d_ros.training.nano.losses import (  # noqa: E402
    SoftTargets,
    Watch,
    attend_by_question,
    copy_loss,
    look_loss,
    number_loss,
    owner_loss,
    soft_number_table,
    text_loss,
    value_loss,
)
from n3d_ros.training.nano.model import number_code  # noqa: E402
from n3d_ros.training.nano.train import segment_mask  # noqa: E402


def test_number_loss_is_zero_at_the_bell_and_grows_with_distance():
    table = soft_number_table(4.0)
    target = torch.tensor([300, 5])
    perfect = table[target].clamp_min(1e-30).log()
    assert number_loss(perfect, target, table) == pytest.approx(0.0, abs=1e-4)
    near, far = (table[target + shift].clamp_min(1e-30).log() for shift in (3, 12))
    assert 0 < number_loss(near, target, table) < number_loss(far, target, table)


def test_a_question_sees_the_picture_and_itself_only():
    mask = segment_mask(torch.tensor([[0, 0, 1, 1, 2, 2, -1]]))[0, 0]
    assert mask[3].tolist() == [True, True, True, True, False, False, False]
    assert mask[5].tolist() == [True, True, False, False, True, True, False]


def test_look_loss_is_the_log_of_attention_on_the_objects_tokens():
    key = torch.zeros(1, 1, 6, 4)
    query = torch.zeros(1, 1, 6, 4)
    batch = SimpleNamespace(
        looked_at=torch.tensor([[-1, -1, -1, -1, -1, 7]]), cells=torch.tensor([[7, 7, 3]]), image_start=1
    )
    mask = torch.ones(6, 6, dtype=torch.bool).tril()[None, None]
    assert look_loss(query, key, mask, 0.5, batch).item() == pytest.approx(math.log(6 / 2))


def test_look_loss_without_anything_to_look_at_is_zero():
    batch = SimpleNamespace(looked_at=torch.full((1, 2), -1), cells=torch.zeros(1, 1), image_start=0)
    assert (
        look_loss(torch.ones(1, 1, 2, 4), torch.ones(1, 1, 2, 4), torch.ones(1, 1, 2, 2).bool(), 1.0, batch)
        == 0
    )


def test_copy_loss_is_the_log_of_attention_on_the_quoted_number():
    nothing = torch.zeros(1, 1, 6, 4)
    batch = SimpleNamespace(
        copied=torch.tensor([[-1, -1, -1, -1, -1, 18]]), quotable=torch.tensor([[-1, 18, 50, 18, -1, -1]])
    )
    mask = torch.ones(6, 6, dtype=torch.bool).tril()[None, None]
    assert copy_loss(nothing, nothing, mask, 0.5, batch).item() == pytest.approx(math.log(6 / 2))


def test_what_a_row_cannot_see_is_no_source():
    nothing = torch.zeros(1, 1, 3, 4)
    batch = SimpleNamespace(copied=torch.tensor([[-1, 18, -1]]), quotable=torch.tensor([[-1, -1, 18]]))
    mask = torch.ones(3, 3, dtype=torch.bool).tril()[None, None]
    assert copy_loss(nothing, nothing, mask, 1.0, batch) == 0


@pytest.mark.parametrize("name", ["owner", "value"])
def test_the_loss_is_the_log_of_attention_on_the_one_token_that_is_named(name):
    nothing = torch.zeros(1, 1, 6, 4)
    batch = SimpleNamespace(**{name: torch.tensor([[-1, -1, -1, -1, 2, -1]])})
    loss = {"owner": owner_loss, "value": value_loss}[name]
    mask = torch.ones(6, 6, dtype=torch.bool).tril()[None, None]
    assert loss(nothing, nothing, mask, 0.5, batch).item() == pytest.approx(math.log(5))


def test_attention_question_by_question_is_attention_under_the_mask():
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 3, 17, 8, generator=generator) for _ in range(3))
    segment = torch.tensor([[0] * 5 + [1] * 4 + [2] * 6 + [-1] * 2, [0] * 5 + [1] * 7 + [2] * 5])
    mask, spans = segment_mask(segment), [[(0, 5), (5, 9), (9, 15)], [(0, 5), (5, 12), (12, 17)]]
    whole = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=0.3)
    parts = attend_by_question(query, key, value, mask, spans=spans, scaling=0.3)
    asked = (segment >= 0)[:, None, :, None]
    torch.testing.assert_close(parts * asked, whole * asked)
    assert not parts[0, :, 15:].any()


def test_attention_is_scored_row_by_row_of_its_own_picture():
    query, key = torch.zeros(2, 1, 2, 1), torch.zeros(2, 1, 2, 1)
    query[:, 0, 1], key[1, 0, 1] = 1.0, 2.0
    batch = SimpleNamespace(owner=torch.tensor([[-1, 1], [-1, 1]]))
    mask = torch.ones(2, 2, dtype=torch.bool).tril()[None, None].expand(2, -1, -1, -1)
    shares = 0.5, math.exp(2) / (1 + math.exp(2))
    expected = -(math.log(shares[0]) + math.log(shares[1])) / 2
    assert owner_loss(query, key, mask, 1.0, batch).item() == pytest.approx(expected, abs=1e-6)


def test_soft_rows_do_not_count_as_words_and_tokens_outside_their_bell_are_illegal():
    table = soft_number_table(1.0, num_bins=4)
    logits = torch.full((2, 6), -30.0)
    logits[0, 1], logits[1, 2:] = 30.0, table[3].clamp_min(1e-30).log()
    losses = text_loss(
        logits, torch.tensor([1, 5]), {"sums": SoftTargets(torch.tensor([False, True]), 2, table)}
    )
    assert {name: value.item() for name, value in losses.items()} == pytest.approx(
        {"words": 0.0, "sums": 0.0, "legal": 0.0}, abs=1e-4
    )
    logits[1, 0] = 10.0
    assert text_loss(
        logits, torch.tensor([1, 5]), {"sums": SoftTargets(torch.tensor([False, True]), 2, table)}
    )["legal"] == pytest.approx(10.0, abs=1e-2)


def test_number_rows_start_with_neighbours_alike():
    code = torch.nn.functional.normalize(number_code(1000, 64), dim=1)
    alike = code @ code[500]
    assert alike.argmax() == 500 and alike[505] > alike[530] and alike[505] > 0.8


def test_heads_are_the_first_ones_or_the_last_ones_of_a_layer():
    """In layer 3 the first two quote, the last two look from owners to values; each is marked alone."""
    watch = Watch((9, 1), (3, 2), (9, 1), (3, -2))
    heads = torch.zeros(1, 4, 3, 2)
    heads[:, 2:] = torch.tensor([[0.0, 0.0], [9.0, 0.0], [9.0, 0.0]])
    watch.batch = SimpleNamespace(
        copied=torch.tensor([[-1, -1, 5]]),
        quotable=torch.tensor([[5, -1, -1]]),
        value=torch.tensor([[-1, -1, 0]]),
        spans=[[(0, 3)]],
    )
    mask = torch.ones(3, 3, dtype=torch.bool).tril()[None, None]
    module = SimpleNamespace(num_key_value_groups=1, layer_idx=3)
    watch.attend(module, heads, heads, heads, mask, scaling=1.0)
    assert watch.losses["copy"].item() == pytest.approx(math.log(3))
    assert watch.losses["value"].item() == pytest.approx(30.0), "they look at the other two, 81 away"
