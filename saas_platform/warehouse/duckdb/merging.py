"""Merge a few rows into a small table of DuckDB.

Out of scope: the mirrors, which are changed through a staging table (changes.py).
"""

from __future__ import annotations

import pyarrow as pa

from saas_platform.warehouse.duckdb import sql as q
from saas_platform.warehouse.duckdb.connection import Connection


def merge_rows(connection: Connection, schema: str, name: str, key: str, rows: pa.Table) -> None:
    """Put rows into a small table in one transaction, and create the table if there is none.

    Args:
        connection: the connection.
        schema: the schema of the table.
        name: the name of the table.
        key: the column by whose values rows replace each other.
        rows: the rows, with the columns of the table.
    """
    into, by = q.qualified(schema, name), q.quoted(key)
    with connection.registered(rows) as given, connection.transaction():
        connection.run(f"CREATE SCHEMA IF NOT EXISTS {q.quoted(schema)}")
        connection.run(f"CREATE TABLE IF NOT EXISTS {into} AS SELECT * FROM {given} LIMIT 0")
        connection.run(f"DELETE FROM {into} WHERE {by} IN (SELECT {by} FROM {given})")
        connection.run(f"INSERT INTO {into} BY NAME SELECT * FROM {given}")
