"""A running node shown: what a scene is told, on a real graph."""

import pytest
from fake_pipeline import FakePipeline
from graph import MUG

pytestmark = pytest.mark.ros


class FakeScene:
    def __init__(self):
        self.frames, self.results = [], []

    def frame(self, seen, stamp_ns):
        self.frames.append((seen, stamp_ns))

    def result(self, one):
        self.results.append(one)


@pytest.fixture
def shown(make_graph):
    graph = make_graph(FakePipeline([MUG]))
    from n3d_ros.commands.view.live import LiveView

    scene = FakeScene()
    view = LiveView(graph.client, "n3d", scene, rate_hz=100.0)
    graph.wait(lambda: view.look() or graph.rgb.get_subscription_count() == 2, "viewer on the colour image")
    graph.wait(lambda: graph.depth.get_subscription_count() == 2, "viewer on the depth image")
    assert view.has_seen_node
    return graph, scene


def test_pictures_are_shown_without_a_question(shown):
    graph, scene = shown
    graph.publish_until(lambda: scene.frames, "picture")
    seen, _ = scene.frames[0]
    assert seen.rgb.shape == (48, 64, 3) and seen.depth[0, 0] == 1.0 and seen.intrinsics.fx == 60.0


def test_a_result_is_shown_with_its_own_frame(shown):
    from n3d_ros.action import Ground

    graph, scene = shown
    stamp = graph.one_frame()
    graph.wait_for_engine()
    graph.result(graph.goal(Ground, "n3d/ground", Ground.Goal(prompt="the mug")))
    graph.wait(lambda: scene.results, "result")
    assert scene.results[0].words == "the mug" and scene.results[0].boxes[0].center == pytest.approx(
        MUG.center
    )
    assert stamp in [stamp_ns for _, stamp_ns in scene.frames] and scene.results[0].seen is not None


def test_pictures_are_shown_after_the_clock_went_back_also_with_the_camera_info_of_before(shown):
    graph, scene = shown
    graph.publish_until(lambda: scene.frames, "picture")
    again_ns = scene.frames[0][1] - 10**12

    def is_shown():
        graph.publish(graph.messages(stamp_ns=again_ns), topics=("depth", "rgb"))
        return scene.frames[-1][1] == again_ns

    graph.wait(is_shown, "the picture of the new time")
