"""Bulk loads into staging tables, by mssql-python's bulk copy of Arrow or else by pyodbc's arrays.

Bulk copy opens a connection of its own, which no rollback undoes, and it checks no constraints. The rows
therefore go into staging tables first. Out of scope: the statements that move them from there (apply.py).

No counterpart in SQLite: its driver itself loads Arrow data into a table (apply.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

import pyarrow as pa

from saas_platform.schema import TABLES
from saas_platform.source.cursor import Cursor
from saas_platform.source.interface import SourceError
from saas_platform.source.mssql.address import Address
from saas_platform.source.mssql.connection import connect, mssql_python
from saas_platform.source.mssql.cursors import ArrayCursor, BulkCopyCursor
from saas_platform.source.mssql.ddl import create_staged, drop_table, staged_name
from saas_platform.source.mssql.errors import driver_errors
from saas_platform.source.mssql.features import reaches_bulk_copy, takes_bulk_copy
from saas_platform.source.mssql.sql import qualified, quoted

#: How many rows pyodbc sends at a time.
_ROWS = 10_000


@contextmanager
def staged(
    address: Address, cursor: ArrayCursor, schema: str, rows: Mapping[str, pa.Table]
) -> Iterator[None]:
    """Fill a staging table for each table that has rows; drop the staging tables on exit.

    Raises:
        SourceError: the bulk load failed or was incomplete.
    """
    filled = {name: table for name, table in rows.items() if table.num_rows}
    try:
        # A run that was killed may have left some behind.
        _drop(cursor, schema, filled)
        for name in filled:
            cursor.execute(create_staged(TABLES[name], schema))
        _load(address, cursor, schema, filled)
        yield
    except BaseException:
        # On a broken connection the drop fails too; the first error is the one to report.
        with suppress(*driver_errors()):
            _drop(cursor, schema, filled)
        raise
    _drop(cursor, schema, filled)


def _drop(cursor: Cursor, schema: str, names: Iterable[str]) -> None:
    for name in names:
        cursor.execute(drop_table(schema, staged_name(name)))


def _load(address: Address, cursor: ArrayCursor, schema: str, rows: Mapping[str, pa.Table]) -> None:
    targets = {qualified(schema, staged_name(name)): table for name, table in rows.items()}
    possible = mssql_python() is not None and address.for_mssql_python() is not None
    if possible and takes_bulk_copy(cursor):
        with connect(address, arrow=True) as bulk:
            if reaches_bulk_copy(bulk):
                for target, table in targets.items():
                    _by_bulk_copy(address, bulk, target, table)
                return
    for target, table in targets.items():
        _by_arrays(cursor, target, table)


def _by_bulk_copy(address: Address, cursor: BulkCopyCursor, target: str, rows: pa.Table) -> None:
    try:
        done = cursor.bulkcopy_arrow(
            target, rows, column_mappings=rows.column_names, table_lock=True, timeout=0
        )
    except (RuntimeError, ValueError) as error:
        raise SourceError(
            f"The bulk load into {target} on {address.label} failed ({error}): remove the cause, then run"
            " again."
        ) from error
    if done["rows_copied"] != rows.num_rows:
        raise SourceError(
            f"{address.label} took {done['rows_copied']} of {rows.num_rows} rows into {target}:"
            " run again."
        )


def _by_arrays(cursor: ArrayCursor, target: str, rows: pa.Table) -> None:
    names = ", ".join(map(quoted, rows.column_names))
    marks = ", ".join("?" for _ in rows.column_names)
    cursor.fast_executemany = True
    for batch in rows.to_batches(max_chunksize=_ROWS):
        columns = [column.to_pylist() for column in batch.columns]
        cursor.executemany(
            f"INSERT INTO {target} ({names}) VALUES ({marks})", list(zip(*columns, strict=True))
        )
    cursor.fast_executemany = False
