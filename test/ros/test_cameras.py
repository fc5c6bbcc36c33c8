"""Several cameras in one process: one engine, and nothing else in common."""

import threading
import weakref
from dataclasses import replace

import numpy as np
import pytest
import stand_in_tf
from diagnostic_msgs.msg import DiagnosticArray
from fake_pipeline import FakePipeline
from faults import FaultyPipeline
from graph import MUG
from graph_views import LATCHED, LOG, scene
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Log
from rclpy.parameter import Parameter
from visualization_msgs.msg import MarkerArray

from n3d_ros.action import Ground as GroundAction
from n3d_ros.errors import ResultCode
from n3d_ros.msg import Box3DArray
from n3d_ros.node import parts
from n3d_ros.node.plain.engine import thread as engine_thread
from n3d_ros.srv import GetInfo, Ground

CONFIGURE, ACTIVATE = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE
DEACTIVATE, CLEANUP = Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP
SHUT_DOWN = Transition.TRANSITION_ACTIVE_SHUTDOWN


@pytest.fixture
def loads():
    """What was loaded."""
    return []


@pytest.fixture
def make_cameras(make_graph, loads):
    """Graphs of cameras in one process, by name. engine: called for each engine that is loaded."""

    def make(*names, engine=lambda: FakePipeline([MUG]), **parameters):
        def load(wanted):
            loads.append(wanted.model_path)
            return engine()

        parameters = {"max_frame_age_s": 0.0, **parameters}
        cameras = []
        for name in names:
            beside = cameras[0] if cameras else None
            cameras.append(make_graph(load=load, namespace=f"/{name}", beside=beside, **parameters))
        return cameras

    return make


def ask(camera):
    return camera.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))


def goal(camera, words="red mug", **options):
    return camera.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt=words, **options))


def change(camera, *transitions):
    """Whether each worked."""
    requests = [ChangeState.Request(transition=Transition(id=one)) for one in transitions]
    return [camera.call(ChangeState, "n3d/change_state", request).success for request in requests]


def engine_says(camera, messages, name):
    """The newest line about the engine in these diagnostics."""
    found = [one for message in messages for one in message.status if one.name == f"/{name}/n3d: engine"]
    return found[-1].message if found else ""


def test_two_cameras_answer_and_the_model_is_loaded_once(make_cameras, loads):
    for camera in make_cameras("front", "left"):
        stamp = camera.one_frame()
        response = ask(camera)
        about = response.boxes.header.stamp
        assert (response.code, about.sec * 10**9 + about.nanosec) == (ResultCode.OK, stamp)
    assert loads == [""]


class ByStamp(FakePipeline):
    """Keeps what it made of a picture and takes one of its stamp for the same, which no engine should."""

    def __init__(self):
        super().__init__([MUG])
        self.kept = None, 0.0

    def beside(self, limits):
        return ByStamp()

    def ground(self, observation, words, **options):
        if self.kept[0] != observation.stamp_ns:
            self.kept = observation.stamp_ns, float(np.nanmedian(observation.depth))
        self.boxes = [replace(MUG, center=(0.0, 0.0, self.kept[1]))]
        return super().ground(observation, words, **options)


def test_cameras_that_are_triggered_together_are_each_answered_about_their_own_picture(make_cameras):
    cameras = make_cameras("front", "left", engine=ByStamp)
    depths = {1.0: cameras[0], 2.0: cameras[1]}
    heard = {depth: camera.collect(Box3DArray, "n3d/boxes") for depth, camera in depths.items()}
    for camera in cameras:
        camera.connect_camera()
    stamp = cameras[0].node.now_ns()
    for number in range(3):
        for depth, camera in depths.items():
            camera.publish(camera.messages(stamp + number, depth_m=depth))
            camera.wait(lambda camera=camera: camera.newest_ns() == stamp + number, "the frame")  # noqa: B023
        asked = [(depth, goal(camera)) for depth, camera in [*depths.items()] * 2]
        for depth, one in asked:
            [box] = depths[depth].result(one).result.boxes.boxes
            assert box.pose.position.z == pytest.approx(depth)
    for depth, camera in depths.items():
        camera.wait(lambda depth=depth: len(heard[depth]) == 6, "all boxes")
        assert {round(one.boxes[0].pose.position.z, 3) for one in heard[depth]} == {depth}


def test_what_becomes_of_one_camera_is_nothing_to_the_request_of_the_other(make_cameras, loads):
    gate = threading.Semaphore(0)
    pipeline = FakePipeline([MUG], gate)
    front, left = make_cameras("front", "left", engine=lambda: pipeline)
    for camera in (front, left):
        camera.one_frame()
    running = goal(left)
    left.wait(lambda: pipeline.stamps, "the engine to begin")
    waiting = goal(front), goal(left)
    assert change(front, DEACTIVATE) == [True]
    assert front.result(waiting[0]).result.code == ResultCode.CANCELED
    assert change(front, CLEANUP, CONFIGURE, ACTIVATE) == [True] * 3
    front.node.set_parameters(
        [Parameter("depth.max_m", value=3.0), Parameter("continuous.prompt", value="box")]
    )
    assert change(front, SHUT_DOWN) == [True]
    gate.release(4)
    assert [left.result(one).result.code for one in (running, waiting[1])] == [ResultCode.OK] * 2
    assert loads == [""], "the other one had it all the time"
    assert left.node.live.now.depth_max_m == 20.0


def test_markers_and_words_of_one_camera_are_its_own(make_cameras):
    front, left = make_cameras("front", "left")
    shown = {camera: camera.collect(MarkerArray, "n3d/markers", LATCHED) for camera in (front, left)}
    for camera in (front, left):
        camera.one_frame()
        ask(camera)
        camera.wait(lambda camera=camera: scene(shown[camera]), "markers")
    change(front, DEACTIVATE)
    front.wait(lambda: not scene(shown[front]), "an empty scene")
    assert scene(shown[left])


def test_bad_input_of_one_camera_is_its_own(make_cameras):
    front, left = make_cameras("front", "left")
    for camera in (front, left):
        camera.connect_camera()
    front.publish(front.messages(fx=0.0))
    front.wait(front.newest_ns, "the frame")
    left.one_frame()
    assert [ask(one).code for one in (front, left, front)] == [
        ResultCode.BAD_INPUT,
        ResultCode.OK,
        ResultCode.BAD_INPUT,
    ]


@pytest.mark.parametrize(("how", "code"), [("raises", ResultCode.INTERNAL), ("memory", ResultCode.OOM)])
def test_an_engine_that_fails_is_told_to_each_who_asked_and_serves_both_afterwards(make_cameras, how, code):
    pipeline = FaultyPipeline()
    cameras = make_cameras("front", "left", engine=lambda: pipeline)
    for camera in cameras:
        camera.one_frame()
    pipeline.how = how
    assert [ask(camera).code for camera in cameras] == [code] * 2
    pipeline.how = ""
    assert [ask(camera).code for camera in cameras] == [ResultCode.OK] * 2


def test_an_engine_that_hangs_with_ones_request_is_told_to_both_with_whose_it_is(make_cameras):
    pipeline = FaultyPipeline()
    front, left = make_cameras(
        "front", "left", engine=lambda: pipeline, goal_timeout_s=0.5, diagnostics__period_s=0.1
    )
    messages = left.collect(DiagnosticArray, "/diagnostics")
    for camera in (front, left):
        camera.one_frame()
    pipeline.how = "hangs"
    hangs, waits = goal(front), goal(left)
    ends = [front.result(hangs).result, left.result(waits).result]
    assert [end.code for end in ends] == [ResultCode.TIMEOUT] * 2
    assert "did not stop" in ends[0].message and "waited for the engine" in ends[1].message
    for name, said in (("left", "a request to /front/n3d that should"), ("front", "a request that should")):
        left.wait(lambda name=name, said=said: said in engine_says(left, messages, name), "both to say so")
    pipeline.how = ""
    pipeline.let_go.set()
    assert [ask(camera).code for camera in (front, left)] == [ResultCode.OK] * 2


def test_one_camera_loads_an_engine_that_hangs_anew_and_the_others_are_told(make_cameras, loads, monkeypatch):
    monkeypatch.setattr(engine_thread, "GIVEN_UP_S", 0.1)
    monkeypatch.setattr(parts, "STOP_S", 0.1)
    hung, fine = engines = [FaultyPipeline(), FaultyPipeline()]
    front, left = make_cameras(
        "front", "left", engine=lambda: engines[len(loads) - 1], goal_timeout_s=0.5, diagnostics__period_s=0.1
    )
    messages, log = left.collect(DiagnosticArray, "/diagnostics"), left.collect(Log, "/rosout", LOG)
    for camera in (front, left):
        camera.one_frame()
    hung.how = "hangs"
    assert ask(front).code == ResultCode.TIMEOUT
    assert change(front, DEACTIVATE, CLEANUP, CONFIGURE, ACTIVATE) == [True] * 4
    left.wait(
        lambda: any("anew, with memory of its own: that of /left/n3d" in one.msg for one in log), "a line"
    )
    heard = front.collect(Box3DArray, "n3d/boxes")
    stamp = front.one_frame()
    assert ask(front).code == ResultCode.OK
    assert ask(left).code == ResultCode.TIMEOUT
    told = "/front/n3d loaded it anew: clean this node up and configure it"
    left.wait(
        lambda: "busy" in (said := engine_says(left, messages, "left")) and told in said, "left to say so"
    )
    hung.let_go.set()
    assert ask(left).code == ResultCode.OK and [len(one.stamps) for one in (hung, fine)] == [2, 1]
    left.wait(lambda: engine_says(left, messages, "left").startswith(f"ready; {told}"), "left's warning")
    assert change(left, DEACTIVATE, CLEANUP, CONFIGURE, ACTIVATE) == [True] * 4
    left.one_frame()
    assert [ask(camera).code for camera in (front, left)] == [ResultCode.OK] * 2
    left.wait(lambda: engine_says(left, messages, "left") == "ready, shared with /front/n3d", "one engine")
    about = {one.header.stamp.sec * 10**9 + one.header.stamp.nanosec for one in heard}
    assert about == {stamp}, "what hung was about an older frame"
    assert len(loads) == 2


def test_a_camera_that_comes_later_does_not_wait_for_an_engine_that_hangs_while_it_loads(
    make_graph, monkeypatch
):
    monkeypatch.setattr(parts, "STOP_S", 0.1)
    gate, loads = threading.Event(), []

    def load(wanted):
        loads.append(wanted)
        if len(loads) == 1:
            gate.wait(30.0)
        return FakePipeline([MUG])

    limits = {"model__load_timeout_s": 0.3, "diagnostics__period_s": 0.1, "max_frame_age_s": 0.0}
    front = make_graph(load=load, namespace="/front", **limits)
    messages = front.collect(DiagnosticArray, "/diagnostics")
    front.wait(lambda: "expected at most 0.3 s" in engine_says(front, messages, "front"), "its complaint")
    left = make_graph(load=load, namespace="/left", beside=front, autostart=False, **limits)
    assert change(left, CONFIGURE, ACTIVATE) == [True] * 2
    left.one_frame()
    assert ask(left).code == ResultCode.OK
    told = "/left/n3d loaded it anew"
    front.wait(lambda: told in engine_says(front, messages, "front"), "front to be told")
    assert change(front, DEACTIVATE, CLEANUP, CONFIGURE, ACTIVATE) == [True] * 4
    front.one_frame()
    assert (ask(front).code, len(loads)) == (ResultCode.OK, 2)
    gate.set()


def test_a_model_that_does_not_load_is_told_to_both(make_cameras, loads):
    def broken():
        raise MemoryError

    cameras = make_cameras("front", "left", engine=broken)
    for camera in cameras:
        camera.one_frame()
        response = ask(camera)
        assert (response.code, response.message) == (ResultCode.OOM, "the model did not load: out of memory")
    # the second finds none that it could share where the first one's has failed already
    assert 1 <= len(loads) <= 2


def test_another_model_is_another_engine_and_said_in_the_log(make_graph, loads):
    def load(wanted):
        loads.append(wanted.model_path)
        return FakePipeline([MUG])

    front = make_graph(load=load, namespace="/front", model__path="/models/a", max_frame_age_s=0.0)
    log = front.collect(Log, "/rosout", LOG)
    more = {"load": load, "beside": front, "max_frame_age_s": 0.0}
    left = make_graph(namespace="/left", model__path="/models/b", **more)
    rear = make_graph(namespace="/rear", model__path="/models/../models/a", **more)
    for camera in (front, left, rear):
        camera.one_frame()
        assert ask(camera).code == ResultCode.OK
    assert sorted(loads) == ["/models/a", "/models/b"]
    said = "with memory of its own: model.path, backend, model.threads or model.box_fit differ"
    front.wait(lambda: any(said in one.msg and one.name == "left.n3d" for one in log), "left's line")
    front.wait(lambda: any("shared with /front/n3d" in one.msg for one in log), "rear's line")


def test_diagnostics_say_with_whom_the_engine_is_shared(make_cameras):
    front, left = make_cameras("front", "left", diagnostics__period_s=0.1)
    messages = front.collect(DiagnosticArray, "/diagnostics")
    for name, other in (("front", "left"), ("left", "front")):
        said = f"ready, shared with /{other}/n3d"
        front.wait(
            lambda name=name, said=said: engine_says(front, messages, name) == said, f"{name}'s engine"
        )
    change(left, DEACTIVATE, CLEANUP)
    front.wait(lambda: engine_says(front, messages, "front") == "ready", "it to be front's alone")


def test_info_names_those_who_share_the_engine(make_cameras):
    front, left, rear = make_cameras("front", "left", "rear")

    def shared_with(camera):
        return list(camera.call(GetInfo, "n3d/get_info", GetInfo.Request()).shared_with)

    assert shared_with(front) == ["/left/n3d", "/rear/n3d"]
    assert shared_with(rear) == ["/front/n3d", "/left/n3d"]
    change(left, DEACTIVATE, CLEANUP)
    change(rear, DEACTIVATE, CLEANUP)
    assert shared_with(front) == []


def test_the_engine_is_freed_when_the_last_camera_is_cleaned_up(make_cameras, loads):
    engines = []

    def engine():
        made = FakePipeline([MUG])
        engines.append(weakref.ref(made))
        return made

    front, left = make_cameras("front", "left", engine=engine)
    for camera in (front, left):
        camera.one_frame()
        ask(camera)
    assert change(front, DEACTIVATE, CLEANUP) == [True] * 2
    assert engines[0]() is not None and ask(left).code == ResultCode.OK
    assert change(left, DEACTIVATE, CLEANUP) == [True] * 2
    assert engines[0]() is None
    assert change(front, CONFIGURE, ACTIVATE) == [True] * 2
    front.one_frame()
    assert ask(front).code == ResultCode.OK
    assert loads == ["", ""]


def test_one_whose_tf_is_silent_does_not_hold_up_the_other(make_graph, monkeypatch):
    stand_in_tf.install(monkeypatch)
    silent = {"output_frame": "map", "tf_timeout_s": 10.0, "goal_timeout_s": 3600.0}
    front = make_graph(FakePipeline([MUG]), namespace="/front", max_frame_age_s=0.0, **silent)
    left = make_graph(namespace="/left", beside=front, max_frame_age_s=0.0)
    for camera in (front, left):
        camera.one_frame()
    waiting = goal(front)
    front.wait(lambda: front.node.desk.worker._unsettled, "front to wait for tf")
    assert ask(left).code == ResultCode.OK
    assert front.node.desk.worker._unsettled
    front.wait(waiting.cancel_goal_async().done, "cancel response")
    assert front.result(waiting).result.code == ResultCode.CANCELED


def test_one_that_loads_another_model_does_not_hold_up_the_other(make_graph):
    gate = threading.Event()

    def load(wanted):
        assert not wanted.model_path or gate.wait(30.0)
        return FakePipeline([MUG])

    front = make_graph(load=load, namespace="/front", max_frame_age_s=0.0)
    left = make_graph(load=load, namespace="/left", beside=front, autostart=False, model__path="/models/b")
    front.one_frame()
    changes = left.client.create_client(ChangeState, "n3d/change_state")
    left.wait(changes.service_is_ready, "left's service")
    configuring = changes.call_async(ChangeState.Request(transition=Transition(id=CONFIGURE)))
    left.wait(lambda: left.node.is_configured, "left to wait for its engine")
    assert ask(front).code == ResultCode.OK
    assert not configuring.done()
    gate.set()
    left.wait(configuring.done, "left to be configured")
    assert configuring.result().success
