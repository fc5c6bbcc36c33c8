"""Clocks that leap within a recording."""

import pytest

from n3d_ros.commands.play.pace import NS, SILENCE_NS, Pace

WALL_NS = 1_700_000_000 * NS
STEP_NS = NS // 10


def run(pace, pictures, topic="/rgb"):
    """(due, moved stamp) of pictures of (received, stamp)."""
    played = []
    for received_ns, stamp_ns in pictures:
        pace.received(received_ns)
        pace.saw_picture(topic, stamp_ns)
        played.append((pace.due_ns(), pace.moved(stamp_ns)))
    return played


def series(received_ns, stamp_ns, number=5, period_ns=STEP_NS):
    return [(received_ns + k * period_ns, stamp_ns + k * STEP_NS) for k in range(number)]


def steps(times):
    return [after - before for before, after in zip(times, times[1:], strict=False)]


@pytest.mark.parametrize("restarts_at_s", [1, 3, 5000])
def test_stamps_go_on_where_a_simulation_starts_anew(restarts_at_s):
    before = series(WALL_NS, 100 * NS)
    after = series(WALL_NS + 5 * STEP_NS, restarts_at_s * NS)
    played = run(Pace(100 * NS - WALL_NS), before + after)
    assert all(due == stamp for due, stamp in played)
    assert steps([due for due, _ in played]) == [STEP_NS] * 9


def test_a_simulation_that_was_paused_goes_on_at_once():
    """Its stamps stayed as old as the pause was long."""
    before, after = series(WALL_NS, 100 * NS), series(WALL_NS + 60 * NS, 100 * NS + 5 * STEP_NS)
    played = run(Pace(100 * NS - WALL_NS), before + after)
    assert [due for due, _ in played] == [stamp for _, stamp in before + after]
    assert all(due == stamp for due, stamp in played)


def test_years_between_receptions_are_not_waited_for():
    """A machine without a battery for its clock was told the time while it recorded."""
    before, after = series(5 * NS, 5 * NS - 1000), series(WALL_NS, WALL_NS - 1000)
    pace = Pace(0)
    played = run(pace, before + after)
    assert steps([due for due, _ in played]) == [STEP_NS] * 9
    assert all(due - stamp == 1000 for due, stamp in played[:5])
    assert all(due == stamp for due, stamp in played[5:])


def test_years_that_the_clock_of_a_simulation_does_not_know_are_no_leap_of_its_stamps():
    pace = Pace(100 * NS - 5 * NS)
    run(pace, series(5 * NS, 100 * NS))
    assert pace.received(WALL_NS) > SILENCE_NS and pace.saw_picture("/rgb", 100 * NS + 5 * STEP_NS) == 0
    assert pace.due_ns() == 100 * NS + 5 * STEP_NS and not pace.moves_stamps


def test_a_camera_with_another_clock_is_no_leap():
    pace = Pace(0)
    for k in range(5):
        run(pace, [(WALL_NS + k * STEP_NS, WALL_NS + k * STEP_NS)], "/rgb")
        assert run(pace, [(WALL_NS + k * STEP_NS, k * STEP_NS + 1)], "/other")[0][1] == k * STEP_NS + 1
    assert not pace.moves_stamps


def test_pictures_without_a_stamp_or_late_ones_are_no_leap():
    pace = Pace(0)
    late = [(WALL_NS, WALL_NS), (WALL_NS + 9 * NS, WALL_NS + STEP_NS), (WALL_NS + 9 * NS, 0)]
    assert [due for due, _ in run(pace, late)] == [received for received, _ in late]
    assert not pace.moves_stamps


def test_a_stamp_of_before_a_leap_is_moved_as_those_before_it():
    pace = Pace(100 * NS - WALL_NS)
    run(pace, series(WALL_NS, 100 * NS) + series(WALL_NS + 5 * STEP_NS, 0 + 1))
    assert pace.moved(100 * NS + 2 * STEP_NS) == 100 * NS + 2 * STEP_NS
    assert pace.moved(2 * STEP_NS + 1) == 100 * NS + 7 * STEP_NS
