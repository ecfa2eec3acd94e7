"""A few rows of both sides next to each other: no proof, but something to look at.

Holds: the drawing of rows from the source, and their comparison. Does not hold: how they are printed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema import slice_of
from saas_platform.schema.slices import WHOLE
from saas_platform.source.contract import Source, SourceError, SourceSnapshot
from saas_platform.sync.diff import shown
from saas_platform.sync.drift import SyncError, check_table, mirror_faults
from saas_platform.sync.reading import slices_feed
from saas_platform.sync.report import SampledRow, SampleReport, Value
from saas_platform.warehouse.contract import Warehouse

#: Rows drawn of each table.
ROWS = 3

_Row = Mapping[str, Any]


def sample(
    source: Source,
    warehouse: Warehouse,
    tables: Iterable[sa.Table],
    *,
    rows: int = ROWS,
    show_pii: bool = False,
    seed: int | None = None,
) -> list[SampleReport]:
    """Rows of each table, drawn at random as of one snapshot, beside what the mirror has of them.

    Other rows at each call, or those of a `seed`.
    """
    chance = random.Random(seed)
    reports = []
    with source.snapshot() as snapshot, warehouse.session():
        for table in tables:
            try:
                check_table(snapshot, warehouse, table)
                problems = mirror_faults(warehouse, table)
                drawn = () if problems else _sample(snapshot, warehouse, table, rows, chance)
            except (SourceError, SyncError) as error:
                problems, drawn = (str(error),), ()
            reports.append(
                SampleReport(
                    table.name, tuple(_row(table, *each, show_pii) for each in drawn), problems
                )
            )
    return reports


def _sample(
    snapshot: SourceSnapshot,
    warehouse: Warehouse,
    table: sa.Table,
    rows: int,
    chance: random.Random,
) -> tuple[tuple[_Row, _Row | None], ...]:
    theirs = _draw(snapshot, table, rows, chance)
    ours = warehouse.rows_like(table, theirs).to_pylist()
    # A key that the mirror holds twice is no pair: the row that is equal, where there is one, or any.
    keys = [column.name for column in table.primary_key.columns] or theirs.column_names
    pairs = []
    for row in theirs.to_pylist():
        like = [mine for mine in ours if all(mine[k] == row[k] for k in keys)]
        pairs.append((row, next((mine for mine in like if mine == row), like[0] if like else None)))
    return tuple(pairs)


def _draw(snapshot: SourceSnapshot, table: sa.Table, rows: int, chance: random.Random) -> pa.Table:
    """Random rows, each slice as likely as it has rows; only their slices are read."""
    counts = snapshot.slice_counts(table)
    most = min(rows, sum(counts.values()))
    slices = chance.choices(list(counts), list(counts.values()), k=most) if most else []
    wanted = Counter(slices)
    parts = []
    for slice_id, number in sorted(wanted.items()):
        number = min(number, counts[slice_id])
        places = sorted(chance.sample(range(counts[slice_id]), number))
        parts += _at(snapshot, table, slice_id, counts, places)
    schema = slices_feed(snapshot, table, [], counts).schema
    return pa.Table.from_batches(parts, schema=schema)


def _at(
    snapshot: SourceSnapshot,
    table: sa.Table,
    slice_id: str,
    counts: Mapping[str, int],
    places: list[int],
) -> list[pa.RecordBatch]:
    """The rows of a slice at some places, in the order in which the source gives them."""
    found, passed = [], 0
    for batch in slices_feed(snapshot, table, [slice_id], counts).reader():
        here = [place - passed for place in places if passed <= place < passed + batch.num_rows]
        if here:
            found.append(batch.take(pa.array(here)))
        passed += batch.num_rows
    return found


def _row(table: sa.Table, source: _Row, mirror: _Row | None, show_pii: bool) -> SampledRow:
    def told(row: _Row) -> dict[str, Value]:
        return {name: shown(table.columns[name], value, show_pii) for name, value in row.items()}

    cut = slice_of(table)
    return SampledRow(
        slice=WHOLE if cut is None else cut.id_of(source[cut.column]),
        source=told(source),
        mirror=None if mirror is None else told(mirror),
        equal=source == mirror,
    )
