"""The one configuration of questions."""

import pytest

from n3d_ros.training.qa.config import SHARES, QaConfig
from n3d_ros.training.qa.records import CATEGORIES


def test_it_survives_json():
    config = QaConfig(num_a_picture=3, shares={"counting": 1.0})
    assert QaConfig.from_dict(config.to_dict()) == config
    assert set(SHARES) == set(CATEGORIES)
    assert sum(SHARES.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colour": 1}, r"expected some of shares, .* got \['colour'\]"),
        ({"absent_share": 1.5}, "absent_share must be a share within 0..1, got 1.5"),
        ({"num_a_picture": 2.5}, "num_a_picture must be a whole number, got 2.5"),
        ({"min_value_m": float("nan")}, "min_value_m must be finite"),
        ({"max_listed": 2}, "max_listed must be at least 3, got 2"),
        ({"shares": {"riddle": 1}}, r"shares must be of .* got \['riddle'\]"),
        ({"shares": {"counting": 0}}, "shares must not all be 0"),
        ({"shares": [1]}, "shares must be an object"),
    ],
)
def test_wrong_values_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        QaConfig.from_dict(values)
