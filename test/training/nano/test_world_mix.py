"""Which worlds a run sees: presets and files, shares as they are drawn, and what never trains."""

import json
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from n3d_ros.sim import KINDS, WIDE_KINDS
from n3d_ros.sim.capture import CAPTURES
from n3d_ros.sim.sensors import SENSORS
from n3d_ros.training.nano.world_mix import WORLDS, WorldMix, drawn, load_world_mix


def written(tmp_path, **values):
    path = tmp_path / "world.json"
    path.write_text(json.dumps(values))
    return str(path)


def test_a_name_is_drawn_as_often_as_its_share():
    shares = (("plain", 0.25), ("seen", 0.75))
    assert [drawn(shares, number) for number in (0.0, 0.2499, 0.25, 0.9999)] == [
        "plain",
        "plain",
        "seen",
        "seen",
    ]
    assert drawn((("a", 0.1),) * 9 + (("last", 0.1),), np.nextafter(1.0, 0.0)) == "last"


def test_the_wide_world_sees_everything_but_what_is_held_out():
    wide, rng = WORLDS["wide"], np.random.default_rng(0)
    views = [wide.of_view(wide.of_scene(rng), rng.random(), rng.random()) for _ in range(600)]
    seen = {name: Counter(getattr(view, name) for view in views) for name in vars(views[0])}
    assert set(seen["kinds"]) == {"nano", "wide"} and set(seen["textures"]) == {"plain", "seen"}
    assert set(seen["layout"]) == {"tidy", "clutter"} and set(seen["capture"]) == set(CAPTURES)
    assert set(seen["sensor"]) == {"exact", "simple", *SENSORS}
    assert seen["layout"]["clutter"] == pytest.approx(0.3 * 600, abs=40)
    assert wide.kind_names == tuple(WIDE_KINDS) and WorldMix().kind_names == tuple(KINDS)
    assert wide.layouts == ("table", "shelf", "floor", "clutter")


def test_a_file_changes_single_choices_of_a_preset(tmp_path):
    mix = load_world_mix(
        written(tmp_path, preset="wide", layout="clutter", sensor={"stereo": 3, "simple": 1})
    )
    assert mix.layout == (("clutter", 1.0),) and mix.sensor == (("stereo", 0.75), ("simple", 0.25))
    assert mix.textures == WORLDS["wide"].textures
    assert load_world_mix(written(tmp_path)) == WORLDS["nano"] == load_world_mix("nano")


def test_worlds_that_differ_are_told_apart_by_their_text():
    assert len({str(WORLDS["wide"]), str(WORLDS["nano"]), str(WorldMix(sensor=(("exact", 1.0),)))}) == 3
    assert str(WORLDS["nano"]) == (
        "kinds nano, textures plain, layout tidy, capture clean, sensor simple 50 % + exact 50 %"
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"textures": "held_out"}, "some of plain, seen; held_out is for measuring and never trains"),
        ({"textures": {"seen": 1, "held_out": 1}}, "held_out is for measuring and never trains"),
        ({"sensor": "sonar"}, "sensor: expected some of exact, simple, .*got \\['sonar'\\]"),
        ({"sensor": {"stereo": 0}}, "sensor: expected a name, or an object of names"),
        ({"sensor": {}}, "sensor: expected a name, or an object of names"),
        ({"lights": "on"}, "expected some of kinds, textures, layout, capture, sensor, got lights"),
        ({"preset": "huge"}, "preset expected one of nano, wide, got 'huge'"),
    ],
)
def test_a_file_that_means_no_world_is_refused(tmp_path, values, said):
    with pytest.raises(ValueError, match=said):
        load_world_mix(written(tmp_path, **values))


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="--world: expected one of nano, wide or a .json file, got 'hall'"):
        load_world_mix("hall")


@pytest.mark.parametrize("shares", [(("plain", 0.5),), (), (("plain", 0.5), ("plain", 0.5))])
def test_shares_that_are_no_whole_are_refused(shares):
    with pytest.raises(ValueError, match="textures: expected"):
        WorldMix(textures=shares)
