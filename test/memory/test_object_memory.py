import math
from dataclasses import replace

import numpy as np
import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics
from n3d_ros.memory import Look, MemoryConfig, ObjectMemory, Place

CAMERA = Intrinsics(500.0, 500.0, 320.0, 240.0, 640, 480)
S = 1_000_000_000
SIZE = (0.1, 0.1, 0.1)
WALL_M = 3.0


def mug(x=0.0, z=1.0, label="red mug"):
    return Box3D(label, (x, 0.0, z), SIZE)


def depth_of(*boxes, wall_m=WALL_M):
    """The near faces of boxes before a wall."""
    depth = np.full((480, 640), wall_m, np.float32)
    for box in boxes:
        near = box.center[2] - box.size[2] / 2
        half = 500 * box.size[0] / 2 / near
        u, v = 320 + 500 * box.center[0] / near, 240 + 500 * box.center[1] / near
        depth[round(v - half) : round(v + half), round(u - half) : round(u + half)] = near
    return depth


def look(stamp_s, *boxes, words="the mug", depth=None, pose=None, **others):
    pose = np.eye(4) if pose is None else pose
    return Look(round(stamp_s * S), (words,), boxes, pose, CAMERA, depth, **others)


def shifted(x):
    pose = np.eye(4)
    pose[0, 3] = x
    return pose


def test_a_thing_seen_twice_is_one_thing_with_mean_and_spread():
    memory = ObjectMemory()
    assert memory.look(look(1, mug(0.00))) == (0,)
    assert memory.look(look(2, mug(0.02))) == (0,)
    [thing] = memory.things
    assert thing.place.center == pytest.approx((0.01, 0, 1))
    assert thing.spread_m == pytest.approx((math.sqrt(2) * 0.01, 0, 0))
    assert (thing.first_ns, thing.last_ns, thing.num_looks) == (1 * S, 2 * S, 2)


def test_a_moving_camera_sees_the_same_place():
    memory = ObjectMemory()
    memory.look(look(1, mug(0.0)))
    assert memory.look(look(2, mug(-0.5), pose=shifted(0.5))) == (0,)
    assert memory.things[0].place.center == pytest.approx((0, 0, 1))


def test_two_of_one_name_are_two_things_and_stay_themselves():
    memory = ObjectMemory()
    assert memory.look(look(1, mug(-0.3), mug(0.3))) == (0, 1)
    assert memory.look(look(2, mug(0.31), mug(-0.29))) == (1, 0)


def test_another_name_at_the_same_place_is_another_thing():
    memory = ObjectMemory()
    memory.look(look(1, mug()))
    assert memory.look(look(2, mug(label="blue mug"))) == (1,)


def test_it_is_gone_when_its_place_is_seen_empty_and_stays_known():
    memory = ObjectMemory()
    memory.look(look(1, mug(), depth=depth_of(mug())))
    memory.look(look(2, depth=depth_of()))
    assert memory.things[0].gone_ns == 2 * S
    recalled = memory.recall("the mug")
    assert recalled.there == () and [one.id for one in recalled.gone] == [0]


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("not looked for", look(2, words="the ball", depth=depth_of())),
        ("out of view", look(2, depth=depth_of(), pose=shifted(3.0))),
        ("behind something", look(2, depth=depth_of(Box3D("x", (0, 0, 0.5), (0.3, 0.3, 0.1))))),
        ("no depth there", look(2, depth=np.full((480, 640), np.nan, np.float32))),
        ("nothing measured", look(2)),
        ("still there, not found once", look(2, depth=depth_of(mug()))),
        ("older than when it was seen", look(0.5, depth=depth_of())),
    ],
)
def test_it_is_not_gone_when(name, second):
    memory = ObjectMemory()
    memory.look(look(1, mug(), depth=depth_of(mug())))
    memory.look(second)
    assert memory.things[0].gone_ns is None, name


def test_it_is_gone_when_it_is_missed_three_times_in_a_row_in_plain_sight():
    memory = ObjectMemory(MemoryConfig(max_misses=3))
    memory.look(look(1, mug()))
    for stamp in (2, 3):
        memory.look(look(stamp, depth=depth_of(mug())))
    memory.look(look(4, mug()))
    for stamp in (5, 6):
        memory.look(look(stamp, depth=depth_of(mug())))
    assert memory.things[0].gone_ns is None
    memory.look(look(7, depth=depth_of(mug())))
    assert memory.things[0].gone_ns == 7 * S


def test_several_names_of_one_picture_miss_a_thing_once():
    memory = ObjectMemory(MemoryConfig(max_misses=2))
    memory.look(look(1, mug()))
    for stamp in (2, 3):
        assert memory.things[0].gone_ns is None
        for words in ("mug", "red mug", "the mug"):
            memory.look(look(stamp, words=words, depth=depth_of(mug())))
    assert memory.things[0].gone_ns == 3 * S


def test_what_one_name_found_in_a_picture_no_other_misses_or_measures_anew():
    memory = ObjectMemory()
    memory.look(look(1, mug(0.00), words="mug"))
    memory.look(look(1, mug(0.02), words="red mug"))
    memory.look(look(1, words="the mug", depth=depth_of()))
    [thing] = memory.things
    assert (thing.place.center[0], thing.num_looks, thing.gone_ns) == (0.0, 1, None)
    assert thing.words == ("mug", "red mug")


def test_after_a_clock_that_began_anew_a_picture_of_an_old_stamp_counts():
    memory = ObjectMemory(MemoryConfig(max_misses=1))
    memory.look(look(1, mug()))
    memory.look(look(2, depth=depth_of(mug())))
    memory.look(look(3, mug()))
    memory.begin_anew()
    memory.look(look(2, depth=depth_of(mug())))
    assert memory.things[0].gone_ns == 2 * S


def test_what_moved_keeps_its_id_when_its_old_place_is_empty():
    memory = ObjectMemory()
    memory.look(look(1, mug(0.0), depth=depth_of(mug(0.0))))
    assert memory.look(look(2, mug(0.4), depth=depth_of(mug(0.4)))) == (0,)
    [thing] = memory.things
    assert thing.place.center == pytest.approx((0.4, 0, 1)) and thing.num_looks == 1 and thing.gone_ns is None


def test_a_second_one_elsewhere_is_new_while_the_first_may_still_be_there():
    memory = ObjectMemory()
    memory.look(look(1, mug(0.0), depth=depth_of(mug(0.0))))
    assert memory.look(look(2, mug(0.4), depth=depth_of(mug(0.0), mug(0.4)))) == (1,)


def test_what_was_pushed_less_than_its_size_is_where_it_is_now():
    """A mean of both places would be a place where it never was."""
    couch = Box3D("couch", (0.0, 0.0, 3.0), (2.0, 1.0, 1.0))
    memory = ObjectMemory()
    for stamp in range(1, 6):
        memory.look(look(stamp, couch))
    assert memory.look(look(6, Box3D("couch", (0.8, 0.0, 3.0), couch.size))) == (0,)
    [thing] = memory.things
    assert (thing.place.center, thing.num_looks, thing.first_ns) == ((0.8, 0.0, 3.0), 1, 1 * S)


def test_what_is_pushed_slowly_is_never_farther_off_than_a_look_may_err():
    memory = ObjectMemory()
    for step in range(40):
        memory.look(look(1 + step, mug(0.02 * step)))
        assert abs(memory.things[0].place.center[0] - 0.02 * step) <= 0.06 and len(memory.things) == 1


def test_far_off_a_centre_may_move_as_far_as_depth_cameras_err_there():
    memory = ObjectMemory()
    memory.look(look(1, mug(0.0, z=5.0)))
    assert memory.look(look(2, mug(0.0, z=5.15))) == (0,)
    assert memory.things[0].num_looks == 2


def test_one_mug_found_says_nothing_of_another_in_plain_sight():
    memory = ObjectMemory(MemoryConfig(max_misses=1))
    both = depth_of(mug(-0.3), mug(0.3))
    memory.look(look(1, mug(-0.3), mug(0.3), depth=both))
    memory.look(look(2, mug(-0.3), depth=both))
    assert [one.gone_ns for one in memory.things] == [None, None]
    memory.look(look(3, depth=both))
    assert [one.gone_ns for one in memory.things] == [3 * S, 3 * S]


@pytest.mark.parametrize(
    "second",
    [
        look(2, words="the nearest mug", depth=depth_of(mug())),
        look(2, words="ball, objects", depth=depth_of(mug())),
        look(2, depth=depth_of(mug()), is_whole=False),
        look(2, depth=depth_of(), depth_is_estimated=True),
    ],
)
def test_a_thing_in_plain_sight_is_not_missed_by(second):
    memory = ObjectMemory(MemoryConfig(max_misses=1))
    memory.look(look(1, mug(), words="the nearest mug", depth=depth_of(mug())))
    memory.look(second)
    assert memory.things[0].gone_ns is None


def test_who_looks_for_everything_sees_an_empty_place():
    memory = ObjectMemory()
    memory.look(look(1, mug(), depth=depth_of(mug())))
    memory.look(look(2, words="objects", depth=depth_of()))
    assert memory.things[0].gone_ns == 2 * S


def test_words_that_found_it_before_seek_it_whatever_they_mean():
    memory = ObjectMemory()
    memory.look(look(1, mug(), words="what is on the table", depth=depth_of(mug())))
    memory.look(look(2, words="what is on the table", depth=depth_of()))
    assert memory.things[0].gone_ns == 2 * S


def test_a_late_look_adds_no_second_one_where_it_was_before():
    memory = ObjectMemory()
    memory.look(look(5, mug(0.4)))
    assert memory.look(look(4, mug(0.0))) == (None,)
    assert len(memory.things) == 1


def test_after_the_clock_was_set_back_looks_count_again():
    memory = ObjectMemory()
    memory.look(look(5000, mug(0.0)))
    assert memory.look(look(10, mug(0.4), depth=depth_of(mug(0.4)))) == (0,)
    assert (memory.things[0].place.center[0], memory.things[0].last_ns) == (0.4, 10 * S)


@pytest.mark.parametrize("is_loaded", [False, True])
def test_after_a_clock_that_began_anew_everything_seen_is_newer_however_far_back(is_loaded):
    memory = ObjectMemory()
    memory.look(look(50, mug(0.0)))
    if is_loaded:
        memory = ObjectMemory(things=memory.things)
    else:
        memory.begin_anew()
    assert memory.look(look(10, depth=depth_of())) == ()
    assert memory.things[0].gone_ns == 10 * S
    assert memory.look(look(12, mug(0.4), depth=depth_of(mug(0.4)))) == (0,)
    assert memory.look(look(11, mug(0.0))) == (None,), "late by the new clock"
    assert (memory.things[0].place.center[0], memory.things[0].last_ns) == (0.4, 12 * S)


def test_what_was_seen_since_the_clock_began_anew_was_seen_last():
    memory = ObjectMemory(MemoryConfig(max_things=2))
    memory.look(look(49, mug(0.0)))
    memory.look(look(50, mug(0.5)))
    memory.begin_anew()
    memory.look(look(10, mug(1.0)))
    assert [one.last_ns // S for one in memory.recall("the mug").things] == [10, 50]


def test_guessed_depth_is_said():
    memory = ObjectMemory()
    memory.look(look(1, mug(), depth_is_estimated=True))
    memory.look(look(2, mug()))
    assert memory.things[0].depth_is_estimated
    memory.look(look(3, mug(0.4), depth=depth_of(mug(0.4))))
    assert [one.depth_is_estimated for one in memory.things] == [False]


def test_what_comes_back_is_there_again():
    memory = ObjectMemory()
    memory.look(look(1, mug(), depth=depth_of(mug())))
    memory.look(look(2, depth=depth_of()))
    assert memory.look(look(3, mug(), depth=depth_of(mug()))) == (0,)
    assert memory.things[0].gone_ns is None


def test_recall_understands_names_as_questions_do():
    memory = ObjectMemory()
    memory.look(look(1, mug(-0.3), mug(0.3, label="blue mug"), mug(0.6, label="ball")))
    labels = {words: [one.label for one in memory.recall(words).there] for words in ASKED}
    assert labels == ASKED
    with pytest.raises(ValueError, match="expected names, or a question"):
        memory.recall("what is on the table")


@pytest.mark.parametrize(
    "words", ["where is the other mug?", "the ball and the mug on the table", "small red mug"]
)
def test_what_was_not_understood_is_never_said_not_to_be_remembered(words):
    memory = ObjectMemory()
    memory.look(look(1, mug(), mug(0.6, label="ball")))
    with pytest.raises(
        ValueError, match="is not understood, and it may mean what is remembered as 'red mug'"
    ):
        memory.recall(words)


ASKED = {
    "the mug": ["red mug", "blue mug"],
    "all the mugs": ["red mug", "blue mug"],
    "the red mug and the ball": ["red mug", "ball"],
    "1_blue mug": ["blue mug"],
    "the mug handle": [],
    "where's my blue mug?": ["blue mug"],
    "the red or the blue mug": ["red mug", "blue mug"],
    "everything": ["red mug", "blue mug", "ball"],
    "where is the green mug?": [],
}


def test_of_several_names_those_that_nothing_has_are_told():
    memory = ObjectMemory()
    memory.look(look(1, mug()))
    recalled = memory.recall("the mug, the keys and the cup")
    assert ([one.id for one in recalled.things], recalled.unknown) == ([0], ("the keys", "the cup"))


def test_old_things_and_too_many_are_forgotten_and_ids_are_never_given_twice():
    memory = ObjectMemory(MemoryConfig(max_age_s=10, max_things=2))
    memory.look(look(1, mug(-1.0), mug(0.0), mug(1.0)))
    assert [one.id for one in memory.things] == [0, 1]
    memory.look(look(20, mug(5.0)))
    assert [one.id for one in memory.things] == [3]


def test_a_late_result_does_not_turn_back_what_is_known():
    memory = ObjectMemory()
    memory.look(look(2, mug(0.0)))
    assert memory.look(look(1, mug(0.03))) == (0,)
    assert memory.things[0].place.center == (0.0, 0.0, 1.0)


def test_a_pose_that_is_no_rigid_motion_is_refused():
    with pytest.raises(ValueError, match="rotation of shape"):
        look(1, pose=np.diag([1.0, 1.0, -1.0, 1.0]))
    with pytest.raises(ValueError, match=r"depth: expected the field of view of \(480, 640\)"):
        look(1, depth=np.zeros((2, 7), np.float32))


def test_a_turned_box_keeps_its_orientation_in_the_fixed_frame():
    turned = Box3D("box", (0, 0, 1), (0.2, 0.1, 0.1), yaw=math.pi / 2)
    pose = np.eye(4)
    pose[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]  # optical z is the fixed frame's x
    place = Place.of_box(turned, pose)
    assert place.center == pytest.approx((1, 0, 0))
    assert np.ptp(place.corners(), axis=0) == pytest.approx((0.2, 0.1, 0.1))


def test_what_is_called_otherwise_now_is_not_gone():
    """A model that wrote "red mug" writes "mug", or "cup", of the same thing in the next pictures."""
    memory = ObjectMemory(MemoryConfig(max_misses=1))
    memory.look(look(1, mug(), words="mug", depth=depth_of(mug())))
    for stamp, label in ((2, "mug"), (3, "cup")):
        memory.look(look(stamp, mug(label=label), words="mug", depth=depth_of(mug())))
        assert memory.things[0].gone_ns is None
    plate = Box3D("plate", (0.5, 0.0, 1.0), SIZE)
    memory.look(look(4, plate, words="mug, plate", depth=depth_of(mug())))
    assert memory.things[0].gone_ns == 4 * S


def test_what_depth_sees_through_is_not_gone_at_the_first_miss():
    """A glass: the wall behind it was measured while it was there."""
    memory = ObjectMemory(MemoryConfig(max_misses=2))
    memory.look(look(1, mug(label="glass"), words="glass", depth=depth_of()))
    memory.look(look(2, words="glass", depth=depth_of()))
    assert memory.things[0].gone_ns is None
    memory.look(look(3, words="glass", depth=depth_of()))
    assert memory.things[0].gone_ns == 3 * S


def test_from_farther_off_than_it_can_be_found_it_is_not_missed():
    memory = ObjectMemory(MemoryConfig(max_misses=1))
    memory.look(look(1, mug(), depth=depth_of(mug())))
    back = np.eye(4)
    back[2, 3] = -1.0
    far = mug(z=2.0)
    memory.look(look(2, depth=depth_of(far, wall_m=2.1), pose=back))
    assert memory.things[0].gone_ns is None
    memory.look(look(3, far, depth=depth_of(far), pose=back))
    memory.look(look(4, depth=depth_of(far, wall_m=2.1), pose=back))
    assert memory.things[0].gone_ns == 4 * S


def test_far_off_an_empty_place_has_to_be_seen_several_times():
    """At 5 m the centre of a mug that stands still is seen up to 20 cm off: its place may look empty."""
    memory = ObjectMemory(MemoryConfig(max_misses=3))
    far, beside = mug(z=5.0), mug(0.15, z=5.0)
    memory.look(look(1, far, depth=depth_of(far, wall_m=7.0)))
    for stamp in (2, 3, 4):
        assert memory.things[0].gone_ns is None
        memory.look(look(stamp, depth=depth_of(beside, wall_m=7.0)))
    assert memory.things[0].gone_ns == 4 * S


def test_what_moved_far_off_keeps_its_id():
    memory = ObjectMemory()
    memory.look(look(1, mug(0.0, z=5.0), depth=depth_of(mug(0.0, z=5.0), wall_m=7.0)))
    assert memory.look(look(2, mug(0.5, z=5.0), depth=depth_of(mug(0.5, z=5.0), wall_m=7.0))) == (0,)


def test_what_was_found_from_afar_is_the_same_close_by():
    """Two of one name, so that its place alone tells it; 15 cm are 3 % of the distance it was found from."""
    memory = ObjectMemory()
    memory.look(look(1, mug(0.0, z=5.0), mug(1.0, z=5.0)))
    near = np.eye(4)
    near[2, 3] = 4.0
    assert memory.look(look(2, mug(0.0, z=1.15), pose=near)) == (0,)
    assert memory.things[0].place.center == pytest.approx((0, 0, 5.15))
    assert memory.look(look(3, mug(0.1, z=1.15), pose=near)) == (2,)


def test_of_two_in_one_place_that_which_is_not_seen_goes():
    """A box that was 8 cm off made a second thing of one mug; two cannot stand there."""
    memory = ObjectMemory(MemoryConfig(max_misses=2))
    depth = depth_of(mug(0.0), mug(0.6))
    memory.look(look(1, mug(0.0), mug(0.6), depth=depth))
    memory.look(look(2, mug(0.065), mug(0.6), depth=depth))
    assert len(memory.things) == 3
    for stamp in (3, 4):
        assert memory.things[2].gone_ns is None
        memory.look(look(stamp, mug(0.0), mug(0.6), depth=depth))
    assert [one.gone_ns for one in memory.things] == [None, None, 4 * S]


def test_what_may_be_there_goes_before_what_is_gone():
    memory = ObjectMemory()
    memory.look(look(1, mug(0.0), mug(0.09), depth=depth_of(mug(0.0), mug(0.09))))
    memory.look(look(2, words="mugs", depth=depth_of(mug(0.0)), is_whole=False))
    assert [one.gone_ns for one in memory.things] == [None, 2 * S]
    assert memory.look(look(3, mug(0.05), depth=depth_of(mug(0.05)))) == (0,)


def test_an_empty_place_far_beyond_where_it_was_found_says_nothing_of_a_small_thing():
    """At 8 m a mug is 6 pixels wide, and a pose that is 1 degree off looks beside it in every picture."""
    memory = ObjectMemory(MemoryConfig(max_misses=1))
    memory.look(look(1, mug(), depth=depth_of(mug())))
    back = np.eye(4)
    back[2, 3] = -7.0
    memory.look(look(2, depth=depth_of(mug(0.15, z=8.0), wall_m=10.0), pose=back))
    assert memory.things[0].gone_ns is None


def test_pictures_of_one_moment_miss_a_small_thing_once():
    memory = ObjectMemory()
    ball = Box3D("ball", (0.0, 0.0, 1.0), (0.05, 0.05, 0.05))
    memory.look(look(1, ball, words="ball", depth=depth_of(ball)))
    for stamp in (2.0, 2.1, 2.2, 2.3, 2.4, 2.6, 3.0):
        memory.look(look(stamp, words="ball", depth=depth_of()))
        assert memory.things[0].gone_ns is None
    memory.look(look(3.2, words="ball", depth=depth_of()))
    assert memory.things[0].gone_ns == round(3.2 * S)


def test_what_another_name_missed_in_the_same_picture_has_moved_too():
    memory = ObjectMemory()
    before, now = (Box3D("red ball", (x, 0.0, 1.0), (0.05, 0.05, 0.05)) for x in (0.0, 0.4))
    memory.look(look(1, before, words="red ball", depth=depth_of(before)))
    memory.look(look(2, words="ball", depth=depth_of(now)))
    assert memory.look(look(2, now, words="red ball", depth=depth_of(now))) == (0,)


def test_what_is_seen_by_a_clock_that_was_set_back_was_not_seen_first_after_that():
    memory = ObjectMemory()
    memory.look(look(500, mug()))
    memory.begin_anew()
    memory.look(look(3, mug()))
    assert (memory.things[0].first_ns, memory.things[0].last_ns) == (3 * S, 3 * S)


def test_what_a_file_does_not_say_keeps_nothing_from_being_gone():
    memory = ObjectMemory()
    memory.look(look(1, mug(), depth=depth_of(mug())))
    [thing] = memory.things
    memory = ObjectMemory(MemoryConfig(max_misses=1), [replace(thing, near_m=0.0, far_m=0.0)])
    memory.look(look(2, depth=depth_of(mug())))
    assert memory.things[0].gone_ns == 2 * S
