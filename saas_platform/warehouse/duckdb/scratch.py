"""A temporary DuckDB database, the scratch, for a warehouse behind a network.

The rows of both sides are compared in it by the same SQL as in a DuckDB warehouse, so that only the changes
are sent to the warehouse. Contains: the scratch, and how rows get into it. Out of scope: any warehouse.

No counterpart in BigQuery: the scratch is a DuckDB database, whichever warehouse uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.warehouse.duckdb import sql as q
from saas_platform.warehouse.duckdb.connection import Connection, connect
from saas_platform.warehouse.duckdb.tables import definition
from saas_platform.warehouse.interface import target_schema


@contextmanager
def scratch() -> Iterator[Connection]:
    """Open an empty database and delete it at the end. It is a file, so that it may be larger than memory."""
    with (
        TemporaryDirectory(prefix="saas-platform-") as folder,
        connect(Path(folder) / "aside.duckdb", 0.0) as connection,
        connection.staging_file(),
    ):
        connection.run("SET preserve_insertion_order = false")
        yield connection


def narrowed(rows: pa.Table, declared: pa.Schema) -> pa.Table:
    """Return the rows with each 256-bit decimal, BigQuery's BIGNUMERIC, cast to its declared type.

    DuckDB has no decimal of 256 bits.
    """
    fields = [
        field.with_type(declared.field(field.name).type)
        if pa.types.is_decimal256(field.type)
        else field
        for field in rows.schema
    ]
    return rows.cast(pa.schema(fields))


@contextmanager
def holding(
    connection: Connection, table: sa.Table, rows: pa.Table | pa.RecordBatchReader
) -> Iterator[None]:
    """Hold these rows of the mirror in the scratch within this context."""
    names = q.listed(q.columns(table))
    connection.run(f"CREATE SCHEMA IF NOT EXISTS {q.quoted(target_schema(table))}")
    connection.run(f"CREATE TABLE {q.mirror(table)} {definition(table)}")
    with connection.registered(rows) as relation:
        connection.run(f"INSERT INTO {q.mirror(table)} SELECT {names} FROM {relation}")
    yield
    connection.run(f"DROP TABLE {q.mirror(table)}")
