"""message_filters, where a ROS distribution has it, beside our synchroniser."""

import pytest
from pairing import arrivals, pair_here, pair_with_message_filters, wrong

pytest.importorskip("message_filters")


def test_a_wide_slop_pairs_wrongly_and_ours_does_not():
    messages = arrivals(1000, loss=0.05, jitter_ms=10)
    theirs, ours = pair_with_message_filters(messages, slop_s=0.5), pair_here(messages)
    assert wrong(theirs) > len(theirs) / 5
    assert wrong(ours) == 0 and len(ours) > 850


def test_with_a_slop_below_half_a_period_both_find_the_same_pairs():
    messages = arrivals(1000, loss=0.05, jitter_ms=10)
    assert pair_here(messages) == pair_with_message_filters(messages, slop_s=0.015)
