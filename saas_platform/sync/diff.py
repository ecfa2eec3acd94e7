"""Which rows and columns differ, in slices that are known to differ.

Holds merging, masking and JSON values. Does not hold: finding the slices (that is the proof's).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from saas_platform.source.contract import SourceSnapshot
from saas_platform.sync.reading import grouped, slices_feed, telling
from saas_platform.sync.report import (
    ColumnDifference,
    Difference,
    Differences,
    OnProgress,
    Value,
)
from saas_platform.warehouse.contract import RowDifference, Warehouse

#: Rows shown of each table; the totals are exact all the same.
SAMPLES = 20


def find_differences(
    snapshot: SourceSnapshot,
    warehouse: Warehouse,
    table: sa.Table,
    slices: Collection[str],
    *,
    source_counts: Mapping[str, int],
    mirror_counts: Mapping[str, int],
    show_pii: bool = False,
    on_progress: OnProgress | None = None,
) -> Differences:
    """Rows of the slices that differ.

    A row that changed its slice shows as missing in one and extra in the other only where the two
    are too far apart to be compared together.
    """
    largest = Counter(source_counts) | Counter(mirror_counts)
    missing = extra = different = 0
    by_slice: Counter[str] = Counter()
    columns: Counter[str] = Counter()
    samples: list[Difference] = []
    for group in grouped(slices, largest):
        feed = slices_feed(
            snapshot, table, group, source_counts, telling(on_progress, table, "compare")
        )
        found = warehouse.compare(table, group, feed, samples=SAMPLES - len(samples))
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
    if row.key:
        return {name: _value(value) for name, value in row.key.items()}
    whole = row.source or row.mirror or {}
    return {name: shown(table.columns[name], value, show_pii) for name, value in whole.items()}


def _columns(
    table: sa.Table, source: Mapping[str, Any], mirror: Mapping[str, Any], show_pii: bool
) -> list[ColumnDifference]:
    return [
        ColumnDifference(
            column.name,
            shown(column, source[column.name], show_pii),
            shown(column, mirror[column.name], show_pii),
        )
        for column in table.columns
        if source[column.name] != mirror[column.name]
    ]


def shown(column: sa.Column, value: Any, show_pii: bool) -> Value:
    """A value as reports have it; personal data masked unless asked for."""
    if value is not None and column.info.get("pii") and not show_pii:
        return f"*** ({len(str(value))} characters)"
    return _value(value)


def _value(value: Any) -> Value:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)
