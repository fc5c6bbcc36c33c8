"""The training losses: soft numbers, masks that keep questions apart, and the loss on where to look."""

import math

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from types import SimpleNamespace  # noqa: E402

from n3d_ros.training.losses import look_loss, number_loss, soft_number_table  # noqa: E402
from n3d_ros.training.nano import number_code  # noqa: E402
from n3d_ros.training.train import segment_mask  # noqa: E402


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


def test_number_rows_start_with_neighbours_alike():
    code = torch.nn.functional.normalize(number_code(1000, 64), dim=1)
    alike = code @ code[500]
    assert alike.argmax() == 500 and alike[505] > alike[530] and alike[505] > 0.8
