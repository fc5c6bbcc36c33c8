"""What a model that writes a known reply costs with a drafter: passes and guesses, without a model."""

from dataclasses import dataclass, field

from n3d_ros.runtime.decoding.drafting import LONGEST_GUESS


@dataclass
class Replay:
    """`drafts`: per pass, how many tokens went out and how many of them held."""

    drafts: list[tuple[int, int]] = field(default_factory=list)

    @property
    def num_passes(self):
        return len(self.drafts)

    @property
    def num_drafted(self):
        return sum(sent for sent, _ in self.drafts)


def replay(drafter, ids):
    """Write exactly `ids` and then stop; the first pass is the prompt's."""
    result, written = Replay(), 0
    while written <= len(ids):
        guess = drafter.draft(ids[:written], "", LONGEST_GUESS)
        held = 0
        while held < len(guess) and written + held < len(ids) and guess[held] == ids[written + held]:
            held += 1
        result.drafts.append((len(guess), held))
        written += held + 1
    return result
