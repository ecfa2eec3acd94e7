"""The queries that read a table: the rows that they select, the texts of its proof, its counts and more.

Aliases are numbered (c0, c1 ...) and used only in an outer query, so that none can clash with a column of the
user. Out of scope: the T-SQL of a value (sql.py, canonical.py), and running a query.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from saas_platform.schema import slicing_of, version_of
from saas_platform.schema.slices import ranges
from saas_platform.source import bookkeeping
from saas_platform.source.mssql import canonical, catalogue_types
from saas_platform.source.mssql.canonical import Ability
from saas_platform.source.mssql.sql import column_sql, qualified, slice_id, table_sql, value

#: The most ranges in one WHERE; more of them would cost more than a scan.
_MOST_RANGES = 50
#: The most literals in one IN; the server may refuse more of them (8623).
_MOST_LITERALS = 5_000
#: The first and the last timestamp of the types that do not cover every year.
_EXTENTS = {
    "smalldatetime": (datetime(1900, 1, 1), datetime(2079, 6, 6, 23, 59)),
    "datetime": (datetime(1753, 1, 1), datetime.max),
}


def in_slices(table: sa.Table, slices: Collection[str]) -> str:
    """Return a condition that is true for the rows of the slices."""
    slicing = slicing_of(table)
    if not slices:
        return "1 = 0"
    if slicing is None:
        return "1 = 1"
    spans = ranges(slicing, slices)
    if len(spans) > _MOST_RANGES:
        return _listed(slice_id(table), sorted(slices))
    column = table.columns[slicing.column]
    return " OR ".join(f"({_between(column, first, after)})" for first, after in spans)


def _listed(value_: str, ids: Sequence[str]) -> str:
    if len(ids) > _MOST_LITERALS:
        rows = ", ".join(f"('{each}')" for each in ids)
        return f"{value_} IN (SELECT s.id FROM (VALUES {rows}) s(id))"
    listed = ", ".join(f"'{each}'" for each in ids)
    return f"{value_} IN ({listed})"


def _between(column: sa.Column, first: datetime, after: datetime) -> str:
    """Return a condition that is true from the first timestamp until just before the second.

    A bound outside of the range of the column's type is left out, because the server would refuse it.
    """
    lowest, highest = _EXTENTS.get(catalogue_types.type_of(column), (datetime.min, datetime.max))
    if after <= lowest or first > highest:
        return "1 = 0"
    name = column_sql(column)
    # A date without dashes means the same for every type and language setting.
    bounds = [
        *([f"{name} >= '{_day(first)}'"] if first >= lowest else []),
        *([f"{name} < '{_day(after)}'"] if after <= highest else []),
    ]
    return " AND ".join(bounds) or f"{name} IS NOT NULL"


def _day(timestamp: datetime) -> str:
    return timestamp.date().isoformat().replace("-", "")


def above_version(table: sa.Table, version: int) -> str:
    """Return a condition for rows above a version, in a form that can use an index on the version."""
    column = table.columns[version_of(table) or ""]
    name = column_sql(column)
    if catalogue_types.is_rowversion(column):
        return f"{name} > CONVERT(BINARY(8), CONVERT(BIGINT, {int(version)}))"
    return f"{name} > {int(version)}"


def _above(table: sa.Table, above: int) -> str:
    """Return a condition for changed rows. A row without a version counts as changed."""
    column = table.columns[version_of(table) or ""]
    newer = above_version(table, above)
    return f"{newer} OR {column_sql(column)} IS NULL" if column.nullable else newer


def rows_query(
    table: sa.Table,
    schema: str,
    *,
    above: int | None = None,
    slices: Collection[str] | None = None,
) -> str:
    """Return the query for rows with a version above `above` and in the slices; all rows where None."""
    where = []
    if above is not None:
        where.append(_above(table, above))
    if slices is not None:
        where.append(in_slices(table, slices))
    values = _places([value(column) for column in table.columns])
    sql = f"SELECT {values} FROM {table_sql(table, schema)}"
    return sql + (" WHERE " + " AND ".join(f"({each})" for each in where) if where else "")


def _places(values: Sequence[str]) -> str:
    return ", ".join(f"{each} AS c{place}" for place, each in enumerate(values))


def _source(table: sa.Table, schema: str, slices: Collection[str] | None) -> str:
    where = "" if slices is None else f" WHERE {in_slices(table, slices)}"
    return f"{table_sql(table, schema)}{where}"


def unversioned_query(table: sa.Table, schema: str) -> str | None:
    """Return the query for the number of rows without a version; None if the table can have no such rows."""
    version = version_of(table)
    if version is None or not table.columns[version].nullable:
        return None
    condition = f"{column_sql(table.columns[version])} IS NULL"
    return f"SELECT COUNT_BIG(*) FROM {table_sql(table, schema)} WHERE {condition}"


def cells_query(
    table: sa.Table,
    schema: str,
    abilities: Collection[Ability],
    slices: Collection[str] | None = None,
) -> tuple[str, list[sa.Column[Any]]]:
    """Return the query for the slice and cells of each row, and the columns that it reads as stored."""
    cells = [canonical.cell(column, abilities) for column in table.columns]
    raw = [c for c, made in zip(table.columns, cells, strict=True) if made is None]
    written = [
        canonical.raw(column) if made is None else made
        for column, made in zip(table.columns, cells, strict=True)
    ]
    values = _places([canonical.slice_text(table), *written])
    return f"SELECT {values} FROM {_source(table, schema, slices)}", raw


def texts_query(
    table: sa.Table,
    schema: str,
    abilities: Collection[Ability],
    slices: Collection[str] | None = None,
) -> str | None:
    """Return the query for the slice and text of each row; None if the server can't write a cell."""
    text = canonical.row_text(table, abilities)
    if text is None:
        return None
    return f"SELECT {_places([canonical.slice_text(table), text])} FROM {_source(table, schema, slices)}"


def digests_query(
    table: sa.Table,
    schema: str,
    abilities: Collection[Ability],
    slices: Collection[str] | None = None,
) -> str | None:
    """Return the query for the digest of each slice; None if the server can't write or hash the row texts."""
    texts = texts_query(table, schema, abilities, slices)
    totals = canonical.totals("r.c1", abilities)
    if texts is None or totals is None:
        return None
    return f"SELECT r.c0, {totals} FROM ({texts}) r GROUP BY r.c0"


def counts_query(table: sa.Table, schema: str) -> str:
    """Return the query for the row count of each slice."""
    # The subquery makes the slice a column, because T-SQL does not allow GROUP BY with a constant.
    return (
        f"SELECT r.c0, COUNT_BIG(*) FROM (SELECT ISNULL({slice_id(table)}, 'none') AS c0"
        f" FROM {table_sql(table, schema)}) r GROUP BY r.c0"
    )


def highest_query(table: sa.Table, schema: str) -> str | None:
    """Return the query for the highest version; None if the table has no version.

    It reads the last row, which an index finds at once, because MAX does not support rowversion.
    """
    version = version_of(table)
    if version is None:
        return None
    column = table.columns[version]
    return f"SELECT TOP 1 {value(column)} FROM {table_sql(table, schema)} ORDER BY {column_sql(column)} DESC"


def half_pair_query(column: sa.Column[Any], schema: str) -> str:
    """Return the query for the key of a row with half of a surrogate pair; 1 if the table has no key."""
    keys = [value(each) for each in column.table.primary_key.columns] or ["1"]
    return (
        f"SELECT TOP 1 {_places(keys)} FROM {table_sql(column.table, schema)}"
        f" WHERE {canonical.half_pair(column)}"
    )


def tombstones_query(table: sa.Table, schema: str, above: int) -> str:
    """Return the query for the key and slice of each tombstone above a version."""
    return (
        f"SELECT key_value, slice FROM {qualified(schema, bookkeeping.tombstones.name)}"
        f" WHERE table_name = '{table.name}'"
        f" AND row_version > CONVERT(BINARY(8), CONVERT(BIGINT, {int(above)}))"
    )
