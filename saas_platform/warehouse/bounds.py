"""Slices as a condition of SQL with literal bounds, which engines prune by.

Holds what the engines share of it. Does not hold: how an engine writes a moment or a slice's id.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from saas_platform.schema.slices import Slice, ranges


def within_bounds(
    cut: Slice,
    slices: Collection[str],
    column: str,
    slice_id: str,
    *,
    moment: Callable[[datetime], str],
    text: Callable[[str], str],
) -> str:
    """Whether the column's value lies in one of the slices; `slice_id` is the id of a row's slice, as SQL.

    There is at least one slice. Neighbours are one range.
    """
    dated = [slice_id_ for slice_id_ in slices if _has_bounds(cut, slice_id_)]
    parts = [
        f"({column} >= {moment(first)} AND {column} < {moment(after)})"
        for first, after in ranges(cut, dated)
    ]
    # Such as 'infinity', set by hand: no calendar has it, and the mirror must still be mended.
    undated = sorted(set(slices) - set(dated))
    if undated:
        parts.append(f"{slice_id} IN ({', '.join(map(text, undated))})")
    return f"({' OR '.join(parts)})"


def _has_bounds(cut: Slice, slice_id: str) -> bool:
    try:
        cut.bounds(slice_id)
    except ValueError:
        return False
    return True
