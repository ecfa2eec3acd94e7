"""Which slices of the source are read at a time, so that memory stays bounded, and what is said meanwhile.

Does not hold: what is read of them, which is rows for a load, and texts or digests for a proof.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

import sqlalchemy as sa

from saas_platform.schema.slices import slice_of
from saas_platform.sync.report import OnProgress, Progress, Step

#: Rows compared at a time: both sides of them are held, some 100 MB for our widest table.
GROUP_ROWS = 250_000
#: More than this share of a table is found sooner by reading it through than by an index.
_MOST_ROWS = 0.75


def grouped(slices: Collection[str], counts: Mapping[str, int]) -> Iterator[list[str]]:
    """The slices in order, in groups of at most GROUP_ROWS rows; a larger slice is one group."""
    group: list[str] = []
    rows = 0
    for slice_id in sorted(slices):
        if group and rows + counts.get(slice_id, 0) > GROUP_ROWS:
            yield group
            group, rows = [], 0
        group.append(slice_id)
        rows += counts.get(slice_id, 0)
    if group:
        yield group


def slices_to_ask(
    table: sa.Table, slices: Collection[str] | None, counts: Mapping[str, int]
) -> Collection[str] | None:
    """The slices to ask the source for; None: the whole table, where it can't be asked for these alone, or
    where that costs less.

    `counts` are the source's: a slice that only the mirror has is not asked for, as its id may be
    no date at all.
    """
    if slices is None:
        return None
    wanted = {slice_id for slice_id in slices if slice_id in counts}
    most = sum(counts[slice_id] for slice_id in wanted) > _MOST_ROWS * sum(counts.values())
    if most or not all(_askable(table, slice_id) for slice_id in wanted):
        return None
    return wanted


def _askable(table: sa.Table, slice_id: str) -> bool:
    cut = slice_of(table)
    if cut is None:
        return True
    try:
        cut.bounds(slice_id)
    except ValueError:  # the last slice of the year 9999 has no moment after it
        return False
    return True


def telling(
    on_progress: OnProgress | None, table: sa.Table, step: Step
) -> Callable[[int], None] | None:
    """Progress of one step, as a row stream reports it."""
    if on_progress is None:
        return None
    return lambda rows: on_progress(Progress(table.name, step, rows))
