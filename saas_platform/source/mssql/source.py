"""SQL Server databases as sources: one that the platform owns, and one of the user."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa
import sqlalchemy as sa

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
from saas_platform.source.mssql import catalogue, ddl
from saas_platform.source.mssql.address import COMPANY_SCHEMA, EVERY_SCHEMA, Address
from saas_platform.source.mssql.apply import MssqlWriter
from saas_platform.source.mssql.bulk_load import staged
from saas_platform.source.mssql.company_snapshot import CompanySnapshot
from saas_platform.source.mssql.connection import (
    LOCK_MILLISECONDS,
    connect,
    retried,
    run,
    scalar,
    transaction,
)
from saas_platform.source.mssql.discovery import discover, schemas_to_read
from saas_platform.source.mssql.features import detect_features, reaches_bulk_copy
from saas_platform.source.mssql.session import reading
from saas_platform.source.mssql.snapshot import MssqlSnapshot
from saas_platform.source.mssql.sql import literal, qualified
from saas_platform.source.rules import check_order


class MssqlSource(WritableSource):
    """The company in a schema of its own. Every call opens and closes its own connection."""

    engine = "mssql"

    def __init__(self, address: Address) -> None:
        self.address = address
        self.schema = address.schema or COMPANY_SCHEMA
        if len(address.schemas) > 1 or EVERY_SCHEMA in address.schemas:
            raise SourceError(
                f"SAAS_SOURCE_URL says schema={address.schema}, but the company lives in a single schema: name"
                " that one, or set SAAS_SYNTHETIC to false for a database of your own."
            )

    def _named(self, table: sa.Table) -> str:
        return qualified(self.schema, table.name)

    def ping(self) -> str:
        with connect(self.address, arrow=True) as cursor:
            self._try_to_create(cursor)
            able = detect_features(cursor)
            if able.bulk_copy and hasattr(cursor, "bulkcopy_arrow"):
                able = replace(able, bulk_copy=reaches_bulk_copy(cursor))
            return able.words()

    def _try_to_create(self, cursor: Cursor) -> None:
        """Create a table in the schema and roll it back.

        No single privilege shows whether that is allowed: a login may have that of the database without that
        of the schema.
        """
        cursor.execute("BEGIN TRANSACTION")
        try:
            self._make_schema(cursor)
            cursor.execute(f"CREATE TABLE {qualified(self.schema, '_doctor')} (a INT)")
        finally:
            cursor.execute("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")

    def exists(self) -> bool:
        with connect(self.address) as cursor:
            return self._exists(cursor)

    def _exists(self, cursor: Cursor) -> bool:
        name = literal(self._named(bookkeeping.source_identity))
        return scalar(cursor, f"SELECT OBJECT_ID({name}, 'U')") is not None

    def create_schema(self) -> None:
        with connect(self.address) as cursor, self._alone(cursor), transaction(cursor):
            self._make_schema(cursor)
            present = set(catalogue.tables(cursor, self.schema))
            for table in [*ddl.BOOKS.values(), *TABLES.values()]:
                if table.name not in present:
                    self._create(cursor, table)

    def _make_schema(self, cursor: Cursor) -> None:
        if scalar(cursor, f"SELECT SCHEMA_ID({literal(self.schema)})") is None:
            cursor.execute(ddl.create_schema(self.schema))

    def _create(self, cursor: Cursor, table: sa.Table) -> None:
        statements, comments = ddl.create_table(table, self.schema)
        for statement in statements:
            cursor.execute(statement)
        if comments:
            run(cursor, ";\n".join(comments))
        if table is bookkeeping.source_identity:
            cursor.execute(
                f"INSERT INTO {self._named(table)} ([identity]) VALUES (?)", str(uuid.uuid4())
            )

    @contextmanager
    def _alone(self, cursor: Cursor) -> Iterator[None]:
        """Lock the schema for one writing connection; a killed connection releases the lock too."""
        resource = literal(f"saas_platform {self.schema}")
        got = scalar(
            cursor,
            f"DECLARE @got INT; EXEC @got = sp_getapplock @Resource = {resource}, @LockMode = 'Exclusive',"
            f" @LockOwner = 'Session', @LockTimeout = {LOCK_MILLISECONDS}; SELECT @got",
        )
        if got is None or got < 0:
            raise SourceError(
                f"{self.address.label} is being written by another run: wait for it to end, then run"
                " again."
            )
        yield

    def discover(self, *, sample: bool = False) -> Discovery:
        with connect(self.address) as cursor:
            names = catalogue.tables(cursor, self.schema)
            return discover(
                cursor,
                self.address,
                detect_features(cursor),
                [self.schema],
                sample=sample,
                left_out=[name for name in names if ddl.is_ours(name)],
            )

    @contextmanager
    def snapshot(self) -> Iterator[MssqlSnapshot]:
        with reading(self.address) as session:
            if not self._exists(session.cursor):
                raise SourceError(
                    f"{self.address.label} holds no company in its schema {self.schema} yet:"
                    " run `saas-platform run` first."
                )
            yield CompanySnapshot(session, self.schema)

    def company(self) -> str | None:
        with connect(self.address) as cursor:
            return self._company(cursor) if self._exists(cursor) else None

    def _company(self, cursor: Cursor) -> str | None:
        found = scalar(cursor, f"SELECT company FROM {self._named(bookkeeping.source_identity)}")
        return None if found is None else str(found)

    def applied_months(self) -> dict[Month, AppliedMonth]:
        with connect(self.address) as cursor:
            return self._applied_months(cursor) if self._exists(cursor) else {}

    def _applied_months(self, cursor: Cursor) -> dict[Month, AppliedMonth]:
        rows = cursor.execute(
            f"SELECT month, as_of, fingerprint FROM {self._named(bookkeeping.batches)} ORDER BY month"
        ).fetchall()
        applied = (
            AppliedMonth(Month.parse(month), as_of, fingerprint)
            for month, as_of, fingerprint in rows
        )
        return {record.month: record for record in applied}

    def apply(self, batch: MonthBatch) -> dict[str, TableChange]:
        return retried(lambda: self._apply(batch))

    def _apply(self, batch: MonthBatch) -> dict[str, TableChange]:
        with connect(self.address) as cursor, self._alone(cursor):
            check_order(self._company(cursor), self._applied_months(cursor), batch)
            with staged(self.address, cursor, self.schema, batch.rows), transaction(cursor):
                changes = apply_batch(MssqlWriter(cursor, self.schema), batch)
                cursor.execute(
                    f"UPDATE {self._named(bookkeeping.source_identity)} SET company = ?",
                    batch.company,
                )
        return changes

    def intake_log(self) -> pa.Table:
        with connect(self.address) as cursor:
            name = self._named(bookkeeping.intake_log)
            if scalar(cursor, f"SELECT OBJECT_ID({literal(name)}, 'U')") is None:
                return LOG_SCHEMA.empty_table()
            names = ", ".join(LOG_SCHEMA.names)
            rows = cursor.execute(f"SELECT {names} FROM {name} ORDER BY {names}").fetchall()
        return pa.Table.from_pylist(
            [dict(zip(LOG_SCHEMA.names, row, strict=True)) for row in rows], schema=LOG_SCHEMA
        )

    def drop(self) -> None:
        """Drop the platform's tables, but not the schema, which an administrator may have created."""
        with connect(self.address) as cursor, self._alone(cursor), transaction(cursor):
            present = catalogue.tables(cursor, self.schema)
            staged_ = [name for name in present if ddl.is_ours(name) and name not in ddl.BOOKS]
            for name in [*staged_, *reversed(TABLES), *ddl.BOOKS]:
                cursor.execute(ddl.drop_table(self.schema, name))


class MssqlDatabase(Source):
    """Any SQL Server database, which is only read: the tables of one schema or of several."""

    engine = "mssql"

    def __init__(self, address: Address) -> None:
        self.address = address

    def ping(self) -> str:
        with connect(self.address, arrow=True) as cursor:
            return detect_features(cursor).words()

    def discover(self, *, sample: bool = False) -> Discovery:
        with connect(self.address) as cursor:
            schemas = schemas_to_read(cursor, self.address)
            return discover(cursor, self.address, detect_features(cursor), schemas, sample=sample)

    @contextmanager
    def snapshot(self) -> Iterator[MssqlSnapshot]:
        with reading(self.address) as session:
            yield MssqlSnapshot(session, self._schema(session.cursor))

    def _schema(self, cursor: Cursor) -> str:
        """Return the schema of tables that name none: the first of the URL, or else that of the login."""
        named = [name for name in self.address.schemas if name != EVERY_SCHEMA]
        if named:
            return catalogue.spelt(cursor, named[0]) or named[0]
        return str(scalar(cursor, "SELECT SCHEMA_NAME()"))
