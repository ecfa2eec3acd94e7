"""Choose which slices of the source are read at a time, so that memory stays bounded, and report progress.

Out of scope: what is read of the slices, which is rows for a load, and texts or digests for a proof.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

import sqlalchemy as sa

from saas_platform.schema.slices import slicing_of
from saas_platform.sync.report import OnProgress, Progress, Step

#: Rows compared at a time. Both sides are held in memory: some 100 MB for our widest table.
GROUP_ROWS = 250_000
#: To read more than this share of a table, a scan of the whole table is faster than an index.
_MOST_ROWS = 0.75


def grouped(slices: Collection[str], counts: Mapping[str, int]) -> Iterator[list[str]]:
    """Yield the slices in order, in groups of at most GROUP_ROWS rows; a larger slice is a group by itself."""
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
    """Return the slices to read from the source; None if the whole table is to be read.

    The whole table is read if the source can't be asked for some of the slices, or if a scan is faster. `counts`
    are the rows of each slice in the source. A slice that only the mirror has is left out, because its id may not
    even be a date.
    """
    if slices is None:
        return None
    wanted = {slice_id for slice_id in slices if slice_id in counts}
    most = sum(counts[slice_id] for slice_id in wanted) > _MOST_ROWS * sum(counts.values())
    if most or not all(_askable(table, slice_id) for slice_id in wanted):
        return None
    return wanted


def _askable(table: sa.Table, slice_id: str) -> bool:
    slicing = slicing_of(table)
    if slicing is None:
        return True
    try:
        slicing.bounds(slice_id)
    except ValueError:  # the last slice of the year 9999 has no timestamp after it
        return False
    return True


def progress_callback(
    on_progress: OnProgress | None, table: sa.Table, step: Step
) -> Callable[[int], None] | None:
    """Return the callback by which a row stream reports the rows of one step; None if nobody listens."""
    if on_progress is None:
        return None
    return lambda rows: on_progress(Progress(table.name, step, rows))
