"""What the platform needs in a DuckDB file before it can work: schemas and logs.

Contains: their creation, their removal, and the views that stand where a mirror must be. Out of scope: mirrors.
"""

from __future__ import annotations

from saas_platform.warehouse.duckdb import sql as q
from saas_platform.warehouse.duckdb.connection import Connection
from saas_platform.warehouse.duckdb.tables import definition
from saas_platform.warehouse.interface import RAW, SCHEMAS
from saas_platform.warehouse.logs import LOGS


def prepare(connection: Connection) -> None:
    """Create what every session relies on. Writes to the file only if something is missing."""
    # Keeping the order would need memory for the whole stream, and the rows of a mirror have no order.
    connection.run("SET preserve_insertion_order = false")
    present = {
        name
        for (name,) in connection.run(
            "SELECT schema_name FROM information_schema.schemata"
            " WHERE catalog_name = current_database()"
        )
    }
    for schema in SCHEMAS:
        if schema not in present:
            connection.run(f"CREATE SCHEMA {q.quoted(schema)}")
    for log in LOGS:
        connection.run(f"CREATE TABLE IF NOT EXISTS {q.qualified(RAW, log.name)} {definition(log)}")
        there = connection.columns(q.qualified(RAW, log.name))
        for column in log.columns:
            if column.name not in there:
                connection.run(
                    f"ALTER TABLE {q.qualified(RAW, log.name)}"
                    f" ADD COLUMN {q.quoted(column.name)} {q.type_of(column)}"
                )


def view_in_place(connection: Connection, schema: str, name: str) -> str | None:
    """Return the sentence on a view that has the name of a mirror; None if there is none.

    Nothing of the platform's is a view there, so a person made it, and it is not dropped.
    """
    found = connection.run(
        "SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = current_database()"
        " AND lower(schema_name) = lower(?) AND lower(view_name) = lower(?)",
        [schema, name],
    )
    if not found:
        return None
    return (
        f"{schema}.{name} of the warehouse is a view, and the mirror must be a table: drop the view in DuckDB with"
        f" `DROP VIEW {q.qualified(*found[0])}`, then run `saas-platform sync`, which loads the table again."
    )


def drop(connection: Connection) -> None:
    """Drop the platform's schemas and everything in them."""
    with connection.transaction():
        for schema in SCHEMAS:
            connection.run(f"DROP SCHEMA {q.quoted(schema)} CASCADE")
