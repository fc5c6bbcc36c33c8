import json

import numpy as np
import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics
from n3d_ros.memory import Look, ObjectMemory
from n3d_ros.memory.memory_file import MemoryFileError, load, save

CAMERA = Intrinsics(500.0, 500.0, 320.0, 240.0, 640, 480)


@pytest.fixture
def stored(tmp_path):
    memory = ObjectMemory()
    memory.look(Look(5, ("the mug",), (Box3D("mug", (0.1, 0.2, 1), (0.1, 0.1, 0.1)),), np.eye(4), CAMERA))
    save(tmp_path / "memory.json", "map", memory.things, memory.next_id)
    return tmp_path / "memory.json", memory


def test_what_is_saved_is_loaded_and_ids_go_on(stored):
    path, memory = stored
    found = load(path, "map")
    again = ObjectMemory(things=found.things, next_id=found.next_id)
    assert (found.frame, again.things) == ("map", memory.things)
    assert again.look(Look(6, ("x",), (Box3D("ball", (0, 0, 1), (0.1, 0.1, 0.1)),), np.eye(4), CAMERA)) == (
        1,
    )


def test_a_sheet_whose_box_has_no_thickness_is_loaded_again(tmp_path):
    """A model may write a size of 0; a memory that holds such a thing is no damaged one."""
    memory = ObjectMemory()
    sheet = Box3D("sheet of paper", (0.1, 0.2, 1), (0.3, 0.0, 0.2))
    memory.look(Look(5, ("paper",), (sheet,), np.eye(4), CAMERA))
    save(tmp_path / "memory.json", "map", memory.things, memory.next_id)
    assert load(tmp_path / "memory.json", "map").things == memory.things


def test_a_file_that_says_no_distances_is_loaded(stored):
    path, _ = stored
    content = json.loads(path.read_text())
    for name in ("near_m", "far_m"):
        assert content["things"][0].pop(name) > 1
    path.write_text(json.dumps(content))
    [thing] = load(path, "map").things
    assert (thing.near_m, thing.far_m) == (0.0, 0.0)


def test_a_memory_of_another_frame_is_refused(stored):
    with pytest.raises(MemoryFileError, match="expected places in frame 'odom', got 'map'"):
        load(stored[0], "odom")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": -1}, "id = -1"),
        ({"id": True}, "id = True"),
        ({"label": 3}, "label = 3"),
        ({"label": "a\x1b[2J"}, "label = 'a"),
        ({"last_ns": 2**31 * 10**9}, "last_ns = 2147483648000000000"),
        ({"score": 1.5}, "score = 1.5"),
        ({"open_share": -0.1}, "open_share = -0.1"),
        ({"depth_is_estimated": 1}, "depth_is_estimated = 1"),
        (
            {"place": {"center": [0, 0, 1], "size": [1, -1, 1], "R_fixed_box": [1, 0, 0, 0, 1, 0, 0, 0, 1]}},
            "size",
        ),
        ({"words": "mug"}, "words = 'mug'"),
        ({"score": None}, "score = None"),
        ({"gone_ns": 0.5}, "gone_ns = 0.5"),
        ({"spread_m": [0, 0]}, "3 numbers"),
        ({"spread_m": [0, 0, 1e308]}, "3 numbers up to 1e.09"),
        ({"spread_m": [0, 0, -1]}, "spread_m = "),
        ({"near_m": -1}, "near_m = -1"),
        ({"far_m": None}, "2 numbers up to 1e.09"),
        ({"words": ["mug\x1b[2J"]}, "words = "),
        ({"words": ["mug\0"]}, "words = "),
        ({"spread_m": [0, 0, 10**400]}, "beyond float64"),
        ({"place": {"center": [0, 0, 1], "size": [1, 1, 1], "R_fixed_box": [0] * 9}}, "rotation"),
        ({"place": 3}, "thing 0"),
    ],
)
def test_a_damaged_thing_is_named(stored, change, message):
    path, _ = stored
    content = json.loads(path.read_text())
    content["things"][0].update(change)
    path.write_text(json.dumps(content))
    with pytest.raises(MemoryFileError, match=message):
        load(path, "map")


def test_an_id_that_was_forgotten_is_not_given_again(stored):
    path, memory = stored
    memory.clear()
    save(path, "map", memory.things, memory.next_id)
    found = load(path, "map")
    again = ObjectMemory(things=found.things, next_id=found.next_id)
    assert again.look(Look(6, ("x",), (Box3D("ball", (0, 0, 1), (0.1, 0.1, 0.1)),), np.eye(4), CAMERA)) == (
        1,
    )


@pytest.mark.parametrize("next_id", [None, 0, 1.0, -1, 2**32 - 1])
def test_a_next_id_that_is_taken_is_refused(stored, next_id):
    path, _ = stored
    path.write_text(json.dumps({**json.loads(path.read_text()), "next_id": next_id}))
    with pytest.raises(MemoryFileError, match="next_id above every id"):
        load(path, "map")


def test_a_file_of_any_frame_says_which(stored):
    assert load(stored[0]).frame == "map"


def test_two_things_of_one_id_are_refused(stored):
    path, _ = stored
    content = json.loads(path.read_text())
    content["things"] *= 2
    path.write_text(json.dumps(content))
    with pytest.raises(MemoryFileError, match="every id once"):
        load(path, "map")


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2}', '{"version": 1, "frame": "map"}'])
def test_what_is_no_memory_is_refused(tmp_path, text):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(MemoryFileError, match="m.json"):
        load(tmp_path / "m.json", "map")
