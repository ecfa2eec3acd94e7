"""The definitions of DuckDB tables, derived from the declared tables.

Contains: columns with their types, and which of them may be NULL. Out of scope: connections and statements.
"""

from __future__ import annotations

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
