"""How a table is cut into slices: the unit that is proven, compared and repaired.

A slice column never changes its value in a row, so a row never moves between slices.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import sqlalchemy as sa

#: The one slice of a table that is too small to be cut.
WHOLE = "all"


@dataclass(frozen=True)
class Slice:
    """The time column and the grain (UTC calendar) that cut a table; ids are ISO texts.

    >>> Slice("occurred_at", "day").id_of(datetime(2024, 2, 29, 23, 59))
    '2024-02-29'
    >>> Slice("created_at", "month").bounds("2024-12")
    (datetime.datetime(2024, 12, 1, 0, 0), datetime.datetime(2025, 1, 1, 0, 0))
    """

    column: str
    grain: Literal["day", "month"]

    @property
    def id_length(self) -> int:
        """Characters of the ISO text of the column that make the slice id."""
        return 10 if self.grain == "day" else 7

    def id_of(self, moment: datetime) -> str:
        return moment.isoformat()[: self.id_length]

    def bounds(self, slice_id: str) -> tuple[datetime, datetime]:
        """First moment of the slice, and the first moment after it."""
        if self.grain == "day":
            first = date.fromisoformat(slice_id)
            after = date.fromordinal(first.toordinal() + 1)
        else:
            first = date.fromisoformat(f"{slice_id}-01")
            after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        midnight = datetime.min.time()
        return datetime.combine(first, midnight), datetime.combine(after, midnight)

    def between(self, first: datetime, after: datetime) -> list[str]:
        """The slices that begin in [first, after), in order."""
        found = []
        moment = first
        while moment < after:
            found.append(self.id_of(moment))
            moment = self.bounds(found[-1])[1]
        return found


@dataclass(frozen=True)
class SliceDigest:
    """Row count, and the sum of the rows' hashes: sensitive to duplicates, not to order."""

    rows: int
    total: int


def slice_of(table: sa.Table) -> Slice | None:
    """The slice of a table, or None where the table is one slice (`WHOLE`)."""
    return table.info.get("slice")


def ranges(cut: Slice, slices: Collection[str]) -> list[tuple[datetime, datetime]]:
    """The slices as half-open time ranges, neighbours merged.

    >>> ranges(Slice("at", "day"), ["2024-01-02", "2024-01-01", "2024-01-04"])[0]
    (datetime.datetime(2024, 1, 1, 0, 0), datetime.datetime(2024, 1, 3, 0, 0))
    """
    merged: list[tuple[datetime, datetime]] = []
    for first, after in sorted(cut.bounds(slice_id) for slice_id in slices):
        if merged and merged[-1][1] == first:
            first = merged.pop()[0]
        merged.append((first, after))
    return merged
