"""Which rows and columns differ, in slices that are known to differ.

Holds merging, and values as reports have them. Does not hold: finding the slices (that is the proof's).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import sqlalchemy as sa

from saas_platform.schema.canonical import value_of
from saas_platform.schema.describing import Value, shown
from saas_platform.sync.pair import TablePair
from saas_platform.sync.reading import grouped, slices_to_ask
from saas_platform.sync.report import (
    ColumnDifference,
    Difference,
    Differences,
)
from saas_platform.warehouse.interface import RowDifference
from saas_platform.warehouse.stream import RowStream

#: Rows shown of each table; the totals are exact all the same.
SAMPLES = 20


def find_differences(
    pair: TablePair,
    slices: Collection[str],
    *,
    source_counts: Mapping[str, int],
    mirror_counts: Mapping[str, int],
    show_pii: bool = False,
) -> Differences:
    """Rows of the slices that differ.

    A row that changed its slice shows as missing in one and extra in the other only where the two
    are too far apart to be compared together.
    """
    table = pair.table
    largest = Counter(source_counts) | Counter(mirror_counts)
    missing = extra = different = 0
    by_slice: Counter[str] = Counter()
    columns: Counter[str] = Counter()
    samples: list[Difference] = []
    for group in grouped(slices, largest):
        asked = slices_to_ask(table, group, source_counts)
        texts = RowStream(pair.snapshot.row_texts(table, asked), pair.counted("compare"))
        found = pair.warehouse.compare(table, group, texts, samples=SAMPLES - len(samples))
        missing += found.missing
        extra += found.extra
        different += found.different
        by_slice.update(found.slices)
        columns.update(found.columns)
        samples.extend(_difference(table, row, show_pii) for row in found.samples)
    return Differences(missing, extra, different, dict(by_slice), dict(columns), tuple(samples))


def _difference(table: sa.Table, row: RowDifference, show_pii: bool) -> Difference:
    return Difference(
        kind=row.kind,
        slice=row.slice,
        key=_key(table, row, show_pii),
        columns=tuple(_columns(table, row.source, row.mirror, show_pii))
        if row.source is not None and row.mirror is not None
        else (),
    )


def _key(table: sa.Table, row: RowDifference, show_pii: bool) -> dict[str, Value]:
    """The key; of a table without one, the whole row."""
    cells = row.key or row.source or row.mirror or {}
    return {name: _shown(table.columns[name], cell, show_pii) for name, cell in cells.items()}


def _columns(
    table: sa.Table, source: Mapping[str, str], mirror: Mapping[str, str], show_pii: bool
) -> list[ColumnDifference]:
    return [
        ColumnDifference(
            column.name,
            _shown(column, source[column.name], show_pii),
            _shown(column, mirror[column.name], show_pii),
        )
        for column in table.columns
        if source[column.name] != mirror[column.name]
    ]


def _shown(column: sa.Column, cell: str, show_pii: bool) -> Value:
    return shown(column, value_of(column, cell), show_pii)
