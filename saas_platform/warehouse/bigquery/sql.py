"""Pieces of BigQuery SQL, derived from the declared tables.

Contains: pure functions from tables, slices and values to SQL. Out of scope: clients and statements.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.kinds import Kind, kind_of, sized, sizes
from saas_platform.schema.slices import WHOLE, slicing_of
from saas_platform.warehouse.bounds import Bounds
from saas_platform.warehouse.naming import Naming

#: BigQuery's earliest timestamp, and so a lower bound that excludes nothing.
FIRST_TIMESTAMP = datetime(1, 1, 1)
#: The most ranges of slices in one condition. Each takes about 100 bytes.
MOST_RANGES = 1_000
#: NUMERIC has 29 digits before the point and 9 after it; BIGNUMERIC has 38 of each.
_NUMERIC_WHOLE, _NUMERIC_SCALE = 29, 9
#: SQL of a text as a float, NULL if it is none, and of a float as the text of a whole number; see `folding`.
NUMBERS = ("SAFE_CAST({} AS FLOAT64)", "CAST(SAFE_CAST({} AS INT64) AS STRING)")


def quoted(name: str) -> str:
    """Return a quoted identifier. No name in BigQuery has a backtick."""
    return f"`{name}`"


_naming = Naming(quoted)
qualified, mirror = _naming.qualified, _naming.mirror
columns, keys = _naming.columns, _naming.keys
listed, same_key = _naming.listed, _naming.same_key


def text(value: str) -> str:
    """Return a text literal."""
    return "'" + "".join(_escaped(character) for character in value) + "'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def literal(value: Any) -> str:
    """Return a value as a literal. Parameters work in single statements, but not everywhere in scripts."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(value)
        case float() if math.isfinite(value):
            return f"CAST({text(repr(value))} AS FLOAT64)"
        case float():
            return f"CAST('{value}' AS FLOAT64)"
        case Decimal():
            return f"BIGNUMERIC '{value:f}'"
        case datetime():
            return timestamp(value)
        case date():
            return f"DATE '{value.isoformat()}'"
        case str():
            return text(value)
        case bytes():
            return f"FROM_HEX('{value.hex()}')"
    raise TypeError(f"no BigQuery literal for a {type(value).__name__}")


def timestamp(value: datetime) -> str:
    """Return a timestamp, which is in UTC, as a literal."""
    return f"TIMESTAMP '{value.isoformat(' ')}+00:00'"


def type_of(column: sa.Column) -> str:
    """Return the type of the column's mirror. Raises TypeError for a type that can't be mirrored."""
    precision, scale = sizes(column.type)
    small = (scale or 0) <= _NUMERIC_SCALE and (precision or 0) - (scale or 0) <= _NUMERIC_WHOLE
    numeric = "NUMERIC" if small else "BIGNUMERIC"
    return sized(kind_of(column).bigquery, column.type, numeric=numeric)


def unsized_type(kind: Kind) -> str:
    """Return the type of a kind's values of any size.

    >>> from saas_platform.schema.kinds import KINDS
    >>> [unsized_type(kind) for kind in KINDS if kind.name in ("decimal", "text")]
    ['BIGNUMERIC', 'STRING']
    """
    return kind.bigquery.partition("(")[0].format(numeric="BIGNUMERIC")


def slice_id(table: sa.Table, alias: str = "") -> str:
    """Return SQL of the id of a row's slice, the same that `Slicing.id_of` makes."""
    slicing = slicing_of(table)
    if slicing is None:
        return text(WHOLE)
    column = listed([slicing.column], alias)
    is_date = isinstance(table.columns[slicing.column].type, sa.Date)
    day = column if is_date else f"EXTRACT(DATE FROM {column})"
    return f"SUBSTR(CAST({day} AS STRING), 1, {slicing.id_length})"


def within(
    table: sa.Table,
    slices: Collection[str] | None,
    alias: str = "",
    *,
    most_ranges: int = MOST_RANGES,
) -> str:
    """Return a condition that is true where a row lies in the slices; None means any slice.

    Its bounds are literals, so that BigQuery can prune. If there are more than `most_ranges` ranges, that
    many wider ranges replace them, because BigQuery refuses a query of more than 1 MB. The condition is then
    also true for rows of slices in between. "Any slice" has a bound, too, because a table that requires a
    filter on its partitions refuses a query without one.
    """
    slicing = slicing_of(table)
    if slicing is None:
        return "TRUE" if slices is None or slices else "FALSE"
    is_date = isinstance(table.columns[slicing.column].type, sa.Date)
    bound = _day if is_date else timestamp
    column = listed([slicing.column], alias)
    everywhere = f"{column} >= {bound(FIRST_TIMESTAMP)}"
    if slices is None:
        return everywhere
    if not slices:
        return f"({everywhere} AND FALSE)"
    bounds = Bounds(slicing, column, slice_id(table, alias), bound, text)
    return f"({everywhere} AND {bounds.within(slices, most_ranges)})"


def _day(value: datetime) -> str:
    return literal(value.date())


def by_slice(rows: str, measures: str) -> str:
    """Return a query of measures for each slice, over rows that have a column `slice`.

    The slice's id is a column of a subquery, because for a table without slices it is a literal, which
    GROUP BY does not allow.
    """
    return f"SELECT `slice`, {measures} FROM ({rows}) GROUP BY `slice`"


def counts(table: sa.Table) -> str:
    """Return a query of the number of the mirror's rows in each slice."""
    rows = f"SELECT {slice_id(table)} AS slice FROM {mirror(table)} WHERE {within(table, None)}"
    return by_slice(rows, "COUNT(*)")
