"""Reading whole slices of the source, so many at a time that memory stays bounded.

Two ways, which share nothing: typed rows, which are loaded, and the texts or digests that the database itself
makes of its values, by which they are proven. Does not hold: what is done with either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

import sqlalchemy as sa

from saas_platform.schema.slices import SliceDigest, slice_of
from saas_platform.source.contract import SourceSnapshot
from saas_platform.sync.report import OnProgress, Progress, Step
from saas_platform.warehouse.feed import Feed

#: Rows compared at a time: both sides of them are held, some 200 MB for our widest table.
GROUP_ROWS = 500_000
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


def feed(
    snapshot: SourceSnapshot,
    table: sa.Table,
    on_rows: Callable[[int], None] | None = None,
    *,
    above: int | None = None,
    slices: Collection[str] | None = None,
) -> Feed:
    return Feed(snapshot.rows(table, above=above, slices=slices), on_rows)


def slices_feed(
    snapshot: SourceSnapshot,
    table: sa.Table,
    slices: Collection[str] | None,
    counts: Mapping[str, int],
    on_rows: Callable[[int], None] | None = None,
) -> Feed:
    """The rows of the slices, or more: of the whole table where `_asked` says so."""
    return feed(snapshot, table, on_rows, slices=_asked(table, slices, counts))


def texts_feed(
    snapshot: SourceSnapshot,
    table: sa.Table,
    slices: Collection[str] | None,
    counts: Mapping[str, int],
    on_rows: Callable[[int], None] | None = None,
) -> Feed:
    """The canonical texts of the rows of the slices, or more, as `slices_feed`."""
    return Feed(snapshot.row_texts(table, _asked(table, slices, counts)), on_rows)


def cells_feed(
    snapshot: SourceSnapshot,
    table: sa.Table,
    slices: Collection[str] | None,
    counts: Mapping[str, int],
    on_rows: Callable[[int], None] | None = None,
) -> Feed:
    """The canonical cells of the rows of the slices, or more, as `slices_feed`."""
    return Feed(snapshot.cells(table, _asked(table, slices, counts)), on_rows)


def source_digests(
    snapshot: SourceSnapshot,
    table: sa.Table,
    slices: Collection[str] | None,
    counts: Mapping[str, int],
) -> dict[str, SliceDigest] | None:
    """The source's own digests of the slices, or more, as `slices_feed`; None: it has none."""
    return snapshot.digests(table, _asked(table, slices, counts))


def _asked(
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
    """Progress of one step, as a feed tells it."""
    if on_progress is None:
        return None
    return lambda rows: on_progress(Progress(table.name, step, rows))
