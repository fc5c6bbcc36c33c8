"""Who waits for a frame gets one, or None, exactly once."""

import pytest

from n3d_ros.node.plain.inputs.latest_frame import FrameRequest, LatestFrame


@pytest.fixture
def delivered():
    return []


def request(delivered, at_least=0, deadline_s=10.0):
    return FrameRequest(lambda frame: frame >= at_least, delivered.append, deadline_s)


def test_the_newest_frame_is_delivered_at_once(delivered):
    latest = LatestFrame()
    latest.put(1)
    latest.put(2)
    latest.request(request(delivered))
    assert delivered == [2]
    latest.put(3)
    assert delivered == [2], "once"


def test_a_request_waits_for_a_frame_it_accepts(delivered):
    latest = LatestFrame()
    latest.put(1)
    latest.request(request(delivered, at_least=3))
    latest.put(2)
    assert delivered == []
    latest.put(3)
    assert delivered == [3]


def test_a_frame_is_awaited_while_a_request_that_accepts_it_waits(delivered):
    latest = LatestFrame()
    assert not latest.is_awaited(3)
    latest.request(request(delivered, at_least=3))
    assert (latest.is_awaited(2), latest.is_awaited(3)) == (False, True)
    latest.put(3)
    assert not latest.is_awaited(4)


def test_next_ignores_the_frame_that_is_there(delivered):
    latest = LatestFrame()
    latest.put(1)
    latest.request(request(delivered), next_only=True)
    assert delivered == []
    latest.put(2)
    assert delivered == [2]


def test_a_deadline_delivers_none_and_a_forgotten_request_nothing(delivered):
    latest = LatestFrame()
    latest.request(request(delivered, deadline_s=10.0))
    forgotten = request(delivered, deadline_s=10.0)
    latest.request(forgotten)
    latest.forget(forgotten)
    latest.expire(9.9)
    assert delivered == []
    latest.expire(10.0)
    assert delivered == [None]
