"""The comparison of a mirror in DuckDB with the rows that a source streams, cell by cell.

Both sides are texts, which each database writes from the values that it stores. Columns are named by their
positions, so that a user's column can't have a name that the comparison uses itself.

Contains: the comparison. Out of scope: connections, digests, and what is done about a difference.

No counterpart in BigQuery: its rows are fetched into a DuckDB database and compared there (scratch.py).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, get_args

import sqlalchemy as sa

from saas_platform.schema.canonical import (
    NULL,
    ROW_TEXTS,
    VALUE_END,
    cells_schema,
)
from saas_platform.warehouse.duckdb import sql as q
from saas_platform.warehouse.duckdb.canonical import row_text
from saas_platform.warehouse.duckdb.connection import STAGING, Connection
from saas_platform.warehouse.interface import Comparison, DifferenceKind, RowDifference
from saas_platform.warehouse.stream import RowStream

_SOURCE_TEXTS, _MIRROR_TEXTS, _UNPAIRED, _SOURCE_CELLS, _MIRROR_CELLS, _DIFFERENT = (
    f"{STAGING}.{name}"
    for name in (
        "_their_texts",
        "_my_texts",
        "_unpaired",
        "_their_cells",
        "_my_cells",
        "_different_cells",
    )
)
#: The most rows of one side to compare at a time. More rows are compared in parts, which bounds the memory.
_PART_ROWS = 500_000
_SLICE, _TEXT = ROW_TEXTS.names
_NUMBER = "number"
#: A cell in the text of a row: characters other than the mark, or doubled marks, and then an end.
_CELL = r"(?s)(?:[^|]|\|\|)*\|[.?-]"


def compare(
    connection: Connection, table: sa.Table, slices: Collection[str], texts: RowStream, samples: int
) -> Comparison:
    """Return the rows of the slices that differ: their totals, and the first ones by key.

    Args:
        connection: the database that holds the mirror.
        table: the table.
        slices: the ids of the slices to compare.
        texts: the texts of all rows that the source has in these slices (`canonical.ROW_TEXTS`).
        samples: the largest number of differing rows to return.
    """
    names = cells_schema(table).names[1:]
    places = dict(zip(q.columns(table), names, strict=True))
    keys = [places[key] for key in q.keys(table)]
    _collect(connection, table, slices, texts)
    _find_unpaired(connection)
    for rows, cells in ((_SOURCE_TEXTS, _SOURCE_CELLS), (_MIRROR_TEXTS, _MIRROR_CELLS)):
        _split(connection, rows, cells, names)
    into = f"CREATE OR REPLACE TABLE {_DIFFERENT} AS"
    for part in _parts(connection, (_SOURCE_CELLS, _MIRROR_CELLS), keys or names):
        connection.run(f"{into} {_differences(connection, names, keys, part)}")
        into = f"INSERT INTO {_DIFFERENT}"
    return _read(connection, table, places, samples)


def _collect(
    connection: Connection, table: sa.Table, slices: Collection[str], texts: RowStream
) -> None:
    """Collect the texts of both sides' rows in the slices, and a 128-bit number for each text."""
    number = f"md5_number({_TEXT}) AS {_NUMBER}"
    wanted = ", ".join(map(q.text, sorted(slices))) or "NULL"
    with connection.streaming(texts) as relation:
        connection.run(
            f"CREATE OR REPLACE TABLE {_SOURCE_TEXTS} AS SELECT *, {number} FROM {relation}"
            f" WHERE {_SLICE} IN ({wanted})"
        )
    connection.run(
        f"CREATE OR REPLACE TABLE {_MIRROR_TEXTS} AS SELECT *, {number} FROM ("
        f"SELECT {q.slice_id(table, q.bucket(table, 'r'))} AS {_SLICE}, {row_text(table, 'r')} AS {_TEXT}"
        f" FROM {q.mirror(table)} r WHERE {q.within(table, slices, 'r')})"
    )


def _find_unpaired(connection: Connection) -> None:
    """Collect the numbers of the rows that one side has more often than the other.

    All other rows are equal. Only these few have to be compared cell by cell.
    """
    into = f"CREATE OR REPLACE TABLE {_UNPAIRED} AS"
    for part in _parts(connection, (_SOURCE_TEXTS, _MIRROR_TEXTS), [_NUMBER]):
        connection.run(
            f"{into} SELECT {_NUMBER} FROM (SELECT {_NUMBER}, 1 AS one FROM {_SOURCE_TEXTS} WHERE {part}"
            f" UNION ALL SELECT {_NUMBER}, -1 FROM {_MIRROR_TEXTS} WHERE {part})"
            f" GROUP BY 1 HAVING sum(one) <> 0"
        )
        into = f"INSERT INTO {_UNPAIRED}"


def _split(connection: Connection, rows: str, cells: str, names: list[str]) -> None:
    """Split the texts of the unpaired rows into their cells. Every mark within a value is doubled."""
    listed = ", ".join(f"found[{place}] AS {name}" for place, name in enumerate(names, 1))
    connection.run(
        f"CREATE OR REPLACE TABLE {cells} AS SELECT {_SLICE}, {listed}"
        f" FROM (SELECT *, regexp_extract_all({_TEXT}, {q.text(_CELL)}) AS found FROM {rows}"
        f" WHERE {_NUMBER} IN (SELECT {_NUMBER} FROM {_UNPAIRED}))"
    )


def _parts(connection: Connection, sides: tuple[str, str], names: list[str]) -> list[str]:
    """Return conditions that divide the rows of both sides into parts.

    Each row meets exactly one of them. Rows with equal values of the named columns meet the same one.
    """
    source_rows, mirror_rows = (f"(SELECT count(*) FROM {rows})" for rows in sides)
    ((rows,),) = connection.run(f"SELECT greatest({source_rows}, {mirror_rows})")
    count = max(1, -(-rows // _PART_ROWS))
    if count == 1:
        return ["TRUE"]
    return [f"hash({', '.join(names)}) % {count} = {number}" for number in range(count)]


def _differences(connection: Connection, names: list[str], keys: list[str], part: str) -> str:
    """Return a query of the rows of one part that differ, with each side as a list of cells.

    In a table without a key, a row is missing or extra as many times as one side has it more often than the
    other. Rows that share a key are paired one by one, and equal rows are paired first.

    Args:
        connection: the database that holds the cells of both sides.
        names: the columns of the cells.
        keys: the columns that form the key; empty if the table has no key.
        part: the condition of the part.
    """
    source_rows, mirror_rows = (
        f"SELECT * FROM {rows} WHERE {part}" for rows in (_SOURCE_CELLS, _MIRROR_CELLS)
    )
    if not keys:
        row = f"[{', '.join(names)}]"
        return (
            f"SELECT 'missing' AS kind, {_SLICE} AS slice, {row} AS source, NULL::VARCHAR[] AS mirror"
            f" FROM ({source_rows} EXCEPT ALL {mirror_rows})"
            f" UNION ALL SELECT 'extra', {_SLICE}, NULL, {row} FROM ({mirror_rows} EXCEPT ALL {source_rows})"
        )
    pairing = [f"s.{key} = m.{key}" for key in keys]
    if any(_has_copies(connection, rows, keys, part) for rows in (_SOURCE_CELLS, _MIRROR_CELLS)):
        source_rows, mirror_rows = (
            _numbered(source_rows, mirror_rows, names, keys),
            _numbered(mirror_rows, source_rows, names, keys),
        )
        pairing.append("s.copy = m.copy")
    # Every cell is a text, so a cell is NULL only where the side has no such row.
    missing, extra = f"m.{names[0]} IS NULL", f"s.{names[0]} IS NULL"
    source, mirror = (f"[{', '.join(f'{side}.{name}' for name in names)}]" for side in ("s", "m"))
    differ = " OR ".join(f"s.{name} <> m.{name}" for name in names)
    return (
        f"SELECT CASE WHEN {missing} THEN 'missing' WHEN {extra} THEN 'extra' ELSE 'different' END AS kind,"
        f" coalesce(s.{_SLICE}, m.{_SLICE}) AS slice, CASE WHEN NOT {extra} THEN {source} END AS source,"
        f" CASE WHEN NOT {missing} THEN {mirror} END AS mirror"
        f" FROM ({source_rows}) s FULL JOIN ({mirror_rows}) m ON {' AND '.join(pairing)}"
        f" WHERE {missing} OR {extra} OR {differ}"
    )


def _numbered(rows: str, others: str, names: list[str], keys: list[str]) -> str:
    """Return a query that numbers the rows that share a key; rows that the other side also has come first."""
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
    # Without a key, rows that are missing and rows that are extra alternate.
    order = "".join(_ordered(column, places) for column in key_columns) or (
        "row_number() OVER (PARTITION BY kind ORDER BY source, mirror), "
    )
    found = connection.run(
        f"SELECT kind, slice, source, mirror FROM {_DIFFERENT}"
        f" ORDER BY {order}kind DESC, source, mirror LIMIT {int(samples)}"
    )
    return Comparison(
        **{kind: totals.get(kind, 0) for kind in get_args(DifferenceKind)},
        slices=by_slice,
        columns={name: n for name, n in zip(places, by_column, strict=True) if n},
        samples=tuple(_row(table, *row) for row in found),
    )


def _changed(place: int) -> str:
    return f"count(*) FILTER (WHERE source[{place}] <> mirror[{place}])"


def _ordered(column: sa.Column[Any], places: dict[str, str]) -> str:
    """Return what to order rows by for a key column: integers by their value, everything else as text."""
    value = f"coalesce(source, mirror)[{list(places).index(column.name) + 1}]"
    if not isinstance(column.type, sa.Integer):
        return f"{value}, "
    digits = f"left({value}, -{len(VALUE_END)})"
    return f"TRY_CAST({digits} AS HUGEINT), {value}, "


def _row(
    table: sa.Table,
    kind: DifferenceKind,
    slice_: str,
    source: list[str] | None,
    mirror: list[str] | None,
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
