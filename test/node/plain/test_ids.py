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


def test_a_late_result_does_not_turn_back_where_an_object_was_seen_last():
    ids = StableIds()
    for stamp_s, x in ((1, 0.0), (2, 0.2), (3, 0.4), (2, 0.2), (4, 0.6)):
        assert ids.assign([box(x)], stamp_ns=stamp_s * 10**9) == ["mug/0"]


def test_no_two_ids_are_one_frame():
    ids = StableIds().assign([box(0.0, "red mug"), box(1.0, "red_mug")])
    assert ids == ["red mug/0", "red_mug/1"]


def test_forget_begins_anew():
    ids = StableIds()
    ids.assign([box(0.0), box(1.0)])
    ids.forget()
    assert ids.assign([box(1.0)]) == ["mug/0"]


SECOND_NS = 1_000_000_000


def test_an_object_that_is_not_found_for_a_moment_keeps_its_id():
    ids = StableIds()
    ids.assign([box(0.0), box(1.0)], stamp_ns=SECOND_NS)
    assert ids.assign([box(1.0)], stamp_ns=2 * SECOND_NS) == ["mug/1"]
    assert ids.assign([box(0.0), box(1.0)], stamp_ns=9 * SECOND_NS) == ["mug/0", "mug/1"]


def test_what_was_not_seen_for_long_is_another_one():
    ids = StableIds()
    ids.assign([box(0.0)], stamp_ns=SECOND_NS)
    assert ids.assign([box(0.0)], stamp_ns=20 * SECOND_NS) == ["mug/1"]


def test_a_recording_that_starts_again_has_new_objects():
    ids = StableIds()
    ids.assign([box(0.0)], stamp_ns=100 * SECOND_NS)
    assert ids.assign([box(0.0)], stamp_ns=SECOND_NS) == ["mug/1"]


def test_a_camera_that_turns_away_by_a_metre_keeps_the_ids_where_tf_knows_it():
    """Two mugs 1 m apart; the camera moves by 1 m, so that each is seen where the other was."""
    ids = StableIds()
    assert ids.assign([box(0.0), box(1.0)], [(5.0, 0, 0), (6.0, 0, 0)], 1) == ["mug/0", "mug/1"]
    assert ids.assign([box(0.0), box(-1.0)], [(6.0, 0, 0), (5.0, 0, 0)], 2) == ["mug/1", "mug/0"]


def test_where_tf_is_silent_once_the_cameras_view_counts():
    ids = StableIds()
    ids.assign([box(0.0)], [(5.0, 0, 0)], 1)
    assert ids.assign([box(0.1)], None, 2) == ["mug/0"]
    assert ids.assign([box(0.1)], [(5.1, 0, 0)], 3) == ["mug/0"]
