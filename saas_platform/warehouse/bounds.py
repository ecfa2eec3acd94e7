"""Slices as a condition of SQL with literal bounds, which engines prune by.

Holds what the engines share of it. Does not hold: how an engine writes a moment or a slice's id.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from saas_platform.schema.slices import Slice, ranges

_Span = tuple[datetime, datetime]


def within_bounds(
    cut: Slice,
    slices: Collection[str],
    column: str,
    slice_id: str,
    *,
    moment: Callable[[datetime], str],
    text: Callable[[str], str],
    most: int | None = None,
) -> str:
    """Whether the column's value lies in one of the slices; `slice_id` is the id of a row's slice, as SQL.

    There is at least one slice. Neighbours are one range. At most `most` ranges are written: then slices
    that lie between those asked for are in them too.
    """
    dated = [slice_id_ for slice_id_ in slices if _has_bounds(cut, slice_id_)]
    parts = [
        f"({column} >= {moment(first)} AND {column} < {moment(after)})"
        for first, after in covering(ranges(cut, dated), most)
    ]
    # Such as 'infinity', set by hand: no calendar has it, and the mirror must still be mended.
    undated = sorted(set(slices) - set(dated))
    if undated:
        parts.append(f"{slice_id} IN ({', '.join(map(text, undated))})")
    return f"({' OR '.join(parts)})"


def covering(spans: list[_Span], most: int | None) -> list[_Span]:
    """The spans, in order; or at most so many that cover them, with the largest gaps left out."""
    if most is None or len(spans) <= most:
        return spans
    gaps = sorted(
        range(1, len(spans)), key=lambda place: spans[place][0] - spans[place - 1][1], reverse=True
    )
    starts = [0, *sorted(gaps[: most - 1])]
    ends = [*(place - 1 for place in starts[1:]), len(spans) - 1]
    return [(spans[start][0], spans[end][1]) for start, end in zip(starts, ends, strict=True)]


def _has_bounds(cut: Slice, slice_id: str) -> bool:
    try:
        cut.bounds(slice_id)
    except ValueError:
        return False
    return True
