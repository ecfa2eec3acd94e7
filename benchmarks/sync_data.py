"""Two tables of a company, as a source database and as ready Arrow files, and the changes to them.

Contains: their declaration, their rows, and the changes. Out of scope: every case that is timed.

Keys grow with time, as they do in a company. The same seed makes the same rows.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import adbc_driver_sqlite.dbapi as adbc
import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from benchmarks.measure import Laps
from saas_platform.schema.columns import cents, choice, key, row_version, text, timestamp
from saas_platform.schema.slices import Slicing
from saas_platform.source import bookkeeping
from saas_platform.source.sqlite.ddl import NEXT_VERSION, create_statements

SEED = 7
_BATCH_ROWS = 50_000
_START = np.datetime64("2024-01-01", "us")
_MICROSECONDS = 730 * 24 * 3600 * 10**6
_DAY = 24 * 3600 * 10**6

_metadata = sa.MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s"})


def _number(name: str, comment: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable, comment=comment)


INVOICES = sa.Table(
    "invoices",
    _metadata,
    key("invoice_id", "Surrogate key"),
    _number("subscription_id", "Subscription that is billed"),
    text("number", 32, "Number printed on the invoice"),
    *choice("status", ("open", "paid", "void", "uncollectible"), "Where its payment stands"),
    timestamp("issued_at", "When it was sent (UTC)"),
    timestamp("due_at", "When it is due (UTC)"),
    timestamp("paid_at", "When it was paid in full (UTC)", nullable=True),
    cents("subtotal_cents", "Sum of the items"),
    cents("tax_cents", "Tax"),
    cents("total_cents", "Sum and tax"),
    timestamp("updated_at", "When the business last changed the row (UTC)"),
    row_version(),
    sa.Index("ix_invoices_number", "number", unique=True),
    sa.Index("ix_invoices_issued_at", "issued_at"),
    info={"slice": Slicing("issued_at", "month")},
)
EVENTS = sa.Table(
    "events",
    _metadata,
    key("event_id", "Surrogate key"),
    timestamp("occurred_at", "When it happened (UTC)"),
    _number("account_id", "Account the user belonged to"),
    _number("user_id", "User who acted; NULL: erased", nullable=True),
    *choice("event_type", ("login", "feature_use"), "What happened"),
    _number("feature_id", "Feature used; NULL: a login", nullable=True),
    timestamp("updated_at", "When the business last changed the row (UTC)"),
    row_version(),
    sa.Index("ix_events_occurred_at", "occurred_at"),
    info={"slice": Slicing("occurred_at", "day")},
)
TABLES = {table.name: table for table in (INVOICES, EVENTS)}


def batches(name: str, rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the table's rows, in the order of their keys."""
    make = {"invoices": _invoices, "events": _events}[name]
    for first in range(0, rows, _BATCH_ROWS):
        ids = np.arange(first, min(first + _BATCH_ROWS, rows))
        chance = np.random.default_rng([SEED, len(name), first])
        # Timestamps grow with the keys, and no two rows have the same one.
        times = _START + (ids * (_MICROSECONDS / rows)).astype("int64").astype("timedelta64[us]")
        columns = make(ids + 1, times, chance)
        # Each row has its own version, as if written alone. A tool that remembers rows of equal versions would
        # otherwise pay for them.
        columns["row_version"] = pa.array(ids + 2)
        yield pa.RecordBatch.from_pydict(columns)


def _invoices(
    ids: np.ndarray, times: np.ndarray, chance: np.random.Generator
) -> dict[str, pa.Array]:
    rows = len(ids)
    subtotal = chance.integers(1_000, 500_000, rows)
    tax = subtotal * chance.choice([0, 7, 19], rows) // 100
    paid = times + chance.integers(1, 30 * _DAY, rows).astype("timedelta64[us]")
    unpaid = chance.random(rows) < 0.1
    status = np.where(unpaid, chance.choice(["open", "void", "uncollectible"], rows), "paid")
    return {
        "invoice_id": pa.array(ids),
        "subscription_id": pa.array(chance.integers(1, 120_000, rows)),
        "number": pa.array([f"INV-{i:09d}" for i in ids]),
        "status": pa.array(status.tolist()),
        "issued_at": pa.array(times),
        "due_at": pa.array(times + np.timedelta64(14, "D")),
        "paid_at": pa.array(paid, mask=unpaid),
        "subtotal_cents": pa.array(subtotal),
        "tax_cents": pa.array(tax),
        "total_cents": pa.array(subtotal + tax),
        "updated_at": pa.array(np.where(unpaid, times, paid)),
    }


def _events(ids: np.ndarray, times: np.ndarray, chance: np.random.Generator) -> dict[str, pa.Array]:
    rows = len(ids)
    account = chance.integers(1, 100_000, rows)
    login = chance.random(rows) < 0.3
    return {
        "event_id": pa.array(ids),
        "occurred_at": pa.array(times),
        "account_id": pa.array(account),
        "user_id": pa.array(
            account * 100 + chance.integers(1, 20, rows), mask=chance.random(rows) < 0.01
        ),
        "event_type": pa.array(np.where(login, "login", "feature_use").tolist()),
        "feature_id": pa.array(chance.integers(1, 40, rows), mask=login),
        "updated_at": pa.array(times),
    }


def make_source(_laps: Laps, *, source: str, ready: str, rows: dict[str, int]) -> None:
    """Create the SQLite file, with the bookkeeping and triggers of our sources, and the rows as Arrow files."""
    with adbc.connect(source, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA cache_size = -262144")
        statements = create_statements(list(TABLES.values()))
        # The triggers are created later, because they would give the rows new versions.
        first, triggers = (
            [s for s in statements if s.startswith("CREATE TRIGGER") is later]
            for later in (False, True)
        )
        for statement in first:
            cursor.execute(statement)
        identity = bookkeeping.source_identity.name
        cursor.execute(f"INSERT INTO \"{identity}\" (identity) VALUES ('benchmark')")
        cursor.execute("BEGIN")
        for name in TABLES:
            _fill(cursor, name, rows[name], Path(ready) / f"{name}.arrow")
        counter = bookkeeping.row_version_counter.name
        cursor.execute(f'UPDATE "{counter}" SET value = {2 + max(rows.values())}')
        cursor.execute("COMMIT")
        for statement in triggers:
            cursor.execute(statement)
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _fill(cursor: adbc.Cursor, name: str, rows: int, ready: Path) -> None:
    writer: pa.RecordBatchFileWriter | None = None
    for batch in batches(name, rows):
        writer = writer or pa.ipc.new_file(ready, batch.schema)
        writer.write_batch(batch)
        cursor.adbc_ingest(name, _storable(batch), mode="append")
    if writer is not None:
        writer.close()


def _storable(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch with timestamps as the ISO texts that SQLite stores."""
    return pa.RecordBatch.from_pydict(
        {
            field.name: batch.column(field.name).cast(pa.string())
            if pa.types.is_timestamp(field.type)
            else batch.column(field.name)
            for field in batch.schema
        }
    )


#: The columns that an update by the business changes.
_CHANGES = {
    "invoices": "status = 'void', total_cents = total_cents + 1, updated_at = '2026-01-01 12:00:00.000000'",
    "events": "account_id = account_id + 1, updated_at = '2026-01-01 12:00:00.000000'",
}


def change(laps: Laps, *, source: str, which: str, changed: float, deleted: float) -> None:
    """Change a part of the rows of each table and delete another, by plain SQL; triggers set the row versions.

    `which` is `recent` (the newest rows; half of the changed ones are new) or `random` (rows of any age).
    """
    with closing(sqlite3.connect(source)) as connection:
        connection.execute(NEXT_VERSION)
        for name, table in TABLES.items():
            (key_column,) = (column.name for column in table.primary_key)
            (rows,) = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
            touched, gone = round(rows * changed), round(rows * deleted)
            if which == "recent":
                new = touched // 2
                _append(connection, table, key_column, rows, new)
                picked = list(range(rows, rows - (touched - new) - gone, -1))
            else:
                picked = random.Random(SEED).sample(range(1, rows + 1), touched + gone)
            connection.executemany(
                f"DELETE FROM {name} WHERE {key_column} = ?",
                [(i,) for i in picked[len(picked) - gone :]],
            )
            connection.executemany(
                f"UPDATE {name} SET {_CHANGES[name]} WHERE {key_column} = ?",
                [(i,) for i in picked[: len(picked) - gone]],
            )
            laps.rows[name] = touched + gone
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _append(
    connection: sqlite3.Connection, table: sa.Table, key_column: str, rows: int, new: int
) -> None:
    """Insert copies of the last rows under new keys, with the same timestamps."""
    special = {
        key_column: f"{key_column} + {new}",
        "number": "number || '-N'",
        "row_version": "0",
    }
    names = [column.name for column in table.columns]
    connection.execute(
        f"INSERT INTO {table.name} ({', '.join(names)})"
        f" SELECT {', '.join(special.get(name, name) for name in names)}"
        f" FROM {table.name} WHERE {key_column} > ?",
        (rows - new,),
    )
