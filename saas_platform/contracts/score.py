"""Score how much of the injected dirt was found, and how much was found that was never injected.

Contains: the pure comparison of two sets of spots. Out of scope: where the two sets come from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Spot(NamedTuple):
    """A row of a table, or one cell of it, in which dirt was injected or found."""

    kind: str
    table: str
    key: int
    column: str | None = None


#: The kind of dirt that each kind of rule finds. The intake's log already has the names of dirt.
FOUND_BY_RULE = {
    "odd_unicode": "odd_unicode",
    "blank_edges": "trailing_blank",
    "plausible": "extreme_value",
}


@dataclass(frozen=True)
class KindScore:
    """The score of one kind: how many were injected, how many of those were found, and what else was found."""

    kind: str
    planted: int
    found: int
    false_alarms: int

    @property
    def share(self) -> float:
        """The share of the injected dirt that was found, or 1 if none was injected."""
        return self.found / self.planted if self.planted else 1.0


def score(planted: Iterable[Spot], found: Iterable[Spot]) -> list[KindScore]:
    """Return one score for each kind that occurs in either set, sorted by name."""
    wanted, seen = set(planted), set(found)
    return [
        KindScore(
            kind,
            planted=sum(spot.kind == kind for spot in wanted),
            found=sum(spot.kind == kind for spot in wanted & seen),
            false_alarms=sum(spot.kind == kind for spot in seen - wanted),
        )
        for kind in sorted({spot.kind for spot in wanted | seen})
    ]
