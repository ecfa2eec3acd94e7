"""Read SQL Server: typed Arrow batches from one transaction, with one consistent state if the server allows it.

Contains: how the error of a table is reported, and how the tables after it are read nevertheless.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema import arrow_schema, version_of
from saas_platform.schema.canonical import ROW_TEXTS, cells_schema
from saas_platform.schema.origins import Origins
from saas_platform.schema.slices import SliceDigest
from saas_platform.schema.source_names import source_table
from saas_platform.source.interface import SourceColumn, SourceError, SourceSnapshot
from saas_platform.source.mssql import catalogue, queries, special
from saas_platform.source.mssql.catalogue_types import is_rowversion, may_hold_half_pair
from saas_platform.source.mssql.connection import scalar
from saas_platform.source.mssql.discovery import schemas_to_read, why_not
from saas_platform.source.mssql.errors import cursor_errors, is_deadlock, is_missing, to_user_error
from saas_platform.source.mssql.features import rows
from saas_platform.source.mssql.half_pairs import check_half_pairs
from saas_platform.source.mssql.origins import origins
from saas_platform.source.mssql.reading import replaced_in
from saas_platform.source.mssql.session import Session, database_identity
from saas_platform.source.mssql.special import Special
from saas_platform.source.mssql.sql import literal, table_sql
from saas_platform.source.mssql.streaming import batches, cell_batches, joined, text_batches
from saas_platform.source.mssql.tracking import tracked_deletes

T = TypeVar("T")


class MssqlSnapshot(SourceSnapshot):
    """Any database: deletes come from Change Tracking, row versions from a column if there is one."""

    def __init__(self, session: Session, schema: str) -> None:
        self._session = session
        #: The schema of tables that name none.
        self._schema = schema
        self._database = self.identity = self._read_identity()
        #: The table in the source whose error ended the transaction, and that error.
        self._ended: tuple[str, SourceError] | None = None
        #: Why no further transaction could begin.
        self._lost: SourceError | None = None
        self._is_renewed = False
        #: Tables whose reading was the victim of a deadlock and was tried again.
        self._victims: set[str] = set()
        #: The object ids of tables, by their names in the source.
        self._object_ids: dict[str, int | None] = {}
        self._special: Special | None = None

    @property
    def _cursor(self) -> Any:
        return self._session.cursor

    def _read_identity(self) -> str:
        return database_identity(self._cursor, self._session.features)

    def _named(self, table: sa.Table) -> str:
        return table_sql(table, self._schema)

    @contextmanager
    def _translating(self, table: sa.Table) -> Iterator[None]:
        """Turn errors into messages that name the table.

        An error that ended the transaction stops this table. Later tables are read in a new transaction.
        """
        self._go_on(table)
        try:
            yield
        except UnicodeDecodeError as error:
            raise self._undecodable(table) from error
        except cursor_errors() as error:
            raise self._to_user_error(table, error) from error

    @contextmanager
    def _reading(self, table: sa.Table) -> Iterator[None]:
        """Do the same for code that reads rows, after checking that the server hides none of them."""
        with self._translating(table):
            self._admit(table)
            yield

    def _to_user_error(self, table: sa.Table, error: Exception) -> SourceError:
        reported = to_user_error(self._session.address, error, table.name, self._named(table))
        if not self._session.is_open:
            self._ended = (self._named(table), reported)
        return reported

    def _go_on(self, table: sa.Table | None = None) -> None:
        """Begin again if the error of another table ended the transaction."""
        if self._ended is None:
            return
        name, cause = self._ended
        if table is not None and name == self._named(table):
            raise cause
        self._renew("The catalogue" if table is None else table.name, cause)

    def _renew(self, what: str, cause: SourceError) -> None:
        if self._lost is None:
            try:
                self._session.renew()
                if self._read_identity() != self._database:
                    raise SourceError(f"{self._session.address.label} is another database now")
            except SourceError as error:
                self._lost = error
            except cursor_errors() as error:
                self._lost = to_user_error(self._session.address, error)
        if self._lost is not None:
            raise SourceError(
                f"{what} was not read, because an earlier error ended the transaction ({cause}) and no other"
                f" one could begin ({self._lost}): check that the server is up, then run again."
            )
        self._ended = None
        self._is_renewed = True

    def _may_try_again(self, table: sa.Table, error: SourceError) -> bool:
        """Return whether the reading of the table was the victim of a deadlock for the first time.

        Under snapshot isolation readers wait for no writer, and a new transaction would see a later state.
        """
        name = self._named(table)
        is_first = name not in self._victims and is_deadlock(error)
        if self._session.features.snapshot_isolation or not is_first:
            return False
        self._victims.add(name)
        if self._ended is not None:
            self._renew(table.name, error)
        return True

    def _trying(self, table: sa.Table, work: Callable[[], T]) -> T:
        """Return the result of the work, which is run once more if a deadlock ended it."""
        try:
            return work()
        except SourceError as error:
            if not self._may_try_again(table, error):
                raise
        return work()

    def _streamed(
        self, table: sa.Table, read: Callable[[], Iterator[pa.RecordBatch]]
    ) -> Iterator[pa.RecordBatch]:
        """Yield the batches; read once more if a deadlock ended the reading before the first batch."""
        begun = False
        try:
            for batch in read():
                begun = True
                yield batch
            return
        except SourceError as error:
            if begun or not self._may_try_again(table, error):
                raise
        yield from read()

    def _admit(self, table: sa.Table) -> None:
        """Raise SourceError if the server hides some of the table from this login."""
        protection = self._session.features.protection
        if not protection:
            return
        reason = protection.unsupported_reason(
            table, self._object_id(table), visible=self._session.address.rows_as_seen
        )
        if reason is not None:
            raise SourceError(reason)

    def _object_id(self, table: sa.Table) -> int | None:
        name = self._named(table)
        if name not in self._object_ids:
            found = scalar(self._cursor, f"SELECT OBJECT_ID({literal(name)})")
            self._object_ids[name] = None if found is None else int(found)
        return self._object_ids[name]

    def notes(self, table: sa.Table) -> tuple[str, ...]:
        found: list[str | None] = []
        if self._is_renewed:
            found.append(
                f"{table.name} was read as of a later time than the tables before it, because an error ended"
                " their transaction."
            )
        protection = self._session.features.protection
        hides = protection.policies and self._session.address.rows_as_seen
        if hides or not protection.sees_policies:
            with self._translating(table):
                found.append(protection.note(table, self._object_id(table)))
        return tuple(note for note in found if note is not None)

    def _fetch(self, table: sa.Table, sql: str) -> list[Any]:
        return self._trying(table, lambda: self._fetched(table, sql))

    def _fetched(self, table: sa.Table, sql: str) -> list[Any]:
        with self._reading(table):
            return list(self._cursor.execute(sql).fetchall())

    def _rows(self, table: sa.Table, sql: str) -> Iterator[pa.RecordBatch]:
        with self._reading(table):
            replaced: set[str] = set()
            for batch in batches(self._cursor, table, sql):
                replaced |= replaced_in(batch)
                yield batch
            self._check_half_pairs([table.columns[name] for name in sorted(replaced)])

    def _check_half_pairs(self, columns: Iterable[sa.Column[Any]]) -> None:
        if "half_pairs" in self._session.features.abilities:
            for column in columns:
                check_half_pairs(self._cursor, column, self._schema)

    def _undecodable(self, table: sa.Table) -> SourceError:
        """Return the error for a text that pyodbc could not decode."""
        try:
            self._check_half_pairs(
                [
                    c
                    for c in table.columns
                    if isinstance(c.type, sa.String) and may_hold_half_pair(c)
                ]
            )
        except SourceError as error:
            return error
        except cursor_errors() as error:
            return self._to_user_error(table, error)
        return SourceError(
            f"{table.name} of the source holds a text that its driver can't decode: correct it in the"
            " source, then run again."
        )

    def high_watermark(self, table: sa.Table) -> int:
        version = version_of(table)
        floor = self._session.floor
        if floor is None or version is None or not is_rowversion(table.columns[version]):
            return self.highest_version(table)
        return floor - 1

    def columns(self, table: sa.Table) -> list[SourceColumn]:
        with self._translating(table):
            internal = not self._session.features.internal_columns
            found = catalogue.columns(self._cursor, self._named(table), internal=internal)
            if not found:
                self._check_presence(table)
            protection = self._session.features.protection
            hidden = protection.columns(self._object_id(table)) if protection else {}
        return [replace(column, unreadable=hidden.get(column.name)) for column in found]

    def is_view(self, table: sa.Table) -> bool:
        with self._translating(table):
            return catalogue.is_view(self._cursor, self._named(table))

    def unsupported_reason(self, table: sa.Table) -> str | None:
        with self._translating(table):
            if self._special is None:
                self._special = special.find_special(lambda sql: rows(self._cursor, sql))
            internal = not self._session.features.internal_columns
            found = catalogue.columns(self._cursor, self._named(table), internal=internal)
            reason = self._special.unsupported_reason(table.name, self._object_id(table))
            return reason or why_not(table.name, self._named(table), found)

    def _check_presence(self, table: sa.Table) -> None:
        """Raise SourceError unless a table that the catalogue does not show is really missing.

        Its schema may be missing, or the login may lack the right to see it.
        """
        schema = source_table(table)[0] or self._schema
        if scalar(self._cursor, f"SELECT SCHEMA_ID({literal(schema)})") is None:
            raise SourceError(
                f"{table.name} can't be read, because {self._session.address.label} has no schema {schema}: name"
                " another by ?schema= in SAAS_SOURCE_URL."
            )
        try:
            scalar(self._cursor, f"SELECT COUNT(*) FROM {self._named(table)} WHERE 1 = 0")
        except cursor_errors() as error:
            reported = self._to_user_error(table, error)
            if not is_missing(error):
                raise reported from error

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Turn errors into messages on the source as a whole."""
        self._go_on()
        try:
            yield
        except cursor_errors() as error:
            raise to_user_error(self._session.address, error) from error

    def tables(self) -> list[tuple[str | None, str]]:
        with self._asking():
            return [
                (None if schema == self._schema else schema, name)
                for schema in schemas_to_read(self._cursor, self._session.address)
                for name in catalogue.tables(self._cursor, schema)
            ]

    def names_ignore_case(self) -> bool:
        # Names are compared by the collation of the database.
        sql = "SELECT CASE WHEN N'a' = N'A' COLLATE DATABASE_DEFAULT THEN 1 ELSE 0 END"
        with self._asking():
            return bool(scalar(self._cursor, sql))

    def origins(self) -> Origins:
        with self._asking():
            return origins(self._cursor, self._schema)

    def keys(self, table: sa.Table) -> list[frozenset[str]]:
        with self._translating(table):
            return catalogue.keys(self._cursor, self._named(table))

    def rows(
        self,
        table: sa.Table,
        *,
        above: int | None = None,
        slices: Collection[str] | None = None,
    ) -> pa.RecordBatchReader:
        sql = queries.rows_query(table, self._schema, above=above, slices=slices)
        return pa.RecordBatchReader.from_batches(
            arrow_schema(table, with_row_version=True),
            self._streamed(table, lambda: self._rows(table, sql)),
        )

    def row_texts(
        self, table: sa.Table, slices: Collection[str] | None = None
    ) -> pa.RecordBatchReader:
        sql = queries.texts_query(table, self._schema, self._session.features.abilities, slices)
        if sql is None:
            cells = map(joined, self.cells(table, slices))
            return pa.RecordBatchReader.from_batches(ROW_TEXTS, cells)
        texts = self._streamed(table, lambda: self._texts(table, sql))
        return pa.RecordBatchReader.from_batches(ROW_TEXTS, texts)

    def _texts(self, table: sa.Table, sql: str) -> Iterator[pa.RecordBatch]:
        with self._reading(table):
            yield from text_batches(self._cursor, table, ROW_TEXTS, sql)

    def cells(self, table: sa.Table, slices: Collection[str] | None = None) -> pa.RecordBatchReader:
        sql, raw = queries.cells_query(
            table, self._schema, self._session.features.abilities, slices
        )
        cells = self._streamed(table, lambda: self._cells(table, sql, raw))
        return pa.RecordBatchReader.from_batches(cells_schema(table), cells)

    def _cells(
        self, table: sa.Table, sql: str, raw: list[sa.Column[Any]]
    ) -> Iterator[pa.RecordBatch]:
        with self._reading(table):
            yield from cell_batches(self._cursor, table, sql, raw)

    def tombstones(self, table: sa.Table, *, above: int) -> pa.Table | None:
        if not self._session.features.change_tracking:
            return None
        return self._trying(table, lambda: self._tracked(table, above))

    def _tracked(self, table: sa.Table, above: int) -> pa.Table | None:
        with self._reading(table):
            return tracked_deletes(self._cursor, table, self._named(table), above=above)

    def slice_counts(self, table: sa.Table) -> dict[str, int]:
        rows = self._fetch(table, queries.counts_query(table, self._schema))
        return {str(slice_): int(count) for slice_, count in rows if count}

    def digests(
        self, table: sa.Table, slices: Collection[str] | None = None
    ) -> dict[str, SliceDigest] | None:
        query = queries.digests_query(table, self._schema, self._session.features.abilities, slices)
        if query is None:
            return None
        return {
            str(slice_): SliceDigest(int(rows), int(total))
            for slice_, rows, total in self._fetch(table, query)
        }

    def unversioned(self, table: sa.Table) -> int:
        query = queries.unversioned_query(table, self._schema)
        return 0 if query is None else int(self._fetch(table, query)[0][0])

    def highest_version(self, table: sa.Table) -> int:
        query = queries.highest_query(table, self._schema)
        found = [] if query is None else self._fetch(table, query)
        return int(found[0][0] or 0) if found else 0
