"""What doctor concludes from the order of messages alone."""

import pytest

from n3d_ros.commands.doctor.look.senders import Senders


def of(*messages):
    senders = Senders()
    for stamp_ns, kind in messages:
        senders.add(stamp_ns, kind)
    return senders


@pytest.mark.parametrize(
    ("kinds", "is_mixed"), [("aaa", False), ("aab", False), ("abc", False), ("aba", True)]
)
def test_a_camera_may_change_its_mode_and_two_go_to_and_fro(kinds, is_mixed):
    assert of(*enumerate(kinds)).is_mixed is is_mixed


def test_stamps_stand_still_where_several_messages_have_one():
    assert not of((7, "a")).is_still
    assert of((7, "a"), (7, "a")).is_still
    assert not of((7, "a"), (7, "a"), (8, "a")).is_still
    assert of((7, "a"), (8, "a")).stamp_ns == 8
