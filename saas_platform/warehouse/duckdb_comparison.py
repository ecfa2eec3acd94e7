"""The cells of a mirror in DuckDB against those that a source streams: which rows and columns differ.

Both sides are texts, written by two databases from what each of them stores. Columns are named by their
places, so that no user's column can meet a name of ours. Holds the comparison. Does not hold: connections,
digests, or what is done about a difference.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, get_args

import sqlalchemy as sa

from saas_platform.schema.canonical import NULL, VALUE_END, cells_schema
from saas_platform.warehouse import duckdb_sql as q
from saas_platform.warehouse.contract import Comparison, Kind, RowDifference
from saas_platform.warehouse.duckdb_canonical import cell
from saas_platform.warehouse.duckdb_connection import STAGING, Connection
from saas_platform.warehouse.feed import Feed

_THEIRS, _MINE, _DIFFERENT = (
    f"{STAGING}.{name}" for name in ("_their_cells", "_my_cells", "_different_cells")
)
#: Rows of one side that are joined at a time; more are joined in parts, so that memory stays bounded.
_PART_ROWS = 500_000
_SLICE = "c0"


def compare(
    connection: Connection, table: sa.Table, slices: Collection[str], cells: Feed, samples: int
) -> Comparison:
    """Rows of the slices that differ: totals, and the first by key."""
    names = cells_schema(table).names[1:]
    places = dict(zip(q.columns(table), names, strict=True))
    keys = [places[key] for key in q.keys(table)]
    _collect(connection, table, names, slices, cells)
    into = f"CREATE OR REPLACE TABLE {_DIFFERENT} AS"
    for part in _parts(connection, keys or names):
        connection.run(f"{into} {_differences(connection, names, keys, part)}")
        into = f"INSERT INTO {_DIFFERENT}"
    return _read(connection, table, places, samples)


def _collect(
    connection: Connection,
    table: sa.Table,
    names: list[str],
    slices: Collection[str],
    cells: Feed,
) -> None:
    """The cells of both sides in the slices."""
    wanted = ", ".join(map(q.text, sorted(slices))) or "NULL"
    with connection.streaming(cells) as stream:
        connection.run(
            f"CREATE OR REPLACE TABLE {_THEIRS} AS"
            f" SELECT {_SLICE}, {', '.join(names)} FROM {stream} WHERE {_SLICE} IN ({wanted})"
        )
    mine = ", ".join(
        f"{cell(column, 'r')} AS {name}" for column, name in zip(table.columns, names, strict=True)
    )
    connection.run(
        f"CREATE OR REPLACE TABLE {_MINE} AS"
        f" SELECT {q.slice_id(table, q.bucket(table, 'r'))} AS {_SLICE}, {mine}"
        f" FROM {q.mirror(table)} r WHERE {q.within(table, slices, 'r')}"
    )


def _parts(connection: Connection, names: list[str]) -> list[str]:
    """Conditions, of which each row of either side meets one; equal cells of the columns, the same one."""
    ((rows,),) = connection.run(
        f"SELECT greatest((SELECT count(*) FROM {_THEIRS}), (SELECT count(*) FROM {_MINE}))"
    )
    count = max(1, -(-rows // _PART_ROWS))
    if count == 1:
        return ["TRUE"]
    return [f"hash({', '.join(names)}) % {count} = {number}" for number in range(count)]


def _differences(connection: Connection, names: list[str], keys: list[str], part: str) -> str:
    """A query of the rows of a part that differ, each side as a list of cells.

    Without a key a row is missing or extra, as often as one side has it more than the other. Rows that share a
    key are paired one by one: first those that are equal.
    """
    theirs, mine = (f"SELECT * FROM {rows} WHERE {part}" for rows in (_THEIRS, _MINE))
    if not keys:
        row = f"[{', '.join(names)}]"
        return (
            f"SELECT 'missing' AS kind, {_SLICE} AS slice, {row} AS source, NULL::VARCHAR[] AS mirror"
            f" FROM ({theirs} EXCEPT ALL {mine})"
            f" UNION ALL SELECT 'extra', {_SLICE}, NULL, {row} FROM ({mine} EXCEPT ALL {theirs})"
        )
    pairing = [f"s.{key} = m.{key}" for key in keys]
    if any(_has_copies(connection, rows, keys, part) for rows in (_THEIRS, _MINE)):
        theirs, mine = _numbered(theirs, mine, names, keys), _numbered(mine, theirs, names, keys)
        pairing.append("s.copy = m.copy")
    # Every cell is a text, so that one of NULL is a side that has no such row.
    missing, extra = f"m.{names[0]} IS NULL", f"s.{names[0]} IS NULL"
    source, mirror = (f"[{', '.join(f'{side}.{name}' for name in names)}]" for side in ("s", "m"))
    differ = " OR ".join(f"s.{name} <> m.{name}" for name in names)
    return (
        f"SELECT CASE WHEN {missing} THEN 'missing' WHEN {extra} THEN 'extra' ELSE 'different' END AS kind,"
        f" coalesce(s.{_SLICE}, m.{_SLICE}) AS slice, CASE WHEN NOT {extra} THEN {source} END AS source,"
        f" CASE WHEN NOT {missing} THEN {mirror} END AS mirror"
        f" FROM ({theirs}) s FULL JOIN ({mine}) m ON {' AND '.join(pairing)}"
        f" WHERE {missing} OR {extra} OR {differ}"
    )


def _numbered(rows: str, others: str, names: list[str], keys: list[str]) -> str:
    """The rows with a number among those that share a key; those that the other side has come first."""
    row = f"concat({', '.join(names)})"
    return (
        f"SELECT *, row_number() OVER (PARTITION BY {', '.join(keys)}"
        f" ORDER BY {row} NOT IN (SELECT {row} FROM ({others})), {row}) AS copy FROM ({rows})"
    )


def _has_copies(connection: Connection, rows: str, keys: list[str], part: str) -> bool:
    return bool(
        connection.run(
            f"SELECT 1 FROM {rows} WHERE {part} GROUP BY {', '.join(keys)} HAVING count(*) > 1 LIMIT 1"
        )
    )


def _read(
    connection: Connection, table: sa.Table, places: dict[str, str], samples: int
) -> Comparison:
    totals = dict(connection.run(f"SELECT kind, count(*) FROM {_DIFFERENT} GROUP BY kind"))
    by_slice = dict(connection.run(f"SELECT slice, count(*) FROM {_DIFFERENT} GROUP BY slice"))
    (by_column,) = connection.run(
        f"SELECT {', '.join(_changed(place) for place in range(1, len(places) + 1))}"
        f" FROM {_DIFFERENT} WHERE kind = 'different'"
    )
    key_columns = list(table.primary_key.columns)
    found = connection.run(
        f"SELECT kind, slice, source, mirror FROM {_DIFFERENT}"
        f" ORDER BY {''.join(_ordered(column, places) for column in key_columns)}"
        f" kind, source, mirror LIMIT {int(samples)}"
    )
    return Comparison(
        **{kind: totals.get(kind, 0) for kind in get_args(Kind)},
        slices=by_slice,
        columns={name: n for name, n in zip(places, by_column, strict=True) if n},
        samples=tuple(_row(table, *row) for row in found),
    )


def _changed(place: int) -> str:
    return f"count(*) FILTER (WHERE source[{place}] <> mirror[{place}])"


def _ordered(column: sa.Column[Any], places: dict[str, str]) -> str:
    """What the rows are ordered by for a key column: whole numbers as such, all else as texts."""
    value = f"coalesce(source, mirror)[{list(places).index(column.name) + 1}]"
    if not isinstance(column.type, sa.Integer):
        return f"{value}, "
    digits = f"left({value}, -{len(VALUE_END)})"
    return f"TRY_CAST({digits} AS HUGEINT), {value}, "


def _row(
    table: sa.Table, kind: Kind, slice_: str, source: list[str] | None, mirror: list[str] | None
) -> RowDifference:
    names = q.columns(table)
    sides = [
        None if cells is None else dict(zip(names, cells, strict=True))
        for cells in (source, mirror)
    ]
    either = sides[0] or sides[1] or {}
    return RowDifference(
        kind=kind,
        slice=slice_,
        key={key: either.get(key, NULL) for key in q.keys(table)},
        source=sides[0],
        mirror=sides[1],
    )
