import json

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics
from n3d_ros.memory import Look, MemoryConfig
from n3d_ros.node.memory.keeper import Keeper

CAMERA = Intrinsics(500.0, 500.0, 320.0, 240.0, 640, 480)
MUG = Box3D("mug", (0.0, 0.0, 1.0), (0.1, 0.1, 0.1))


def look(stamp_ns):
    return Look(stamp_ns, ("mug",), (MUG,), np.eye(4), CAMERA)


def test_the_newest_look_stays_the_newest_until_the_clock_begins_anew():
    keeper = Keeper(MemoryConfig(), "map", None, 0)
    stamps = []
    for stamp_ns in (50, 40, 60):
        keeper.look(lambda stamp_ns=stamp_ns: ("map", [look(stamp_ns)])).result()
        stamps.append(keeper.state.stamp_ns)
    keeper.begin_anew()
    keeper.look(lambda: ("map", [look(10)])).result()
    assert [*stamps, keeper.state.stamp_ns] == [50, 50, 60, 10]
    keeper.close()


def test_of_two_nodes_with_one_file_the_second_to_write_says_so_and_leaves_it(tmp_path):
    file = tmp_path / "memory.json"
    first, second = (Keeper(MemoryConfig(), "map", file, 0) for _ in range(2))
    for keeper, stamps in ((first, (1, 2)), (second, (3,))):
        for stamp_ns in stamps:
            keeper.look(lambda stamp_ns=stamp_ns: ("map", [look(stamp_ns)])).result()
    for keeper in (first, second):
        keeper.close()
    assert first.state.file_problem == ""
    assert "got what another program has written since" in second.state.file_problem
    assert json.loads(file.read_text())["things"][0]["num_looks"] == 2


def test_a_file_that_was_deleted_is_written_again(tmp_path):
    file = tmp_path / "memory.json"
    for delete in (False, True):
        keeper = Keeper(MemoryConfig(), "map", file, 0)
        keeper.look(lambda: ("map", [look(1)])).result()
        if delete:
            file.unlink()
        keeper.close()
        assert (file.exists(), keeper.state.file_problem) == (True, "")
