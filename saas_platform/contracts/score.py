"""How much of the planted dirt was found, and what was found though nobody planted it.

Holds the comparison of two sets of marks, pure. Does not hold: where either set comes from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Mark(NamedTuple):
    """One thing planted or found: a row of a table, or its cell."""

    kind: str
    table: str
    key: int
    column: str | None = None


#: The kinds of dirt that contracts find, by kind of rule; the intake's findings have dirt's own names.
FOUND_BY_RULE = {
    "odd_unicode": "odd_unicode",
    "blank_edges": "trailing_blank",
    "plausible": "extreme_value",
}


@dataclass(frozen=True)
class KindScore:
    """Of one kind: how many were planted, how many of them found, and what else was found."""

    kind: str
    planted: int
    found: int
    false_alarms: int

    @property
    def share(self) -> float:
        """Found of planted; 1 where nothing was."""
        return self.found / self.planted if self.planted else 1.0


def score(planted: Iterable[Mark], found: Iterable[Mark]) -> list[KindScore]:
    """One score for each kind that occurs in either, by name."""
    wanted, seen = set(planted), set(found)
    return [
        KindScore(
            kind,
            planted=sum(mark.kind == kind for mark in wanted),
            found=sum(mark.kind == kind for mark in wanted & seen),
            false_alarms=sum(mark.kind == kind for mark in seen - wanted),
        )
        for kind in sorted({mark.kind for mark in wanted | seen})
    ]
