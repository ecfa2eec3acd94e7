"""Pieces of DuckDB SQL, derived from the declared tables.

Holds pure functions from tables and slices to text. Does not hold: connections or statements.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.kinds import kind_of, sized
from saas_platform.schema.slices import WHOLE, slice_of
from saas_platform.warehouse.bounds import within_bounds
from saas_platform.warehouse.interface import SYNC_ID
from saas_platform.warehouse.naming import Naming


def quote(name: str) -> str:
    """An identifier, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


_naming = Naming(quote)
qualified, mirror = _naming.qualified, _naming.mirror
columns, keys, unused = _naming.columns, _naming.keys, _naming.unused
listed, same_key = _naming.listed, _naming.same_key


def text(value: str) -> str:
    """A text literal."""
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
    """Whether any of the columns has another value; NULL is a value here."""
    return " OR ".join(f"{left}.{quote(n)} IS DISTINCT FROM {right}.{quote(n)}" for n in names)


def type_of(column: sa.Column) -> str:
    """Raises TypeError for a type that can't be mirrored."""
    return sized(kind_of(column).duckdb, column.type)


def declared(table: sa.Table) -> dict[str, str]:
    """The columns of the mirror and their types, in order."""
    return {**{c.name: type_of(c) for c in table.columns}, SYNC_ID: "VARCHAR"}


def definition(table: sa.Table, *extra: str) -> str:
    """The column list of a CREATE TABLE."""
    parts = [
        f"{quote(c.name)} {type_of(c)}{'' if c.nullable else ' NOT NULL'}" for c in table.columns
    ]
    return f"({', '.join([*parts, *extra])})"


def whole_digest(alias: str) -> str:
    """Row count and sum of row hashes, of all columns of a group of rows, whatever they are."""
    return f"count(*), sum(hash(hash({alias})))"


def bucket(table: sa.Table, alias: str = "") -> str:
    """A value that is the same for all rows of a slice; cheaper to group by than the id's text."""
    cut = slice_of(table)
    if cut is None:
        return text(WHOLE)
    column = listed([cut.column], alias)
    return f"CAST({column} AS DATE)" if cut.grain == "day" else f"date_trunc('month', {column})"


def slice_id(table: sa.Table, bucket_: str) -> str:
    """The id of the slice, as `Slice.id_of` makes it, from its bucket."""
    cut = slice_of(table)
    if cut is None:
        return bucket_
    return f"strftime({bucket_}, '{'%Y-%m-%d' if cut.grain == 'day' else '%Y-%m'}')"


def within(table: sa.Table, slices: Collection[str] | None, alias: str = "") -> str:
    """Whether a row lies in the slices, by literal bounds, which prune; None: everywhere."""
    cut = slice_of(table)
    if slices is None or (cut is None and slices):
        return "TRUE"
    if cut is None or not slices:
        return "FALSE"
    return within_bounds(
        cut,
        slices,
        listed([cut.column], alias),
        slice_id(table, bucket(table, alias)),
        moment=_moment,
        text=text,
    )


def _moment(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.isoformat(' ')}'"
