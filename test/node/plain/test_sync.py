"""Pairs are right or absent."""

import random

import pytest

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
