"""What no message can hold is refused by name, before the generated messages' C code gets it."""

from dataclasses import replace

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (make ros)")
pytest.importorskip("n3d_ros.msg", reason="the interfaces are not built (make ros)")

import numpy as np

from n3d_ros.client import N3DClient
from n3d_ros.client.arguments import MAX_INT32, count, names, stamp, text
from n3d_ros.client.messages import fill_box
from n3d_ros.client.results import FoundBox
from n3d_ros.msg import GroundedObject

pytestmark = pytest.mark.ros


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        ("lamp\0 behind the bomb", ValueError, r"got the character '\x00' in 'lamp\x00 behind the bomb'"),
        ("\ud83d lamp", ValueError, r"got the character '\ud83d' in '\ud83d lamp'"),
        (None, TypeError, "expected text, got None"),
        (b"lamp", TypeError, "expected text, got b'lamp'"),
    ],
)
def test_text_that_would_not_arrive_whole_is_refused(value, error, said):
    with pytest.raises(error) as refused:
        text("frame", value)
    assert str(refused.value).startswith("frame: expected text, got ") and said in str(refused.value)


def test_text_of_any_writing_arrives():
    assert text("words", "die rote Tasse 红色的杯子 🦄\n") == "die rote Tasse 红色的杯子 🦄\n"


@pytest.mark.parametrize("several", [("mug", "box"), {"mug": 1, "box": 2}, (one for one in ("mug", "box"))])
def test_names_come_in_anything_that_can_be_counted_through(several):
    assert names(several) == ["mug", "box"]


@pytest.mark.parametrize(
    ("several", "error", "said"),
    [
        (["mug", 3], TypeError, "words: expected text, got 3"),
        (["mug", "box\0"], ValueError, "words: expected text, got the character"),
        (3, TypeError, "words: expected text or several names, got 3"),
        (b"mug", TypeError, "words: expected text or several names, got b'mug'"),
        (set(), ValueError, "words: expected at least one name, got none"),
    ],
)
def test_names_that_are_none_are_refused(several, error, said):
    with pytest.raises(error, match=said):
        names(several)


def test_whole_numbers_of_any_kind_become_ints():
    assert [type(count("max_boxes", one)) for one in (0, np.int64(2), np.uint8(3), MAX_INT32)] == [int] * 4
    assert stamp("stamp_ns", np.int64(1_700_000_000_000_000_005)) == (1_700_000_000, 5)
    assert stamp("stamp_ns", MAX_INT32 * 10**9 + 999_999_999) == (MAX_INT32, 999_999_999)


@pytest.mark.parametrize("value", [-1, MAX_INT32 + 1, 2**32 + 1])
def test_counts_that_would_wrap_are_refused(value):
    with pytest.raises(ValueError, match=f"max_boxes: expected 0 to {MAX_INT32}, got {value}"):
        count("max_boxes", value)


@pytest.mark.parametrize("value", [-1, 2**63, (2**32 + 1) * 10**9, (MAX_INT32 + 1) * 10**9])
def test_stamps_that_would_wrap_are_refused(value):
    with pytest.raises(ValueError, match=f"stamp_ns: expected nanoseconds from 0 to .* got {value}"):
        stamp("stamp_ns", value)


@pytest.mark.parametrize("value", [1.0, "1", None])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(TypeError, match=f"max_boxes: expected a whole number, got {value!r}"):
        count("max_boxes", value)


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("words", lambda n3d: n3d.ground("lamp\0")),
        ("words", lambda n3d: n3d.ground(["lamp", 3])),
        ("words", lambda n3d: next(n3d.boxes("\ud83d"))),
        ("words", lambda n3d: n3d.recall("lamp\0")),
        ("question", lambda n3d: n3d.ask("How tall is \ud83d?")),
        ("frame", lambda n3d: n3d.ground("lamp", frame=None)),
        ("frame", lambda n3d: n3d.ask("How tall is it?", frame=3)),
        ("max_boxes", lambda n3d: n3d.ground("lamp", max_boxes=1.0)),
        ("stamp_ns", lambda n3d: n3d.ground("lamp", stamp_ns=1.7e18)),
        ("stamp_ns", lambda n3d: n3d.ask("How tall is it?", stamp_ns=2**63)),
    ],
)
def test_each_request_refuses_by_name_without_looking_for_a_node(name, ask, empty_domain):
    with N3DClient(domain_id=empty_domain) as n3d, pytest.raises((TypeError, ValueError), match=f"^{name}: "):
        ask(n3d)


def test_boxes_of_a_correction_may_hold_any_numbers_and_only_text():
    message = fill_box(GroundedObject(), FoundBox("", "mug", (0, 0, 1), np.ones(3, np.float32), score=1))
    assert (message.pose.position.z, message.size.x, message.score) == (1.0, 1.0, 1.0)
    assert {type(one) for one in (message.pose.position.z, message.size.x, message.score)} == {float}
    with pytest.raises(TypeError, match="label: expected text, got 3"):
        fill_box(GroundedObject(), FoundBox("", 3, (0, 0, 1), (1, 1, 1)))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"center": (0, float("nan"), 1)}, "center: expected 3 finite numbers, got"),
        ({"size": (1, 1)}, "size: expected 3 finite numbers, got"),
        ({"size": (1, -1, 1)}, "size: expected no negative number, got"),
        ({"score": float("inf")}, "score: expected 1 finite numbers, got"),
    ],
)
def test_a_box_of_a_correction_that_cannot_be_is_refused(changed, said):
    box = replace(FoundBox("", "mug", (0, 0, 1), (1, 1, 1)), **changed)
    with pytest.raises(ValueError, match=said):
        fill_box(GroundedObject(), box)


@pytest.mark.parametrize(
    ("name", "said"),
    [({"node": "a-b"}, "node: expected a name that ROS takes, got 'a-b'"),
     ({"node": "/robot 1/n3d"}, "namespace: expected a name that ROS takes, got '/robot 1'"),
     ({"namespace": "robot 1"}, "namespace: expected a name that ROS takes, got '/robot 1'")],
)  # fmt: skip
def test_a_name_that_no_node_has_is_refused(name, said):
    with pytest.raises(ValueError, match=said):
        N3DClient(**name)


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan"), float("inf")])
def test_a_time_that_cannot_be_waited_is_refused(timeout_s):
    with pytest.raises(ValueError, match="timeout_s: expected more than 0 and at most"):
        N3DClient(timeout_s=timeout_s)


@pytest.mark.parametrize(
    ("given", "said"),
    [({"node": None}, "node: expected text, got None"),
     ({"node": b"n3d"}, "node: expected text, got b'n3d'"),
     ({"namespace": 7}, "namespace: expected text, got 7"),
     ({"timeout_s": None}, "timeout_s: expected seconds, got None"),
     ({"timeout_s": "5"}, "timeout_s: expected seconds, got '5'"),
     ({"domain_id": "77"}, "domain_id: expected a whole number, got '77'")],
)  # fmt: skip
def test_a_client_of_another_type_is_refused_by_name(given, said):
    with pytest.raises(TypeError, match=said):
        N3DClient(**given)
