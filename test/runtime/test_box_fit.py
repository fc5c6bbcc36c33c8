"""Who hears of boxes hears of them as depth shows them, and two things of one name stay two."""

from dataclasses import replace

import numpy as np
import pytest
from by_picture import ByPicture
from solid_scenes import cuboid_depth, seen

from n3d_ros.boxes import Box3D, box_2d_px, iou_3d
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.prepare import prepare
from n3d_ros.protocol.box_codec import encode
from n3d_ros.runtime.looks.box_fit import BoxFit
from n3d_ros.runtime.looks.second_look import looks
from n3d_ros.runtime.options import Options
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.runtime.types import GroundedObject, Listener

CAMERA = Intrinsics(500.0, 500.0, 319.5, 239.5, 640, 480)
MUG = Box3D("red mug", (0.05, 0.35, 1.0), (0.12, 0.1, 0.08))
OTHER = replace(MUG, center=(-0.2, 0.35, 1.0))
SHOWN = seen(cuboid_depth(CAMERA, [MUG, OTHER], floor_y=0.4), CAMERA)


def wrong(box, shift=0.015):
    """The box as a model might have it, good to a quarter."""
    return replace(box, size=tuple(1.2 * side for side in box.size), center=tuple(np.add(box.center, shift)))


def found(number, box):
    return GroundedObject(f"{number}_{box.label}", box, None, "words", number)


@pytest.fixture
def asking(fake_backend):
    """`asking(boxes, folder, look)` -> a pipeline whose model writes these, in closer pictures too; its
    folder says whether to fit.
    """

    def make(boxes, folder="depth", second_look="off", **options):
        backend = fake_backend({})
        backend.config = replace(backend.config, box_fit=folder)
        shown = [
            SHOWN,
            *(one.observation for one in looks(second_look, SHOWN, [thing(box) for box in boxes])),
        ]
        inputs = [prepare(one, backend.config.preprocess()) for one in shown]
        replies = ByPicture(*({"": encode(boxes, one.scene, one.intrinsics)} for one in inputs))
        replies.backend, backend.replies = backend, replies
        return Pipeline(backend, options=Options(second_look=second_look, **options))

    return make


def thing(box):
    return GroundedObject("0_red mug", box, box_2d_px(box, CAMERA), "words")


@pytest.mark.parametrize(("look", "num_pictures"), [("off", 1), ("closer", 3)])
def test_a_listener_hears_of_the_boxes_that_the_result_holds_and_they_are_fitted(asking, look, num_pictures):
    told = []
    pipeline = asking([wrong(MUG), wrong(OTHER)], second_look=look)
    result = pipeline.ground(SHOWN, "the red mug", listener=Listener(on_box=told.append))
    assert tuple(told) == result.objects and len(told) == 2
    assert pipeline.backend.num_pictures == num_pictures
    for thing, truth in zip(told, (MUG, OTHER), strict=True):
        assert iou_3d(thing.box, truth) > 0.75 > iou_3d(wrong(truth), truth)
        assert thing.box_2d_px == box_2d_px(thing.box, CAMERA)


@pytest.mark.parametrize(
    ("folder", "option", "is_fitted"),
    [("depth", "model", True), ("off", "model", False), ("depth", "off", False), ("off", "depth", True)],
)
def test_the_folder_says_whether_boxes_are_fitted_and_an_option_says_otherwise(
    asking, folder, option, is_fitted
):
    result = asking([wrong(MUG)], folder, box_fit=option).ground(SHOWN, "the red mug")
    assert (iou_3d(result.objects[0].box, MUG) > 0.75) == is_fitted


def test_two_boxes_of_one_name_do_not_become_one():
    fit = BoxFit("depth", SHOWN)
    first, second = fit.of(found(0, wrong(MUG, 0.0))), fit.of(found(1, wrong(MUG, 0.02)))
    assert iou_3d(first.box, MUG) > 0.75
    assert second.box == wrong(MUG, 0.02)
    assert BoxFit("depth", SHOWN).of(found(1, wrong(MUG, 0.02))).box != second.box


def test_things_of_other_names_may_share_a_place():
    fit = BoxFit("depth", SHOWN)
    first = fit.of(found(0, wrong(MUG)))
    second = fit.of(found(1, replace(wrong(MUG), label="cup")))
    assert second.box == replace(first.box, label="cup")


def test_an_object_is_fitted_once(monkeypatch):
    calls = []
    monkeypatch.setattr("n3d_ros.runtime.looks.box_fit.fitted", lambda box, _: calls.append(box) or box)
    fit = BoxFit("depth", SHOWN)
    assert fit.of(found(0, MUG)) is fit.of(found(0, MUG)) and calls == [MUG]
