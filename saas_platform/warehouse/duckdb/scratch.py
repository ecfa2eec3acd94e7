"""A DuckDB of one's own for a warehouse behind a network: where the rows of both sides meet.

Rows are compared by the same SQL as in a DuckDB warehouse, and only what differs travels. Holds the
scratch and what is put into it. Does not hold: any warehouse.
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
from saas_platform.warehouse.interface import target_schema


@contextmanager
def scratch() -> Iterator[Connection]:
    """An empty database that is gone afterwards; a file, so that it may be larger than memory."""
    with (
        TemporaryDirectory(prefix="saas-platform-") as folder,
        connect(Path(folder) / "aside.duckdb", 0.0) as connection,
        connection.staging_file(),
    ):
        connection.run("SET preserve_insertion_order = false")
        yield connection


def narrowed(rows: pa.Table, declared: pa.Schema) -> pa.Table:
    """The rows with each decimal of 256 bits, BigQuery's BIGNUMERIC, as declared: a scratch has no such type."""
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
    """Within it, the scratch has these rows of the mirror."""
    names = q.listed(q.columns(table))
    connection.run(f"CREATE SCHEMA IF NOT EXISTS {q.quote(target_schema(table))}")
    connection.run(f"CREATE TABLE {q.mirror(table)} {q.definition(table)}")
    with connection.registered(rows) as relation:
        connection.run(f"INSERT INTO {q.mirror(table)} SELECT {names} FROM {relation}")
    yield
    connection.run(f"DROP TABLE {q.mirror(table)}")
