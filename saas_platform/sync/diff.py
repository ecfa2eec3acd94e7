"""Find the rows and columns that differ, in slices that are known to differ.

Contains: adding up the comparisons of groups of slices, and showing values as reports do. Out of scope: finding
the slices, which is the task of the proof.
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

#: How many differing rows of a table are shown. The totals count all of them.
SAMPLES = 20


def find_differences(
    pair: TablePair,
    slices: Collection[str],
    *,
    source_counts: Mapping[str, int],
    mirror_counts: Mapping[str, int],
    show_pii: bool = False,
) -> Differences:
    """Return the rows that differ in the slices.

    A row whose slice changed counts as one different row if both slices are compared in one group. Otherwise it
    counts as missing in one slice and as extra in the other.

    Args:
        pair: the table in the source's snapshot and in the warehouse.
        slices: the slices to compare.
        source_counts: the rows of each slice in the source.
        mirror_counts: the rows of each slice in the mirror.
        show_pii: show personal data instead of masking it.

    Returns:
        Exact totals, and the first few rows that differ.
    """
    table = pair.table
    largest = Counter(source_counts) | Counter(mirror_counts)
    missing = extra = different = 0
    by_slice: Counter[str] = Counter()
    columns: Counter[str] = Counter()
    samples: list[Difference] = []
    for group in grouped(slices, largest):
        asked = slices_to_ask(table, group, source_counts)
        texts = RowStream(pair.snapshot.divisible_texts(table, asked), pair.counted("compare"))
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
    """Return the key of the row; for a table without a key, the whole row."""
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
