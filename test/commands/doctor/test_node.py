"""What doctor says of a node's life, engine and own words."""

from dataclasses import replace

import pytest
from graphs_seen import GRAPH, REALSENSE, one

from n3d_ros.commands.doctor import of_graph
from n3d_ros.commands.doctor.checks.node import OF_RESULTS, check_graph, check_node
from n3d_ros.commands.doctor.seen import (
    StatusSeen,
)
from n3d_ros.errors import ResultCode
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.inputs.state import Level

ANEW = " && ".join(
    f"ros2 lifecycle set /n3d {one}" for one in ("deactivate", "cleanup", "configure", "activate")
)


def test_a_node_that_is_not_there_is_wrong_and_the_others_are_named():
    seen = replace(GRAPH, is_there=False)
    [found] = check_graph(seen)
    assert (found.level, found.mend) == (Level.ERROR, "ros2 launch n3d_ros n3d.launch.py")
    [found] = check_graph(replace(seen, node="/robot1/eyes", presets=REALSENSE))
    launch = "ros2 launch n3d_ros n3d.launch.py namespace:=/robot1 name:=eyes camera:=realsense"
    assert found.mend == launch
    [found] = check_graph(replace(seen, others=("/robot1/eyes",)))
    assert found.mend == "n3d doctor --node eyes --namespace /robot1"
    assert check_node(seen) == []


def test_simulated_time_needs_a_clock():
    found = one(check_graph(replace(GRAPH, use_sim_time=True)), "clock")
    assert found.level == Level.ERROR and "ros2 bag play --clock" in found.mend
    healthy = check_graph(replace(GRAPH, use_sim_time=True, num_clocks=1))
    assert one(healthy, "clock").level == Level.OK


@pytest.mark.parametrize(("off_s", "level"), [(0.1, Level.OK), (-7.0, Level.WARN)])
def test_two_machines_with_different_clocks_are_told(off_s, level):
    assert one(check_graph(replace(GRAPH, clock_off_s=off_s)), "clock").level == level


@pytest.mark.parametrize(
    ("life", "mend"),
    [
        ("unconfigured", "ros2 lifecycle set /n3d configure"),
        ("inactive", "ros2 lifecycle set /n3d activate"),
        ("", "look at its log; stop and start it"),
    ],
)
def test_a_node_that_is_not_active_is_wrong(life, mend):
    by_hand = Parameters(autostart=False)
    found = one(check_node(replace(GRAPH, life=life, parameters=by_hand)), "lifecycle")
    assert (found.level, found.mend) == (Level.ERROR, mend)
    assert one(check_node(GRAPH), "lifecycle").level == Level.OK


def test_what_fails_with_autostart_is_in_the_log():
    by_itself = replace(GRAPH, life="unconfigured")
    assert one(check_node(by_itself), "lifecycle").mend.startswith("its log says what failed; then ros2")
    by_hand = replace(by_itself, parameters=Parameters(autostart=False))
    assert one(check_node(by_hand), "lifecycle").mend == "ros2 lifecycle set /n3d configure"


def test_inputs_that_nobody_tells_of_are_not_called_right():
    silent = replace(GRAPH, statuses=())
    found = one(check_node(silent), "diagnostics")
    assert (found.level, found.why) == (Level.ERROR, "so its inputs were not looked at")
    for right in (replace(silent, life="unconfigured"), GRAPH):
        assert "diagnostics" not in [each.name for each in check_node(right)]


@pytest.mark.parametrize(
    ("state", "level"), [("ready", Level.OK), ("loading", Level.WARN), ("failed: no folder", Level.ERROR)]
)
def test_the_engines_state_is_told(state, level):
    found = one(check_node(replace(GRAPH, info={"state": state})), "engine")
    assert found.level == level


def test_another_release_of_the_node_is_told():
    found = check_node(replace(GRAPH, info={"state": "ready", "version": "0.0.1"}))
    assert one(found, "version").level == Level.WARN


def test_with_whom_the_engine_is_shared_is_told():
    info = {"state": "ready", "backend": "ort", "shared_with": "/left/n3d, /rear/n3d"}
    found = one(check_node(replace(GRAPH, info=info)), "engine")
    assert found.what == "ready, shared with /left/n3d, /rear/n3d: ort"


@pytest.mark.parametrize("level", [Level.WARN, Level.ERROR])
def test_an_engine_that_others_loaded_anew_is_told_with_what_brings_them_together(level):
    anew = StatusSeen("engine", level, "ready; /left/n3d loaded it anew", {"loaded_anew_by": "/left/n3d"})
    found = one(check_node(replace(GRAPH, statuses=(anew,))), "engine")
    assert (found.level, found.what) == (level, anew.message)
    assert found.mend == ANEW
    inactive = one(check_node(replace(GRAPH, life="inactive", statuses=(anew,))), "engine")
    assert inactive.mend == ANEW.removeprefix("ros2 lifecycle set /n3d deactivate && ")


def test_an_engine_that_hangs_is_wrong_though_it_is_loaded():
    hangs = StatusSeen("engine", Level.ERROR, "busy with a request that should have ended 9.0 s ago")
    found = one(check_node(replace(GRAPH, statuses=(hangs,))), "engine")
    assert (found.level, found.what) == (Level.ERROR, hangs.message)
    assert found.mend == f"{ANEW} (loads it anew once it has hung for 10 s)"


def test_what_the_node_says_of_itself_is_passed_on_at_its_level():
    hole = StatusSeen("memory", Level.ERROR, "nothing is remembered: no tf")
    late = StatusSeen("depth", Level.ERROR, "nothing on /depth/image")
    found = check_node(replace(GRAPH, statuses=(hole, late)))
    assert (one(found, "memory").level, one(found, "memory").what) == (Level.ERROR, hole.message)
    assert "depth" not in [finding.name for finding in found]


@pytest.mark.parametrize(
    ("name", "message", "mend"),
    [
        ("results", "BAD_INPUT: 'zork': expected words that this model knows", "continuous.prompt"),
        ("results", "TF: no transform from 'a' to 'b'", "ros2 param set /n3d output_frame"),
        ("results", "NO_DEPTH: no valid depth", "inputs and frame, above"),
        ("results", "CANCELED: the node is inactive", "nothing: "),
        ("results", "SUPERSEDED: a newer request came", "max_queued_goals"),
        ("results", "INTERNAL: RuntimeError", "log"),
        (
            "memory",
            "nothing is remembered: memory.file: 'm': expected a memory",
            f"move that file away, then {ANEW}; ",
        ),
        ("memory", "memory.file is not written: [Errno 13]", "permission"),
        ("memory", "the newest look was not remembered: TF: no transform", "tf2_echo"),
    ],
)
def test_what_the_node_says_of_itself_has_a_remedy_of_its_own(name, message, mend):
    said = StatusSeen(name, Level.WARN, message)
    found = one(check_node(replace(GRAPH, statuses=(said,))), name)
    assert mend in found.mend and "{" not in found.mend


@pytest.mark.parametrize(
    ("wanted", "timeout_s", "num_tokens"),
    [
        (Parameters(), "120.0", "1024"),
        (Parameters(goal_timeout_s=600.0, generation_max_tokens=2048), "1200.0", "4096"),
        (Parameters(goal_timeout_s=3000.0, generation_max_tokens=8000), "3600.0", "8192"),
    ],
)
def test_what_was_too_little_is_not_mended_by_less(wanted, timeout_s, num_tokens):
    said = [StatusSeen("results", Level.WARN, f"{code}: too little") for code in ("TIMEOUT", "PARSE")]
    mends = [
        one(check_node(replace(GRAPH, parameters=wanted, statuses=(each,))), "results").mend for each in said
    ]
    assert f" goal_timeout_s {timeout_s}, or " in mends[0]
    assert f" generation.max_tokens {num_tokens}; " in mends[1]


def test_every_code_of_a_result_that_has_a_remedy_is_one():
    assert set(OF_RESULTS) <= set(ResultCode.__members__)


def test_two_nodes_of_one_name_are_told_what_to_do_and_not_where_to_read():
    diagnostics = pytest.importorskip("n3d_ros.node.outputs.diagnostics")
    two = StatusSeen("name", Level.ERROR, diagnostics.same_name("/n3d", 2))
    found = one(check_node(replace(GRAPH, statuses=(two,))), "name")
    assert found.what == "2 nodes are named /n3d: requests go to any of them and topics mix"
    assert found.mend.startswith("stop all but one, or start each with a name or namespace of its own")


def test_a_graph_without_topics_is_judged_by_the_rest():
    assert {finding.area for finding in of_graph(GRAPH)} == {"graph", "node"}
