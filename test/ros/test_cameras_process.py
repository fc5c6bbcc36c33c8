"""Several cameras as one process: its command line, one load, its end."""

import signal
import sys

import pytest
from node_process import DEADLINE_S, HANGING_ENGINE
from rclpy.action import ActionClient

from n3d_ros.action import Ground as GroundAction
from n3d_ros.errors import ResultCode
from n3d_ros.node.command_line import nodes_of
from n3d_ros.srv import GetInfo

FAKE_ENGINE = """
import sys
sys.path.append("test/helpers")
import run_with_fake_engine
from n3d_ros.node import engine, n3d_node

def load(wanted):
    print("loads", wanted.model_path, file=sys.stderr, flush=True)
    return run_with_fake_engine.load(wanted)

engine.load_pipeline = load
sys.exit(n3d_node.main())
"""
BROKEN_CALLBACK = """
import sys
from n3d_ros.node.health import Health

publish = Health.publish

def break_down(self):
    publish(self)
    if "left" in self._node.get_namespace():
        raise ZeroDivisionError("in left's callback")

Health.publish = break_down
""" + FAKE_ENGINE  # fmt: skip
TWO = ("--camera", "front", "--camera", "left")


def rules_of(*arguments):
    return nodes_of(["n3d_node", *arguments])


def test_without_cameras_there_is_one_node_with_nothing_of_its_own():
    assert rules_of("--ros-args", "-r", "__ns:=/robot") == {"robot": []}


def test_each_camera_is_a_node_below_its_name_with_rules_of_its_own():
    left = "left -r 'rgb/image:=/left/colour' -p continuous.prompt:='red mug'"
    assert rules_of("--camera", "front", "--camera", left) == {
        "/front": ["--ros-args", "-r", "__ns:=/front"],
        "/left": [
            "--ros-args",
            *("-r", "rgb/image:=/left/colour", "-p", "continuous.prompt:=red mug"),
            *("-r", "__ns:=/left"),
        ],
    }


def test_cameras_stand_below_the_namespace_of_the_process():
    rules = rules_of(*TWO, "--ros-args", "-r", "__ns:=/robot1/", "-r", "__node:=eye")
    assert list(rules) == ["/robot1/front", "/robot1/left"]
    assert rules["/robot1/left"][-1] == "__ns:=/robot1/left"


@pytest.mark.parametrize("name", ["front", "", "le-ft", "7left"])
def test_a_name_that_is_none_or_taken_is_refused(name):
    with pytest.raises(ValueError, match="--camera: "):
        rules_of("--camera", "front", "--camera", name)


def both(node, wait, kind, name):
    """A client of each camera."""
    made = [node.create_client(kind, f"{camera}/n3d/{name}") for camera in ("front", "left")]
    wait(lambda: all(one.service_is_ready() for one in made))
    return made


@pytest.fixture
def run(start):
    """Start the process with these arguments."""
    return lambda *arguments, code=FAKE_ENGINE: start(*arguments, command=[sys.executable, "-c", code])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_one_load_for_all_and_a_signal_answers_what_is_open_on_each(run, client, how):
    node, wait = client
    process = run(*TWO, "--ros-args", "-p", "frame_timeout_s:=3600.0")
    infos = [one.call_async(GetInfo.Request()) for one in both(node, wait, GetInfo, "get_info")]
    wait(lambda: all(one.done() for one in infos))
    goals = []
    for camera in ("front", "left"):
        action = ActionClient(node, GroundAction, f"{camera}/n3d/ground")
        wait(action.server_is_ready)
        sent = action.send_goal_async(GroundAction.Goal(prompt="red mug"))
        wait(sent.done)
        goals.append(sent.result().get_result_async())
    pauses = [one.call_async(GetInfo.Request()) for one in both(node, wait, GetInfo, "get_info")]
    wait(lambda: all(one.done() for one in pauses))
    process.send_signal(how)
    wait(lambda: all(one.done() for one in goals))
    assert [one.result().result.code for one in goals] == [ResultCode.CANCELED] * 2
    _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, said
    assert said.count("loads") == 1 and "Traceback" not in said and "Failed to" not in said
    wait(lambda: "n3d" not in node.get_node_names())


def test_an_engine_that_never_stops_keeps_none_of_them(run):
    process = run(*TWO, code=HANGING_ENGINE)
    assert next(line for line in process.stderr if "loading" in line)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, said
    assert said.count("the engine does not stop") == 1 and "Traceback" not in said


@pytest.mark.parametrize("refused", ["-p markers.alpha:=7.0", "-p backend:=abacus", "-r colour"])
def test_what_one_camera_refuses_ends_the_process_and_says_whose_it_was(run, refused):
    process = run("--camera", "front", "--camera", f"left {refused}")
    _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 2, said
    assert "n3d_node: /left: " in said and refused[3:].partition(":=")[0] in said
    assert "Traceback" not in said


@pytest.mark.parametrize("spelled", ["/nowhere/memory.json", "/nowhere/../nowhere//memory.json"])
def test_two_cameras_do_not_write_one_file_of_memory(run, spelled):
    file = "-p memory.enabled:=true -p memory.camera_is_still:=true -p memory.file:="
    front, left = f"front {file}{spelled}", f"left {file}/nowhere/memory.json"
    process = run("--camera", front, "--camera", left)
    _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 2 and "Traceback" not in said, said
    assert "/left: memory.file: expected another file for each camera, got /nowhere/memory.json" in said


def test_an_option_that_is_not_known_is_refused(run):
    process = run("--cameras", "front,left")
    _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 2 and "--cameras" in said and "Traceback" not in said


def test_what_nobody_foresaw_in_one_node_ends_all_with_its_traceback(run):
    process = run(*TWO, code=BROKEN_CALLBACK)
    _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1 and "ZeroDivisionError: in left's callback" in said
