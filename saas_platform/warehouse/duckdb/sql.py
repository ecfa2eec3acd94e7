"""Pieces of DuckDB SQL, derived from the declared tables.

Contains: pure functions from tables and slices to SQL. Out of scope: connections and statements.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.kinds import kind_of, sized
from saas_platform.schema.slices import WHOLE, slicing_of
from saas_platform.warehouse.bounds import Bounds
from saas_platform.warehouse.naming import Naming

#: SQL of a text as a float, NULL if it is none, and of a float as the text of a whole number; see `folding`.
NUMBERS = ("TRY_CAST({} AS DOUBLE)", "CAST(TRY_CAST({} AS BIGINT) AS VARCHAR)")


def quoted(name: str) -> str:
    """Return a quoted identifier, whatever characters the name has."""
    return '"' + name.replace('"', '""') + '"'


_naming = Naming(quoted)
qualified, mirror = _naming.qualified, _naming.mirror
columns, keys, unused = _naming.columns, _naming.keys, _naming.unused
listed, same_key = _naming.listed, _naming.same_key


def text(value: str) -> str:
    """Return a text literal."""
    return "'" + value.replace("'", "''") + "'"


def literal(value: Any) -> str:
    """Return a value as SQL has it."""
    match value:
        case datetime():
            return f"TIMESTAMP '{value.isoformat(' ')}'"
        case date():
            return f"DATE '{value.isoformat()}'"
        case str():
            return text(value)
        case bool():
            return str(value).upper()
        case int() | float() | Decimal():
            return str(value)
    raise TypeError(f"no literal of DuckDB for a {type(value).__name__}")


def differs(names: Iterable[str], left: str, right: str) -> str:
    """Return a condition that is true where any of the columns differs. NULL equals NULL here."""
    return " OR ".join(f"{left}.{quoted(n)} IS DISTINCT FROM {right}.{quoted(n)}" for n in names)


def type_of(column: sa.Column) -> str:
    """Return the type of the column's mirror. Raises TypeError for a type that can't be mirrored."""
    return sized(kind_of(column).duckdb, column.type)


def bucket(table: sa.Table, alias: str = "") -> str:
    """Return SQL of a value that all rows of a slice share; grouping by it is cheaper than by the id."""
    slicing = slicing_of(table)
    if slicing is None:
        return text(WHOLE)
    column = listed([slicing.column], alias)
    return f"CAST({column} AS DATE)" if slicing.grain == "day" else f"date_trunc('month', {column})"


def slice_id(table: sa.Table, bucket_: str) -> str:
    """Return SQL of the id of a slice from SQL of its bucket. `Slicing.id_of` makes the same id."""
    slicing = slicing_of(table)
    if slicing is None:
        return bucket_
    return f"strftime({bucket_}, '{'%Y-%m-%d' if slicing.grain == 'day' else '%Y-%m'}')"


def within(table: sa.Table, slices: Collection[str] | None, alias: str = "") -> str:
    """Return a condition that is true where a row lies in the slices; None means any slice.

    Its bounds are literals, so that the engine can prune.
    """
    slicing = slicing_of(table)
    if slices is None or (slicing is None and slices):
        return "TRUE"
    if slicing is None or not slices:
        return "FALSE"
    id_ = slice_id(table, bucket(table, alias))
    return Bounds(slicing, listed([slicing.column], alias), id_, _timestamp, text).within(slices)


def _timestamp(timestamp: datetime) -> str:
    return f"TIMESTAMP '{timestamp.isoformat(' ')}'"
