"""A drafter is believed as far as its guesses hold: it stops to cost, and is noticed when right again."""

import pytest
from replay import replay

from n3d_ros.runtime.decoding.trust import COPIED, EXPECTED, TrustedDrafter

REPLY = list(range(1000, 1200))
NEVER = -1


class Script:
    """Guesses the reply, but `NEVER` at the places named `wrong`."""

    def __init__(self, wrong):
        self.wrong, self.num_asked = frozenset(wrong), 0

    def draft(self, ids, text, room):
        self.num_asked += 1
        return [NEVER if i in self.wrong else REPLY[i] for i in range(len(ids), len(REPLY))][:room]


@pytest.mark.parametrize(
    ("share_held", "lengths"),
    [(EXPECTED, [15, 8, 4, 3, 2, 1, 1, 1, 1, 1, 1, 0]), (COPIED, [3, 2, 2, 1, 1, 1, 1, 1, 0])],
)
def test_a_drafter_that_never_holds_guesses_less_each_time_and_then_nothing(share_held, lengths):
    drafts = replay(TrustedDrafter(Script(range(200)), share_held), REPLY).drafts
    assert [sent for sent, _ in drafts] == lengths + [0] * (len(REPLY) + 1 - len(lengths))


def test_one_that_holds_again_is_used_again_although_nothing_of_it_went_out_meanwhile():
    script = Script(range(100))
    drafts = replay(TrustedDrafter(script, EXPECTED), REPLY).drafts
    assert drafts[98:107] == [(0, 0)] * 3 + [(1, 1), (1, 1), (2, 2), (4, 4), (7, 7), (15, 15)]
    assert script.num_asked == len(drafts)


def test_a_single_wrong_token_leaves_the_next_guess_at_full_length():
    drafts = replay(TrustedDrafter(Script([40]), EXPECTED), REPLY).drafts
    assert drafts[:4] == [(15, 15), (15, 15), (15, 8), (15, 15)]


def test_one_of_three_wrong_goes_on_with_guesses_of_that_length():
    drafts = replay(TrustedDrafter(Script(range(2, 200, 3)), EXPECTED), REPLY).drafts
    assert all(held == 2 for _, held in drafts[:60]) and {sent for sent, _ in drafts[20:60]} <= {3, 4, 5, 6}


def test_no_guess_is_longer_than_allowed():
    drafts = replay(TrustedDrafter(Script(()), 1.0, longest=4), REPLY).drafts
    assert {sent for sent, _ in drafts[:-1]} == {4}
