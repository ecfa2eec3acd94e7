"""Slices: the parts of a table that are proven, compared and repaired one by one.

In the company's tables the value of the slice column never changes, so a row never moves from one slice to
another. In a user's own tables it may.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import sqlalchemy as sa

#: The id of the only slice of a table that is not divided.
WHOLE = "all"


@dataclass(frozen=True)
class Slicing:
    """The timestamp column and the grain (UTC calendar) by which a table is sliced. Slice ids are ISO texts.

    >>> Slicing("occurred_at", "day").id_of(datetime(2024, 2, 29, 23, 59))
    '2024-02-29'
    >>> Slicing("created_at", "month").bounds("2024-12")
    (datetime.datetime(2024, 12, 1, 0, 0), datetime.datetime(2025, 1, 1, 0, 0))
    """

    column: str
    grain: Literal["day", "month"]

    @property
    def id_length(self) -> int:
        """Return how many characters of the column's ISO text make the slice id."""
        return 10 if self.grain == "day" else 7

    def id_of(self, timestamp: datetime) -> str:
        """Return the id of the slice that a timestamp falls into."""
        return timestamp.isoformat()[: self.id_length]

    def bounds(self, slice_id: str) -> tuple[datetime, datetime]:
        """Return the first timestamp of the slice, and the first one after it."""
        if self.grain == "day":
            first = date.fromisoformat(slice_id)
            after = date.fromordinal(first.toordinal() + 1)
        else:
            first = date.fromisoformat(f"{slice_id}-01")
            after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        midnight = datetime.min.time()
        return datetime.combine(first, midnight), datetime.combine(after, midnight)

    def between(self, first: datetime, after: datetime) -> list[str]:
        """Return the ids of the slices from that of `first` to the last that begins before `after`, in order."""
        found = []
        timestamp = first
        while timestamp < after:
            found.append(self.id_of(timestamp))
            timestamp = self.bounds(found[-1])[1]
        return found


@dataclass(frozen=True)
class SliceDigest:
    """The digest of a slice: its row count, and the sum of its rows' numbers.

    It depends on duplicates, but not on the order of rows.
    """

    rows: int
    total: int


def slicing_of(table: sa.Table) -> Slicing | None:
    """Return how a table is sliced; None if the table is one slice (`WHOLE`)."""
    return table.info.get("slice")


def ranges(slicing: Slicing, slices: Collection[str]) -> list[tuple[datetime, datetime]]:
    """Return the slices as half-open ranges of time, with neighbours merged.

    >>> ranges(Slicing("at", "day"), ["2024-01-02", "2024-01-01", "2024-01-04"])[0]
    (datetime.datetime(2024, 1, 1, 0, 0), datetime.datetime(2024, 1, 3, 0, 0))
    """
    merged: list[tuple[datetime, datetime]] = []
    for first, after in sorted(slicing.bounds(slice_id) for slice_id in slices):
        if merged and merged[-1][1] == first:
            first = merged.pop()[0]
        merged.append((first, after))
    return merged
