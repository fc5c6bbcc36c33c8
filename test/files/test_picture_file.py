"""Pictures that are no plain RGB: converted first, or resized in their own colours as in the release.

And what is no picture, or one of absurd size. EXIF orientation is in test_orientation.
"""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from odd_png import chunk, png
from PIL import Image

from n3d_ros.files.frames import as_released
from n3d_ros.files.picture_file import check_encoded_size, read_picture
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


def refusal(path, content=None, **options):
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        read_picture(path, **options)
    assert path.name in str(error.value) and "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("size", [(65535, 65535), (20000, 20000), (12000, 6000), (2**31 - 1, 1)])
def test_a_picture_of_absurd_size_is_refused_by_its_header(tmp_path, size):
    tracemalloc.start()
    message = refusal(tmp_path / "bomb.png", png(*size))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (
        "expected at most 64 megapixels (--max-megapixels, limits.max_picture_megapixels of the node), got"
        in message
    )
    assert peak < 1e6
    with pytest.raises(ValueError, match="picture: expected"):
        check_encoded_size((tmp_path / "bomb.png").read_bytes())


def test_the_limit_of_size_is_the_caller_s(tmp_path):
    colours(100, 50).save(tmp_path / "p.png")
    assert read_picture(tmp_path / "p.png", max_megapixels=0.005).shape == (50, 100, 3)
    assert (
        "at most 0.0049 megapixels (--max-megapixels, limits.max_picture_megapixels of the node), got 100x50"
        in refusal(tmp_path / "p.png", max_megapixels=0.0049)
    )
    check_encoded_size((tmp_path / "p.png").read_bytes(), 0.005)
    with pytest.raises(ValueError, match="got 100x50"):
        check_encoded_size((tmp_path / "p.png").read_bytes(), 0.0049)
    with pytest.raises(ValueError, match="expected one of PNG, JPEG, .*, got 5 bytes"):
        check_encoded_size(b"hello")


def test_megabytes_of_text_in_a_png_are_refused_with_its_name(tmp_path):
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(8 << 20)))
    assert "text" in refusal(tmp_path / "text.png", png(4, 4, 8, 2, text)).lower()


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.webp"])
def test_an_animation_is_no_picture(tmp_path, name):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    assert "expected one picture, got" in refusal(tmp_path / name)


def test_sixteen_bits_of_grey_are_no_colour_picture_and_of_colour_lose_the_lower_eight(tmp_path):
    Image.fromarray(np.full((4, 4), 700, np.uint16)).save(tmp_path / "grey.png")
    assert "expected 8 bits per channel, got mode I;16" in refusal(tmp_path / "grey.png")
    row = b"\0" + struct.pack(">HHH", 0x1234, 0x8000, 0xFFFF)
    whole = png(1, 1, 16, 2).replace(chunk(b"IDAT", b""), chunk(b"IDAT", zlib.compress(row)))
    (tmp_path / "colour.png").write_bytes(whole)
    np.testing.assert_array_equal(read_picture(tmp_path / "colour.png"), [[[0x12, 0x80, 0xFF]]])


def test_avif_and_what_else_is_no_picture_are_named(tmp_path):
    avif = b"\0\0\0\x1cftypavif" + bytes(200)
    for content in (avif, b"", b"hello", b"%PDF-1.4", b"P6 4 4 255\n"):
        assert "expected a PNG or JPEG" in refusal(tmp_path / "p.png", content)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.bmp", "a.gif", "a.tiff"])
def test_a_picture_that_is_cut_short_is_named_wherever_it_is_cut(tmp_path, name):
    colours(40, 30).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for end in range(1, len(whole) - 60, max(len(whole) // 23, 1)):
        refusal(tmp_path / name, whole[:end])
