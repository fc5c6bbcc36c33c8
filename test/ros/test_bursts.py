"""However many ask at once, each gets an answer."""

from collections import Counter

from fake_pipeline import FakePipeline
from graph import MUG
from rclpy.action import ActionClient
from rclpy.qos import QoSProfile

from n3d_ros.action import Ground as GroundAction
from n3d_ros.errors import ResultCode
from n3d_ros.srv import Ground

# A client's own queue keeps ten answers unless it asks for more.
DEEP = QoSProfile(depth=1000)


def test_two_hundred_calls_at_once_get_two_hundred_answers(make_graph):
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0)
    graph.one_frame()
    client = graph.client.create_client(Ground, "n3d/ground", qos_profile=DEEP)
    graph.wait(client.service_is_ready, "service")
    calls = [client.call_async(Ground.Request(prompt="red mug")) for _ in range(200)]
    graph.wait(lambda: all(call.done() for call in calls), "200 answers")
    codes = Counter(call.result().code for call in calls)
    assert set(codes) <= {ResultCode.OK, ResultCode.SUPERSEDED}
    assert codes[ResultCode.OK] >= graph.node.live.now.max_queued_goals
    assert not graph.node.tickets.open


def test_a_hundred_goals_at_once_get_a_hundred_results(make_graph):
    graph = make_graph(FakePipeline([MUG]), max_frame_age_s=0.0)
    graph.one_frame()
    client = ActionClient(
        graph.client,
        GroundAction,
        "n3d/ground",
        goal_service_qos_profile=DEEP,
        result_service_qos_profile=DEEP,
    )
    graph.wait(client.server_is_ready, "action")
    sent = [client.send_goal_async(GroundAction.Goal(prompt="red mug")) for _ in range(100)]
    graph.wait(lambda: all(goal.done() for goal in sent), "100 goal responses")
    assert all(goal.result().accepted for goal in sent)
    results = [goal.result().get_result_async() for goal in sent]
    graph.wait(lambda: all(result.done() for result in results), "100 results")
    codes = Counter(result.result().result.code for result in results)
    assert set(codes) <= {ResultCode.OK, ResultCode.SUPERSEDED}
    assert codes[ResultCode.OK] >= graph.node.live.now.max_queued_goals
