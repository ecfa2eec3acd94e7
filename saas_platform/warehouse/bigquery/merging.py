"""Merge a few rows into a small table of BigQuery by one statement.

Out of scope: the mirrors, which are changed through a staging table (changes.py).
"""

from __future__ import annotations

import uuid

import pyarrow as pa

from saas_platform.warehouse.bigquery import sql as q
from saas_platform.warehouse.bigquery.connection import Connection
from saas_platform.warehouse.bigquery.jobs import job_name
from saas_platform.warehouse.bigquery.loads import create_table
from saas_platform.warehouse.bigquery.tables import LABELS, fields_of, types_of


def merge_rows(connection: Connection, schema: str, name: str, key: str, rows: pa.Table) -> None:
    """Put rows into a small table by one statement, and create the table if there is none.

    Of statements that change the same table at the same time, BigQuery runs one after the other. In transactions all
    but one would fail.

    Args:
        connection: the project.
        schema: the schema of the table.
        name: the name of the table.
        key: the column by whose values rows replace each other.
        rows: the rows, with the columns of the table.
    """
    fields = fields_of(rows.schema)
    create_table(connection, schema, name, fields)
    columns = [*map(q.quoted, rows.schema.names)]
    types = ", ".join(map(" ".join, zip(columns, types_of(fields).values(), strict=True)))
    values = (f"({', '.join(map(q.literal, row.values()))})" for row in rows.to_pylist())
    by = q.quoted(key)
    statement = (
        f"MERGE {q.qualified(schema, name)} AS held"
        f" USING UNNEST(ARRAY<STRUCT<{types}>>[{', '.join(values)}]) AS given"
        f" ON held.{by} = given.{by}"
        f" WHEN MATCHED THEN UPDATE SET {', '.join(f'{column} = given.{column}' for column in columns)}"
        f" WHEN NOT MATCHED THEN INSERT ({', '.join(columns)})"
        f" VALUES ({', '.join(f'given.{column}' for column in columns)})"
    )
    connection.script(statement, job_name("merge", schema, uuid.uuid4().hex), LABELS)
