"""Stream the result of a query out of SQLite, as Arrow batches of types that the caller names.

Out of scope: which query is run, and how its result is used.

The driver chooses the type of a column from the first batch of its values. A first row of literals makes it
choose the wanted type; this row is not part of the stream. If the column has other values, the driver
chooses another type or fails. Both raise a StreamError.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa

from saas_platform.source.sqlite.cursors import SqliteCursor

_BATCH_ROWS = 16_384
#: SQLite's limit on the columns of a table and of a query.
MOST_COLUMNS = 2_000

#: A literal for each type that the driver knows.
_LITERALS = {pa.int64(): "0", pa.float64(): "0.0", pa.string(): "''", pa.binary(): "x''"}


class StreamError(Exception):
    """SQLite or its driver ended a query, or gave a column another type. The message says why."""


@dataclass(frozen=True)
class Channel:
    """An expression in a query, and the type of its values: int64, float64, string or binary."""

    sql: str
    type: pa.DataType


def stream(
    cursor: SqliteCursor,
    channels: Sequence[Channel],
    source: str,
    parameters: Sequence[Any] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the values of the expressions over `source`, the text after FROM. Raises StreamError."""
    first = ", ".join(_LITERALS[channel.type] for channel in channels)
    asked = ", ".join(channel.sql for channel in channels)
    wanted = [channel.type for channel in channels]
    cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(_BATCH_ROWS)})
    try:
        cursor.execute(f"SELECT {first} UNION ALL SELECT {asked} FROM {source}", parameters)
        with cursor.fetch_record_batch() as reader:
            for place, (found, expected) in enumerate(
                zip(reader.schema.types, wanted, strict=True)
            ):
                if found != expected:
                    raise StreamError(f"column {place} has {found}, not {expected}")
            is_first = True
            for batch in reader:
                rows = _rows(batch, is_first=is_first)
                if rows.num_rows:
                    yield rows
                is_first = False
    except (adbc.Error, pa.ArrowInvalid, OSError) as error:
        raise StreamError(str(error).splitlines()[0]) from error


def _rows(batch: pa.RecordBatch, *, is_first: bool) -> pa.RecordBatch:
    """Return the batch without the row of literals."""
    return batch.slice(1) if is_first else batch


def raw_texts(
    cursor: SqliteCursor, asked: Sequence[str], source: str, parameters: Sequence[Any] | None = None
) -> Generator[tuple[bytes | None, ...], None, None]:
    """Yield the rows of expressions that are texts, as bytes, which may not be UTF-8. Raises StreamError."""
    channels = [Channel(sql, pa.string()) for sql in asked]
    for batch in stream(cursor, channels, source, parameters):
        yield from zip(
            *(column.cast(pa.binary()).to_pylist() for column in batch.columns), strict=True
        )


def texts(
    cursor: SqliteCursor, asked: Sequence[str], source: str, parameters: Sequence[Any] | None = None
) -> Iterator[tuple[str | None, ...]]:
    """Yield the same rows as texts; escape what is not UTF-8. Raises StreamError."""
    for row in raw_texts(cursor, asked, source, parameters):
        yield tuple(
            None if value is None else value.decode(errors="backslashreplace") for value in row
        )
