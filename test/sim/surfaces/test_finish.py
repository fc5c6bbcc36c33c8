"""Finishes keep an object's colour name true and change nothing of a scene but its look."""

import colorsys

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from n3d_ros.sim import COLORS, WIDE_KINDS, SceneConfig, generate
from n3d_ros.sim.physics import BRIGHTNESS_VALUE, SHINY_VALUE
from n3d_ros.sim.shapes import DARK, METAL, PAPER
from n3d_ros.sim.surfaces import PLAIN, TEXTURES
from n3d_ros.sim.surfaces.finish import (
    NEUTRAL,
    ONE_COLOR,
    brightness,
    choose_finish,
    painted,
    second_color,
)


@pytest.mark.parametrize("name", COLORS)
def test_a_second_colour_is_a_shade_of_the_first_or_neutral_and_can_be_seen(name):
    first, rng = COLORS[name], np.random.default_rng(0)
    for _ in range(60):
        second = second_color(rng, first)
        assert np.abs(np.subtract(first, second)).sum() >= 0.22
        if second not in NEUTRAL:
            hue, other = colorsys.rgb_to_hsv(*first), colorsys.rgb_to_hsv(*second)
            assert min(hue[1], other[1]) < 0.15 or other[0] == pytest.approx(hue[0], abs=1e-6)


def test_paint_shows_the_first_colour_where_the_pattern_is_not():
    picture = painted(np.array([[0.0, 1.0, 0.5]], np.float32), (1.0, 0.0, 0.2), (0.0, 0.0, 1.0))
    assert picture.tolist() == [[[255, 0, 51], [0, 0, 255], [128, 0, 153]]]


def test_without_patterns_there_is_one_colour_and_no_number_is_drawn():
    rng, untouched = np.random.default_rng(4), np.random.default_rng(4)
    assert choose_finish(rng, TEXTURES[PLAIN], COLORS["red"]) is ONE_COLOR
    assert rng.random() == untouched.random()


def test_finishes_are_of_all_sorts():
    rng = np.random.default_rng(0)
    made = [choose_finish(rng, TEXTURES["seen"], COLORS["blue"]) for _ in range(200)]
    assert 0.6 < np.mean([one.picture is not None for one in made]) < 0.8
    assert 0.1 < np.mean([one.shiny for one in made]) < 0.3
    assert len({one.accents[DARK] for one in made}) > 2 and len({one.accents[METAL] for one in made}) == 2
    assert all(PAPER not in one.accents for one in made), "pages and bristles stay what they are"


@pytest.mark.parametrize("textures", ["seen", "held_out"])
def test_textures_change_how_a_scene_looks_and_not_what_stands_where(textures):
    kinds = tuple(WIDE_KINDS)
    plain, other = (generate(3, SceneConfig(kinds=kinds, textures=name)) for name in (PLAIN, textures))
    assert plain.objects == other.objects and plain.look == other.look
    for one, two in zip(plain.object_points, other.object_points, strict=True):
        assert np.array_equal(one, two)
    assert bytes(plain.model.tex_data) != bytes(other.model.tex_data)[: len(plain.model.tex_data)]
    for item in plain.objects:
        gloss = [scene.model.material(f"object {item.id}").specular[0] for scene in (plain, other)]
        assert gloss[0] == gloss[1], "no number of the plain scene's is drawn for a pattern"
    again = generate(3, SceneConfig(kinds=kinds, textures=textures))
    assert np.array_equal(other.model.tex_data, again.model.tex_data)


def test_the_model_says_of_each_surface_whether_it_is_shiny_and_how_bright():
    """A bottle is its glass and a cap of metal."""
    config = SceneConfig(kinds=("bottle",), colors=("white",), min_objects=1, max_objects=1)
    model = generate(3, config).model
    drawn = model.geom_user[model.geom_group == 0][-2:]
    assert drawn[:, SHINY_VALUE].tolist() == [0.0, 1.0]
    assert drawn[0, BRIGHTNESS_VALUE] == pytest.approx(0.93, abs=0.07)
    assert drawn[1, BRIGHTNESS_VALUE] == pytest.approx(brightness(METAL), abs=1e-6)


def test_an_unknown_set_is_named():
    with pytest.raises(ValueError, match=r"textures expected one of \['plain', 'seen', 'held_out'\], got"):
        SceneConfig(textures="fancy")
