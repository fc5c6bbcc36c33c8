"""Pairs are right or absent."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from n3d_ros.node.plain.sync import MAX_SLOP_NS, Synchroniser

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


def test_a_late_message_inside_the_slop_still_finds_its_partner():
    sync = synchroniser()
    last = steady(sync, 5)
    assert sync.add_rgb(last + 5 * MS, "c6") is None
    frame = sync.add_depth(last - 5 * MS, "d6")
    assert (frame.rgb, frame.depth, frame.skew_ns) == ("c6", "d6", -10 * MS)
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
