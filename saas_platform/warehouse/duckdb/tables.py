"""The definitions of DuckDB tables, derived from the declared tables.

Contains: columns with their types, and which of them may be NULL. Out of scope: statements, and connections to
the file; an empty database in memory names the types.
"""

from __future__ import annotations

from functools import cache

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from saas_platform.warehouse.duckdb import sql as q
from saas_platform.warehouse.interface import SYNC_ID


def declared(table: sa.Table) -> dict[str, str]:
    """Return the columns of the mirror, in order, with their types."""
    return {**{c.name: q.type_of(c) for c in table.columns}, SYNC_ID: "VARCHAR"}


def definition(table: sa.Table, *extra: str) -> str:
    """Return the column list of a CREATE TABLE."""
    parts = [
        f"{q.quoted(c.name)} {q.type_of(c)}{'' if c.nullable else ' NOT NULL'}"
        for c in table.columns
    ]
    return f"({', '.join([*parts, *extra])})"


def columns_of(schema: pa.Schema) -> dict[str, str]:
    """Return the columns that a table of such rows has, with their types."""
    with duckdb.connect() as memory:
        made = memory.from_arrow(schema.empty_table())
        return dict(zip(made.columns, map(str, made.types), strict=True))


@cache
def name_of_type(declared: str) -> str:
    """Return DuckDB's name of a type, of which it knows many aliases."""
    with duckdb.connect() as memory:
        return str(memory.type(declared))
