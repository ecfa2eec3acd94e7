"""Define the tables that the platform keeps next to the company's in a source that it writes itself.

They are never mirrored. A user's own database (SAAS_SYNTHETIC=false) has none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import mssql

from saas_platform.schema import arrow_schema

metadata = sa.MetaData()

#: A timestamp. SQL Server's DATETIME would round it to 3 ms.
_TIMESTAMP = sa.DateTime().with_variant(mssql.DATETIME2(6), "mssql")

#: One row: the identity of this database, and the company that it holds.
source_identity = sa.Table(
    "_source",
    metadata,
    sa.Column("identity", sa.String(36), primary_key=True),
    sa.Column("company", sa.Unicode(400), nullable=True),
)

#: One row: the last row version that was assigned. SQL Server assigns row versions itself.
row_version_counter = sa.Table(
    "_row_version",
    metadata,
    sa.Column("value", sa.BigInteger, primary_key=True, autoincrement=False),
)

#: Deleted rows, each with the row version of its delete. SQL Server assigns it as it does for other rows.
tombstones = sa.Table(
    "_tombstones",
    metadata,
    sa.Column(
        "row_version",
        sa.BigInteger().with_variant(mssql.ROWVERSION(), "mssql"),
        nullable=False,
    ),
    sa.Column("table_name", sa.String(64), nullable=False),
    sa.Column("key_value", sa.BigInteger, nullable=False),
    sa.Column("slice", sa.String(10), nullable=False),
    sa.Index("ix__tombstones_table_name_row_version", "table_name", "row_version"),
)

#: The log of users erased on request. It holds keys only, and replays of older months respect it.
erasures = sa.Table(
    "_erasures",
    metadata,
    sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("erased_at", _TIMESTAMP, nullable=False),
)

#: The months that were applied, each with the fingerprint of the inputs it was generated from.
batches = sa.Table(
    "_batches",
    metadata,
    sa.Column("month", sa.String(7), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("as_of", _TIMESTAMP, nullable=False),
    sa.Column("applied_at", _TIMESTAMP, nullable=False),
    sa.Column("row_count", sa.BigInteger, nullable=False),
)

#: Rows that came late, out of order, or with a natural key that is taken. The log holds keys only, because
#: it outlives an erasure. The order of the key's columns lets one search find a table's refused rows.
intake_log = sa.Table(
    "_intake_log",
    metadata,
    sa.Column("table_name", sa.String(64), primary_key=True),
    sa.Column("finding", sa.String(32), primary_key=True),
    sa.Column("row_key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("month", sa.String(7), primary_key=True),
    sa.Column("detail", sa.Unicode(400), nullable=False),
    sa.Column("noted_at", _TIMESTAMP, nullable=False),
)


def key_column(table: sa.Table) -> str:
    """Return the only key column. Raises ValueError for a compound key, which a tombstone can't hold."""
    (column,) = table.primary_key.columns
    return column.name


def tombstone_rows(table: sa.Table, found: Sequence[Sequence[Any]]) -> pa.Table:
    """Return a table's tombstones, found as rows of a key and a slice, in Arrow's form."""
    key = arrow_schema(table).field(key_column(table))
    return pa.table(
        [[row[0] for row in found], [row[1] for row in found]],
        schema=pa.schema([key, pa.field("slice", pa.string(), nullable=False)]),
    )
