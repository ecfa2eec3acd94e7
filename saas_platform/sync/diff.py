"""Find the rows and columns that differ, in slices that are known to differ.

Contains: adding up the comparisons of groups of slices, and showing values as reports do. Out of scope: finding
the slices, which is the task of the proof.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import sqlalchemy as sa

from saas_platform.schema.canonical import value_of
from saas_platform.schema.describing import ShownValue, shown
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
) -> Differences:
    """Return the rows that differ in the slices.

    A row whose slice changed counts as one different row if both slices are compared in one group. Otherwise it
    counts as missing in one slice and as extra in the other.

    Args:
        pair: the table in the source's snapshot and in the warehouse.
        slices: the slices to compare.
        source_counts: the rows of each slice in the source.
        mirror_counts: the rows of each slice in the mirror.

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
        samples.extend(_difference(pair, row) for row in found.samples)
    return Differences(missing, extra, different, dict(by_slice), dict(columns), tuple(samples))


def _difference(pair: TablePair, row: RowDifference) -> Difference:
    return Difference(
        kind=row.kind,
        slice=row.slice,
        key=_key(pair, row),
        columns=tuple(_columns(pair, row.source, row.mirror))
        if row.source is not None and row.mirror is not None
        else (),
    )


def _key(pair: TablePair, row: RowDifference) -> dict[str, ShownValue]:
    """Return the key of the row; for a table without a key, the whole row."""
    cells = row.key or row.source or row.mirror or {}
    return {name: _shown(pair, pair.table.columns[name], cell) for name, cell in cells.items()}


def _columns(
    pair: TablePair, source: Mapping[str, str], mirror: Mapping[str, str]
) -> list[ColumnDifference]:
    return [
        ColumnDifference(
            column.name,
            _shown(pair, column, source[column.name]),
            _shown(pair, column, mirror[column.name]),
        )
        for column in pair.table.columns
        if source[column.name] != mirror[column.name]
    ]


def _shown(pair: TablePair, column: sa.Column, cell: str) -> ShownValue:
    return shown(column, value_of(column, cell), pair.show_pii)
