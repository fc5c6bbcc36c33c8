"""The node's life under a lifecycle manager: every transition, what fails, and what is left after each."""

import threading
import time
from dataclasses import replace

import pytest
import rclpy
import stand_in_tf
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fake_pipeline import FakePipeline
from graph import DEADLINE_S, MUG
from graph_views import LATCHED, LOG, scene, wait_for_level
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Log
from rclpy.action import ActionClient, ActionServer
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from visualization_msgs.msg import MarkerArray

from n3d_ros.action import Ground as GroundAction
from n3d_ros.commands.graph.isolation import take_domain
from n3d_ros.errors import ResultCode
from n3d_ros.msg import Box3DArray
from n3d_ros.node import heap, parts
from n3d_ros.node import node as node_module
from n3d_ros.node.engine import key_of
from n3d_ros.node.inputs.topics import CameraTopics
from n3d_ros.node.plain.engine import worker
from n3d_ros.node.plain.engine.thread import Engines
from n3d_ros.node.servers import action_server
from n3d_ros.srv import Ground, Recall

CONFIGURE, ACTIVATE = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE
DEACTIVATE, CLEANUP = Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP
SHUT_DOWN = Transition.TRANSITION_ACTIVE_SHUTDOWN
DOWN, UP = ("deactivate", "cleanup"), ("configure", "activate")


def change(graph, *transitions):
    """Whether each worked."""
    return [
        graph.call(
            ChangeState, "n3d/change_state", ChangeState.Request(transition=Transition(id=one))
        ).success
        for one in transitions
    ]


def state(graph):
    return graph.call(GetState, "n3d/get_state", GetState.Request()).current_state.id


# Where tf2_ros imports they are heard from configure to cleanup.
TF = {"/tf", "/tf_static"}


def topics_of_node(graph):
    node = graph.client
    found = node.get_subscriber_names_and_types_by_node("n3d", "/")
    return {name for name, _ in found} - {"/parameter_events", "/clock"}


def left(graph):
    """What the node has in the executor's lists, by kind."""
    node = graph.node
    kinds = ("subscriptions", "publishers", "services", "timers", "guards", "waitables")
    return {kind: len(list(getattr(node, kind))) for kind in kinds}


def managed(make_graph, pipeline=None, **parameters):
    return make_graph(pipeline or FakePipeline([MUG]), autostart=False, **parameters)


def test_autostart_ends_active_and_answers(make_graph):
    graph = make_graph(FakePipeline([MUG]))
    assert state(graph) == State.PRIMARY_STATE_ACTIVE
    graph.one_frame()
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.OK


def test_autostart_that_fails_leaves_a_node_that_can_be_configured(make_graph, monkeypatch):
    def fail(*_):
        raise RuntimeError("the middleware makes no topic")

    with monkeypatch.context() as broken:
        broken.setattr(node_module, "Parts", fail)
        graph = make_graph(FakePipeline([MUG]))
    assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED
    assert change(graph, CONFIGURE, ACTIVATE) == [True, True]
    graph.one_frame()
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.OK


def test_an_unconfigured_node_has_no_topics_and_no_engine(make_graph):
    loads = []
    graph = make_graph(load=lambda _: loads.append(1) or FakePipeline([MUG]), autostart=False)
    assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED
    assert topics_of_node(graph) == set()
    assert loads == []
    assert change(graph, CONFIGURE) == [True]
    assert (state(graph), loads) == (State.PRIMARY_STATE_INACTIVE, [1])


def test_an_inactive_node_hears_no_camera_and_says_why_it_does_not_answer(make_graph):
    graph = managed(make_graph, diagnostics__period_s=0.1)
    change(graph, CONFIGURE)
    diagnostics = graph.collect(DiagnosticArray, "/diagnostics")
    assert topics_of_node(graph) - TF == {"/prompt"}
    response = graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug"))
    assert (response.code, response.message) == (ResultCode.CANCELED, "the node is inactive")
    end = graph.result(graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt="red mug")))
    assert (end.result.code, end.result.message) == (ResultCode.CANCELED, "the node is inactive")
    one = wait_for_level(graph, diagnostics, "lifecycle", DiagnosticStatus.WARN)
    assert one.message == "inactive: ros2 lifecycle set /n3d activate"
    assert not any("rgb" in status.name for message in diagnostics for status in message.status)


def test_deactivating_cancels_what_runs_and_waits_and_clears_what_is_shown(make_graph):
    gate = threading.Semaphore(2)
    graph = managed(make_graph, FakePipeline([MUG], gate), max_frame_age_s=0.0)
    change(graph, CONFIGURE, ACTIVATE)
    markers = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    graph.one_frame()
    graph.result(graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt="red mug")))
    graph.wait(lambda: scene(markers), "markers")
    sent = [graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt="red mug")) for _ in range(3)]
    graph.wait(lambda: len(graph.pipeline.stamps) == 2, "the engine to begin")
    assert change(graph, DEACTIVATE) == [True]
    assert [graph.result(goal).result.code for goal in sent] == [ResultCode.CANCELED] * 3
    graph.wait(lambda: not scene(markers), "an empty scene")
    assert topics_of_node(graph) - TF == {"/prompt"}


class DeafPipeline(FakePipeline):
    """Finishes what it began, whoever cancels it."""

    has_begun = False

    def ground(self, observation, words, *, listener, **options):
        self.has_begun = True
        deaf = replace(listener, should_cancel=lambda: False)
        assert self.gate.acquire(timeout=DEADLINE_S)
        return FakePipeline(self.boxes).ground(observation, words, listener=deaf, **options)


def test_a_request_that_is_complete_as_the_node_is_deactivated_leaves_no_markers(make_graph, monkeypatch):
    monkeypatch.setattr(worker, "CANCEL_GRACE_S", DEADLINE_S)
    gate = threading.Semaphore(0)
    pipeline = DeafPipeline([MUG], gate)
    graph = managed(make_graph, pipeline, max_frame_age_s=0.0)
    change(graph, CONFIGURE, ACTIVATE)
    markers = graph.collect(MarkerArray, "n3d/markers", LATCHED)
    graph.one_frame()
    goal = graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt="red mug"))
    graph.wait(lambda: pipeline.has_begun, "the engine")
    assert change(graph, DEACTIVATE) == [True]
    gate.release()
    assert graph.result(goal).result.code == ResultCode.OK
    assert change(graph, ACTIVATE) == [True]
    graph.one_frame()
    assert not scene(markers)
    gate.release()
    graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt="red mug"))
    graph.wait(lambda: scene(markers), "those of an active node")


def test_activated_again_it_answers_about_new_frames_only(make_graph):
    graph = managed(make_graph, max_frame_age_s=0.0, frame_timeout_s=0.2)
    change(graph, CONFIGURE, ACTIVATE)
    graph.one_frame()
    change(graph, DEACTIVATE, ACTIVATE)
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.NO_FRAME
    graph.one_frame()
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.OK


def test_an_image_from_before_finds_no_partner_afterwards(make_graph):
    graph = managed(make_graph)
    change(graph, CONFIGURE, ACTIVATE)
    graph.connect_camera()
    before = graph.messages()
    graph.publish(before, topics=("info", "rgb"))
    graph.wait(lambda: graph.num_received("rgb"), "the colour image")
    change(graph, DEACTIVATE, ACTIVATE)
    graph.connect_camera()
    graph.publish(before, topics=("depth",))
    graph.wait(lambda: graph.num_received("depth"), "the depth image")
    graph.one_frame()
    assert graph.node.camera.arrivals.num == 1


def test_the_standing_question_rests_while_inactive(make_graph):
    graph = managed(make_graph, continuous__prompt="red mug", frame_timeout_s=0.1)
    change(graph, CONFIGURE)
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    for _ in range(5):
        state(graph)
    assert boxes == []
    change(graph, ACTIVATE)
    graph.connect_camera()
    graph.publish_until(lambda: boxes, "boxes")


def test_cleanup_leaves_nothing_and_it_can_be_configured_anew(make_graph):
    loads = []
    graph = make_graph(load=lambda _: loads.append(1) or FakePipeline([MUG]), autostart=False)
    for _ in range(2):
        assert change(graph, CONFIGURE, ACTIVATE, DEACTIVATE, CLEANUP) == [True] * 4
        assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED
        graph.wait(lambda: topics_of_node(graph) == set(), "no subscriptions")
        services = dict(graph.client.get_service_names_and_types_by_node("n3d", "/"))
        assert "/n3d/change_state" in services and "/n3d/ground" not in services
    assert change(graph, CONFIGURE, ACTIVATE) == [True, True]
    graph.one_frame()
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.OK
    assert loads == [1, 1, 1]


def test_cleanup_gives_memory_back(make_graph, monkeypatch):
    given = []
    monkeypatch.setattr(heap, "give_back", lambda: given.append(1))
    graph = make_graph(load=lambda _: FakePipeline([MUG]), autostart=False)
    assert change(graph, CONFIGURE, ACTIVATE, DEACTIVATE) == [True] * 3
    assert given == []
    assert change(graph, CLEANUP) == [True]
    assert given == [1]


def test_who_is_canceled_is_told_before_cleanup_takes_the_server_away(make_graph, monkeypatch):
    """A manager's cleanup may come at any moment, so also right behind the end of the goal."""
    heard, cleaned = threading.Event(), []
    hear, execute = ActionServer._execute_get_result_request, ActionServer._execute_goal

    async def hearing(server, request):
        await hear(server, request)
        heard.set()

    async def then_clean_up(server, *goal):
        await execute(server, *goal)
        cleaned.append(graph.node.trigger_cleanup())

    monkeypatch.setattr(ActionServer, "_execute_get_result_request", hearing)
    monkeypatch.setattr(ActionServer, "_execute_goal", then_clean_up)
    graph = managed(make_graph, frame_timeout_s=3600.0)
    change(graph, CONFIGURE, ACTIVATE)
    future = graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt="mug")).get_result_async()
    graph.wait(heard.is_set, "the request for the result")
    assert change(graph, DEACTIVATE) == [True]
    graph.wait(future.done, "the result")
    assert future.result().result.code == ResultCode.CANCELED
    graph.wait(lambda: cleaned, "cleanup")
    assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED


def test_cleanup_waits_for_a_goal_that_was_accepted_and_has_not_begun(make_graph, monkeypatch):
    accept, cleaned = ActionServer._execute_goal_request, []

    async def then_clean_up(server, *request):
        await accept(server, *request)
        cleaned.append(graph.node.trigger_cleanup())

    monkeypatch.setattr(ActionServer, "_execute_goal_request", then_clean_up)
    graph = managed(make_graph)
    change(graph, CONFIGURE)
    end = graph.result(graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt="mug")))
    assert end.result.code == ResultCode.CANCELED
    assert cleaned == [TransitionCallbackReturn.FAILURE]
    assert change(graph, CLEANUP) == [True]


def test_goals_and_results_asked_for_during_cleanup_are_answered(make_graph, monkeypatch):
    monkeypatch.setattr(action_server, "LINGER_S", DEADLINE_S)
    graph = managed(make_graph)
    change(graph, CONFIGURE)
    ended = graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt="mug"))
    graph.wait(lambda: not graph.node.is_answering, "the end of the goal")
    client = ActionClient(graph.client, GroundAction, "n3d/ground")
    graph.wait(client.server_is_ready, "the action")
    changing = graph.client.create_client(ChangeState, "n3d/change_state")
    graph.wait(changing.service_is_ready, "service")
    cleaned = changing.call_async(ChangeState.Request(transition=Transition(id=CLEANUP)))
    graph.wait(lambda: not graph.node.is_configured, "cleanup to begin")
    late = client.send_goal_async(GroundAction.Goal(prompt="mug"))
    graph.wait(late.done, "the answer to the goal")
    assert not late.result().accepted
    assert graph.result(ended).result.code == ResultCode.CANCELED
    graph.wait(cleaned.done, "the end of cleanup")
    assert cleaned.result().success


def test_services_called_during_cleanup_are_answered(make_graph, monkeypatch):
    answer, closing = parts.answer_what_came, threading.Event()
    heard = {"~/ground": threading.Event(), "~/recall": threading.Event()}

    def until_heard(service):
        closing.set()
        end_s = time.monotonic() + DEADLINE_S
        answer(service)
        while service.srv_name in heard and not heard[service.srv_name].is_set() and time.monotonic() < end_s:
            answer(service)

    monkeypatch.setattr(parts, "answer_what_came", until_heard)
    stand_in_tf.install(monkeypatch)
    graph = managed(make_graph, memory__enabled=True, memory__frame="map")
    change(graph, CONFIGURE)
    clients = [
        graph.client.create_client(kind, name)
        for kind, name in ((Ground, "n3d/ground"), (Recall, "n3d/recall"), (ChangeState, "n3d/change_state"))
    ]
    graph.wait(lambda: all(one.service_is_ready() for one in clients), "services")
    requests = [Ground.Request(prompt="mug"), Recall.Request(words="mug")]
    cleaned = clients[2].call_async(ChangeState.Request(transition=Transition(id=CLEANUP)))
    graph.wait(closing.is_set, "cleanup to come to the services")
    answers = [client.call_async(one) for client, one in zip(clients, requests, strict=False)]
    for name, one in zip(heard, answers, strict=True):
        one.add_done_callback(lambda _, name=name: heard[name].set())
    graph.wait(lambda: all(one.done() for one in answers), "the answers")
    graph.wait(cleaned.done, "the end of cleanup")
    told, recalled = (one.result() for one in answers)
    assert (told.code, told.message) == (ResultCode.CANCELED, "the node is inactive")
    assert (recalled.code, recalled.message) == (
        ResultCode.BAD_INPUT,
        "nothing is remembered: the node is cleaned up, or stops",
    )


@pytest.mark.parametrize("refused", ["prompt", "n3d/ask/_action/feedback", "n3d/build_engine/_action/status"])
def test_what_was_made_when_configuring_fails_is_destroyed(make_graph, refused):
    """ROS refuses a topic of two types in one node."""
    graph = make_graph(FakePipeline([MUG]), autostart=False, remap=f"{refused}:=n3d/boxes")
    before = left(graph)
    for _ in range(2):
        assert change(graph, CONFIGURE) == [False]
        assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED
        assert left(graph) == before


def test_a_model_that_does_not_load_fails_the_transition_and_can_be_tried_again(make_graph):
    def load(_):
        if len(tries) < 1:
            tries.append(1)
            raise ValueError("engines/n3d-nano: expected a folder, got nothing")
        return FakePipeline([MUG])

    tries = []
    graph = make_graph(load=load, autostart=False)
    assert change(graph, CONFIGURE) == [False]
    assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED
    assert change(graph, CONFIGURE, ACTIVATE) == [True, True]


def test_what_fails_while_it_activates_is_logged_and_can_be_tried_again(make_graph, monkeypatch):
    def fail(_):
        raise RuntimeError("the topic cannot be subscribed to")

    graph = make_graph(FakePipeline([MUG]), autostart=False)
    log = graph.collect(Log, "/rosout", LOG)
    change(graph, CONFIGURE)
    with monkeypatch.context() as broken:
        broken.setattr(CameraTopics, "open", fail)
        assert change(graph, ACTIVATE) == [False]
    assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED
    graph.wait(lambda: any("the topic cannot be subscribed to" in one.msg for one in log), "the log")
    assert change(graph, CONFIGURE, ACTIVATE) == [True, True]


def test_who_configures_it_by_hand_is_told_that_the_model_does_not_load_also_where_it_starts_by_itself(
    make_graph,
):
    def load(_):
        raise ValueError("engines/n3d-nano: expected a folder, got nothing")

    graph = make_graph(load=load)
    assert state(graph) == State.PRIMARY_STATE_ACTIVE, "it says so, and its log can be read"
    assert change(graph, DEACTIVATE, CLEANUP, CONFIGURE) == [True, True, False]
    assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED


def test_a_model_that_loads_for_too_long_fails_the_transition_and_can_be_tried_again(make_graph, monkeypatch):
    def load(_):
        tries.append(1)
        if len(tries) == 1:
            gate.wait(30.0)
        return FakePipeline([MUG])

    monkeypatch.setattr(parts, "STOP_S", 0.1)
    tries, gate = [], threading.Event()
    graph = make_graph(load=load, autostart=False, model__load_timeout_s=0.3, max_frame_age_s=0.0)
    log = graph.collect(Log, "/rosout", LOG)
    assert change(graph, CONFIGURE) == [False]
    assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED
    graph.wait(lambda: any("expected at most 0.3 s" in one.msg for one in log), "the reason in the log")
    assert change(graph, CONFIGURE, ACTIVATE) == [True, True]
    graph.one_frame()
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.OK
    gate.set()


@pytest.mark.parametrize(
    ("before", "wrong"), [((), ACTIVATE), ((CONFIGURE,), DEACTIVATE), ((CONFIGURE, ACTIVATE), CLEANUP)]
)
def test_a_transition_out_of_turn_is_refused_and_changes_nothing(make_graph, before, wrong):
    graph = managed(make_graph)
    change(graph, *before)
    was = state(graph)
    assert change(graph, wrong) == [False]
    assert state(graph) == was


def test_shut_down_while_active_answers_who_waits(make_graph):
    graph = managed(make_graph, frame_timeout_s=3600.0)
    change(graph, CONFIGURE, ACTIVATE)
    goal = graph.goal(GroundAction, "n3d/ground", GroundAction.Goal(prompt="red mug"))
    assert change(graph, SHUT_DOWN) == [True]
    assert graph.result(goal).result.code == ResultCode.CANCELED
    assert state(graph) == State.PRIMARY_STATE_FINALIZED


def test_who_was_shut_down_does_not_say_how_to_activate_it(make_graph):
    graph = managed(make_graph, diagnostics__period_s=0.1)
    log = graph.collect(Log, "/rosout", LOG)
    change(graph, CONFIGURE, ACTIVATE)
    diagnostics = graph.collect(DiagnosticArray, "/diagnostics")
    assert change(graph, SHUT_DOWN, CONFIGURE) == [True, False]
    one = wait_for_level(graph, diagnostics, "lifecycle", DiagnosticStatus.WARN)
    assert one.message == "it was shut down, for good: stop its process and start it"
    said = "lifecycle: expected no transition any more while finalized, got 1"
    graph.wait(lambda: any(one.msg == said for one in log), "the log")


def test_what_is_read_when_it_is_configured_changes_before_that_only(make_graph):
    graph = managed(make_graph)
    (result,) = graph.node.set_parameters([Parameter("max_queued_goals", value=7)])
    assert result.successful
    change(graph, CONFIGURE)
    assert graph.node.desk.worker.max_queued == 7
    (result,) = graph.node.set_parameters([Parameter("max_queued_goals", value=8)])
    assert not result.successful
    assert "max_queued_goals: it is read when the node is configured" in result.reason
    down, up = ([f"ros2 lifecycle set /n3d {one}" for one in ones] for ones in (DOWN, UP))
    assert result.reason.endswith(f"; {down[1]}; then set it; then {' && '.join(up)}"), "it is inactive"
    change(graph, ACTIVATE)
    (result,) = graph.node.set_parameters([Parameter("max_queued_goals", value=8)])
    assert result.reason.endswith(f"; {' && '.join(down)}; then set it; then {' && '.join(up)}")
    (result,) = graph.node.set_parameters([Parameter("memory.enabled", value=True)])
    assert "memory.enabled: it is read when the node is configured" in result.reason, "not what it would lack"
    (result,) = graph.node.set_parameters([Parameter("max_queued_goals", value=7)])
    assert result.successful, "nothing changes"
    change(graph, SHUT_DOWN)
    (result,) = graph.node.set_parameters([Parameter("max_queued_goals", value=8)])
    assert result.reason.endswith(
        "it was shut down, for good: stop its process and start it with the new value"
    )


def test_everything_lies_in_the_nodes_namespace(make_graph):
    graph = make_graph(FakePipeline([MUG]), namespace="/robot1/head", continuous__prompt="red mug")
    boxes = graph.collect(Box3DArray, "n3d/boxes")
    graph.one_frame()
    (result,) = graph.wait(lambda: boxes, "boxes")
    assert result.code == ResultCode.OK
    of_node = ("n3d", "/robot1/head")
    names = {
        name
        for look_up in ("publisher", "subscriber", "service")
        for name, _ in getattr(graph.client, f"get_{look_up}_names_and_types_by_node")(*of_node)
    }
    shared = {"/diagnostics", "/rosout", "/parameter_events", "/tf", "/tf_static"}
    assert len(names) > 20
    assert {name for name in names - shared if not name.startswith("/robot1/head/")} == set()
    assert graph.call(Ground, "n3d/ground", Ground.Request(prompt="red mug")).code == ResultCode.OK


def test_it_is_destroyed_also_after_its_context_has_ended():
    """Whoever holds the node may end ROS first."""
    context, domain = rclpy.Context(), take_domain()
    rclpy.init(context=context, domain_id=domain.id)
    node = node_module.N3DNode(Engines(lambda _: FakePipeline([MUG]), key_of), context=context)
    rclpy.shutdown(context=context)
    node.destroy_node()
    domain.release()
    assert not node.is_configured


def test_a_topic_that_ros_refuses_to_an_input_is_named(make_graph):
    graph = make_graph(FakePipeline([MUG]), autostart=False, remap="rgb/camera_info:=/rgb/image")
    log = graph.collect(Log, "/rosout", LOG)
    assert change(graph, CONFIGURE, ACTIVATE) == [True, False]
    graph.wait(lambda: any("/rgb/image: ROS refuses CameraInfo on it" in one.msg for one in log), "the log")
    assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED
