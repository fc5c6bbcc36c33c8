"""What of a picture can be asked about."""

from collections import Counter

import pytest
from qa_sets import row, scene, thing

from n3d_ros.training.qa.making.picture import picture_rng
from n3d_ros.training.qa.making.scene import NoScene, scene_of_row

MUG, CUP = thing("Mug", (0.2, 0.0, 1.0)), thing("Mug", (-0.2, 0.0, 1.0), annotation="left")
BOTTLE = thing("Bottle", (0.0, 0.1, 1.5))


def names(things):
    return [one.name.singular for one in things]


def test_only_what_a_name_tells_apart_is_unique():
    found = scene(MUG, CUP, BOTTLE)
    assert names(found.things) == ["mug", "bottle", "mug"]
    assert names(found.unique) == ["bottle"]
    assert [one.annotation for one in found.many[0].members] == ["left", "Mug"]


def test_what_has_no_box_could_be_meant_too():
    assert names(scene(MUG, BOTTLE).unique) == ["bottle", "mug"]
    hidden = scene(MUG, BOTTLE, hidden=["Mug"])
    assert names(hidden.unique) == ["bottle"]
    assert [group.name.singular for group in hidden.groups] == ["bottle"]
    assert hidden.num_hidden == 1


def test_a_name_means_what_says_more_about_the_same_noun():
    found = scene(thing("chair", (0.0, 0.0, 1.0)), thing("folding chair", (0.5, 0.0, 1.0)))
    assert names(found.unique) == ["folding chair"]
    assert {group.name.singular: len(group.members) for group in found.groups} == {
        "chair": 2,
        "folding chair": 1,
    }
    assert found.many == ()


def test_sizes_are_asked_of_what_is_seen_whole():
    found = scene(MUG, thing("Bottle", (0.0, 0.1, 1.5), is_whole=False))
    assert names(found.whole) == ["mug"]


def test_objects_without_usable_name_are_counted_and_stay_hidden():
    left_out = Counter()
    found = scene_of_row(
        row(
            MUG, thing("a, b", (0.0, 0.0, 1.0)), thing("Camera", (0.3, 0.0, 2.0)), thing("Cup", (0, 0, -1.0))
        ),
        picture_rng(0, 0),
        left_out,
    )
    assert names(found.things) == ["camera", "mug"]
    assert names(found.unique) == ["mug"]
    counted = {reason: number for reason, number in left_out.items() if number}
    assert counted == {"name_unusable": 1, "behind_camera": 1, "name_not_understood": 1}
    assert found.num_hidden == 2


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"fault": "picture_unreadable"}, "picture_rejected"),
        ({"intrinsics": None}, "camera_unknown"),
        ({"objects": []}, "no_objects"),
    ],
)
def test_pictures_of_which_nothing_can_be_asked_say_why(values, reason):
    with pytest.raises(NoScene, match=reason):
        scene(MUG, **values)


def test_columns_that_older_sets_lack_are_unknown():
    picture = scene(MUG).picture
    assert (picture.depth_file, picture.sha256, picture.fx) == (None, None, 600.0)
