"""Which quality of service a subscription should ask for, and why it gets nothing.

In: what each publisher of a topic offers. Out: the most that all of them can serve, and a problem in words.
It knows no ROS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Quality:
    """Offered or asked for. reliable: lost fragments are sent again. latched: transient local, so that who
    comes late gets the newest message.
    """

    reliable: bool = False
    latched: bool = False

    def serves(self, wanted: Quality) -> bool:
        """Whether a publisher that offers this reaches a subscription that asks for `wanted`."""
        return self.reliable >= wanted.reliable and self.latched >= wanted.latched

    def __str__(self) -> str:
        durability = ", transient local" if self.latched else ""
        return ("reliable" if self.reliable else "best effort") + durability


def most_for_all(offers: Sequence[Quality]) -> Quality:
    """The most that every publisher serves; without publishers the least, which any will serve."""
    if not offers:
        return Quality()
    return Quality(all(one.reliable for one in offers), all(one.latched for one in offers))


def mismatch(topic: str, offers: Sequence[Quality], wanted: Quality, parameter: str) -> str:
    """One line that says who cannot be heard and what to set; '' where everybody can."""
    weak = [one for one in offers if not one.serves(wanted)]
    if not weak:
        return ""
    return (
        f"{topic}: {len(weak)} of {len(offers)} publishers offer {weak[0]}, and {parameter} asks for "
        f"{wanted}, so nothing comes from them; set {parameter} to auto or sensor_data"
    )


def missed(offers: Sequence[Quality], wanted: Quality, parameter: str) -> str:
    """One line that says that what was sent before is not heard, and what to set; '' where it would be, or
    where nobody keeps it.
    """
    if wanted.latched or not offers or not all(one.latched for one in offers):
        return ""
    return (
        f"its publisher sends nothing now, and what it sent before, {offers[0]}, is not heard, for "
        f"{parameter} asks for {wanted}; set {parameter} to auto"
    )
