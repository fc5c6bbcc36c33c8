import struct

import pytest

from n3d_ros.recording.moments import Moment, Moments, stamp_of

MS = 1_000_000


def moment(topic, stamp_ms, size=10):
    return Moment(topic, stamp_ms * MS, stamp_ms * MS + 5, bytes(size))


def test_of_each_topic_the_nearest_message_belongs_to_a_result():
    moments = Moments(1000)
    for topic, stamp in (("rgb", 100), ("depth", 108), ("rgb", 133), ("depth", 141)):
        moments.add(moment(topic, stamp))
    assert [(one.topic, one.stamp_ns // MS) for one in moments.of(133 * MS)] == [("rgb", 133), ("depth", 141)]


def test_what_is_far_from_the_stamp_does_not_belong_to_it():
    moments = Moments(1000)
    moments.add(moment("rgb", 100))
    assert moments.of(121 * MS) == []


def test_the_oldest_go_when_memory_is_full():
    moments = Moments(25)
    for stamp in (0, 100, 200):
        moments.add(moment("rgb", stamp))
    assert moments.of(0) == [] and len(moments.of(100 * MS)) == 1


def test_it_is_known_what_came_before_the_first_messages_and_what_was_forgotten():
    moments = Moments(25)
    assert moments.began_after(0) and not moments.forgot(0)
    for topic, stamp in (("rgb", 100), ("depth", 133), ("rgb", 133)):
        moments.add(moment(topic, stamp))
    assert moments.began_after(100 * MS) and not moments.began_after(133 * MS)
    assert moments.forgot(100 * MS) and not moments.forgot(133 * MS)


def test_after_stamps_went_back_nothing_is_missing_for_what_came_before():
    moments = Moments(45)
    for received, stamp in enumerate((9000, 9100, 9200, 9300, 50, 150)):
        moments.add(Moment("rgb", stamp * MS, received, bytes(10)))
    assert not moments.began_after(20 * MS), "the recording went on"
    assert not moments.forgot(100 * MS), "only pictures of before are gone"
    for received, stamp in enumerate((250, 350, 450, 550), 6):
        moments.add(Moment("rgb", stamp * MS, received, bytes(10)))
    assert moments.forgot(50 * MS) and not moments.forgot(450 * MS)


@pytest.mark.parametrize(("order", "flag"), [("<", 1), (">", 0)])
def test_a_stamp_is_read_from_the_bytes_in_either_order(order, flag):
    data = bytes([0, flag, 0, 0]) + struct.pack(f"{order}iI", 12, 345) + b"more"
    assert stamp_of(data) == 12_000_000_345


def test_bytes_without_a_header_are_refused():
    with pytest.raises(ValueError, match="got 3 bytes"):
        stamp_of(b"abc")
