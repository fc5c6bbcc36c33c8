"""Pairs are right or absent."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from n3d_ros.node.plain.inputs.sync import MAX_SLOP_NS, Synchroniser

MS = 1_000_000
PERIOD = 33 * MS


def synchroniser(**options):
    sync = Synchroniser(**options)
    sync.set_camera_info("K")
    return sync


def steady(sync, count, skew=0):
    """Feed `count` frames at 30 Hz; the last stamp."""
    for index in range(1, count + 1):
        sync.add_depth(index * PERIOD + skew, f"d{index}")
        sync.add_rgb(index * PERIOD, f"c{index}")
    return count * PERIOD


def test_equal_stamps_pair_whichever_comes_first():
    sync = synchroniser()
    assert sync.add_rgb(PERIOD, "c1") is None
    frame = sync.add_depth(PERIOD, "d1")
    assert (frame.rgb, frame.depth, frame.camera_info, frame.stamp_ns, frame.skew_ns) == (
        "c1",
        "d1",
        "K",
        PERIOD,
        0,
    )
    assert sync.add_depth(2 * PERIOD, "d2") is None
    assert sync.add_rgb(2 * PERIOD, "c2").depth == "d2"


def test_slop_is_half_of_the_measured_period_and_at_most_the_cap():
    sync = synchroniser()
    steady(sync, 5)
    assert sync.slop_ns == PERIOD // 2
    slow = synchroniser()
    for index in range(1, 5):
        slow.add_rgb(index * 1000 * MS, "c")
    assert slow.slop_ns == MAX_SLOP_NS


def test_a_lost_depth_image_is_not_replaced_by_its_neighbour():
    sync = synchroniser()
    last = steady(sync, 5)
    assert sync.add_rgb(last + PERIOD, "c6") is None
    frame = sync.add_rgb(last + 2 * PERIOD, "c7") or sync.add_depth(last + 2 * PERIOD, "d7")
    assert (frame.rgb, frame.depth) == ("c7", "d7")
    assert sync.counts["rgb_unpaired"] == 1


def test_no_wrong_pair_at_five_percent_loss_and_ten_milliseconds_of_skew():
    rng, sync, frames = random.Random(5), synchroniser(), []
    for index in range(1, 2001):
        for add, name, skew in ((sync.add_rgb, "c", 0), (sync.add_depth, "d", 10 * MS)):
            if rng.random() > 0.05:
                frames.append(add(index * PERIOD + skew, (name, index)))
    frames = [frame for frame in frames if frame]
    assert all(frame.rgb[1] == frame.depth[1] for frame in frames)
    assert len(frames) > 1700


def test_the_newest_pair_wins_and_nothing_goes_back_in_time():
    sync = synchroniser()
    last = steady(sync, 3)
    sync.add_rgb(last + PERIOD, "c4")
    sync.add_rgb(last + 2 * PERIOD, "c5")
    assert sync.add_depth(last + 2 * PERIOD, "d5").rgb == "c5"
    assert sync.add_depth(last + PERIOD, "d4") is None
    assert sync.counts["depth_out_of_order"] == 1


def test_the_same_frame_is_given_once():
    sync = synchroniser()
    last = steady(sync, 3)
    assert sync.add_rgb(last, "again") is None
    assert sync.add_depth(last, "again") is None


def test_only_the_newest_colour_image_awaits_depth_and_only_until_it_comes():
    sync = synchroniser()
    sync.add_rgb(PERIOD, "c1")
    assert sync.awaits_depth(PERIOD)
    sync.add_rgb(2 * PERIOD, "c2")
    assert (sync.awaits_depth(PERIOD), sync.awaits_depth(2 * PERIOD)) == (False, True)
    sync.add_depth(2 * PERIOD, "d2")
    assert not sync.awaits_depth(2 * PERIOD)
    sync.add_rgb(2 * PERIOD, "c2 again")
    assert not sync.awaits_depth(2 * PERIOD)


def test_without_camera_info_there_is_no_frame():
    sync = Synchroniser()
    steady(sync, 1)
    assert sync.counts["no_camera_info"] == 1
    assert sync.missing() == ("camera_info",)
    assert Synchroniser().missing() == ("rgb", "depth", "camera_info")


def test_a_recording_that_starts_again_is_followed():
    sync = synchroniser()
    steady(sync, 100)
    assert sync.add_rgb(PERIOD, "c1") is None
    assert sync.add_depth(PERIOD, "d1").rgb == "c1"
    assert sync.counts["restart"] == 1


def test_the_queue_is_bounded():
    sync = synchroniser(queue_size=2)
    for index in range(1, 11):
        sync.add_rgb(index * PERIOD, f"c{index}")
    assert sync.counts["rgb_unpaired"] == 8
    with pytest.raises(ValueError, match="got -1 and 5"):
        Synchroniser(max_slop_ns=-1)


def test_losses_do_not_widen_the_slop():
    """Five of eight differences are of two periods; the period is still one."""
    sync, stamp = synchroniser(), 0
    for periods in (1, 2, 2, 1, 2, 2, 1, 2, 1):
        stamp += periods * PERIOD
        sync.add_rgb(stamp, "c")
    assert sync.slop_ns == PERIOD // 2


def test_a_camera_that_becomes_faster_gets_no_depth_of_a_neighbour():
    """60 Hz after 15 Hz: an automatic exposure, once there is light. The third picture's depth is lost."""
    sync, fast = synchroniser(), PERIOD // 2
    for index in range(-20, 1):
        sync.add_depth(index * 2 * PERIOD, f"d{index}")
        sync.add_rgb(index * 2 * PERIOD, f"c{index}")
    for index in (1, 2):
        sync.add_depth(index * fast, f"d{index}")
        assert sync.add_rgb(index * fast, f"c{index}").depth == f"d{index}"
    assert (sync.add_rgb(3 * fast, "c3"), sync.add_depth(4 * fast, "d4")) == (None, None)
    assert sync.add_rgb(4 * fast, "c4").depth == "d4"


def test_a_late_message_inside_the_slop_is_not_out_of_order():
    sync = synchroniser()
    last = steady(sync, 5)
    assert sync.add_depth(last - 5 * MS, "late") is None
    assert sync.counts["depth_out_of_order"] == 0


def test_a_late_message_outside_the_slop_is_counted_and_dropped():
    sync = synchroniser()
    last = steady(sync, 5)
    assert sync.add_depth(last - PERIOD // 2 - MS, "late") is None
    assert sync.counts["depth_out_of_order"] == 1


def test_what_came_in_one_message_is_a_frame_whatever_its_skew():
    sync = synchroniser()
    frame = sync.add_pair(PERIOD, PERIOD + 25 * MS, "c1", "d1")
    assert (frame.rgb, frame.depth, frame.stamp_ns, frame.skew_ns) == ("c1", "d1", PERIOD, 25 * MS)
    assert sync.add_pair(PERIOD, PERIOD, "again", "again") is None
    assert sync.add_pair(2 * PERIOD, 2 * PERIOD, "c2", "d2").rgb == "c2"
    assert (sync.counts["paired"], sync.counts["rgb_out_of_order"]) == (2, 1)


def test_a_recording_of_whole_frames_that_starts_again_is_followed():
    sync = synchroniser()
    sync.add_pair(100 * PERIOD, 100 * PERIOD, "c", "d")
    assert sync.add_pair(PERIOD, PERIOD, "c1", "d1").rgb == "c1"


@st.composite
def streams(draw):
    """Arrivals of one camera: (moment, "rgb" or "depth", number, stamp). Each stream loses some, and every
    message takes its own time, so that they arrive out of order.
    """
    period_ms = draw(st.sampled_from([33, 66, 100]))
    skew_ms = draw(st.integers(-period_ms // 5, period_ms // 5))
    rng = draw(st.randoms(use_true_random=False))
    loss, arrivals = draw(st.sampled_from([0.0, 0.05, 0.3])), []
    for number in range(1, draw(st.integers(20, 150))):
        for name, offset_ms in (("rgb", 0), ("depth", skew_ms)):
            # stamps of a real camera wander a little
            stamp_ms = number * period_ms + offset_ms + rng.uniform(-1, 1)
            if rng.random() >= loss:
                arrivals.append((stamp_ms + rng.uniform(3, 60), name, number, round(stamp_ms * MS)))
    return sorted(arrivals)


@settings(max_examples=150, deadline=None)
@given(streams(), st.integers(2, 8))
def test_under_loss_jitter_and_disorder_no_pair_is_wrong_and_memory_is_bounded(arrivals, queue_size):
    sync, newest = synchroniser(queue_size=queue_size), -1
    for _, name, number, stamp in arrivals:
        frame = (sync.add_rgb if name == "rgb" else sync.add_depth)(stamp, (name, number))
        if frame is not None:
            assert frame.rgb[1] == frame.depth[1]
            assert frame.stamp_ns > newest
            newest = frame.stamp_ns
        assert max(len(sync._rgb.waiting), len(sync._depth.waiting)) <= queue_size
        assert max(len(sync._rgb.periods_ns), len(sync.skews_ns)) <= 300


def test_at_five_percent_loss_and_jitter_nearly_every_whole_frame_is_paired():
    rng, sync, arrivals = random.Random(3), synchroniser(), []
    for number in range(1, 2001):
        for name in ("rgb", "depth"):
            if rng.random() >= 0.05:
                arrivals.append((number * 33 + rng.uniform(3, 60), name, number))
    seen = {(name, number) for _, name, number in arrivals}
    whole = sum({("rgb", number), ("depth", number)} <= seen for number in range(1, 2001))
    for _, name, number in sorted(arrivals):
        (sync.add_rgb if name == "rgb" else sync.add_depth)(number * PERIOD, number)
    assert sync.counts["paired"] > 0.75 * whole, "a newer pair may overtake an older one"


def test_what_stands_in_for_camera_info_is_used_until_one_comes():
    sync = Synchroniser()
    sync.stand_in = "none"
    assert sync.missing() == ("rgb", "depth")
    sync.add_rgb(0, "rgb")
    assert sync.add_depth(0, "depth").camera_info == "none"
    sync.set_camera_info("K")
    sync.add_rgb(MS * 40, "rgb")
    assert sync.add_depth(MS * 40, "depth").camera_info == "K"


def with_own_infos(count):
    """A synchroniser, and the stamp of the last of `count` frames that came with their own camera info."""
    sync = Synchroniser()
    for index in range(1, count + 1):
        sync.set_camera_info("K", index * PERIOD)
        assert pair(sync, index).camera_info == "K"
    return sync


def pair(sync, index):
    """Feed colour, then depth; the frame that they made."""
    sync.add_rgb(index * PERIOD, f"c{index}")
    return sync.add_depth(index * PERIOD, f"d{index}")


def test_a_picture_has_its_own_camera_info_although_the_next_one_came_before_its_depth():
    sync = Synchroniser()
    sync.set_camera_info("K1", PERIOD)
    sync.add_rgb(PERIOD, "c1")
    sync.set_camera_info("K2", 2 * PERIOD)
    assert sync.add_depth(PERIOD, "d1").camera_info == "K1"


def test_camera_info_that_comes_after_its_picture_is_waited_for():
    sync = with_own_infos(3)
    assert pair(sync, 4) is None
    frame = sync.set_camera_info("K4", 4 * PERIOD)
    assert (frame.rgb, frame.depth, frame.camera_info, frame.stamp_ns) == ("c4", "d4", "K4", 4 * PERIOD)
    assert sync.set_camera_info("K4", 4 * PERIOD) is None, "a frame is given once"
    assert (sync.counts["paired"], sync.counts["rgb_without_info"]) == (4, 0)


def test_a_camera_that_sends_every_info_after_its_picture_is_soon_known():
    sync, frames = Synchroniser(), []
    for index in range(1, 8):
        frames.append(pair(sync, index))
        frames.append(sync.set_camera_info(f"K{index}", index * PERIOD))
    found = [(frame.rgb, frame.camera_info) for frame in frames if frame]
    assert found[-4:] == [("c4", "K4"), ("c5", "K5"), ("c6", "K6"), ("c7", "K7")]
    assert sync.counts["no_camera_info"] == 1, "the first picture alone"


def test_a_picture_whose_camera_info_was_lost_is_none_and_is_counted():
    sync = with_own_infos(3)
    assert pair(sync, 4) is None
    assert sync.set_camera_info("K5", 5 * PERIOD) is None
    assert sync.counts["rgb_without_info"] == 1
    assert pair(sync, 5).camera_info == "K5"


def test_where_no_more_infos_come_the_newest_serves_after_three_pictures():
    sync = with_own_infos(9)
    frames = [pair(sync, index) for index in range(10, 16)]
    assert [frame and frame.camera_info for frame in frames] == [None, None, None, "K", "K", "K"]
    assert sync.counts["rgb_without_info"] == 3


@pytest.mark.parametrize("every", [2, 30])
def test_infos_rarer_than_pictures_hold_nothing_up(every):
    sync, frames = Synchroniser(), []
    for index in range(0, 120):
        if index % every == 0:
            sync.set_camera_info("K", index * PERIOD)
        frames.append(pair(sync, index))
    assert all(frames)


def test_infos_that_are_always_late_by_more_than_a_period_hold_nothing_up():
    sync, frames = Synchroniser(), []
    for index in range(1, 60):
        sync.set_camera_info("K", (index - 2) * PERIOD)
        frames.append(pair(sync, index))
    assert all(frames)


def test_a_picture_has_its_own_camera_info_also_where_another_could_stand_in():
    """The K of an override is cut as the info says, and the region may move."""
    sync = with_own_infos(3)
    sync.stand_in = "none"
    assert pair(sync, 4) is None
    assert sync.set_camera_info("K4", 4 * PERIOD).camera_info == "K4"


def test_a_recording_that_starts_again_has_no_infos_of_before():
    sync = with_own_infos(40)
    sync.set_camera_info("K again", PERIOD)
    assert pair(sync, 1).camera_info == "K again"
    assert pair(sync, 2) is None, "K of 2 is of the first time"


def test_what_has_not_come_again_since_all_was_forgotten_is_named():
    sync = synchroniser()
    pair(sync, 1)
    sync.restart()
    gone = "has come since the clock or the stamps went back"
    assert sync.why_no_frame() == f"nothing of rgb and depth {gone}"
    sync.add_rgb(2 * PERIOD, "c2")
    assert sync.why_no_frame() == f"nothing of depth {gone}"
    sync.add_depth(9 * PERIOD, "d9")
    assert "not within" in sync.why_no_frame()


@pytest.mark.parametrize(("period_ms", "may_be_larger"), [(200, True), (33, False)])
def test_of_a_slow_camera_the_limit_is_named_that_keeps_its_pictures_apart(period_ms, may_be_larger):
    sync = synchroniser()
    for place in range(4):
        sync.add_rgb(10**6 * place * period_ms, f"c{place}")
    sync.add_depth(10**6 * (10 * period_ms + period_ms // 2), "d")
    assert ("sync.max_slop_ms may be larger" in sync.why_no_frame()) == may_be_larger


def test_another_picture_under_the_same_stamp_is_a_fault_until_stamps_advance():
    sync = synchroniser()
    pair(sync, 1)
    sync.add_rgb(PERIOD, "c1")
    assert sync.fault() is None, "the same picture again"
    sync.add_rgb(PERIOD, "another")
    assert sync.repeated_ns == PERIOD
    assert sync.why_no_frame() == (
        "colour images come with one stamp again and again, 0.033000000 s, so which depth is theirs is "
        "unknown; have the driver stamp each image"
    )
    pair(sync, 2)
    assert (sync.repeated_ns, sync.counts["rgb_repeated"]) == (None, 1)


def test_another_whole_frame_under_the_same_stamp_is_a_fault_too():
    sync = synchroniser()
    sync.add_pair(0, 0, "c1", "d1")
    sync.add_pair(0, 0, "c2", "d2")
    assert sync.repeated_ns == 0


def test_depth_that_comes_when_its_colour_is_gone_says_how_long_the_queue_should_be():
    sync = synchroniser(queue_size=3)
    for index in range(1, 40):
        sync.add_rgb(index * PERIOD, f"c{index}")
        if index > 6:
            assert sync.add_depth((index - 6) * PERIOD, f"d{index - 6}") is None
    assert sync.fault()[1] == "set sync.queue_size to 7 or more, it is 3"
    longer, frames = synchroniser(queue_size=7), []
    for index in range(1, 40):
        longer.add_rgb(index * PERIOD, f"c{index}")
        frames.append(longer.add_depth((index - 6) * PERIOD, f"d{index - 6}"))
    assert all(frames[7:])
    assert longer.fault() is None


def test_depth_of_a_lost_colour_image_is_no_fault_of_the_queue():
    sync = synchroniser(queue_size=3)
    for index in range(1, 40):
        if index % 4:
            sync.add_rgb(index * PERIOD, f"c{index}")
        sync.add_depth(index * PERIOD, f"d{index}")
    assert sync.fault() is None
