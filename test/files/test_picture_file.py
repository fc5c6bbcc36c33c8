"""Pictures that are no plain RGB: converted first, or resized in their own colours as in the release.

EXIF orientation is in test_orientation, what is refused in test_frames.
"""

import numpy as np
import pytest
from PIL import Image

from n3d_ros.files.frames import as_released
from n3d_ros.files.picture_file import read_picture
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.pictures import PatchLayout, picture_rows
from n3d_ros.preprocess.prepare import Observation


def colours(width=800, height=600):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def with_alpha(mode, opaque=False):
    alpha = np.random.default_rng(1).integers(255 if opaque else 0, 256, (600, 800), dtype=np.uint8)
    picture = colours().convert(mode)
    picture.putalpha(Image.fromarray(alpha))
    return picture


PICTURES = {
    "palette.png": colours().quantize(32),
    "palette.gif": colours().quantize(32),
    "black and white.png": colours().convert("1"),
    "transparent.png": with_alpha("RGBA"),
    "transparent grey.png": with_alpha("LA"),
    "ink.jpg": colours().convert("CMYK"),
}
PLAIN = {
    "colours.png": colours(),
    "grey.png": colours().convert("L"),
    "opaque.png": with_alpha("RGBA", opaque=True),
    "opaque grey.png": with_alpha("LA", opaque=True),
}


def in_release_s_way(path):
    """Open, resize to 640 in the picture's own mode (columns first, as Pillow 11 does), convert
    (docs/specification/inputs.md 1.1).
    """
    picture = Image.open(path)
    mode = {"RGBA": "RGBa", "LA": "La"}.get(picture.mode, picture.mode)
    picture = picture.convert(mode) if mode != picture.mode else picture
    resized = picture.resize((640, 600), Image.LANCZOS).resize((640, 480), Image.LANCZOS)
    return np.asarray(resized.convert({"RGBa": "RGBA", "La": "LA"}.get(mode, mode)).convert("RGB"))


@pytest.mark.parametrize("name", PICTURES)
def test_in_strict_mode_a_picture_is_resized_in_its_own_colours(tmp_path, name):
    PICTURES[name].save(tmp_path / name)
    strict = read_picture(tmp_path / name, resize_mode="upstream")
    np.testing.assert_array_equal(strict, in_release_s_way(tmp_path / name))
    plain = read_picture(tmp_path / name)
    np.testing.assert_array_equal(plain, np.asarray(Image.open(tmp_path / name).convert("RGB")))
    rows = [picture_rows(rgb, 640, PatchLayout())[0] for rgb in (plain, strict)]
    assert rows[0].shape == rows[1].shape and not np.array_equal(*rows)  # what the model sees differs


def test_a_palette_is_resized_by_nearest_neighbour_and_keeps_its_colours(tmp_path):
    PICTURES["palette.png"].save(tmp_path / "p.png")
    seen = {tuple(pixel) for pixel in read_picture(tmp_path / "p.png", resize_mode="upstream").reshape(-1, 3)}
    assert 2 <= len(seen) <= 32


@pytest.mark.parametrize("name", PLAIN)
def test_other_pictures_stay_as_they_are_for_the_order_makes_no_difference(tmp_path, name):
    PLAIN[name].save(tmp_path / name)
    strict = read_picture(tmp_path / name, resize_mode="upstream")
    np.testing.assert_array_equal(strict, read_picture(tmp_path / name))
    assert strict.shape == (600, 800, 3)
    resized = Image.fromarray(strict).resize((640, 600), Image.LANCZOS).resize((640, 480), Image.LANCZOS)
    np.testing.assert_array_equal(np.asarray(resized), in_release_s_way(tmp_path / name))


def test_intrinsics_follow_the_picture_and_depth_stays(tmp_path):
    PICTURES["palette.png"].save(tmp_path / "p.png")
    camera = Intrinsics(500.0, 500.0, 399.5, 299.5, 800, 600)
    upright = Observation(read_picture(tmp_path / "p.png"), camera, np.ones((600, 800), np.float32))
    seen = as_released(upright, tmp_path / "p.png")
    assert seen.rgb.shape == (480, 640, 3) and seen.depth is upright.depth
    assert seen.intrinsics == Intrinsics(400.0, 400.0, 319.5, 239.5, 640, 480)


def test_an_unknown_resize_mode_is_named(tmp_path):
    with pytest.raises(ValueError, match="resize_mode: expected one of .*, got 'best'"):
        read_picture(tmp_path / "p.png", resize_mode="best")
