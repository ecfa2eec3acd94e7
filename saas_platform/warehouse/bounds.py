"""SQL conditions that select slices by literal bounds, so that an engine can prune.

Contains: what all engines share. Out of scope: how an engine writes a timestamp or the id of a slice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from saas_platform.schema.slices import Slicing, ranges

_Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Bounds:
    """The column by which a table is sliced, and how an engine writes the bounds of its slices.

    Attributes:
        slicing: how the table is sliced.
        column: SQL of the column.
        slice_id: SQL of the id of a row's slice.
        timestamp: writes a timestamp as a literal of the engine.
        text: writes a text as a literal of the engine.
    """

    slicing: Slicing
    column: str
    slice_id: str
    timestamp: Callable[[datetime], str]
    text: Callable[[str], str]

    def within(self, slices: Collection[str], most: int | None = None) -> str:
        """Return a SQL condition that is true where the column's value lies in one of the slices.

        Slices that follow each other become one range.

        Args:
            slices: the ids of the slices; at least one.
            most: the largest number of ranges to write; None means any number. With more ranges than that,
                neighbouring ranges are joined, and the condition also covers the slices between them.
        """
        dated = [slice_id for slice_id in slices if _has_bounds(self.slicing, slice_id)]
        parts = [
            f"({self.column} >= {self.timestamp(first)} AND {self.column} < {self.timestamp(after)})"
            for first, after in covering(ranges(self.slicing, dated), most)
        ]
        # A date such as 'infinity', set by hand, has no bounds, and the repair must still be able to select it.
        undated = sorted(set(slices) - set(dated))
        if undated:
            parts.append(f"{self.slice_id} IN ({', '.join(map(self.text, undated))})")
        return f"({' OR '.join(parts)})"


def covering(spans: list[_Span], most: int | None) -> list[_Span]:
    """Return the spans, which come in order, or at most `most` wider spans that cover them.

    The wider spans leave out the largest gaps.
    """
    if most is None or len(spans) <= most:
        return spans
    gaps = sorted(
        range(1, len(spans)), key=lambda place: spans[place][0] - spans[place - 1][1], reverse=True
    )
    starts = [0, *sorted(gaps[: most - 1])]
    ends = [*(place - 1 for place in starts[1:]), len(spans) - 1]
    return [(spans[start][0], spans[end][1]) for start, end in zip(starts, ends, strict=True)]


def _has_bounds(slicing: Slicing, slice_id: str) -> bool:
    try:
        slicing.bounds(slice_id)
    except ValueError:
        return False
    return True
