"""Rates that decay, and the silence that is no longer a gap."""

import pytest

from n3d_ros.node.plain.inputs.arrivals import FIRST_LATE_S, LATE_S, Arrivals


def came(*times_s, began_s=0.0):
    arrivals = Arrivals(began_s)
    for time_s in times_s:
        arrivals.add(time_s)
    return arrivals


def test_a_steady_stream_has_its_rate():
    arrivals = came(1.0, 1.5, 2.0)
    assert arrivals.period_s() == 0.5
    assert arrivals.rate_hz(2.25) == 2.0
    assert arrivals.silent_s(2.25) == 0.25


def test_the_rate_of_a_dead_stream_decays():
    arrivals = came(1.0, 1.5, 2.0)
    assert arrivals.rate_hz(12.0) == pytest.approx(0.1)


@pytest.mark.parametrize(("times_s", "silent_s"), [((), 7.0), ((4.0,), 3.0)])
def test_without_two_messages_there_is_no_rate(times_s, silent_s):
    arrivals = came(*times_s)
    assert (arrivals.rate_hz(7.0), arrivals.silent_s(7.0)) == (0.0, silent_s)


def test_late_is_a_few_periods_and_never_less_than_a_second():
    fast, slow = came(0.0, 0.1), came(0.0, 2.0)
    assert (fast.is_late(0.1 + LATE_S), fast.is_late(0.11 + LATE_S)) == (False, True)
    assert (slow.is_late(8.0), slow.is_late(8.1)) == (False, True)


def test_one_message_is_late_after_a_time_of_its_own_and_none_at_all_never():
    assert (came(1.0).is_late(1.0 + FIRST_LATE_S), came(1.0).is_late(1.1 + FIRST_LATE_S)) == (False, True)
    assert not came().is_late(100.0)


def test_only_the_newest_messages_count():
    arrivals = came(*range(100), *(100 + step / 10 for step in range(1, 40)))
    assert arrivals.num == 139
    assert arrivals.period_s() == pytest.approx(0.1)
