"""Load rows into BigQuery as Parquet files, each by one free load job that is done once.

Contains: writing the Parquet, and both ways to load it: sent with the job, or through a bucket. Out of scope:
the tables that rows are loaded into, and what happens to the rows there.

No counterpart in DuckDB: it reads a stream of rows without a file (connection.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from tempfile import SpooledTemporaryFile
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq
from google.cloud import bigquery

from saas_platform.warehouse.bigquery.connection import Connection
from saas_platform.warehouse.bigquery.errors import translate_errors
from saas_platform.warehouse.bigquery.jobs import job_name, run_once
from saas_platform.warehouse.bigquery.tables import LABELS, fields_of, loadable, untagged

#: Arrow bytes of a row group. BigQuery recommends at least 16 MiB in the file, where they take fewer bytes.
GROUP_BYTES = 64 << 20
#: Arrow bytes of a file, and so of a load job: jobs are few, and little is sent again if one fails.
FILE_BYTES = 512 << 20
#: Bytes of a file that may be held in memory. A larger one is on disk.
_IN_MEMORY = 64 << 20


def load_rows(
    connection: Connection,
    destination: bigquery.Table,
    schema: pa.Schema,
    rows: Iterable[pa.RecordBatch],
    name: str,
    *,
    truncate: bool = False,
) -> int:
    """Append the rows to a table.

    Args:
        connection: the project.
        destination: the definition of the table, or of one day of it.
        schema: the Arrow types of the rows.
        rows: the rows.
        name: the name after which the load jobs are named.
        truncate: whether the first job replaces what the table, or the one day, holds.

    Returns:
        The number of rows.
    """
    loaded = 0
    for number, (file, count) in enumerate(_files(schema, rows)):
        write = "WRITE_TRUNCATE" if truncate and number == 0 else "WRITE_APPEND"
        config = _config(write, destination.schema)
        if destination.time_partitioning is not None:
            config.time_partitioning = destination.time_partitioning
            config.clustering_fields = destination.clustering_fields
        with closing(file):
            _load_file(connection, destination.reference, file, f"{name}-{number}", config)
        loaded += count
    return loaded


def create_table(
    connection: Connection, schema: str, name: str, fields: Sequence[bigquery.SchemaField]
) -> None:
    """Create a table unless it exists."""
    made = bigquery.Table(connection.reference(schema, name), schema=fields)
    made.labels = {**LABELS, "layer": schema}
    with translate_errors(connection.target):
        connection.client.create_table(made, exists_ok=True)


def replace_rows(connection: Connection, schema: str, name: str, rows: pa.Table) -> None:
    """Replace a table's rows and columns by those of `rows`, in one job, which is atomic."""
    place = connection.reference(schema, name)
    fields = fields_of(rows.schema)
    config = _config("WRITE_TRUNCATE", fields)
    create_table(connection, schema, name, fields)
    with _spool() as file:
        pq.write_table(rows.cast(loadable(rows.schema)), file, compression="zstd")
        _load_file(connection, place, file, job_name("replace", schema, uuid.uuid4().hex), config)


def _config(write: str, fields: Sequence[bigquery.SchemaField]) -> bigquery.LoadJobConfig:
    """Return the settings of a load job. They state the types, so that BigQuery does not infer them."""
    return bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.PARQUET,
        write_disposition=write,
        # The table has its policy tags already. Naming them here would require access to the taxonomy.
        schema=[untagged(field) for field in fields],
        # Without this, Parquet's decimals become NUMERIC or are too large, whatever the schema states.
        decimal_target_types=["NUMERIC", "BIGNUMERIC"],
        labels=LABELS,
    )


def _load_file(
    connection: Connection,
    destination: bigquery.TableReference,
    file: IO[bytes],
    name: str,
    config: bigquery.LoadJobConfig,
) -> None:
    target, client = connection.target, connection.client
    with translate_errors(target):
        if target.staging is None:

            def send(job_id: str) -> bigquery.LoadJob:
                return client.load_table_from_file(
                    file, destination, rewind=True, job_id=job_id, job_config=config
                )

            run_once(name, send, client.get_job)
            return
        bucket, prefix = target.bucket()
        blob = bucket.blob("/".join(part for part in (prefix, f"{name}.parquet") if part))
        # The name belongs to this load alone: sending the file again overwrites it with the same bytes.
        blob.upload_from_file(file, rewind=True)
        uri = f"gs://{bucket.name}/{blob.name}"
        run_once(
            name,
            lambda job_id: client.load_table_from_uri(
                uri, destination, job_id=job_id, job_config=config
            ),
            client.get_job,
        )
        # If the load is killed before this, the bucket's lifecycle rule deletes the file.
        blob.delete()


def _files(schema: pa.Schema, rows: Iterable[pa.RecordBatch]) -> Iterator[tuple[IO[bytes], int]]:
    """Yield Parquet files of the rows, ready to be read, with the number of rows in each.

    There is always at least one file, even if there are no rows.
    """
    groups = _grouped(schema, rows)
    group: pa.Table | None = next(groups, schema.empty_table())
    while group is not None:
        file: IO[bytes] = _spool()
        count = written = 0
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            while group is not None and written < FILE_BYTES:
                writer.write_table(group, row_group_size=max(1, group.num_rows))
                count += group.num_rows
                written += group.nbytes
                group = next(groups, None)
        yield file, count


def _spool() -> IO[bytes]:
    """Return an empty file. Google's client refuses the default mode, `w+b`."""
    return SpooledTemporaryFile(max_size=_IN_MEMORY, mode="r+b")


def _grouped(schema: pa.Schema, rows: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield the rows as tables of the size of a row group."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in rows:
        held.append(batch)
        size += batch.nbytes
        if size >= GROUP_BYTES:
            yield pa.Table.from_batches(held).cast(schema)
            held, size = [], 0
    if held:
        yield pa.Table.from_batches(held).cast(schema)
