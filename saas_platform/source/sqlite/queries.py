"""Build the queries that read a table: the rows that they select, its counts and its highest version.

Some of them are built after a look at the data, and so take a cursor.
Out of scope: the SQL of a value (reading.py, canonical.py).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from saas_platform.schema import slicing_of, version_of
from saas_platform.schema.slices import Slicing, ranges
from saas_platform.schema.source_names import source_column, source_table
from saas_platform.source.sqlite.catalogue import scanned
from saas_platform.source.sqlite.connection import scalar
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.sql import (
    BINARY,
    column_sql,
    literal,
    slice_text,
    table_sql,
)
from saas_platform.source.sqlite.streaming import texts

#: A WHERE with more ranges than this costs more than a scan.
_MOST_RANGES = 50


def above_version(table: sa.Table, above: int) -> str:
    """Return the condition for rows with a version above that one, or without a version."""
    column = table.columns[version_of(table) or ""]
    newer = f"{column_sql(column)} {BINARY} > {int(above)}"
    return f"({newer} OR {column_sql(column)} IS NULL)" if column.nullable else newer


def in_slices(
    cursor: SqliteCursor, table: sa.Table, slices: Collection[str], *, by_index: bool = True
) -> str:
    """Return the condition for the rows of those slices; with `by_index`, one that an index can answer."""
    slicing = slicing_of(table)
    if slicing is None or not slices:
        return "1" if slices else "0"
    spans = _spans(slicing, slices)
    if (
        by_index
        and spans
        and len(spans) <= _MOST_RANGES
        and _holds_only_texts(cursor, table.columns[slicing.column])
    ):
        column = column_sql(table.columns[slicing.column])
        # ISO texts compare like the timestamps they stand for, and a day's text sorts before its midnight.
        return " OR ".join(
            f"({column} {BINARY} >= '{first.date()}' AND {column} {BINARY} < '{after.date()}')"
            for first, after in spans
        )
    return f"{slice_text(table)} IN ({', '.join(map(literal, sorted(slices)))})"


def _spans(slicing: Slicing, slices: Collection[str]) -> list[tuple[datetime, datetime]] | None:
    """Return the slices as ranges of time; None if one is not a range because its rows hold no timestamps."""
    try:
        return ranges(slicing, slices)
    except ValueError:
        return None


def _holds_only_texts(cursor: SqliteCursor, column: sa.Column[Any]) -> bool:
    """Return whether the column holds only texts and NULL."""
    # Numbers sort before texts and bytes after them, and neither compares as its text does.
    ends = (
        f"SELECT typeof({end}(t.{column_sql(column)} {BINARY})) FROM main.{table_sql(column.table)} t"
        for end in ("min", "max")
    )
    return all(scalar(cursor, query) in ("text", "null") for query in ends)


def slice_counts(cursor: SqliteCursor, table: sa.Table, *, by_index: bool = True) -> dict[str, int]:
    """Return the number of rows in each slice that has any; with `by_index`, from an index if there is one.

    To group by a part of a text, SQLite sorts every row. Seeking from slice to slice in an index takes a
    tenth of the time.
    """
    slicing = slicing_of(table)
    if by_index and slicing is not None and _leads_an_index(cursor, table.columns[slicing.column]):
        counts = _by_seeking(cursor, table, slicing)
        if counts is not None:
            return counts
    asked = [slice_text(table), "CAST(count(*) AS TEXT)"]
    source = f"{scanned(cursor, source_table(table)[1])} GROUP BY {slice_text(table)}"
    return {str(slice_id): int(rows or 0) for slice_id, rows in texts(cursor, asked, source)}


def _leads_an_index(cursor: SqliteCursor, column: sa.Column[Any]) -> bool:
    cursor.execute(
        "SELECT 1 FROM pragma_index_list(?) i, pragma_index_xinfo(i.name) c"
        " WHERE NOT i.partial AND c.seqno = 0 AND c.name = ? COLLATE NOCASE AND c.coll = 'BINARY'",
        (source_table(column.table)[1], source_column(column)),
    )
    return cursor.fetchone() is not None


def _by_seeking(cursor: SqliteCursor, table: sa.Table, slicing: Slicing) -> dict[str, int] | None:
    """Count the rows of each slice by index seeks.

    Returns None if a value is NULL, or is not a text that begins with a full slice id, or if the index lacks rows.
    """
    name, length = table_sql(table), slicing.id_length
    column = f"t.{column_sql(table.columns[slicing.column])}"
    if not _holds_only_texts(cursor, table.columns[slicing.column]):
        return None
    # The first text after all texts that begin with the id.
    after = f"substr(s.id, 1, {length - 1}) || char(unicode(substr(s.id, {length})) + 1)"
    first = f"SELECT substr(min({column}), 1, {length}) FROM main.{name} t"
    cursor.execute(
        f"WITH RECURSIVE slices(id) AS ({first} UNION"
        f" SELECT ({first} WHERE {column} >= {after}) FROM slices s WHERE length(s.id) = {length})"
        " SELECT s.id, (SELECT count(*)"
        f" FROM main.{name} t WHERE {column} >= s.id AND {column} < {after})"
        " FROM slices s WHERE s.id IS NOT NULL"
    )
    counts = dict(cursor.fetchall())
    whole = all(len(slice_id) == length for slice_id in counts)
    total = scalar(cursor, f"SELECT sum(1) FROM {scanned(cursor, source_table(table)[1])}") or 0
    return counts if whole and sum(counts.values()) == total else None


def unversioned_query(table: sa.Table, rows: str) -> str | None:
    """Return the query for the number of rows without a version; None if the table can have no such rows.

    `rows` is what stands after FROM.
    """
    version = version_of(table)
    if version is None or not table.columns[version].nullable:
        return None
    name = column_sql(table.columns[version])
    return f"SELECT count(*) FROM {rows} WHERE {name} IS NULL"


def highest_query(table: sa.Table, rows: str) -> str | None:
    """Return the query for the highest version; None if the table has no version. `rows` is what stands after FROM."""
    version = version_of(table)
    if version is None:
        return None
    name = column_sql(table.columns[version])
    return f"SELECT max({name} {BINARY}) FROM {rows}"
