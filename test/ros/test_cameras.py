"""Several cameras in one process: one engine, and nothing else in common."""

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from fake_pipeline import FakePipeline
from graph import MUG

from n3d_ros.action import Ground as GroundAction
from n3d_ros.errors import ResultCode
from n3d_ros.srv import Ground


@pytest.fixture
def loads():
    """What was loaded."""
    return []


@pytest.fixture
def make_cameras(make_graph, loads):
    """Graphs of cameras in one process, by name; `load` is called for each engine."""

    def make(*names, pipeline=None, load=None, **parameters):
        def counted(wanted):
            loads.append(wanted.model_path)
            return load(wanted) if load else pipeline or FakePipeline([MUG])

        parameters = {"max_frame_age_s": 0.0, **parameters}
        cameras = []
        for name in names:
            beside = cameras[0] if cameras else None
            cameras.append(make_graph(pipeline, counted, namespace=f"/{name}", beside=beside, **parameters))
        return cameras

    return make


def ask(camera):
    return camera.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))


def goal(camera, words="red mug", **options):
    return camera.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt=words, **options))


def test_two_cameras_answer_and_the_model_is_loaded_once(make_cameras, loads):
    cameras = make_cameras("front", "left")
    for camera in cameras:
        stamp = camera.one_frame()
        response = ask(camera)
        assert response.code == ResultCode.OK
        assert response.boxes.header.stamp.nanosec == stamp % 10**9
    assert loads == [""]


def test_diagnostics_say_with_whom_the_engine_is_shared(make_cameras):
    front, left = make_cameras("front", "left", diagnostics__period_s=0.1)
    messages = front.collect(DiagnosticArray, "/diagnostics")

    def said(name):
        found = [
            one.message for message in messages for one in message.status if one.name == f"{name}: engine"
        ]
        return found[-1:]

    front.wait(lambda: said("/front/n3d") == ["ready, shared with /left/n3d"], "front's engine")
    front.wait(lambda: said("/left/n3d") == ["ready, shared with /front/n3d"], "left's engine")
