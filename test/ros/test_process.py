"""The node as a process of its own: how it starts, stops and refuses."""

import signal
import subprocess
import sys

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from node_process import DEADLINE_S, HANGING_ENGINE
from rclpy.action import ActionClient

from n3d_ros.action import Ground as GroundAction
from n3d_ros.errors import ResultCode
from n3d_ros.node.process import STOP_IS_SEEN_S
from n3d_ros.srv import GetInfo, Ground

# Says when the node waits for work for the first time: without a timer nothing else would wake it.
SAYS_THAT_IT_WAITS = """
import sys
from n3d_ros.node.executor import OneThreadExecutor as Executor

spin_once = Executor.spin_once

def spin(self, *given, **named):
    print("waits", file=sys.stderr, flush=True)
    Executor.spin_once = spin_once
    spin_once(self, *given, **named)

Executor.spin_once = spin
from n3d_ros.node.n3d_node import main
sys.exit(main())
"""
UNCONFIGURED = [sys.executable, "-c", SAYS_THAT_IT_WAITS, "--ros-args"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda how: how.name)
def test_it_stays_up_without_a_model_and_stops_cleanly(start, how):
    process = start("-p", "model.path:=/nowhere/at/all")
    line = next(line for line in process.stderr if "model:" in line)
    assert "failed" in line
    assert "/nowhere/at/all" in line
    process.send_signal(how)
    process.send_signal(how)
    _, rest = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, rest
    assert "Traceback" not in rest
    assert "Failed to publish" not in rest


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_it_stops_cleanly_before_it_is_configured(start, how):
    process = start("-p", "autostart:=false", command=UNCONFIGURED)
    assert next(line for line in process.stderr if "waits" in line)
    process.send_signal(how)
    _, rest = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, rest
    assert "Traceback" not in rest


@pytest.mark.parametrize(
    ("parameter", "named"),
    [
        ("markers.alpha:=7.0", "markers.alpha"),
        ("backend:=abacus", "auto, trt, ort, torch"),
        ("depth.max_m:=3", "depth.max_m: expected double, got integer; a whole number needs its point"),
        ("continuous.prompt:=yes", "continuous.prompt: expected string, got bool; text that reads as"),
    ],
)
def test_a_refused_parameter_ends_it_with_code_2_and_the_reason(start, parameter, named):
    process = start("-p", parameter)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 2
    assert named in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--params-file", "/nowhere.yaml"), "/nowhere.yaml"),
        (("-r", "rgb/image"), "-r rgb/image"),
        (("--no-such-option",), "unknown ROS arguments: ['--no-such-option']"),
    ],
)
def test_arguments_that_ros_does_not_understand_end_it_with_code_2_and_the_reason(start, arguments, named):
    process = start(*arguments)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 2
    assert named in errors
    assert "Traceback" not in errors


def test_a_parameter_that_it_does_not_have_is_named_with_the_nearest(start):
    process = start("-p", "continous.prompt:=mug", "-p", "autostart:=false")
    line = next(line for line in process.stderr if "continous.prompt" in line)
    assert "no parameter of that name; do you mean continuous.prompt?" in line


INTERRUPTED_IMPORT = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "rclpy":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
from n3d_ros.node.n3d_node import main
sys.exit(main(sys.argv))
"""


def test_an_interrupt_while_it_still_imports_ends_it_cleanly_and_no_node_is_made(start):
    refused = ("--ros-args", "-p", "markers.alpha:=7.0")
    process = start(*refused, command=[sys.executable, "-c", INTERRUPTED_IMPORT])
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (0, "")


SIGNALLED_WHILE_IT_ENDS = """
import os, signal, sys

class Last:
    def __del__(self, kill=os.kill, process=os.getpid(), how=signal.SIGTERM):
        kill(process, how)

from n3d_ros.node.n3d_node import main
last = Last()
sys.exit(main())
"""


def test_a_signal_while_python_ends_changes_no_exit_code(start):
    refused = ("--ros-args", "-p", "markers.alpha:=7.0")
    process = start(*refused, command=[sys.executable, "-c", SIGNALLED_WHILE_IT_ENDS])
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 2


def test_a_node_that_is_to_outlive_its_terminal_does(start):
    process = start("-p", "autostart:=false", command=["nohup", *UNCONFIGURED])
    assert next(line for line in process.stderr if "waits" in line)
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3 * STOP_IS_SEEN_S)
    process.terminate()
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0


def test_an_engine_that_never_stops_does_not_keep_it_when_nobody_reads_that(start):
    unread = HANGING_ENGINE.replace("    threading", "    os.dup2(unread, 2)\n    threading")
    broken = "import os\nreader, unread = os.pipe()\nos.close(reader)\n"
    process = start(command=[sys.executable, "-c", broken + unread])
    assert next(line for line in process.stderr if "loading" in line)
    process.send_signal(signal.SIGHUP)
    assert process.wait(DEADLINE_S) == 0


def test_an_engine_that_never_stops_does_not_keep_it(start):
    process = start(command=[sys.executable, "-c", HANGING_ENGINE])
    assert next(line for line in process.stderr if "loading" in line)
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, rest
    assert "the engine does not stop" in rest


def test_goals_and_calls_that_are_open_when_it_stops_get_an_answer(start, client):
    node, wait = client
    process = start("-p", "model.path:=/nowhere/at/all", "-p", "frame_timeout_s:=3600.0")
    actions = ActionClient(node, GroundAction, "n3d/ground")
    services = node.create_client(Ground, "n3d/ground")
    wait(lambda: actions.server_is_ready() and services.service_is_ready())
    sent = [actions.send_goal_async(GroundAction.Goal(prompt="red mug")) for _ in range(3)]
    call = services.call_async(Ground.Request(prompt="red mug"))
    wait(lambda: all(goal.done() for goal in sent))
    results = [goal.result().get_result_async() for goal in sent]
    pause = node.create_client(GetInfo, "n3d/get_info")
    wait(pause.service_is_ready)
    wait(pause.call_async(GetInfo.Request()).done)
    process.send_signal(signal.SIGINT)
    wait(lambda: call.done() and all(result.done() for result in results))
    assert call.result().code == ResultCode.CANCELED
    assert [result.result().result.code for result in results] == [ResultCode.CANCELED] * 3
    _, rest = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, rest
    assert "Traceback" not in rest


CONFIGURE, ACTIVATE = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE
DEACTIVATE, CLEANUP = Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP
STATES = {
    "unconfigured": (),
    "inactive": (CONFIGURE,),
    "active": (CONFIGURE, ACTIVATE),
    "inactive again": (CONFIGURE, ACTIVATE, DEACTIVATE),
    "cleaned up": (CONFIGURE, ACTIVATE, DEACTIVATE, CLEANUP),
    "finalized": (Transition.TRANSITION_UNCONFIGURED_SHUTDOWN,),
    "finalized while active": (CONFIGURE, ACTIVATE, Transition.TRANSITION_ACTIVE_SHUTDOWN),
}
FAKE_ENGINE = """
import sys
sys.path.append("test/helpers")
from run_with_fake_engine import load
from n3d_ros.node import engine, n3d_node

engine.load_pipeline = load
sys.exit(n3d_node.main())
"""
MANAGED = ("--ros-args", "-p", "autostart:=false")


def change(node, wait, transitions):
    """Whether each transition worked."""
    changes = node.create_client(ChangeState, "n3d/change_state")
    wait(changes.service_is_ready)
    for one in transitions:
        call = changes.call_async(ChangeState.Request(transition=Transition(id=one)))
        wait(call.done)
        assert call.result().success


@pytest.mark.parametrize("transitions", STATES.values(), ids=STATES)
def test_sigterm_ends_it_cleanly_in_every_state(start, client, transitions):
    node, wait = client
    process = start(*MANAGED, command=[sys.executable, "-c", FAKE_ENGINE])
    change(node, wait, transitions)
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, rest
    assert "Traceback" not in rest and "Failed to" not in rest
    wait(lambda: "n3d" not in node.get_node_names())


def test_sigterm_while_it_configures_ends_it_without_the_engine(start, client):
    node, wait = client
    process = start(*MANAGED, command=[sys.executable, "-c", HANGING_ENGINE])
    changes = node.create_client(ChangeState, "n3d/change_state")
    wait(changes.service_is_ready)
    changes.call_async(ChangeState.Request(transition=Transition(id=CONFIGURE)))
    assert next(line for line in process.stderr if "loading" in line)
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, rest
    assert "the engine does not stop" in rest
