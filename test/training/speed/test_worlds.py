"""`n3d bench worlds`: what its table says follows from the runs."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from n3d_ros.training.speed import worlds
from n3d_ros.training.speed.one_world import WorldResult
from n3d_ros.training.speed.worlds import WorldsOptions, measure_worlds, worlds_text

NANO = WorldResult([0.1, 0.3], 0.0001, [1.0], 300.0, 500.0, 1500.0, 2600)
WIDE = WorldResult([0.4, 0.6], 0.0002, [1.5], 300.0, 600.0, 1500.0, 2690)


def test_the_table_gives_means_and_how_many_times_the_first(monkeypatch):
    told, ordered = [], []

    def child_result(module, order, what):
        ordered.append((order["world"], order["scenes"], order["steps"]))
        return vars(NANO if order["world"] == "nano" else WIDE)

    monkeypatch.setattr(worlds, "child_result", child_result)
    text = worlds_text(measure_worlds(WorldsOptions(2, 1, 2), told.append))
    assert told == ["nano", "wide"] * 2 and ordered == [("nano", 2, 1), ("wide", 2, 1)] * 2
    rows = [line.split() for line in text.splitlines()]
    assert rows[2] == ["nano", "200", "0.1", "1000", "300", "500", "1500", "2600"]
    assert rows[3] == ["wide", "500", "0.2", "1500", "300", "600", "1500", "2690"]
    assert rows[4] == ["times", "nano", "2.50", "2.00", "1.50", "1.00", "1.20", "1.00", "1.03"]


@pytest.mark.parametrize("what", ["scenes", "steps", "rounds"])
def test_nothing_to_measure_is_refused(what):
    with pytest.raises(ValueError, match=f"{what}: expected at least 1, got 0"):
        WorldsOptions(**{what: 0})
