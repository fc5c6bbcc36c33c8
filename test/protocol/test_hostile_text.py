"""What a model that has lost its way writes: counted as malformed, never raised, never shown unescaped."""

import math

import pytest

from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.protocol.box_codec import MAX_REACH_M, StreamingParser, decode, parse

CAMERA = Intrinsics(500.0, 500.0, 319.5, 239.5, 640, 480)
SCENE = SceneScale(1.0, (0.0, 0.0, 0.0))
GOOD = "bbox_1=Bbox(mug,500,500,500,500,100,100,100)"


def box(label="mug", index="0", values="500,500,500,500,100,100,100"):
    return f"bbox_{index}=Bbox({label},{values})"


def streamed(text):
    parser = StreamingParser()
    return [box for at in range(0, len(text), 7) for box in parser.feed(text[at : at + 7])]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (box(index="1" * 5000), "expected a number of 9 digits, got one of 5000"),
        (box(index="1" * 10), "expected a number of 9 digits, got one of 10"),
        (box(label="x" * 201), "expected a class name of 200 characters, got 201"),
        (box(label="\x1b\x00"), "expected a class name, got blanks"),
        (box(values="1e999,1,1,1,1,1,1"), "expected finite numbers"),
        (box(values="nan,1,1,1,1,1,1"), "expected finite numbers"),
        (box(values="9" * 6000 + ",1,1,1,1,1,1"), "expected finite numbers"),
    ],
    ids=["digits", "ten digits", "label", "controls", "inf", "nan", "long number"],
)
def test_a_box_that_cannot_be_costs_one_box(text, reason):
    found = parse(text + "\n" + GOOD)
    assert [one.label for one in found.boxes] == ["mug"]
    (broken,) = found.malformed
    assert reason in broken.reason and len(broken.text) <= 120 and len(broken.reason) < 250
    assert broken.text.isprintable()
    assert streamed(text + "\n" + GOOD) == list(found.boxes)


def test_nine_digits_and_two_hundred_letters_are_read():
    (found,) = parse(box("x" * 200, "123456789")).boxes
    assert (found.index, len(found.label)) == (123456789, 200)
    assert len(parse(box("x" * 300), max_label_chars=300).boxes) == 1
    assert len(decode(box("x" * 300), SCENE, CAMERA, max_label_chars=300).boxes) == 1
    assert StreamingParser(300).feed(box("x" * 300))


@pytest.mark.parametrize("number", ["1e154", "1e200", "1.7e308", "1e12"])
@pytest.mark.parametrize("place", range(7))
def test_a_box_beyond_all_reach_is_malformed(number, place):
    values = ["500"] * 7
    values[place] = number
    found = decode(box(values=",".join(values)) + "\n" + GOOD, SCENE, CAMERA)
    if place == 3:  # an angle is turned by whole turns, whatever it is
        assert all(math.isfinite(one.box.yaw) for one in found.boxes)
        return
    assert [one.index for one in found.boxes] == [1]
    assert "expected a box within 1e+06 m" in found.malformed[0].reason
    assert len(found.malformed[0].reason) < 250


def test_the_reach_itself_is_read():
    z_bins = MAX_REACH_M / 2 * 1000
    assert decode(box(values=f"500,500,{z_bins},500,1,1,1"), SCENE, CAMERA).boxes
    assert decode(box(values=f"500,500,{z_bins * 1.01},500,1,1,1"), SCENE, CAMERA).malformed


def test_control_characters_in_a_label_become_blanks_and_the_text_as_written_is_kept():
    text = box("red\x1b[31m\u202e mug\x07\n")
    (parsed,) = parse(text).boxes
    (decoded,) = decode(text, SCENE, CAMERA).boxes
    assert decoded.box.label == "red [31m mug"
    assert "\x1b" in parsed.label


def test_sizes_below_zero_are_made_positive():
    (parsed,) = parse(box(values="500,500,500,500,-100,-0.5,7")).boxes
    assert parsed.values == (500.0, 500.0, 500.0, 500.0, 100.0, 0.5, 7.0)
    (decoded,) = decode(box(values="500,500,500,500,-100,-200,300"), SCENE, CAMERA).boxes
    assert decoded.box.size == pytest.approx((0.0625, 0.125, 0.1875))
