import math

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


ASKED = {
    "the mug": ["red mug", "blue mug"],
    "all the mugs": ["red mug", "blue mug"],
    "the red mug and the ball": ["red mug", "ball"],
    "1_blue mug": ["blue mug"],
    "the mug handle": [],
    "what is on the table": [],
}


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
