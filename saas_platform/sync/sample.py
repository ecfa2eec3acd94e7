"""Show a few rows of source and mirror next to each other: not a proof, but something to look at.

Contains: drawing rows from the source at random, and comparing them. Out of scope: how they are printed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from saas_platform.schema.canonical import cells_schema, value_of
from saas_platform.schema.describing import ShownValue, shown
from saas_platform.source.interface import Source, SourceSnapshot
from saas_platform.sync.drift import check_table, mirror_faults
from saas_platform.sync.proof_log import sentence
from saas_platform.sync.reading import slices_to_ask
from saas_platform.sync.report import SampledRow, SampleReport
from saas_platform.sync.undisturbed import each_table
from saas_platform.warehouse.interface import Warehouse

#: How many rows of each table are drawn.
ROWS = 3

#: The cells of a row (`schema.canonical`), by column.
_Cells = Mapping[str, str]


def sample(
    source: Source,
    warehouse: Warehouse,
    tables: Iterable[sa.Table],
    *,
    rows: int = ROWS,
    show_pii: bool = False,
    seed: int | None = None,
) -> list[SampleReport]:
    """Return random rows of each table, from one snapshot, next to the mirror's rows with the same keys.

    Args:
        source: the source to draw from.
        warehouse: the warehouse that has the mirrors.
        tables: the tables to draw rows of.
        rows: how many rows to draw of each table.
        show_pii: show personal data instead of masking it.
        seed: the seed of the random choice; without one, each call draws other rows.

    Returns:
        One report per table; a table that could not be read has the reason in `problems`.

    Raises:
        WarehouseUnusableError: no table can be read.
    """
    chance = random.Random(seed)

    def sampled(snapshot: SourceSnapshot, table: sa.Table) -> SampleReport:
        check_table(snapshot, warehouse, table)
        problems = mirror_faults(warehouse, table)
        drawn = () if problems else _sample(snapshot, warehouse, table, rows, chance)
        found = tuple(_row(table, *each, show_pii) for each in drawn)
        return SampleReport(table.name, found, problems)

    with warehouse.session():
        return each_table(
            source,
            tables,
            sampled,
            lambda table, error: SampleReport(table.name, (), (sentence(table, error),)),
        )


def _sample(
    snapshot: SourceSnapshot,
    warehouse: Warehouse,
    table: sa.Table,
    rows: int,
    chance: random.Random,
) -> tuple[tuple[str, _Cells, _Cells | None], ...]:
    """Return for each drawn row its slice, its cells in the source, and the cells under its key in the mirror."""
    names = [column.name for column in table.columns]
    places = dict(zip(names, cells_schema(table).names[1:], strict=True))
    keys = [places[column.name] for column in table.primary_key.columns] or list(places.values())
    drawn = _draw(snapshot, table, rows, chance)
    mirrored = warehouse.rows_like(table, drawn).to_pylist()
    pairs = []
    for row in drawn.to_pylist():
        slice_id = row.pop("c0")
        like = [
            mirror_row
            for mirror_row in mirrored
            if all(mirror_row[key] == row[key] for key in keys)
        ]
        # If the mirror holds a key twice, prefer the row that is equal.
        mirror_row = next(
            (mirror_row for mirror_row in like if mirror_row == row), like[0] if like else None
        )
        pairs.append(
            (
                slice_id,
                _named(places, row),
                None if mirror_row is None else _named(places, mirror_row),
            )
        )
    return tuple(pairs)


def _named(places: Mapping[str, str], row: Mapping[str, str]) -> _Cells:
    return {name: row[place] for name, place in places.items()}


def _draw(snapshot: SourceSnapshot, table: sa.Table, rows: int, chance: random.Random) -> pa.Table:
    """Return the cells of random rows. Slices are drawn in proportion to their rows, and only those are read."""
    counts = snapshot.slice_counts(table)
    most = min(rows, sum(counts.values()))
    slices = chance.choices(list(counts), list(counts.values()), k=most) if most else []
    wanted = Counter(slices)
    parts = []
    for slice_id, number in sorted(wanted.items()):
        number = min(number, counts[slice_id])
        places = sorted(chance.sample(range(counts[slice_id]), number))
        parts += _at(snapshot, table, slice_id, counts, places)
    return pa.Table.from_batches(parts, schema=cells_schema(table))


def _at(
    snapshot: SourceSnapshot,
    table: sa.Table,
    slice_id: str,
    counts: Mapping[str, int],
    places: list[int],
) -> list[pa.RecordBatch]:
    """Return the rows of a slice at the given places, in the order in which the source gives them."""
    found, passed = [], 0
    for batch in snapshot.cells(table, slices_to_ask(table, [slice_id], counts)):
        here = batch.filter(pc.equal(batch.column(0), slice_id))
        chosen = [place - passed for place in places if passed <= place < passed + here.num_rows]
        if chosen:
            found.append(here.take(pa.array(chosen)))
        passed += here.num_rows
    return found


def _row(
    table: sa.Table, slice_id: str, source: _Cells, mirror: _Cells | None, show_pii: bool
) -> SampledRow:
    def displayed(row: _Cells) -> dict[str, ShownValue]:
        return {
            name: shown(table.columns[name], value_of(table.columns[name], cell), show_pii)
            for name, cell in row.items()
        }

    return SampledRow(
        slice=slice_id,
        source=displayed(source),
        mirror=None if mirror is None else displayed(mirror),
        equal=source == mirror,
    )
