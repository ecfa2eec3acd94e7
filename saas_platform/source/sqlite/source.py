"""Use a SQLite file as a source."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from saas_platform.clock import Month
from saas_platform.schema import TABLES
from saas_platform.source import bookkeeping
from saas_platform.source.applying import apply_batch
from saas_platform.source.cursor import Cursor
from saas_platform.source.intake import LOG_SCHEMA
from saas_platform.source.interface import (
    AppliedMonth,
    Discovery,
    MonthBatch,
    Source,
    SourceError,
    TableChange,
    WritableSource,
)
from saas_platform.source.rules import check_order
from saas_platform.source.sqlite.apply import SqliteWriter
from saas_platform.source.sqlite.connection import connect, scalar, transaction
from saas_platform.source.sqlite.ddl import create_statements, later_statements
from saas_platform.source.sqlite.discovery import discover_file
from saas_platform.source.sqlite.opening import EXPECTED_SECONDS, is_present, open_untouched
from saas_platform.source.sqlite.snapshot import CompanySnapshot, SqliteSnapshot
from saas_platform.source.sqlite.sql import quoted

_IDENTITY = bookkeeping.source_identity.name


def _identified(cursor: Cursor) -> bool:
    """Return whether the file has the table that names a company."""
    query = f"SELECT count(*) FROM sqlite_master WHERE name = '{_IDENTITY}'"
    return int(scalar(cursor, query)) > 0


def _company(cursor: Cursor) -> str | None:
    company = scalar(cursor, f'SELECT company FROM "{_IDENTITY}"')
    return None if company is None else str(company)


def _applied_months(cursor: Cursor) -> dict[Month, AppliedMonth]:
    cursor.execute(
        f'SELECT month, as_of, fingerprint FROM "{bookkeeping.batches.name}" ORDER BY month'
    )
    applied = (
        AppliedMonth(Month.parse(month), datetime.fromisoformat(as_of), fingerprint)
        for month, as_of, fingerprint in cursor.fetchall()
    )
    return {record.month: record for record in applied}


class SqliteSource(WritableSource):
    """The source in one file. Every call opens and closes its own connection."""

    engine = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path

    def ping(self) -> str:
        if not is_present(self.path):
            return "no file yet"
        with connect(self.path, read_only=True) as cursor:
            return f"version {scalar(cursor, 'SELECT sqlite_version()')}"

    def exists(self) -> bool:
        if not is_present(self.path):
            return False
        with connect(self.path, read_only=True) as cursor:
            return _identified(cursor)

    def create_schema(self) -> None:
        if self.exists():
            with connect(self.path) as cursor, transaction(cursor, "IMMEDIATE"):
                for statement in later_statements():
                    cursor.execute(statement)
            return
        with connect(self.path) as cursor, transaction(cursor, "IMMEDIATE"):
            for statement in create_statements():
                cursor.execute(statement)
            cursor.execute(f'INSERT INTO "{_IDENTITY}" (identity) VALUES (?)', (str(uuid.uuid4()),))

    def discover(self, *, sample: bool = False) -> Discovery:  # noqa: ARG002 - a file is read whole
        return discover_file(self.path, ours=bookkeeping.metadata.tables)

    @contextmanager
    def snapshot(self) -> Iterator[CompanySnapshot]:
        if not self.exists():
            raise SourceError(
                f"The source {self.path} holds no company yet: run `saas-platform run` first."
            )
        with connect(self.path, read_only=True) as cursor, transaction(cursor, "DEFERRED"):
            yield CompanySnapshot(cursor, self.path)

    def company(self) -> str | None:
        if not self.exists():
            return None
        with connect(self.path, read_only=True) as cursor:
            return _company(cursor)

    def applied_months(self) -> dict[Month, AppliedMonth]:
        if not self.exists():
            return {}
        with connect(self.path, read_only=True) as cursor:
            return _applied_months(cursor)

    def apply(self, batch: MonthBatch) -> dict[str, TableChange]:
        with connect(self.path) as cursor, transaction(cursor, "IMMEDIATE"):
            check_order(_company(cursor), _applied_months(cursor), batch)
            changes = apply_batch(SqliteWriter(cursor), batch)
            cursor.execute(f'UPDATE "{_IDENTITY}" SET company = ?', (batch.company,))
        return changes

    def intake_log(self) -> pa.Table:
        if not self.exists():
            return LOG_SCHEMA.empty_table()
        with connect(self.path, read_only=True) as cursor:
            name = bookkeeping.intake_log.name
            if not scalar(cursor, f"SELECT count(*) FROM sqlite_master WHERE name = '{name}'"):
                return LOG_SCHEMA.empty_table()
            cursor.execute(
                f'SELECT {", ".join(LOG_SCHEMA.names)} FROM "{name}" ORDER BY {", ".join(LOG_SCHEMA.names)}'
            )
            rows = cursor.fetchall()
        return pa.Table.from_pylist(
            [dict(zip(LOG_SCHEMA.names, row, strict=True)) for row in rows], schema=LOG_SCHEMA
        )

    def drop(self) -> None:
        """Drop the platform's tables, and delete the file if it then holds nothing else."""
        if not self.exists():
            return
        ours = [*reversed(TABLES), *bookkeeping.metadata.tables]
        with connect(self.path) as cursor:
            with transaction(cursor, "IMMEDIATE"):
                for name in ours:
                    cursor.execute(f"DROP TABLE IF EXISTS {quoted(name)}")
            left = scalar(cursor, "SELECT count(*) FROM sqlite_master")
        if not left:
            for suffix in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


class SqliteCompany(Source):
    """A file with the platform's company that is only read. Neither the file nor its folder changes."""

    engine = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path

    def ping(self) -> str:
        return SqliteDatabase(self.path).ping()

    def exists(self) -> bool:
        """Return whether there is a company in the file. Raises SourceError if the file can't be read."""
        with open_untouched(self.path) as (cursor, _):
            return _identified(cursor)

    def discover(self, *, sample: bool = False) -> Discovery:  # noqa: ARG002 - a file is read whole
        return discover_file(self.path)

    @contextmanager
    def snapshot(self) -> Iterator[CompanySnapshot]:
        with open_untouched(self.path) as (cursor, untouched):
            yield CompanySnapshot(cursor, self.path, untouched.check)


class SqliteDatabase(Source):
    """A user's own database: any SQLite file, which is only read."""

    engine = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        #: How often another program wrote to the file while a snapshot read it.
        self._disturbed = 0

    def ping(self) -> str:
        with open_untouched(self.path) as (cursor, _):
            return f"version {scalar(cursor, 'SELECT sqlite_version()')}"

    def discover(self, *, sample: bool = False) -> Discovery:  # noqa: ARG002 - a file is read whole
        return discover_file(self.path)

    @contextmanager
    def snapshot(self) -> Iterator[SqliteSnapshot]:
        expected = EXPECTED_SECONDS[min(self._disturbed, len(EXPECTED_SECONDS) - 1)]
        with open_untouched(self.path, expected) as (cursor, untouched):
            try:
                yield SqliteSnapshot(cursor, self.path, untouched.check)
            finally:
                self._disturbed += untouched.is_written_to
