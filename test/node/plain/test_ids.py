"""Ids follow objects, not places in a list."""

from n3d_ros.boxes import Box3D
from n3d_ros.node.plain.ids import StableIds


def box(x, label="mug", size=0.1):
    return Box3D(label, (x, 0.0, 1.0), (size, size, size))


def test_ids_follow_objects_that_move_a_little_in_any_order():
    ids = StableIds()
    assert ids.assign([box(0.0), box(1.0), box(0.0, "bowl")]) == ["mug/0", "mug/1", "bowl/0"]
    assert ids.assign([box(1.1), box(0.0, "bowl"), box(0.1)]) == ["mug/1", "bowl/0", "mug/0"]


def test_a_new_object_gets_a_new_id_and_one_far_away_is_new():
    ids = StableIds()
    ids.assign([box(0.0)])
    assert ids.assign([box(0.0), box(0.2)]) == ["mug/0", "mug/1"]
    assert ids.assign([box(5.0)]) == ["mug/2"]


def test_a_large_object_may_move_by_its_own_size():
    ids = StableIds()
    ids.assign([box(0.0, size=0.8)])
    assert ids.assign([box(0.7, size=0.8)]) == ["mug/0"]


def test_the_nearest_of_two_gets_the_id():
    ids = StableIds()
    ids.assign([box(0.0)])
    assert ids.assign([box(0.2), box(0.05)]) == ["mug/1", "mug/0"]


def test_forget_begins_anew():
    ids = StableIds()
    ids.assign([box(0.0), box(1.0)])
    ids.forget()
    assert ids.assign([box(1.0)]) == ["mug/0"]
